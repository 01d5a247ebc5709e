"""Credit for energy that members shared with each other per quarter-hour, per member and local day.

What is given back to the grid in a quarter-hour is shared, by a key, among those who used energy in
the same quarter-hour. It is the community's own reckoning and binds no supplier and no grid
operator. Either those earn who took of it, or those who gave.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import Literal

from ledger_bridge.books import rules
from ledger_bridge.books.policy import sharing_keys
from ledger_bridge.books.policy.conditions import limits_in_words
from ledger_bridge.books.policy.numbers import Energy, Exact
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.policy.sharing_keys import Sharing
from ledger_bridge.books.quantity import Amount, written
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("shared",)

TAKEN, GIVEN = "taken", "given"

_FIXED, _VAST = "in fixed shares", "in vaste delen"
_USE, _VERBRUIK = "in proportion to use", "naar verbruik"
# How each key shares, in English and in Dutch.
_KEYS = {
    "static": (_FIXED, _VAST),
    "equal": ("in equal parts", "in gelijke delen"),
    "pro-rata": (_USE, _VERBRUIK),
    "hybrid": (f"first {_FIXED}, then {_USE}", f"eerst {_VAST}, dan {_VERBRUIK}"),
    "rounds": (f"{_FIXED}, round after round", f"{_VAST}, ronde na ronde"),
    "coefficients": ("by the coefficients in {file}", "volgens de coëfficiënten in {file}"),
}


class Rule(Sharing):
    earns: Literal["taker", "giver"]
    credit: Exact
    per: Energy

    @cached_property
    def rate(self) -> Fraction:
        """Credit per mWh."""
        return self.credit / self.per

    @property
    def earning(self) -> str:
        """What earns: what was taken, or what was given."""
        return TAKEN if self.earns == "taker" else GIVEN


EXAMPLES = (
    Example(
        """
rule = "energy_shared"
asset = "CREDIT"
key = "static"
shares.noor = "1/3"
shares.bram = "2/3"
earns = "taker"
credit = "0.10"
per = "1 kWh"
""",
        {TAKEN: 1_500_009},
        150_000,
        "0.1 CREDIT per kWh taken of shared energy, shared in fixed shares",
    ),
    Example(
        """
rule = "energy_shared"
asset = "CREDIT"
key = "pro-rata"
earns = "giver"
credit = "1/3"
per = "1 kWh"
cap = "5 per day"
""",
        {GIVEN: 20_000_000},
        5_000_000,
        "1/3 CREDIT per kWh given to others, shared in proportion to use, at most 5 a day",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:
    return sharing_keys.complaint(rule, declared)


def touches(rule: Rule, key: str) -> bool:
    return key in rule.registers or key == rule.earning


def rewards(rule: Rule) -> frozenset[str]:
    # Who takes earns for what others gave back and for what they used themselves.
    used = rule.registers_in if rule.earns == "taker" else ()
    return frozenset((*rule.registers_out, *used))


def measure(rule: Rule, key: str) -> rules.Measure:  # noqa: ARG001 - the rules' shape
    return "amount"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:
    """Credit for the mWh that a member took, or gave."""
    amount = quantities.get(rule.earning, 0)
    return Fraction(rule.rate.numerator * amount, rule.rate.denominator)


def in_words(rule: Rule) -> tuple[str, str]:
    rate = f"{written(rule.credit)} {rule.asset}"
    per = written(rule.per, "kWh").removeprefix("1 ")
    file = rule.coefficients.file if rule.coefficients else ""
    by, volgens = (words.format(file=file) for words in _KEYS[rule.key])
    what, wat = (
        ("taken of shared energy", "gedeelde energie die iemand gebruikt")
        if rule.earns == "taker"
        else ("given to others", "die iemand aan anderen geeft")
    )
    limits = limits_in_words(rule)
    return (
        f"{rate} per {per} {what}, shared {by}{limits[0]}",
        f"{rate} per {per} {wat}, verdeeld {volgens}{limits[1]}",
    )
