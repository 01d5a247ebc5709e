"""Credit for waste brought to a recycling point, by fraction, per member and local day.

quantities {"glass": 2_000_000} (mg) at 0.05 credit per kg of glass earn 0.1 credit.
A fraction without a rate, or with rate 0, is counted and earns nothing.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from ledger_bridge.books.policy.policy import Rule
from ledger_bridge.books.quantity import Amount

VERSION = 1
READS: Literal["counter", "deposit"] = "deposit"


def complaint(rule: Rule, fractions: frozenset[str]) -> str:
    if not rule.rates:
        return 'needs [rules.rates] with glass = {credit = "…", per = "1 kg"}'
    if unknown := set(rule.rates) - fractions:
        return f"fraction {min(unknown)!r} is not declared in [fractions]"
    if rule.registers or rule.credit is not None or rule.per is not None:
        return "registers, credit and per belong to energy rules"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.rates


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for mg by fraction."""
    return sum(
        (rule.rates[name].per_milli * mg for name, mg in quantities.items() if name in rule.rates),
        Fraction(0),
    )
