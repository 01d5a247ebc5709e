"""A charge for waste brought to a recycling point, by fraction, per member and local day.

Per kg, per piece, or per deposit (`"1 bag"`). Only for a service of the community's own, which the
rule names: it bills nobody for what the municipality does.
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
READS: tuple[rules.Reads, ...] = ("deposit",)

_BAG = "bag"


class Rule(Rated):
    service: str


EXAMPLES = (
    Example(
        """
rule = "waste_charged"
asset = "EUR"
service = "collection of residual waste by the co-op's cargo bike"
rates.residual = { credit = "1.50", per = "1 bag" }
""",
        {"residual": 2_000},
        -300,
        "charges 1.5 EUR per bag of residual for collection of residual waste by the co-op's"
        " cargo bike",
    ),
    Example(
        """
rule = "waste_charged"
asset = "EUR"
service = "the shared container"
cap = "5 per week"
rates.residual = { credit = "0.25", per = "1 kg" }
""",
        {"residual": 3_999_999},
        -99,
        "charges 0.25 EUR per kg of residual for the shared container, at most 5 a week",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:
    if not rule.service.strip():
        return 'needs service = "…": what of the community\'s own is charged for'
    if not rule.rates:
        return 'needs [rules.rates] with residual = {credit = "1.50", per = "1 bag"}'
    for name, rate in sorted(rule.rates.items()):
        if name not in declared.fractions:
            return f"fraction {name!r} is not declared in [fractions]"
        unit = declared.fractions[name].unit
        if not (is_of(rate.per, unit) or is_of(rate.per, _BAG)):
            return f"{name!r} is charged per {unit} or per bag, not {rate.per!r}"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.rates


def rewards(rule: Rule) -> frozenset[str]:
    # A charge and a reward for the same glass go together; two charges do not.
    return frozenset(f"a charge for {name}" for name in rule.paid())


def measure(rule: Rule, key: str) -> rules.Measure:
    return "times" if is_of(rule.rates[key].per, _BAG) else "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Below zero: what mg, or thousandths of a piece or of a bag, cost, by fraction."""
    return -rule.worth(quantities)


def in_words(rule: Rule) -> tuple[str, str]:
    rates, limits = rule.rates_in_words(), limits_in_words(rule)
    return (
        f"charges {rates[0]} for {rule.service}{limits[0]}",
        f"rekent {rates[1]} voor {rule.service}{limits[1]}",
    )
