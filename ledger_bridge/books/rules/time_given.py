"""Credit for time that members give, as somebody attests it, by activity, per member and local day.

An activity that no rule names is kept and waits: its time earns nothing.
"""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy import rule as parameters
from ledger_bridge.books.policy.conditions import limits_in_words
from ledger_bridge.books.policy.numbers import Rate
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.policy.words import rate_in_words
from ledger_bridge.books.quantity import Amount, is_of
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("attested",)


class Rule(parameters.Rule):
    rates: dict[str, Rate]

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
    return frozenset(name for name, rate in rule.rates.items() if rate.credit)


def measure(rule: Rule, key: str) -> rules.Measure:  # noqa: ARG001 - the rules' shape
    return "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for thousandths of a minute by activity."""
    return sum(
        (rule.rates[name].per_milli * amount for name, amount in quantities.items()), Fraction(0)
    )


def in_words(rule: Rule) -> tuple[str, str]:
    english, dutch = [], []
    for name, rate in rule.rates.items():
        en, nl = rate_in_words(rate.credit, rule.asset, rate.per)
        english.append(f"{en} of {name}")
        dutch.append(f"{nl} {name}")
    limits = limits_in_words(rule)
    return f"{'; '.join(english)}{limits[0]}", f"{'; '.join(dutch)}{limits[1]}"
