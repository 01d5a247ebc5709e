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
from ledger_bridge.books.log.tree import SALT_BYTES, Tree, commitment

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


def tree_of(db: sqlite3.Connection, community: str) -> Tree:
    """The log's tree, built from its leaves."""
    tree = Tree()
    rows = db.execute(
        "SELECT salt, kind, body, commitment FROM leaf LEFT JOIN erased_leaf"
        " USING (community, idx) WHERE community = ? ORDER BY idx",
        (community,),
    )
    tree.extend(kept or commitment(salt, kind, body) for salt, kind, body, kept in rows)
    return tree


class Book:
    """What the writer keeps in mind of one community's book: next numbers and the tree's edge."""

    def __init__(self, db: sqlite3.Connection, community: str, *, log_key: SigningKey) -> None:
        self.db = db
        self.community = community
        self._log_key = log_key
        self.tree = tree_of(db, community)
        (last,) = db.execute(
            "SELECT coalesce(max(seq), 0) FROM booking WHERE community = ?", (community,)
        ).fetchone()
        self.last_booking: int = last

    def batch(self, now_ms: int) -> "Batch":
        return Batch(self, now_ms)

    def sign_head(self, tree: Tree) -> str:
        head = Checkpoint(origin(self.community), tree.size, tree.root())
        return note(head, key=self._log_key)


class Batch:
    """Leaves, bookings and balances of one commit. Nothing counts until `write` and the commit.

    After the commit the caller calls `done()`; after a rollback it simply drops the batch.
    """

    def __init__(self, book: Book, now_ms: int) -> None:
        self._book = book
        self.now_ms = now_ms
        self._tree = book.tree.copy()
        self._next = book.last_booking
        self._leaves: list[tuple[Any, ...]] = []
        self._bookings: list[tuple[Any, ...]] = []
        self._postings: list[tuple[Any, ...]] = []
        self._balances: dict[tuple[str, str], int] = defaultdict(int)

    def leaf(self, kind: str, body: dict[str, Any]) -> int:
        """Say something in the log; gives its index."""
        data = to_json(body)
        salt = os.urandom(SALT_BYTES)
        index = self._tree.size
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
        db.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?, ?)", self._leaves)
        db.executemany("INSERT INTO booking VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self._bookings)
        db.executemany("INSERT INTO posting VALUES (?, ?, ?, ?, ?, ?)", self._postings)
        db.executemany(
            "INSERT INTO balance VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            [(community, *key, amount) for key, amount in self._balances.items()],
        )
        head = self._book.sign_head(self._tree)
        db.execute("INSERT INTO checkpoint VALUES (?, ?, ?)", (community, self._tree.size, head))

    def done(self) -> None:
        """The commit stands: the book moves on."""
        self._book.tree = self._tree
        self._book.last_booking = self._next


def balance(db: sqlite3.Connection, community: str, account: str, asset: str) -> int:
    """What an account holds of an asset."""
    row = db.execute(
        "SELECT amount FROM balance WHERE community = ? AND account = ? AND asset = ?",
        (community, account, asset),
    ).fetchone()
    return row[0] if row else 0
