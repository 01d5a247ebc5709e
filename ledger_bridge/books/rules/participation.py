"""A count of how often a member took part, without a price: the asset is of kind "counter".

One for each attestation of the activities named, or one for each local day with a deposit of the
fractions named.
"""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy import rule as parameters
from ledger_bridge.books.policy.conditions import limits_in_words
from ledger_bridge.books.policy.rule import Declared
from ledger_bridge.books.quantity import QUANTITIES, Amount
from ledger_bridge.books.rules import Example

VERSION = 1
READS: tuple[rules.Reads, ...] = ("attested", "deposit")


class Rule(parameters.Rule):
    activities: tuple[str, ...] = ()
    fractions: tuple[str, ...] = ()


EXAMPLES = (
    Example(
        """
rule = "participation"
asset = "TIMES"
activities = ["cleanup", "assembly"]
""",
        {"cleanup": 2_000, "assembly": 1_000},
        3,
        "counts each time of cleanup, assembly",
    ),
    Example(
        """
rule = "participation"
asset = "TIMES"
fractions = ["glass"]
cap = "5 per 4 weeks"
""",
        {"glass": 7_000},
        5,
        "counts each day with glass, at most 5 in 4 weeks",
    ),
)


def complaint(rule: Rule, declared: Declared) -> str:
    if bool(rule.activities) == bool(rule.fractions):
        return 'needs activities = ["cleanup"], or fractions = ["glass"], not both'
    if declared.assets[rule.asset].kind != "counter":
        return f'counts without a price: asset {rule.asset!r} is not of kind = "counter"'
    if unknown := set(rule.fractions) - declared.fractions.keys():
        return f"fraction {min(unknown)!r} is not declared in [fractions]"
    if taken := set(rule.activities) & declared.fractions.keys():
        return f"{min(taken)!r} is a kind of waste; an activity needs a name of its own"
    return ""


def touches(rule: Rule, key: str) -> bool:
    return key in rule.activities or key in rule.fractions


def rewards(rule: Rule) -> frozenset[str]:  # noqa: ARG001 - the rules' shape
    return frozenset()  # a count takes nothing from anybody


def measure(rule: Rule, key: str) -> rules.Measure:
    return "days" if key in rule.fractions else "times"


def earned(rule: Rule, quantities: Mapping[str, Amount]) -> Fraction:  # noqa: ARG001
    """One for each time, or day."""
    return Fraction(sum(quantities.values()), QUANTITIES["piece"])


def in_words(rule: Rule) -> tuple[str, str]:
    limits = limits_in_words(rule)
    if rule.fractions:
        names = ", ".join(rule.fractions)
        return f"counts each day with {names}{limits[0]}", f"telt elke dag met {names}{limits[1]}"
    names = ", ".join(rule.activities)
    return f"counts each time of {names}{limits[0]}", f"telt elke keer {names}{limits[1]}"
