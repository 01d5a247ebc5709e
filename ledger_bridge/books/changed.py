"""Which sheets of the books have changed, for whoever keeps a picture of them elsewhere.

Tables and triggers are `changed.sql` and `changing.sql`; a reader's place is its own affair.
"""

import sqlite3
from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from ledger_bridge.books.store import commit

Kind = Literal["account", "erased", "gateway", "member", "meter", "shared", "waste"]
# Kind, a, b and day.
Key = tuple[str, str, str, str]
FIRST: Key = ("", "", "", "")


class Sheet(NamedTuple):
    """What is written anew together; `a`, `b` and `day` are as `changed.sql` says, by kind.

    Where something `is_gone` from it, what was written of it before must be taken away first.
    """

    kind: Kind
    a: str
    b: str
    day: str
    is_gone: bool

    @property
    def key(self) -> Key:
        return self.kind, self.a, self.b, self.day


def turn(db: sqlite3.Connection, community: str) -> int:
    """Open the next edition, in a commit of its own; gives the one that is complete now.

    Where nothing has changed since this was last done, no byte is written.
    """
    now: int = db.execute("SELECT coalesce(max(n), 1) FROM edition").fetchone()[0]
    has_any = "SELECT 1 FROM changed WHERE community = ? AND n = ?"
    if db.execute(has_any, (community, now)).fetchone() is None:
        return now - 1
    with commit(db):
        db.execute("INSERT OR REPLACE INTO edition VALUES (1, ?)", (now + 1,))
    return now


def sheets(
    db: sqlite3.Connection, community: str, *, after: int, beyond: Key = FIRST, limit: int = -1
) -> list[Sheet]:
    """The sheets that changed after an edition, by kind, name and day, beyond one; -1: all.

    In this order they are to be written: those that take much away come first. What has changed
    since the edition that is complete is among them, and comes again with the next: nobody would
    know then that something went from it before.
    """
    rows = db.execute(
        "SELECT kind, a, b, day, gone_n > ? FROM changed INDEXED BY changed_since"
        " WHERE community = ? AND n > ? AND (kind, a, b, day) > (?, ?, ?, ?)"
        " ORDER BY kind, a, b, day LIMIT ?",
        (after, community, after, *beyond, limit),
    )
    return [Sheet(kind, a, b, day, bool(is_gone)) for kind, a, b, day, is_gone in rows]


def waiting(db: sqlite3.Connection, community: str, *, after: int, beyond: Key, until: int) -> int:
    """How many sheets a reader has to write who is beyond one of the editions up to `until`."""
    (number,) = db.execute(
        "SELECT count(*) FROM changed WHERE community = ? AND n > ?"
        " AND (n > ? OR (kind, a, b, day) > (?, ?, ?, ?))",
        (community, after, until, *beyond),
    ).fetchone()
    assert isinstance(number, int)
    return number


def note_gateways(db: sqlite3.Connection, community: str, gateways: Iterable[str]) -> None:
    """Whose meters are at these gateways may be another from now on, or was before."""
    _note(db, community, "gateway", gateways)


def note_scales(db: sqlite3.Connection, community: str, gateways: Iterable[str]) -> None:
    """What scales at these points showed for weights that are known may be right now, or wrong."""
    db.executemany(
        "UPDATE changed SET n = (SELECT coalesce(max(n), 1) FROM edition)"
        " WHERE community = ?1 AND kind = 'waste' AND a = ?2 AND day IN ("
        "     SELECT date(at_ms / 1000, 'unixepoch') FROM known_weight"
        "     WHERE community = ?1 AND gateway = ?2)",
        [(community, gateway) for gateway in gateways],
    )


def note_policy(db: sqlite3.Connection, community: str, day: str) -> None:
    """From this day on energy that is counted already may be shared by other rules."""
    db.execute(
        "INSERT INTO changed SELECT DISTINCT community, 'shared', '', '', day, e.n, e.n"
        " FROM changed, (SELECT coalesce(max(n), 1) AS n FROM edition) AS e"
        " WHERE community = ? AND kind = 'meter' AND day >= ?"
        " ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n",
        (community, day),
    )


def note_erased(
    db: sqlite3.Connection,
    community: str,
    *,
    account: str,
    gateways: Iterable[str],
    points: Collection[str],
) -> None:
    """A member is erased: also from here, where their meter points are named."""
    db.executemany(
        "DELETE FROM changed WHERE community = ? AND kind = 'meter' AND a = '' AND b = ?",
        [(community, point) for point in points],
    )
    if points:
        _note(db, community, "gateway", [""])
        db.execute(
            "UPDATE changed SET n = (SELECT coalesce(max(n), 1) FROM edition)"
            " WHERE community = ? AND kind = 'meter' AND a = ''",
            (community,),
        )
    _note(db, community, "erased", gateways)
    _note(db, community, "account", [account])


def _note(db: sqlite3.Connection, community: str, kind: Kind, names: Iterable[str]) -> None:
    """Something goes from a sheet without a day."""
    db.executemany(
        "INSERT INTO changed SELECT ?, ?, ?, '', '', n, n"
        " FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true"
        " ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n",
        [(community, kind, name) for name in names],
    )
