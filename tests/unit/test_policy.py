"""Policies: exact numbers, every mistake in one run, and no reaching back."""

from fractions import Fraction

import pytest

from gateway.contract import policy as papers
from gateway.contract.errors import ConfigError, PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books import rules
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.assets import amount_of
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.rules import energy_exported, waste_deposited
from ledger_bridge.books.settle.due import due
from tests.street import ID, MIDNIGHT_MS, POLICY, Street, key

NOON_BEFORE_MS = MIDNIGHT_MS - 12 * 3_600_000


TWICE = """[[rules]]
id = "twice"
rule = "energy_exported"
version = 1
asset = "ENERGY"
registers = ["1-0:2.8.2"]
credit = "1"
per = "1 kWh"

[[rules]]"""


def mistakes(toml: str) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigError) as error:
        policies.parse(toml, name="policy.toml")
    return [tuple(problem) for problem in error.value.problems]


def test_three_mistakes_are_named_in_one_run_each_with_its_line():
    toml = (
        POLICY.replace('credit = "1/3"', "credit = 0.3")
        .replace('kind = "credit"', 'kind = "coupon"', 1)
        .replace("rates.glass", "rate.glass")
    )
    found = mistakes(toml)
    assert 3 == len(found)
    (kind, kind_at, _), (credit, credit_at, _), (rate, rate_at, rate_try) = found
    assert "input should be 'measured', 'credit', 'money' or 'counter', not 'coupon'" == kind
    assert "policy.toml line 9: assets.ENERGY.kind" == kind_at
    assert "0.3 is a float and not exact; write it in quotes" == credit
    assert "policy.toml line 34: rules.0.credit" == credit_at
    assert "unknown key 'rate'" == rate
    assert "policy.toml line 44: rules.1.rate" == rate_at
    assert "did you mean rates?" == rate_try


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ('"1/3"', '"1/0"', "'1/0' is not a number"),
        ('"1/3"', '"-1"', "-1 is negative"),
        ('"1 kWh"', '"1 kW"', "'1 kW' is no quantity"),
        ('"1 kWh"', '"0 kWh"', "'0 kWh' is not above zero"),
        ('"energy_exported"', '"energy_wished"', "there is no rule 'energy_wished'"),
        ("version = 1", "version = 2", "version 2; known: 1"),
        ('asset = "WASTE"', 'asset = "WATSE"', "asset 'WATSE' is not declared"),
        ('id = "waste"', 'id = "sun"', "two rules are called 'sun'"),
        ("rates.paper", "rates.papier", "fraction 'papier' is not declared"),
        ('"Europe/Amsterdam"', '"Europe/Mokum"', "'Europe/Mokum' is no time zone"),
        ("[[rules]]", TWICE, "'1-0:2.8.2' is rewarded by rule 'twice' already"),
        ("scale = 6", "scale = 19", "scale 19; allowed: 0 to 9"),
        ("valid_from = 2026-06-21", "", "the key 'valid_from' is missing"),
        ('community = "straat"', 'community = "De Straat"', "'De Straat' is no id"),
        ("[assets.ENERGY]", "[assets.ENERGY", "not TOML"),
    ],
)
def test_a_mistake_is_named(find, put, expected):
    assert find in POLICY
    assert any(expected in what for what, _, _ in mistakes(POLICY.replace(find, put, 1)))


def test_an_unsigned_policy_is_refused():
    data = papers.make(POLICY, community=ID, key=key("burglar"))
    with pytest.raises(Malformed, match="not signed by a steward"):
        policies.read(data, (key("steward").public.x,))


@pytest.mark.parametrize(
    ("day", "hour_ms"),
    [
        ("2026-06-21", NOON_BEFORE_MS),
        ("2026-06-20", NOON_BEFORE_MS),
        ("2026-06-22", MIDNIGHT_MS + 86_400_000),
    ],
    ids=["its own day again", "an earlier day", "today"],
)
def test_rules_do_not_reach_back(tmp_path, day, hour_ms):
    street = Street(tmp_path)
    toml = POLICY.replace("valid_from = 2026-06-21", f"valid_from = {day}")
    data = papers.make(toml, community=ID, key=key("steward"))
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match="rules cannot reach back"):
        street.community.hand_in_policy(data, now_ms=hour_ms)
    assert before == list(street.community.db.iterdump())


def test_the_policy_of_a_day_is_the_last_that_began():
    in_order = [
        InForce(policies.parse(POLICY.replace("2026-06-21", day), name="policy"), hash=day)
        for day in ("2026-06-21", "2026-07-01")
    ]
    both = Policies(in_order)
    assert both.on("2026-06-20") is None
    found = {day: both.on(day).hash for day in ("2026-06-21", "2026-06-30", "2026-07-01")}
    expected = {
        "2026-06-21": "2026-06-21",
        "2026-06-30": "2026-06-21",
        "2026-07-01": "2026-07-01",
    }
    assert expected == found


def rule(rule_id: str):
    policy = policies.parse(POLICY, name="policy")
    return policy, next(r for r in policy.rules if r.id == rule_id)


def test_energy_earns_exactly_its_rate():
    _, sun = rule("sun")
    assert Fraction(2, 3) == energy_exported.earned(
        sun, {"1-0:2.8.1": 1_500_000, "1-0:2.8.2": 500_000}
    )


def test_waste_earns_by_fraction():
    _, waste = rule("waste")
    quantities = {"glass": 2_500_000, "paper": 9_000_000}
    assert Fraction(1, 8) == waste_deposited.earned(waste, quantities)


@pytest.mark.parametrize(
    ("mwh", "expected"),
    [
        (0, 0),
        (1, 0),  # a third of a microcredit
        (2, 0),
        (3, 1),
        (59_999_999, 19_999_999),
        (60_000_000, 20_000_000),
        (60_000_003, 20_000_000),  # the cap of 20 credits
    ],
)
def test_due_is_floored_and_capped(mwh, expected):
    policy, sun = rule("sun")
    assert expected == due(policy, sun, {"1-0:2.8.1": mwh})


@pytest.mark.parametrize(
    ("text", "amount"), [("12.5", 12_500_000), ("0.000001", 1), ("3", 3_000_000)]
)
def test_amounts_are_written_as_people_write_them(text, amount):
    assert amount == amount_of(text, 6)


@pytest.mark.parametrize("text", ["0.0000001", "a lot", "", "NaN", "Infinity"])
def test_amounts_with_more_places_or_none_are_refused(text):
    with pytest.raises(PeopleError, match="at most 6 decimal places"):
        amount_of(text, 6)


def test_rules_are_told_in_words():
    policy = policies.parse(POLICY, name="policy")
    expected = [
        "1/3 ENERGY per kWh given back (1-0:2.8.1, 1-0:2.8.2), at most 20 a day",
        "0.05 WASTE per kg of glass; nothing for paper, at most 1 a day",
    ]
    assert expected == [rules.load(rule.rule).in_words(rule)[0] for rule in policy.rules]
