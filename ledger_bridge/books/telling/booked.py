"""What was booked on an account: every posting with the balance after it. Read-only."""

import sqlite3
from collections import defaultdict
from typing import NamedTuple

from ledger_bridge.books.calendar import days_text, local_text, utc_text
from ledger_bridge.books.closing.closed import closed_by
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.registry.holders import holders
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.acts import Books, told
from ledger_bridge.books.telling.days import Days
from ledger_bridge.books.telling.recycling import Json

_COLUMNS = (
    "booking.seq, booked_ms, kind, rule, period, asset, amount FROM booking JOIN posting"
    " ON posting.community = booking.community AND booking = booking.seq AND account = :account"
)


class Row(NamedTuple):
    """A posting of an account, with its booking; `rule` and `period` are None for an act."""

    booking: int
    booked_ms: int
    kind: str
    rule: str | None
    period: str | None
    asset: str
    amount: int


def rows_of(
    db: sqlite3.Connection, community: str, holder: str, account: str, *, until_ms: int
) -> list[Row]:
    """Everything booked on an account before a moment, in the order of their times and numbers.

    Entitlements are found by their member and acts by being acts: postings have no index by
    account, which each mint would have to pay for.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} WHERE booking.community = :community AND member = :holder"
        " AND booked_ms < :until"
        f" UNION ALL SELECT {_COLUMNS} WHERE booking.community = :community AND rule IS NULL"
        " AND booked_ms < :until ORDER BY booked_ms, seq",
        {"community": community, "holder": holder, "account": account, "until": until_ms},
    )
    return [Row(*row) for row in rows]


def booked(books: Books, community: str, holder: str, days: Days) -> Json:
    """What an account held before these days, every posting of them, and what it held after."""
    account, begin_ms, rows = _rows(books, community, holder, days)
    held: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.booked_ms < begin_ms:
            held[row.asset] += row.amount
    assets = sorted({row.asset for row in rows})
    opening = {asset: _text(books, asset, held[asset]) for asset in assets}
    lines = []
    for row in rows:
        if row.booked_ms >= begin_ms:
            held[row.asset] += row.amount
            balance = _text(books, row.asset, held[row.asset])
            lines.append({**_line(books, community, row, account), "balance": balance})
    closing = {asset: _text(books, asset, held[asset]) for asset in assets}
    return {"opening": opening, "lines": lines, "closing": closing}


def acts_of(books: Books, community: str, holder: str, days: Days) -> list[Json]:
    """The postings of acts that were booked on these days."""
    account, begin_ms, rows = _rows(books, community, holder, days)
    return [
        _line(books, community, row, account)
        for row in rows
        if row.rule is None and row.booked_ms >= begin_ms
    ]


def _rows(books: Books, community: str, holder: str, days: Days) -> tuple[str, int, list[Row]]:
    """The account, when the days begin, and all that was booked on it until they end."""
    account = books.registry.account(holder)
    assert account, f"nobody is called {holder!r}"
    begin_ms, end_ms = days.bounds_ms(books.policies.zone)
    return account, begin_ms, rows_of(books.db, community, holder, account, until_ms=end_ms)


def _text(books: Books, asset: str, amount: int) -> str:
    return amount_text(amount, books.policies.asset(asset).scale)


def _line(books: Books, community: str, row: Row, account: str) -> Json:
    said, corrects = ("", ""), None
    parties: list[str] = []
    if row.period is None:
        said, parties = _act(books, community, row.booking, account)
    else:
        closing = closed_by(books.db, community, row.period)
        if closing is not None and closing < row.booking:
            said, corrects = sentences.of_correction(closing), closing
    return {
        "booking": row.booking,
        "booked": utc_text(row.booked_ms),
        "local": local_text(row.booked_ms, books.policies.zone),
        "kind": row.kind,
        "rule": row.rule or "",
        "period": row.period or "",
        "days": days_text(row.period) if row.period else "",
        "amount": _text(books, row.asset, row.amount),
        "asset": row.asset,
        "with": parties,
        "corrects": corrects,
        "sentence": said[0],
        "zin": said[1],
    }


def _act(
    books: Books, community: str, booking: int, account: str
) -> tuple[tuple[str, str], list[str]]:
    """What an act was in both languages, "" where that was erased; and who else took part."""
    whose = holders(books.registry)
    others = books.db.execute(
        "SELECT DISTINCT account FROM posting WHERE community = ? AND booking = ?"
        " AND account != ? ORDER BY line",
        (community, booking, account),
    )
    parties = [whose[other].name for (other,) in others]
    (body,) = books.db.execute(
        "SELECT body FROM booking JOIN leaf ON leaf.community = booking.community AND idx = leaf"
        " WHERE booking.community = ? AND seq = ?",
        (community, booking),
    ).fetchone()
    act = told(books, booking, body) if body else {"sentence": "", "zin": ""}
    return (act["sentence"], act["zin"]), parties
