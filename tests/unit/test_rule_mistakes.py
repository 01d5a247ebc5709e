"""Rules that cannot be: each mistake is named, with the place where it stands."""

import pytest

from gateway.contract.errors import ConfigError
from ledger_bridge.books.policy import policy as policies
from tests.laws.test_rules import HEADER

EXPORTED = 'rule = "energy_exported"\nasset = "CREDIT"\ncredit = "1"\n'
CHARGED = 'rule = "waste_charged"\nasset = "EUR"\n'
GIVEN = 'rule = "time_given"\nasset = "HOURS"\n'
TOOK_PART = 'rule = "participation"\nasset = "TIMES"\n'


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (EXPORTED + 'per = "1 kWh"\nregisters = []', "needs registers = "),
        (EXPORTED + 'per = "1 kWh"\nregisters = ["7-0:3.0.0"]', "does not count electricity"),
        (EXPORTED + 'per = "1 kg"\nregisters = ["1-0:2.8.1"]', "'1 kg' is no energy such as"),
        (EXPORTED + 'per = "0 kWh"\nregisters = ["1-0:2.8.1"]', "'0 kWh' is not above zero"),
        (CHARGED + 'service = " "\nrates.residual = { credit = "1", per = "1 bag" }', "needs serv"),
        (CHARGED + 'service = "x"\nrates = {}', "needs [rules.rates] with residual"),
        (
            CHARGED + 'service = "x"\nrates.residual = { credit = "1", per = "1 h" }',
            "'residual' is charged per kg or per bag, not '1 h'",
        ),
        (
            CHARGED + 'service = "x"\nrates.gold = { credit = "1", per = "1 bag" }',
            "fraction 'gold' is not declared",
        ),
        (
            CHARGED + 'service = "x"\nrates.residual = { credit = "-1", per = "1 bag" }',
            "-1 is negative",
        ),
        (GIVEN + "rates = {}", "needs [rules.rates] with care"),
        (GIVEN + 'rates.care = { credit = "1", per = "1 kg" }', "counted per h or min, not '1 kg'"),
        (GIVEN + 'rates.care = { credit = "1/0", per = "1 h" }', "'1/0' is not a number"),
        (GIVEN + 'rates.care = { credit = 0.5, per = "1 h" }', "0.5 is a float and not exact"),
        (GIVEN + 'rates.glass = { credit = "1", per = "1 h" }', "'glass' is a kind of waste"),
        (TOOK_PART, 'needs activities = ["cleanup"], or fractions'),
        (TOOK_PART + 'activities = ["a"]\nfractions = ["glass"]', "not both"),
        (TOOK_PART + 'fractions = ["gold"]', "fraction 'gold' is not declared"),
        (TOOK_PART + 'activities = ["glass"]', "'glass' is a kind of waste"),
        (
            'rule = "participation"\nasset = "CREDIT"\nactivities = ["a"]',
            "asset 'CREDIT' is not of kind = \"counter\"",
        ),
        ('rule = "__init__"\nasset = "CREDIT"', "there is no rule '__init__'; known: energy_exp"),
        ('rule = 7\nasset = "CREDIT"', "there is no rule 7; known: energy_exp"),
    ],
)
def test_a_rule_that_cannot_be_is_named(rule, expected):
    """Invariant 10 (DESIGN): a configuration error says what, where and what to try."""
    with pytest.raises(ConfigError) as error:
        policies.parse(HEADER + rule, name="policy.toml")
    (problem,) = error.value.problems
    assert expected in problem.what
    assert "rules.0" in problem.where
    assert problem.try_


def test_two_mistakes_in_one_rule_are_named_in_one_run():
    rule = EXPORTED + 'per = "1 kWh"\nregisters = ["1-0:2.8.1"]\nhours = "noon"\ngrade = "best"'
    with pytest.raises(ConfigError) as error:
        policies.parse(HEADER + rule, name="policy.toml")
    assert {"rules.0.hours", "rules.0.grade"} == {
        problem.where.rpartition(" ")[2] for problem in error.value.problems
    }
