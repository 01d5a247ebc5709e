"""Closing a period: what is settled now is its reckoning, later evidence is linked to it.

A close is an act without postings. Its leaf lists how far every chain is stored, the number of the
last paper, and per asset what was posted for the period.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.book import Batch, Book
from ledger_bridge.books.calendar import day_of, days_text
from ledger_bridge.books.calendar import days_of as days_of_claim
from ledger_bridge.books.closing.closed import closed_until, days_of
from ledger_bridge.books.closing.sealed import seal_months
from ledger_bridge.books.policy.policies import Policies

# No meter of these books counted before.
FIRST_DAY = "1980-01-01"


class Got(NamedTuple):
    """What was posted for the claims of one period."""

    period: str
    asset: str
    due: int


def sums(got: Iterable[Got], *, after: str, last: str) -> dict[str, int]:
    """Per asset what claims got whose last day lies after `after`, up to `last`."""
    found: dict[str, int] = defaultdict(int)
    for period, asset, due in got:
        if due and after < days_of_claim(period)[1] <= last:
            found[asset] += due
    return dict(sorted(found.items()))


def check(
    period: str, *, today: str, closed_until: str, periods: Iterable[str], dirty: Iterable[str]
) -> str:
    """Whether this period may be closed now; gives its last day. Raises PeopleError.

    `periods` are those of all claims, `dirty` those that are being settled.
    """
    where = f"close {period}"
    try:
        first, last = days_of(period)
    except ValueError as error:
        raise PeopleError(Problem(str(error), where, "meterkast ledger close 2026-06")) from error
    if first < FIRST_DAY:
        what = f"{period} is before there were such meters"
        raise PeopleError(Problem(what, where, f"a period from {FIRST_DAY} on"))
    if last >= today:
        raise PeopleError(Problem(f"{period} is not over yet", where, f"close it after {last}"))
    if last <= closed_until:
        what = f"{period} is closed already"
        raise PeopleError(Problem(what, where, "later evidence is linked to its close"))
    ends = ((days_of_claim(one)[1], one) for one in periods)
    open_ = [(end, one) for end, one in ends if closed_until < end < first]
    if open_:
        what = f"{days_text(min(open_)[1])} is open still"
        try_ = f"close what is before it first: meterkast ledger close {min(open_)[0][:7]}"
        raise PeopleError(Problem(what, where, try_))
    waiting = sum(days_of_claim(one)[0] <= last for one in dirty)
    if waiting:
        raise PeopleError(Problem(f"{waiting} claims are not settled yet", where, "wait a moment"))
    return last


def listed(db: sqlite3.Connection, community: str) -> dict[str, Any]:
    """How far the evidence is stored: (gateway, chain, up to, digest), and the last paper."""
    heads = db.execute(
        "SELECT gateway, chain, up_to, digest FROM chain WHERE community = ?", (community,)
    ).fetchall()
    (paper,) = db.execute(
        "SELECT coalesce(max(seq), 0) FROM paper WHERE community = ?", (community,)
    ).fetchone()
    return {"heads": heads, "paper": paper}


def close(
    book: Book,
    batch: Batch,
    period: str,
    facts: dict[str, Any],
    *,
    key: str,
    policies: Policies,
) -> int:
    """Close a period inside the caller's commit; gives its booking. Raises PeopleError."""
    db, community = book.db, book.community
    got = [
        Got(*row)
        for row in db.execute(
            "SELECT period, asset, due FROM claim WHERE community = ?", (community,)
        )
    ]
    dirty = db.execute("SELECT period FROM dirty WHERE community = ?", (community,))
    before = closed_until(db, community)
    last = check(
        period,
        today=day_of(batch.now_ms, policies.zone),
        closed_until=before,
        periods=[one.period for one in got if one.due],
        dirty=[one for (one,) in dirty],
    )
    facts |= {
        "period": period,
        **listed(db, community),
        "sums": sums(got, after=before, last=last),
    }
    seq = batch.book("close", [], facts, client_key=key)
    db.execute("INSERT INTO closed VALUES (?, ?, ?)", (community, period, seq))
    seal_months(db, community, batch, last, policies)
    return seq
