"""Laws that every file in `rules/` keeps, tried on its own examples; no file is named here."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.errors import ConfigError
from ledger_bridge.books import rules
from ledger_bridge.books.policy import policy as policies
from ledger_bridge.books.policy.exclusive import conflicts
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.rules import Example
from ledger_bridge.books.settle.due import DUE_MAX, due, due_most

# What examples may name.
HEADER = """
community = "straat"
valid_from = 2026-06-15
time_zone = "Europe/Amsterdam"

[assets]
CREDIT = { unit = "credit", scale = 6, kind = "credit" }
EUR = { unit = "euro", scale = 2, kind = "money" }
HOURS = { unit = "hour", scale = 2, kind = "credit" }
TIMES = { unit = "time", kind = "counter" }

[fractions]
glass = { euralcode = "15 01 07", unit = "kg", nl = "glas", en = "glass" }
textile = { euralcode = "20 01 11", unit = "kg", nl = "textiel", en = "textiles" }
residual = { euralcode = "20 03 01", unit = "kg", nl = "restafval", en = "residual waste" }
lamps = { euralcode = "20 01 36", unit = "piece", nl = "lampen", en = "lamps" }

[[rules]]
id = "one"
version = 1
"""

EXAMPLES = [
    pytest.param(example, id=f"{name}-{n}")
    for name in rules.names()
    for n, example in enumerate(rules.load(name).EXAMPLES)
]
every_example = pytest.mark.parametrize("example", EXAMPLES)


def read(example: Example) -> tuple[Policy, Rule]:
    """The example as the one rule of a policy."""
    policy = policies.parse(HEADER + example.toml, name="example")
    return policy, policy.rules[0]


def uncapped(rule: Rule) -> Rule:
    return rule.model_copy(update={"cap": None})


def quantities_of(example: Example) -> st.SearchStrategy[dict[str, int]]:
    """Any quantities of what the example is about, up to a thousand times as much."""
    amounts = {key: st.integers(0, 1_000 * int(n)) for key, n in example.quantities.items()}
    return st.fixed_dictionaries(amounts)


def test_the_rule_files_and_examples_are_counted():
    assert (6, 10) == (len(rules.names()), len(EXAMPLES))


@every_example
def test_an_example_comes_to_what_it_says(example):
    policy, rule = read(example)
    assert example.due == due(policy, rule, example.quantities)
    assert example.sentence == rules.load(rule.rule).in_words(rule)[0]


@every_example
def test_a_rule_says_what_it_does_in_two_languages_without_a_full_stop(example):
    _, rule = read(example)
    english, dutch = rules.load(rule.rule).in_words(rule)
    assert english != dutch
    assert not english.endswith(".")
    assert not dutch.endswith(".")


@every_example
def test_a_parameter_that_a_rule_needs_is_missed(example):
    _, rule = read(example)
    for name, field in type(rule).model_fields.items():
        if field.is_required() and name not in {"id", "version"}:
            lines = [line for line in example.toml.splitlines() if not line.startswith(name)]
            with pytest.raises(ConfigError):
                policies.parse(HEADER + "\n".join(lines), name="example")


@every_example
def test_a_parameter_that_no_rule_has_is_named_with_the_nearest(example):
    with pytest.raises(ConfigError, match="unknown key 'excusive'") as error:
        policies.parse(f'{HEADER}{example.toml}\nexcusive = "a"', name="example")
    assert "did you mean exclusive?" == error.value.problems[0].try_


@every_example
def test_another_version_is_not_known(example):
    with pytest.raises(ConfigError, match="version 2; known: 1"):
        policies.parse(HEADER.replace("version = 1", "version = 2") + example.toml, name="example")


@every_example
def test_a_rule_may_touch_all_that_its_example_measures(example):
    _, rule = read(example)
    file = rules.load(rule.rule)
    assert all(file.touches(rule, key) for key in example.quantities)
    if file.READS == ("counter",):  # of meters only what some rule rewards is looked at
        assert file.rewards(rule) >= example.quantities.keys()
    assert not file.touches(rule, "nothing of the kind")


@every_example
def test_two_of_the_same_are_one_too_many_unless_they_only_count(example):
    """Invariant 3 (DESIGN): rules of one exclusive set share a quantity once."""
    _, rule = read(example)
    rewards = rules.load(rule.rule).rewards(rule)
    assert bool(rewards) == bool(list(conflicts([rule, rule])))
    assert not list(conflicts([rule, rule.model_copy(update={"exclusive": "apart"})]))


@every_example
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_earned_adds_up_however_it_is_split(example, data):
    """Invariant 20 (ledger): splitting intervals inside one period does not change due."""
    policy, rule = read(example)
    earned = rules.load(rule.rule).earned
    one, other = data.draw(quantities_of(example)), data.draw(quantities_of(example))
    both = {key: one[key] + other[key] for key in one}
    assert earned(rule, both) == earned(rule, one) + earned(rule, other)
    backwards = dict(reversed(both.items()))
    assert due(policy, rule, both) == due(policy, rule, backwards)


@every_example
@settings(max_examples=25)
@given(data=st.data())
def test_less_than_one_smallest_unit_is_lost_and_none_is_made(example, data):
    """Invariant 20 (ledger): the loss of a period is below one unit, and is never minted."""
    policy, rule = read(example)
    quantities = data.draw(quantities_of(example))
    exact = rules.load(rule.rule).earned(rule, quantities)
    got = due(policy, uncapped(rule), quantities)
    assert 0 <= abs(exact) * 10 ** policy.assets[rule.asset].scale - abs(got) < 1
    assert got == 0 or (got > 0) == (exact > 0)


@every_example
@settings(max_examples=25)
@given(data=st.data())
def test_more_is_never_less_and_the_cap_holds(example, data):
    """Invariant 21 (ledger): caps hold per period, also for a charge."""
    policy, rule = read(example)
    quantities, more = data.draw(quantities_of(example)), data.draw(quantities_of(example))
    both = {key: quantities[key] + more[key] for key in quantities}
    most = due_most(policy, rule)
    assert abs(due(policy, rule, quantities)) <= abs(due(policy, rule, both)) <= most
    assert abs(due(policy, rule, both)) == min(most, abs(due(policy, uncapped(rule), both)))


@every_example
def test_no_claim_comes_to_more_than_the_books_hold(example):
    policy, rule = read(example)
    all_there_is = dict.fromkeys(example.quantities, 10**30)
    assert DUE_MAX == abs(due(policy, uncapped(rule), all_there_is))


@every_example
def test_exact_fractions_of_a_thousandth_are_taken_as_they_are(example):
    _, rule = read(example)
    earned = rules.load(rule.rule).earned
    third = {key: Fraction(n) / 3 for key, n in example.quantities.items()}
    assert earned(rule, example.quantities) == 3 * earned(rule, third)
