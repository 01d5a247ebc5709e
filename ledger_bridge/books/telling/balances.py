"""Who holds what, what nobody's accounts hold, and the newest bookings. Read-only."""

import sqlite3

from ledger_bridge.books.calendar import days_text, local_text, utc_text
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.holders import MEMBER, holders
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.acts import Books, told
from ledger_bridge.books.telling.recycling import Json, rows_of


def names(db: sqlite3.Connection, community: str) -> dict[str, str]:
    """The name of each member who has one."""
    return dict(db.execute("SELECT member, name FROM person WHERE community = ?", (community,)))


def balances(
    db: sqlite3.Connection, community: str, *, registry: Registry, policies: Policies
) -> list[Json]:
    """What everybody holds, members first, also those who hold nothing; then nobody's accounts."""
    held = {
        (account, asset): amount
        for account, asset, amount in db.execute(
            "SELECT account, asset, amount FROM balance WHERE community = ?", (community,)
        )
    }
    known = names(db, community)
    assets = sorted({asset for _, asset in held})
    found = [
        {
            "holder": holder,
            "role": role,
            "name": known.get(holder, ""),
            "account": account,
            "balances": {
                asset: amount_text(held.get((account, asset), 0), policies.asset(asset).scale)
                for asset in assets
            },
        }
        for account, (holder, role) in holders(registry).items()
    ]
    return sorted(found, key=lambda one: (one["role"] != MEMBER, one["role"], one["holder"]))


def closings(db: sqlite3.Connection, community: str, limit: int) -> list[Json]:
    """The periods that were closed last, newest first, each with its booking."""
    return rows_of(
        db,
        "SELECT period, booking FROM closed WHERE community = ? ORDER BY booking DESC LIMIT ?",
        (community, limit),
    )


def latest(
    db: sqlite3.Connection, community: str, limit: int, *, policies: Policies, registry: Registry
) -> list[Json]:
    """The newest bookings, newest first, as people read them."""
    whose = holders(registry)
    known = names(db, community)
    rows = db.execute(
        "SELECT seq, booking.kind, booked_ms, rule, member, period, body FROM booking JOIN leaf"
        " ON leaf.community = booking.community AND idx = leaf WHERE booking.community = ?"
        " ORDER BY seq DESC LIMIT ?",
        (community, limit),
    ).fetchall()
    books = Books(db, registry, policies)
    found = []
    for seq, kind, booked_ms, rule, member, period, body in rows:
        postings = db.execute(
            "SELECT account, asset, amount FROM posting"
            " WHERE community = ? AND booking = ? ORDER BY line",
            (community, seq),
        )
        found.append(
            {
                "booking": seq,
                "kind": kind,
                "sentence": "" if rule else told(books, seq, body)["sentence"],
                "booked": utc_text(booked_ms),
                "local": local_text(booked_ms, policies.zone),
                "rule": rule,
                "member": member,
                "name": known.get(member, member),
                "period": period,
                "days": days_text(period) if period else "",
                "postings": [
                    {
                        "account": whose[account].name,
                        "asset": asset,
                        "amount": amount_text(amount, policies.asset(asset).scale),
                    }
                    for account, asset, amount in postings
                ],
            }
        )
    return found
