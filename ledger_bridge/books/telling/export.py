"""The book of a period as a treasurer takes it along: balances, bookings, what was measured.

Read-only. How it is written is a file of its own for each form.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ledger_bridge.books.calendar import day_of, local_text
from ledger_bridge.books.closing.closed import closed_by, closed_until
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.holders import holders
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import find
from ledger_bridge.books.telling.days import Days, asked
from ledger_bridge.books.telling.earned import Quantity, earned, totals

# By account and asset, in smallest units.
Held = dict[tuple[str, str], int]


class Holder(NamedTuple):
    """Whose an account is. `name` is "" where names are not asked for."""

    id: str
    role: str
    external_id: str
    name: str


class Line(NamedTuple):
    """A posting with what its account holds after it."""

    account: str
    asset: str
    amount: int
    balance: int


class Booked(NamedTuple):
    """A booking: `rule`, `holder` and `period` are "" for an act; `policy` is a hash.

    `corrects` is the booking that had closed its period.
    """

    seq: int
    day: str
    local: str
    kind: str
    rule: str
    holder: str
    period: str
    policy: str
    corrects: int | None
    lines: tuple[Line, ...]


class Measured(NamedTuple):
    """What a rule measured of a holder: so much of one thing, or None beside what all earned."""

    rule: str
    holder: str
    quantity: Quantity | None
    credit: int
    asset: str


@dataclass(frozen=True, slots=True)
class Export:
    """A period of a book. Holders are by account, `scales` by asset."""

    community: str
    days: Days
    closed_until: str
    last_booking: int
    holders: dict[str, Holder]
    scales: dict[str, int]
    opening: Held
    bookings: list[Booked]
    closing: Held
    measured: list[Measured]


def collect(
    db: sqlite3.Connection,
    community: str,
    period: str,
    *,
    registry: Registry,
    policies: Policies,
    with_names: bool,
) -> Export:
    """A period of the book, all of it for "". Raises UsageError where that is no period."""
    days = asked(period) if period else _all_days(db, community, policies.zone)
    begin, end = days.bounds_ms(policies.zone)
    held = _held_before(db, community, begin)
    opening = dict(held)
    bookings = list(_bookings(db, community, (begin, end), held, policies))
    (last,) = db.execute(
        "SELECT coalesce(max(seq), 0) FROM booking WHERE community = ? AND booked_ms < ?",
        (community, end),
    ).fetchone()
    measured = list(_measured(db, community, days, registry=registry, policies=policies))
    # What was earned in the period may all have been booked after it.
    assets = sorted({asset for _, asset in held} | {one.asset for one in measured})
    return Export(
        community=community,
        days=days,
        closed_until=closed_until(db, community),
        last_booking=last,
        holders=_holders(db, community, registry, with_names=with_names),
        scales={asset: policies.asset(asset).scale for asset in assets},
        opening=opening,
        bookings=bookings,
        closing=held,
        measured=measured,
    )


def _all_days(db: sqlite3.Connection, community: str, zone: str) -> Days:
    """From the day of the first booking to that of the last."""
    first, last = db.execute(
        "SELECT coalesce(min(booked_ms), 0), coalesce(max(booked_ms), 0) FROM booking"
        " WHERE community = ?",
        (community,),
    ).fetchone()
    return Days(day_of(first, zone), day_of(last, zone), "")


def _holders(
    db: sqlite3.Connection, community: str, registry: Registry, *, with_names: bool
) -> dict[str, Holder]:
    people = {
        member: (external_id, name if with_names else "")
        for member, external_id, name in db.execute(
            "SELECT member, external_id, name FROM person WHERE community = ?", (community,)
        )
    }
    return {
        account: Holder(holder, role, *people.get(holder, ("", "")))
        for account, (holder, role) in holders(registry).items()
    }


def _held_before(db: sqlite3.Connection, community: str, begin_ms: int) -> Held:
    rows = db.execute(
        "SELECT account, asset, sum(amount) FROM booking JOIN posting"
        " ON posting.community = booking.community AND booking = seq"
        " WHERE booking.community = ? AND booked_ms < ? GROUP BY account, asset",
        (community, begin_ms),
    )
    return {(account, asset): amount for account, asset, amount in rows}


def _bookings(
    db: sqlite3.Connection,
    community: str,
    bounds: tuple[int, int],
    held: Held,
    policies: Policies,
) -> Iterator[Booked]:
    """The bookings between two moments, in the order of times and numbers; `held` goes along."""
    postings: dict[int, list[tuple[str, str, int]]] = defaultdict(list)
    for seq, *posting in db.execute(
        "SELECT seq, account, asset, amount FROM booking JOIN posting"
        " ON posting.community = booking.community AND booking = seq"
        " WHERE booking.community = ? AND booked_ms >= ? AND booked_ms < ? ORDER BY seq, line",
        (community, *bounds),
    ):
        postings[seq].append((posting[0], posting[1], posting[2]))
    closed: dict[str, int | None] = {}
    for seq, booked_ms, kind, rule, member, period in db.execute(
        "SELECT seq, booked_ms, kind, rule, member, period FROM booking"
        " WHERE community = ? AND booked_ms >= ? AND booked_ms < ? ORDER BY booked_ms, seq",
        (community, *bounds),
    ):
        some = []
        for account, asset, amount in postings[seq]:
            held[account, asset] = held.get((account, asset), 0) + amount
            some.append(Line(account, asset, amount, held[account, asset]))
        day = day_of(booked_ms, policies.zone)
        if period and period not in closed:
            closed[period] = closed_by(db, community, period)
        closing = closed.get(period)
        yield Booked(
            seq,
            day,
            local_text(booked_ms, policies.zone),
            kind,
            rule or "",
            member or "",
            period or "",
            _policy(policies, rule, period, day),
            closing if closing is not None and closing < seq else None,
            tuple(some),
        )


def _policy(policies: Policies, rule: str | None, period: str | None, day: str) -> str:
    """The hash of the policy that a booking follows; "" before the first."""
    if rule and period:
        ruling = find(policies, rule, period)
        return ruling[0] if ruling else ""
    in_force = policies.on(day)
    return in_force.hash if in_force else ""


def _measured(
    db: sqlite3.Connection, community: str, days: Days, *, registry: Registry, policies: Policies
) -> Iterator[Measured]:
    """What each rule measured and credited to each member for these days, whenever booked."""
    for member in sorted(registry.accounts):
        for one in totals(earned(db, community, member, days, policies=policies)):
            for quantity in one.quantities:
                yield Measured(one.rule, member, quantity, 0, one.asset)
            if one.credit:
                yield Measured(one.rule, member, None, one.credit, one.asset)
