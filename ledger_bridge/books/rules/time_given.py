"""Credit for time that members give, as somebody attests it, by activity, per member and local day.

An activity that no rule names is kept and waits: its time earns nothing.
"""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy.conditions import limits_in_words
from ledger_bridge.books.policy.rated import Rated
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.quantity import Amount, is_of
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("attested",)


class Rule(Rated):
    @property
    def activities(self) -> tuple[str, ...]:
        return tuple(self.rates)


EXAMPLES = (
    Example(
        """
rule = "time_given"
asset = "HOURS"
cap = "8 per week"
rates.care = { credit = "1", per = "1 h" }
rates.garden = { credit = "1/2", per = "1 h" }
""",
        {"care": 150_000, "garden": 20_000},
        266,
        "1 HOURS per hour of care; 0.5 HOURS per hour of garden, at most 8 a week",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:
    if not rule.rates:
        return 'needs [rules.rates] with care = {credit = "1", per = "1 h"}'
    for name, rate in sorted(rule.rates.items()):
        if not is_of(rate.per, "min"):
            return f"{name!r} is counted per h or min, not {rate.per!r}"
        if name in declared.fractions:
            return f"{name!r} is a kind of waste; an activity needs a name of its own"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.rates


def rewards(rule: Rule) -> frozenset[str]:
    return frozenset(rule.paid())


def measure(rule: Rule, key: str) -> rules.Measure:  # noqa: ARG001 - the rules' shape
    return "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for thousandths of a minute by activity."""
    return rule.worth(quantities)


def in_words(rule: Rule) -> tuple[str, str]:
    rates, limits = rule.rates_in_words(), limits_in_words(rule)
    return rates[0] + limits[0], rates[1] + limits[1]
