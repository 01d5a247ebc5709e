"""Up to which day the books are closed.

A period is closed as a whole and in order, so that every day up to the end of the last closed
period is closed. A period is a month, `2026-06`, or a day, `2026-06-21`.
"""

import sqlite3
from calendar import monthrange
from datetime import date

from ledger_bridge.books.calendar import days_of as days_of_claim


def days_of(period: str) -> tuple[str, str]:
    """The first and the last day of a month or a day. Raises ValueError where it is neither."""
    try:
        first = date.fromisoformat(period if len(period) == len("2026-06-21") else f"{period}-01")
    except ValueError as error:
        raise ValueError(f"{period!r} is no month such as 2026-06, nor a day") from error
    if first.isoformat() == period:
        return period, period
    last = first.replace(day=monthrange(first.year, first.month)[1])
    if first.isoformat()[:7] != period:
        raise ValueError(f"{period!r} is no month such as 2026-06, nor a day")
    return first.isoformat(), last.isoformat()


def closed_until(db: sqlite3.Connection, community: str) -> str:
    """The last day up to which every day is closed; "" before the first close."""
    # The 31st of a month stands for its end: no day comes after it, in the order of their names.
    row = db.execute(
        "SELECT period FROM closed WHERE community = ?"
        " ORDER BY substr(period || '-31', 1, 10) DESC LIMIT 1",
        (community,),
    ).fetchone()
    return days_of(row[0])[1] if row else ""


def is_closed(db: sqlite3.Connection, community: str, day: str) -> int | None:
    """The booking that closed a day, None where it is open."""
    (booking,) = db.execute(
        "SELECT min(booking) FROM closed WHERE community = ?"
        " AND substr(period || '-31', 1, 10) >= ?",
        (community, day),
    ).fetchone()
    assert booking is None or isinstance(booking, int)
    return booking


def closed_by(db: sqlite3.Connection, community: str, claim_period: str) -> int | None:
    """The booking that closed the period of a claim: the one that closed its last day."""
    return is_closed(db, community, days_of_claim(claim_period)[1])
