"""The gaps of all chains: numbers that are missing while later ones came, and since when.

Of each chain the first gap is kept, in a table: once it is filled the next one is the first.
"""

import sqlite3
from typing import NamedTuple

ChainKey = tuple[str, str]


class Gap(NamedTuple):
    """Records `first` to `last` of a chain are missing since `since_ms`."""

    gateway: str
    chain: str
    first: int
    last: int
    since_ms: int
    asked: int


def gaps(db: sqlite3.Connection, community: str) -> list[Gap]:
    """All gaps, in the order of gateways and chains."""
    rows = db.execute(
        "SELECT gateway, chain, first, last, since_ms, asked FROM gap WHERE community = ?",
        (community,),
    )
    return [Gap(*row) for row in rows]


class Gaps:
    """The one writer of the table of gaps."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._open: dict[ChainKey, Gap] | None = None

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._open = None

    @property
    def open(self) -> dict[ChainKey, Gap]:
        """By chain."""
        if self._open is None:
            found = gaps(self._db, self._community)
            self._open = {(gap.gateway, gap.chain): gap for gap in found}
        return self._open

    def note(self, key: ChainKey, first: int, last: int, *, now_ms: int) -> None:
        """The first gap of a chain, none where `last` is before `first`; inside a commit.

        What is left of a gap is missing since that began.
        """
        before = self.open.get(key)
        if last < first:
            if before:
                del self.open[key]
                self._db.execute(
                    "DELETE FROM gap WHERE community = ? AND gateway = ? AND chain = ?",
                    (self._community, *key),
                )
            return
        if before and (before.first, before.last) == (first, last):
            return
        is_rest = before is not None and before.first <= first <= before.last
        since_ms = before.since_ms if before and is_rest else now_ms
        asked = before.asked if before and is_rest else 0
        self.open[key] = gap = Gap(*key, first, last, since_ms, asked)
        self._db.execute(
            "INSERT OR REPLACE INTO gap VALUES (?, ?, ?, ?, ?, ?, ?)", (self._community, *gap)
        )

    def asked(self, key: ChainKey) -> None:
        """The gateway was asked for it once more; inside a commit."""
        if gap := self.open.get(key):
            self.open[key] = gap._replace(asked=gap.asked + 1)
            self._db.execute(
                "UPDATE gap SET asked = asked + 1"
                " WHERE community = ? AND gateway = ? AND chain = ?",
                (self._community, *key),
            )
