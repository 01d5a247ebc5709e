"""The double-entry book: groups of postings that balance per asset, each a leaf of the log.

A `Batch` collects what one commit will write, so that the statements run set-wise.
"""

import os
import sqlite3
from collections import defaultdict
from typing import Any, NamedTuple

from gateway.contract.keys import SigningKey
from gateway.contract.record import to_json
from ledger_bridge.books.log.note import Checkpoint, note, origin
from ledger_bridge.books.log.stored import Log, growing, keep, tree_of
from ledger_bridge.books.log.tree import SALT_BYTES, Tree, commitment
from ledger_bridge.books.store import commit

# Amounts fit a signed 64-bit integer with room for sums.
AMOUNT_MAX = 2**62


class Posting(NamedTuple):
    """One line of a group; positive is received, negative is given."""

    account: str
    asset: str
    amount: int


class Claim(NamedTuple):
    """Something that may be due: a rule, for a member, over a period."""

    rule: str
    member: str
    period: str


class Book:
    """What the writer keeps in mind of one community's book: next numbers, the tree's edge, and the
    key that signs it.
    """

    def __init__(self, db: sqlite3.Connection, community: str, *, log_key: SigningKey) -> None:
        self.db = db
        self.community = community
        self.log_key = log_key
        self.log = growing(db, community)
        self.tree = tree_of(self.log)
        if self.tree.filled:
            # An older program did not keep them.
            with commit(db):
                keep(db, self.log, self.tree.filled)
        (last,) = db.execute(
            "SELECT coalesce(max(seq), 0) FROM booking WHERE community = ?", (community,)
        ).fetchone()
        self.last_booking: int = last

    def batch(self, now_ms: int) -> "Batch":
        return Batch(self, now_ms)


class Batch:
    """Leaves, bookings and balances of one commit. Nothing counts until `write` and the commit.

    After the commit the caller calls `done()`; after a rollback it simply drops the batch.
    """

    def __init__(self, book: Book, now_ms: int) -> None:
        self._book = book
        self.now_ms = now_ms
        self._log = book.log
        self._key = self._next_key = book.log_key
        self._tree = book.tree.copy()
        self._next = book.last_booking
        self._leaves: list[tuple[Any, ...]] = []
        self._bookings: list[tuple[Any, ...]] = []
        self._postings: list[tuple[Any, ...]] = []
        self._balances: dict[tuple[str, str], int] = defaultdict(int)

    def begin_epoch(self, number: int, *, key: SigningKey) -> None:
        """Begin the log again as a tree of its own, under this key; before any other leaf."""
        assert not self._leaves
        size = self._tree.size
        self._log = Log(self._book.db, self._book.community, number, self._log.first + size)
        self._tree = Tree()
        self._key = self._next_key = key
        before = self._book.log.checkpoint(size)
        self.leaf("epoch", {"number": number, "before": before})

    def hand_over(self, key: SigningKey) -> None:
        """From the next commit on this key signs; the last word of the one before says so."""
        self._next_key = key

    def leaf(self, kind: str, body: dict[str, Any]) -> int:
        """Say something in the log; gives its index."""
        data = to_json(body)
        salt = os.urandom(SALT_BYTES)
        index = self._log.first + self._tree.size
        self._tree.append(commitment(salt, kind, data))
        self._leaves.append((self._book.community, index, kind, salt, data))
        return index

    def book(
        self,
        kind: str,
        postings: list[Posting],
        facts: dict[str, Any],
        *,
        claim: Claim | None = None,
        client_key: str | None = None,
    ) -> int:
        """Add a group; gives its number. The postings must balance per asset.

        `facts` go into the leaf beside what every booking says there.
        """
        self._next = seq = self._next + 1
        sums: dict[str, int] = {}
        for _, asset, amount in postings:
            assert 0 < abs(amount) < AMOUNT_MAX, amount
            sums[asset] = sums.get(asset, 0) + amount
        assert not any(sums.values()), f"booking {seq} does not balance: {sums}"
        community = self._book.community
        facts |= {"kind": kind, "booking": seq, "booked_ms": self.now_ms, "postings": postings}
        leaf = self.leaf("entitlement" if claim else "act", facts)
        rule, member, period = claim or (None, None, None)
        self._bookings.append(
            (community, seq, kind, self.now_ms, rule, member, period, client_key, leaf)
        )
        for line, (account, asset, amount) in enumerate(postings):
            self._postings.append((community, seq, line, account, asset, amount))
            self._balances[account, asset] += amount
        return seq

    def write(self) -> None:
        """Run the statements; inside the caller's transaction. Ends with a signed tree head."""
        db, community = self._book.db, self._book.community
        if not self._leaves:
            return
        if self._log.epoch != self._book.log.epoch:
            began = (community, self._log.epoch, self._log.first)
            db.execute("INSERT INTO epoch VALUES (?, ?, ?)", began)
        db.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?, ?)", self._leaves)
        db.executemany("INSERT INTO booking VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self._bookings)
        db.executemany("INSERT INTO posting VALUES (?, ?, ?, ?, ?, ?)", self._postings)
        db.executemany(
            "INSERT INTO balance VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            [(community, *key, amount) for key, amount in self._balances.items()],
        )
        keep(db, self._log, self._tree.filled)
        head = Checkpoint(origin(community, self._log.epoch), self._tree.size, self._tree.root())
        size = self._log.first + self._tree.size
        db.execute(
            "INSERT INTO checkpoint VALUES (?, ?, ?)", (community, size, note(head, key=self._key))
        )

    def done(self) -> None:
        """The commit stands: the book moves on."""
        self._book.log, self._book.tree, self._book.log_key = self._log, self._tree, self._next_key
        self._book.last_booking = self._next


def balance(db: sqlite3.Connection, community: str, account: str, asset: str) -> int:
    """What an account holds of an asset."""
    row = db.execute(
        "SELECT amount FROM balance WHERE community = ? AND account = ? AND asset = ?",
        (community, account, asset),
    ).fetchone()
    return row[0] if row else 0
