"""The log as the books have it: hashes for proofs, and the tree of an epoch taken up again."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ledger_bridge.books.log.tree import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Subtree,
    Tree,
    commitment,
    leaf_hash,
)

# No log has more leaves than SQLite counts rows.
LEAVES_MAX = 2**62


@dataclass(frozen=True, slots=True)
class Log:
    """One epoch of a community's log: a tree over the leaves from `first` up to `stop`, where the
    next epoch begins (None: it is the one that grows).
    """

    db: sqlite3.Connection
    community: str
    epoch: int = 1
    first: int = 0
    stop: int | None = None

    def commitments(self, start: int, stop: int) -> list[bytes]:
        """Of the leaves from `start` up to `stop`, counted within the epoch."""
        rows = self.db.execute(
            "SELECT salt, kind, body, commitment FROM leaf LEFT JOIN erased_leaf"
            " USING (community, idx) WHERE community = ? AND idx >= ? AND idx < ? ORDER BY idx",
            (self.community, self.first + start, self.first + stop),
        )
        return [kept or commitment(salt, kind, body) for salt, kind, body, kept in rows]

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        """The roots over the `start`th up to the `stop`th 256 ** `level` leaves."""
        if level == 0:
            return [leaf_hash(one) for one in self.commitments(start, stop)]
        rows = self.db.execute(
            "SELECT root FROM subtree WHERE community = ? AND epoch = ? AND level = ?"
            " AND n >= ? AND n < ? ORDER BY n",
            (self.community, self.epoch, level, start, stop),
        )
        return [root for (root,) in rows]

    def size(self) -> int:
        """How many leaves the epoch has."""
        if self.stop is not None:
            return self.stop - self.first
        (last,) = self.db.execute(
            "SELECT coalesce(max(idx), -1) FROM leaf WHERE community = ?", (self.community,)
        ).fetchone()
        size: int = last + 1 - self.first
        return size

    def checkpoint(self, size: int) -> str | None:
        """The signed head of this many leaves, if one was signed."""
        row = self.db.execute(
            "SELECT note FROM checkpoint WHERE community = ? AND size = ?",
            (self.community, self.first + size),
        ).fetchone()
        return row[0] if row else None

    def signed_size(self, at_most: int = LEAVES_MAX) -> int:
        """How many leaves the last signed head of at most so many has; 0 where there is none."""
        most = at_most if self.stop is None else min(at_most, self.stop - self.first)
        (last,) = self.db.execute(
            "SELECT max(size) FROM checkpoint WHERE community = ? AND size > ? AND size <= ?",
            (self.community, self.first, self.first + most),
        ).fetchone()
        return 0 if last is None else last - self.first


def epochs(db: sqlite3.Connection, community: str) -> list[Log]:
    """All epochs of a community's log, the growing one last."""
    later = db.execute(
        "SELECT number, first FROM epoch WHERE community = ? ORDER BY number", (community,)
    ).fetchall()
    begun = [(1, 0), *later]
    ends = [first for _, first in later]
    return [
        Log(db, community, number, first, stop)
        for (number, first), stop in zip(begun, [*ends, None], strict=True)
    ]


def growing(db: sqlite3.Connection, community: str) -> Log:
    """The epoch to which leaves are added."""
    return epochs(db, community)[-1]


def tree_of(log: Log) -> Tree:
    """The tree of an epoch: whole subtrees as they are stored, and the leaves after them."""
    tree, size = Tree(), log.size()
    for level in range(size.bit_length() // TILE_HEIGHT, 0, -1):
        width = level * TILE_HEIGHT
        start, stop = tree.size >> width, size >> width
        roots = log.hashes(level, start, stop)
        if len(roots) == stop - start:  # else an older program did not keep them
            for n, root in enumerate(roots, start):
                tree.put(Subtree(level, n, root))
    while tree.size < size:
        tree.extend(log.commitments(tree.size, min(size, tree.size + TILE_WIDTH)))
    return tree


def keep(db: sqlite3.Connection, log: Log, filled: Iterable[Subtree]) -> None:
    """Store subtrees that got full; inside the caller's commit."""
    db.executemany(
        "INSERT OR REPLACE INTO subtree VALUES (?, ?, ?, ?, ?)",
        [(log.community, log.epoch, *one) for one in filled],
    )
