"""How things stand in the live books, and what acts leave behind there for later ones."""

import sqlite3
from typing import NamedTuple

from ledger_bridge.books import book
from ledger_bridge.books.acts.standing import Done, Ended, Exchanged, Kept, Reservation, Undone
from ledger_bridge.books.book import Posting
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry

# Reservations that expire in one commit: few enough to answer meanwhile.
OVERDUE_MAX = 1_000

# Numbers that a column can hold.
NUMBER_MAX = 2**63 - 1


class Live(NamedTuple):
    """A `Standing` by the tables."""

    db: sqlite3.Connection
    registry: Registry
    policies: Policies
    now_ms: int

    @property
    def _community(self) -> str:
        return self.registry.community

    def balance(self, account: str, asset: str) -> int:
        return book.balance(self.db, self._community, account, asset)

    def reservation(self, booking: int) -> Reservation | None:
        row = self.db.execute(
            "SELECT giver, receiver, asset, amount, until_ms, ended FROM reservation"
            " WHERE community = ? AND booking = ?",
            (self._community, _number(booking)),
        ).fetchone()
        return None if row is None else Reservation(*row)

    def done(self, booking: int) -> Done | None:
        key = (self._community, _number(booking))
        row = self.db.execute(
            "SELECT kind, by FROM booking LEFT JOIN undone ON undone.booking = seq"
            " AND undone.community = booking.community"
            " WHERE booking.community = ? AND seq = ? AND rule IS NULL",
            key,
        ).fetchone()
        if row is None:
            return None
        lines = self.db.execute(
            "SELECT account, asset, amount FROM posting WHERE community = ? AND booking = ?"
            " ORDER BY line",
            key,
        )
        kind, by = row
        return Done(kind, tuple(Posting(*line) for line in lines), by)

    def exchanged(self, exchange: str, holder: str, first: str, last: str) -> int:
        (amount,) = self.db.execute(
            "SELECT coalesce(sum(amount), 0) FROM exchanged AS e"
            " WHERE community = ? AND exchange = ? AND holder = ? AND day BETWEEN ? AND ?"
            " AND NOT EXISTS (SELECT 1 FROM undone WHERE community = e.community"
            " AND booking = e.booking)",
            (self._community, exchange, holder, first, last),
        ).fetchone()
        assert isinstance(amount, int)
        return amount


def _number(booking: int) -> int:
    """0, which no booking has, for what no column can hold."""
    return booking if 0 < booking <= NUMBER_MAX else 0


def keep(db: sqlite3.Connection, community: str, booking: int, kept: Kept | None) -> None:
    """Write down what an act leaves behind."""
    match kept:
        case Reservation():
            db.execute(
                "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (community, booking, *kept),
            )
        case Ended(reservation):
            db.execute(
                "UPDATE reservation SET ended = ? WHERE community = ? AND booking = ?",
                (booking, community, reservation),
            )
        case Exchanged():
            db.execute(
                "INSERT INTO exchanged VALUES (?, ?, ?, ?, ?, ?)", (community, booking, *kept)
            )
        case Undone(reversed_):
            db.execute("INSERT INTO undone VALUES (?, ?, ?)", (community, reversed_, booking))


class Reserved(NamedTuple):
    """An open reservation with its number."""

    booking: int
    giver: str
    receiver: str
    asset: str
    amount: int
    until_ms: int


def reserved(db: sqlite3.Connection, community: str) -> list[Reserved]:
    """What is set apart now, by number."""
    rows = db.execute(
        "SELECT booking, giver, receiver, asset, amount, until_ms FROM reservation"
        " WHERE community = ? AND ended IS NULL ORDER BY booking",
        (community,),
    )
    return [Reserved(*row) for row in rows]


def overdue(db: sqlite3.Connection, community: str, now_ms: int) -> list[int]:
    """The reservations whose time is over, in the order in which it was; at most OVERDUE_MAX."""
    rows = db.execute(
        "SELECT booking FROM reservation WHERE community = ? AND ended IS NULL"
        " AND until_ms <= ? ORDER BY until_ms, booking LIMIT ?",
        (community, now_ms, OVERDUE_MAX),
    ).fetchall()
    return [booking for (booking,) in rows]
