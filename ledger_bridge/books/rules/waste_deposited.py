"""Credit for waste brought to a recycling point, by fraction, per member and local day.

A fraction without a rate, or with rate 0, is counted and earns nothing. What can be redeemed is
earned on verified scales only.
"""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy.conditions import limits_in_words
from ledger_bridge.books.policy.rated import Rated
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.policy.words import rate_in_words
from ledger_bridge.books.quantity import Amount, is_of
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("deposit",)


class Rule(Rated):
    """Its rates are per kg or piece of a fraction."""


EXAMPLES = (
    Example(
        """
rule = "waste_deposited"
asset = "CREDIT"
cap = "1 per day"
rates.glass = { credit = "0.05", per = "1 kg" }
rates.lamps = { credit = "0.10", per = "1 piece" }
rates.textile = { credit = "0", per = "1 kg" }
""",
        {"glass": 2_500_000, "lamps": 2_000, "textile": 9_000_000},
        325_000,
        "0.05 CREDIT per kg of glass; 0.1 CREDIT per piece of lamps; nothing for textile,"
        " at most 1 a day",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:
    if not rule.rates:
        return 'needs [rules.rates] with glass = {credit = "…", per = "1 kg"}'
    for name, rate in sorted(rule.rates.items()):
        if name not in declared.fractions:
            return f"fraction {name!r} is not declared in [fractions]"
        unit = declared.fractions[name].unit
        if not is_of(rate.per, unit):
            return f"{name!r} is counted per {unit}, not {rate.per!r}"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.rates


def rewards(rule: Rule) -> frozenset[str]:
    return frozenset(rule.paid())


def measure(rule: Rule, key: str) -> rules.Measure:  # noqa: ARG001 - the rules' shape
    return "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for mg, or thousandths of a piece, by fraction."""
    return rule.worth(quantities)


def in_words(rule: Rule) -> tuple[str, str]:
    english, dutch = [], []
    for name, rate in rule.rates.items():
        en, nl = rate_in_words(rate.credit, rule.asset, rate.per)
        english.append(f"{en} of {name}" if rate.credit else f"nothing for {name}")
        dutch.append(f"{nl} {name}" if rate.credit else f"niets voor {name}")
    limits = limits_in_words(rule)
    return f"{'; '.join(english)}{limits[0]}", f"{'; '.join(dutch)}{limits[1]}"
