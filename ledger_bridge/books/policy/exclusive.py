"""Whether rules get in each other's way: in one exclusive set none may reward what another does."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

from ledger_bridge.books import rules as files
from ledger_bridge.books.policy.conditions import Conditions
from ledger_bridge.books.policy.rule import Rule

_TOTAL = ".8.0"  # ends a register that counts all tariffs together: 1-0:2.8.0


class Conflict(NamedTuple):
    """What is wrong with the rule of this number, and what to try."""

    number: int
    what: str
    try_: str


def conflicts(rules: Sequence[Rule]) -> Iterator[Conflict]:
    """Each rule that rewards what one before it does, or a tariff without the total beside it.

    A grade keeps no two rules apart: what is official is self-reported at least.
    """
    rewards = [files.load(rule.rule).rewards(rule) for rule in rules]
    for (n, one), (other_n, other) in permutations(enumerate(rules), 2):
        twice = rewards[n] & rewards[other_n]
        if twice and n > other_n and one.exclusive == other.exclusive and _meet(one, other):
            what = f"{min(twice)!r} is rewarded by rule {other.id!r} already"
            hours = "other hours, or " if isinstance(one, Conditions) else ""
            yield Conflict(n, what, f'{hours}a set of its own with exclusive = "…"')
        if total := _total_of(rewards[n], rewards[other_n]):
            what = f"rule {other.id!r} counts {total!r}, of which this rule has a tariff only"
            yield Conflict(n, what, f"name {total!r} in it too: it goes before its tariffs")


def _meet(first: Rule, second: Rule) -> bool:
    """Whether there is a quarter-hour in which both count."""
    if not (isinstance(first, Conditions) and isinstance(second, Conditions)):
        return True
    if first.hours is None or second.hours is None:
        return True
    return first.hours.meet(second.hours)


def _total_of(mine: frozenset[str], others: frozenset[str]) -> str:
    """The total among the others of which only tariffs are mine; "" where there is none."""
    for total in sorted(others - mine):
        tariffs = total.removesuffix("0")
        if total.endswith(_TOTAL) and any(key.startswith(tariffs) for key in mine):
            return total
    return ""
