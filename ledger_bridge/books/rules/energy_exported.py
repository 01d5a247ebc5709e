"""Credit for electricity given back to the grid, per member and local day.

Of every register named what it counted up counts, at one rate for all of them. With `hours` only
what was measured within one quarter-hour of these counts.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

from ledger_bridge.books import rules
from ledger_bridge.books.policy.conditions import Conditions, limits_in_words
from ledger_bridge.books.policy.numbers import Energy, Exact
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.policy.words import rate_in_words
from ledger_bridge.books.quantity import Amount, written
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("counter",)

ELECTRICITY = "1-"


class Rule(Conditions):
    registers: tuple[str, ...]
    credit: Exact
    per: Energy

    @cached_property
    def rate(self) -> Fraction:
        """Credit per mWh."""
        return self.credit / self.per


EXAMPLES = (
    Example(
        """
rule = "energy_exported"
asset = "CREDIT"
registers = ["1-0:2.8.1", "1-0:2.8.2"]
credit = "1/3"
per = "1 kWh"
""",
        {"1-0:2.8.1": 1_500_000, "1-0:2.8.2": 500_001},
        666_667,
        "1/3 CREDIT per kWh given back (1-0:2.8.1, 1-0:2.8.2)",
    ),
    Example(
        """
rule = "energy_exported"
asset = "CREDIT"
registers = ["1-0:2.8.0"]
credit = "0.10"
per = "1 kWh"
hours = "17:00-21:00"
grade = "official"
cap = "1 per day"
""",
        {"1-0:2.8.0": 12_000_000},
        1_000_000,
        "0.1 CREDIT per kWh given back (1-0:2.8.0) from 17:00 to 21:00,"
        " by official figures only, at most 1 a day",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:  # noqa: ARG001 - the rules' shape
    if not rule.registers:
        return 'needs registers = ["1-0:2.8.1", "1-0:2.8.2"]'
    if odd := [register for register in rule.registers if not register.startswith(ELECTRICITY)]:
        return f"register {min(odd)!r} does not count electricity"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.registers


def rewards(rule: Rule) -> frozenset[str]:
    return frozenset(rule.registers)


def measure(rule: Rule, key: str) -> rules.Measure:  # noqa: ARG001 - the rules' shape
    return "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for mWh by register."""
    # One reduction instead of the two that a product of fractions takes.
    return Fraction(rule.rate.numerator * sum(quantities.values()), rule.rate.denominator)


def in_words(rule: Rule) -> tuple[str, str]:
    english, dutch = rate_in_words(rule.credit, rule.asset, written(rule.per, "kWh"))
    registers, limits = ", ".join(rule.registers), limits_in_words(rule)
    return (
        f"{english} given back ({registers}){limits[0]}",
        f"{dutch} teruggeleverd ({registers}){limits[1]}",
    )
