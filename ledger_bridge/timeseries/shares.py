"""Energy shared in the quarter-hours of a day, as the books reckon it from what is counted so far.

A day that is reckoned is told as final, if the books still have all that it was reckoned from: of
months long sealed they need not, and then it is told no more.
"""

from collections.abc import Iterator
from typing import NamedTuple

from ledger_bridge.books import rules
from ledger_bridge.books.calendar import QUARTER_MS, bounds_ms
from ledger_bridge.books.policy.sharing_keys import Sharing
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.shared_days import Quarter
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.names import account_of
from ledger_bridge.timeseries.schema import NONE, SHARED, STREET, Forget, Written

# A day that waits to be reckoned anew is not reckoned.
_RECKONED = """
    SELECT produced, shared FROM shared_day AS s WHERE community = ? AND rule = ? AND day = ?
        AND NOT EXISTS (
            SELECT 1 FROM unshared AS u
            WHERE (u.community, u.rule, u.day) = (s.community, s.rule, s.day)
        )
"""
_MOVED = "SELECT member, taken, given FROM shared WHERE community = ? AND rule = ? AND day = ?"


class _Day(NamedTuple):
    """A rule's day: its members, and what they had in each quarter-hour."""

    community: str
    rule: str
    day: str
    members: list[str]
    quarters: list[Quarter]


def shared_sheet(reader: Reader, day: str, *, is_gone: bool) -> Written:
    """SHARED and STREET of a local day, by every rule that shares it.

    `is_gone` where it is of any sheet of the day: of kind "meter", "member" or "shared".
    """
    registry, policies = reader.papers()
    reckoner = reader.reckoner()
    span_ms = bounds_ms(day, policies.zone)
    tags = {"community": reader.community}
    forget = [Forget(one, tags, span_ms) for one in (SHARED, STREET) if is_gone]
    in_force = policies.on(day)
    years: list[str] = []
    for rule in in_force.policy.rules if in_force else ():
        if "shared" not in rules.load(rule.rule).READS:
            continue
        assert isinstance(rule, Sharing)
        members, quarters = reckoner.quarters(rule, day, is_dark_too=True)
        told = _Day(reader.community, rule.id, day, members, list(quarters))
        reckoned = reader.db.execute(_RECKONED, told[:3]).fetchone()
        if reckoned and not _is_all_there(reader, told, reckoned, registry):
            tags = {"community": reader.community, "rule": rule.id}
            forget += [Forget(one, tags, span_ms) for one in (SHARED, STREET)]
            continue
        final = int(reckoned is not None)
        years += _street(told, final)
        years += _shared(told, final, registry)
    return Written(tuple(forget), tuple(years))


def _is_all_there(
    reader: Reader, told: _Day, reckoned: tuple[int, int], registry: Registry
) -> bool:
    """Whether the quarter-hours add up to what was reckoned."""
    quarters = told.quarters
    produced = sum(sum(one.produced) for one in quarters)
    left = sum(one.shared.left for one in quarters)
    if (produced, produced - left) != reckoned:
        return False
    moved = {
        member: (taken, given)
        for member, taken, given in reader.db.execute(_MOVED, told[:3])
        if member in registry.accounts  # not the supplier, who takes what is left
    }
    for n, member in enumerate(told.members):
        taken = sum(one.shared.taken[n] for one in quarters)
        given = sum(one.shared.given[n] for one in quarters)
        if moved.pop(member, (0, 0)) != (taken, given):
            return False
    return not moved


def _street(told: _Day, final: int) -> Iterator[str]:
    key = STREET.key(told.community, told.rule)
    for one in told.quarters:
        produced, left = sum(one.produced), one.shared.left
        yield (
            f"{key} produced={produced}i,used={sum(one.used)}i,together={produced - left}i,"
            f"left={left}i,final={final}i {one.quarter * QUARTER_MS}"
        )


def _shared(told: _Day, final: int, registry: Registry) -> Iterator[str]:
    """Of everybody in the quarter-hours in which they produced or used anything."""
    for n, member in enumerate(told.members):
        account = account_of(registry, member)
        if account == NONE:
            continue
        key = SHARED.key(told.community, account, told.rule)
        for one in told.quarters:
            if one.produced[n] or one.used[n]:
                got, gave = one.shared.taken[n], one.shared.given[n]
                at_ms = one.quarter * QUARTER_MS
                yield f"{key} got={got}i,gave={gave}i,final={final}i {at_ms}"
