"""What was booked on an account: every posting with the balance after it. Read-only."""

import sqlite3
from collections import defaultdict
from typing import NamedTuple

from ledger_bridge.books.calendar import days_text, local_text, utc_text
from ledger_bridge.books.closing.closed import closed_by
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import acted, sentences
from ledger_bridge.books.telling.balances import holders
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


def booked(
    db: sqlite3.Connection,
    community: str,
    holder: str,
    days: Days,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    """What an account held before these days, every posting of them, and what it held after."""
    account = registry.account(holder)
    assert account, f"nobody is called {holder!r}"
    begin, end = days.bounds_ms(policies.zone)
    rows = rows_of(db, community, holder, account, until_ms=end)
    held: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.booked_ms < begin:
            held[row.asset] += row.amount
    assets = sorted({row.asset for row in rows})
    opening = {asset: amount_text(held[asset], policies.asset(asset).scale) for asset in assets}
    lines = []
    for row in rows:
        if row.booked_ms >= begin:
            held[row.asset] += row.amount
            line = _line(db, community, row, account, registry=registry, policies=policies)
            scale = policies.asset(row.asset).scale
            lines.append({**line, "balance": amount_text(held[row.asset], scale)})
    closing = {asset: amount_text(held[asset], policies.asset(asset).scale) for asset in assets}
    return {"opening": opening, "lines": lines, "closing": closing}


def acts_of(
    db: sqlite3.Connection,
    community: str,
    holder: str,
    days: Days,
    *,
    registry: Registry,
    policies: Policies,
) -> list[Json]:
    """The postings of acts that were booked on these days."""
    return [
        line
        for line in booked(db, community, holder, days, registry=registry, policies=policies)[
            "lines"
        ]
        if not line["rule"]
    ]


def _line(
    db: sqlite3.Connection,
    community: str,
    row: Row,
    account: str,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    said, corrects = ("", ""), None
    parties: list[str] = []
    if row.period is None:
        said, parties = acted.told(
            db,
            community,
            row.booking,
            row.kind,
            account=account,
            amount=row.amount,
            whose=holders(registry),
        )
    else:
        corrects = closed_by(db, community, row.period)
        if corrects is not None and corrects < row.booking:
            said = sentences.of_correction(corrects)
        else:
            corrects = None
    return {
        "booking": row.booking,
        "booked": utc_text(row.booked_ms),
        "local": local_text(row.booked_ms, policies.zone),
        "kind": row.kind,
        "rule": row.rule or "",
        "period": row.period or "",
        "days": days_text(row.period) if row.period else "",
        "amount": amount_text(row.amount, policies.asset(row.asset).scale),
        "asset": row.asset,
        "with": parties,
        "corrects": corrects,
        "sentence": said[0],
        "zin": said[1],
    }
