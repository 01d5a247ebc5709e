"""Credit for electricity given back to the grid, per member and local day.

quantities {"1-0:2.8.1": 1_500_000, "1-0:2.8.2": 500_000} (mWh) at 1 credit per kWh
earn 2 credits.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

from ledger_bridge.books.policy.policy import Rule
from ledger_bridge.books.quantity import Amount

VERSION = 1
READS: Literal["counter", "deposit"] = "counter"


def complaint(rule: Rule, fractions: frozenset[str]) -> str:  # noqa: ARG001 - the rules' shape
    if rule.credit is None or rule.per is None:
        return 'needs credit = "…" and per = "1 kWh"'
    if not rule.registers:
        return 'needs registers = ["1-0:2.8.1", "1-0:2.8.2"]'
    if odd := [register for register in rule.registers if not register.startswith("1-")]:
        return f"register {min(odd)!r} does not count electricity"
    if rule.rates:
        return "rates belong to waste rules"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.registers


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for mWh by register."""
    # One reduction instead of the two that a product of fractions takes.
    return Fraction(rule.rate.numerator * sum(quantities.values()), rule.rate.denominator)
