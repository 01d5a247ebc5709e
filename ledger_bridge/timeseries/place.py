"""The file beside the books that says how far time series are, and holds what of them waits.

One thread writes it. Whoever else asks for something leaves a word in it.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import structlog

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.changed import FIRST, Key, Kind
from ledger_bridge.books.store import commit
from ledger_bridge.timeseries.schema import Bucket, Forget, escaped

log = structlog.get_logger()

SCHEMA_VERSION = 1

# Lines of health and of the bridge's own figures that wait: a day of a hundred gateways, two
# hundred megabytes.
SPOOL_MAX = 1_500_000
# Refused lines that are kept to look at and to try again. They come out of the books for the most
# part, so nothing is lost with the oldest of more.
QUARANTINE_MAX = 10_000

_ROOM = "make room there, and let this user write"
_ASIDE = "start the bridge: it puts the file aside and writes all anew"

Asked = Literal["again", "retry"]
_COMMA = re.compile(r"(?<!\\),")


class Place(NamedTuple):
    """How far all is written, a row of the table `place`."""

    of: str
    began_ms: int
    is_clear: bool = False
    done: int = 0
    until: int = 0
    kind: Kind | Literal[""] = ""
    a: str = ""
    b: str = ""
    day: str = ""
    turned_ms: int = 0
    arrival: int = 0
    booking: int = 0
    leaves: int = 0
    leaf: str = ""

    @property
    def key(self) -> Key:
        """The last sheet written of the edition under way; FIRST where none is."""
        return self.kind, self.a, self.b, self.day

    def at(self, key: Key) -> "Place":
        kind, a, b, day = key
        return self._replace(kind=kind, a=a, b=b, day=day)  # type: ignore[arg-type]

    def turned(self, until: int, now_ms: int) -> "Place":
        """At the begin of the sheets that changed in editions up to one."""
        return self.at(FIRST)._replace(until=until, turned_ms=now_ms)

    def finished(self) -> "Place":
        """These are written."""
        return self.at(FIRST)._replace(done=self.until)


class Due(NamedTuple):
    """The day of a member (`a`), or a shared day, that sheets have made due."""

    kind: Literal["member", "shared"]
    a: str
    day: str
    is_gone: bool


class Told(NamedTuple):
    """A sheet or a day, and why it had to be left out; "" where it was told."""

    what: str
    why: str


class Refused(NamedTuple):
    """A line that the database does not take, in its words."""

    bucket: Bucket
    line: str
    why: str


class Away(NamedTuple):
    """Since when the database takes nothing, and why."""

    since_ms: int
    kind: str
    why: str


class Unusable(PeopleError):
    """The file is broken, or of a newer program."""


class Notebook:
    """The file, opened."""

    def __init__(self, path: Path) -> None:
        """Raises Unusable, or PeopleError where something is in the way."""
        what = "the place of the time series cannot be used"
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise PeopleError(Problem(f"{what}: {error}", str(path), _ROOM)) from error
        try:
            version = self._made()
        except sqlite3.DatabaseError as error:
            self._db.close()  # else it would keep what it has begun locked
            is_broken = not isinstance(error, sqlite3.OperationalError)
            kind, try_ = (Unusable, _ASIDE) if is_broken else (PeopleError, _ROOM)
            raise kind(Problem(f"{what}: {error}", str(path), try_)) from error
        if version > SCHEMA_VERSION:
            self._db.close()
            what = f"a place of schema {version}, this program knows up to {SCHEMA_VERSION}"
            raise Unusable(Problem(what, str(path), _ASIDE))

    def _made(self) -> int:
        """See that the tables are there; gives the schema's version."""
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version <= SCHEMA_VERSION:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
        if version == 0:  # two may find that, the sink and a page that looks
            tables = resources.files(__package__).joinpath("place.sql").read_text("utf-8")
            made = f"BEGIN IMMEDIATE; {tables} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            self._db.executescript(made)
        assert isinstance(version, int)
        return version

    @classmethod
    def for_sink(cls, path: Path) -> "Notebook":
        """The same for the one who writes it: what cannot be used is put aside, for all can be
        written anew.
        """
        try:
            return cls(path)
        except Unusable as error:
            aside = path.with_suffix(".unusable")
            # First what belongs to the file: as soon as that is gone, a page may make the next one.
            for name in ("-wal", "-shm"):
                path.with_name(path.name + name).unlink(missing_ok=True)
            path.replace(aside)
            log.warning("series_place_put_aside", why=error.problems[0].what, file=str(aside))
            return cls(path)

    def close(self) -> None:
        self._db.close()

    @property
    def place(self) -> Place | None:
        """None where nothing was ever written."""
        row = self._db.execute("SELECT * FROM place").fetchone()
        return Place(*row[1:])._replace(is_clear=bool(row[3])) if row else None

    @contextmanager
    def change(self) -> Iterator[None]:
        """What is noted within is noted as a whole, or not at all."""
        with commit(self._db):
            yield

    def move(self, place: Place) -> None:
        marks = ", ".join("?" * len(place))
        self._db.execute(f"INSERT OR REPLACE INTO place VALUES (1, {marks})", place)

    def begin(self, place: Place) -> None:
        """All is to be written anew: nothing that came out of the books is due any more."""
        with self.change():
            self._db.execute("DELETE FROM due")
            self._db.execute("DELETE FROM quarantine")
            self._db.execute("DELETE FROM asked")
            self._db.execute("DELETE FROM dropped WHERE what = 'quarantine'")
            self._db.execute("DELETE FROM left_out")
            self.move(place)

    # What follows from sheets.

    def note_due(self, some: Iterable[Due]) -> None:
        self._db.executemany(
            "INSERT INTO due VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET is_gone = max(is_gone, excluded.is_gone)",
            some,
        )

    def due(
        self, kind: Literal["member", "shared"], limit: int, *, after: Due | None = None
    ) -> list[Due]:
        """So many of a kind, in their order."""
        beyond = (after.a, after.day) if after else ("", "")
        rows = self._db.execute(
            "SELECT a, day, is_gone FROM due WHERE kind = ? AND (a, day) > (?, ?)"
            " ORDER BY a, day LIMIT ?",
            (kind, *beyond, limit),
        )
        return [Due(kind, a, day, bool(is_gone)) for a, day, is_gone in rows]

    def done_due(self, some: Iterable[Due]) -> None:
        self._db.executemany(
            "DELETE FROM due WHERE (kind, a, day) = (?, ?, ?)", [one[:3] for one in some]
        )

    # What the database could not take away.

    def owe(self, measurements: Iterable[str]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO owed VALUES (?)", [(m,) for m in measurements])

    def owed(self) -> set[str]:
        return {measurement for (measurement,) in self._db.execute("SELECT * FROM owed")}

    def paid(self) -> None:
        self._db.execute("DELETE FROM owed")

    # What is nowhere else.

    def put(self, lines: Sequence[str]) -> None:
        """Have lines wait for the bucket of months; the oldest go where there are too many."""
        with self.change():
            self._db.executemany(
                "INSERT INTO spool (bucket, line) VALUES ('months', ?)", [(one,) for one in lines]
            )
            gone = self._db.execute(
                "DELETE FROM spool WHERE n <= (SELECT max(n) FROM spool) - ?", (SPOOL_MAX,)
            ).rowcount
            self._drop("spool", gone)

    def spooled(self, limit: int, *, after: int) -> tuple[list[str], int]:
        """So many of them, the oldest after a number, and the number of the last."""
        rows = self._db.execute(
            "SELECT line, n FROM spool WHERE n > ? ORDER BY n LIMIT ?", (after, limit)
        ).fetchall()
        return [line for line, _ in rows], rows[-1][1] if rows else after

    def unspool(self, until: int) -> None:
        self._db.execute("DELETE FROM spool WHERE n <= ?", (until,))

    # What was refused.

    def quarantine(self, some: Iterable[Refused], *, now_ms: int) -> None:
        rows = [(point_of(one.line), *one, now_ms) for one in some]
        self._db.executemany("INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?)", rows)
        gone = self._db.execute(
            "DELETE FROM quarantine WHERE rowid IN"
            " (SELECT rowid FROM quarantine ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
            (QUARANTINE_MAX,),
        ).rowcount
        self._drop("quarantine", gone)

    def quarantined(self, limit: int) -> list[Refused]:
        """The oldest of them."""
        rows = self._db.execute(
            "SELECT bucket, line, why FROM quarantine ORDER BY rowid LIMIT ?", (limit,)
        )
        return [Refused(*row) for row in rows]

    def release(self, bucket: Bucket, lines: Iterable[str]) -> None:
        """These points are as the books have them now."""
        if self.number("quarantine"):
            self._db.executemany(
                "DELETE FROM quarantine WHERE (point, bucket) = (?, ?)",
                [(point_of(line), bucket) for line in lines],
            )

    def forget(self, forgets: Iterable[Forget]) -> None:
        """What is taken away from the database does not wait for it either."""
        for forget in forgets:
            for table in ("spool", "quarantine"):
                rows = self._db.execute(
                    f"SELECT rowid, line FROM {table} WHERE line LIKE ?",
                    (f"{forget.measurement.name},%",),
                ).fetchall()
                gone = [(n,) for n, line in rows if _is_of(line, forget)]
                self._db.executemany(f"DELETE FROM {table} WHERE rowid = ?", gone)
            if forget.span_ms is None and "account" in forget.tags:
                of_account = f"day {forget.tags['account']} %"
                self._db.execute("DELETE FROM left_out WHERE what LIKE ?", (of_account,))

    def scrub(self) -> None:
        """Leave nothing in the files of what was taken away, as lines of whoever was erased."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # What could not be told.

    def note_told(self, some: Iterable[Told]) -> list[Told]:
        """Note what was told and what was left out; gives what of this is left out only now."""
        before = self.left_out()
        changed = [one for one in some if before.get(one.what, "") != one.why]
        self._db.executemany(
            "DELETE FROM left_out WHERE what = ?", [(what,) for what, why in changed if not why]
        )
        new = [one for one in changed if one.why]
        self._db.executemany("INSERT OR REPLACE INTO left_out VALUES (?, ?)", new)
        return [one for one in new if one.what not in before]

    def left_out(self) -> dict[str, str]:
        """What was left out, and why."""
        return dict(self._db.execute("SELECT what, why FROM left_out ORDER BY rowid").fetchall())

    # What people see and ask.

    def waiting(self) -> int:
        """How many lines wait, or a few more: counting them would read them all."""
        span = "SELECT coalesce(max(n) - min(n) + 1, 0) FROM spool"
        (number,) = self._db.execute(span).fetchone()
        assert isinstance(number, int)
        return number

    def number(self, table: Literal["due", "owed", "quarantine", "left_out"]) -> int:
        (number,) = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert isinstance(number, int)
        return number

    def dropped(self, what: Literal["spool", "quarantine"]) -> int:
        row = self._db.execute("SELECT n FROM dropped WHERE what = ?", (what,)).fetchone()
        return row[0] if row else 0

    def _drop(self, what: Literal["spool", "quarantine"], n: int) -> None:
        if n:
            self._db.execute(
                "INSERT INTO dropped VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                (what, n),
            )

    def away(self) -> Away | None:
        row = self._db.execute("SELECT since_ms, kind, why FROM away").fetchone()
        return Away(*row) if row else None

    def set_away(self, away: Away | None) -> None:
        with self.change():
            self._db.execute("DELETE FROM away")
            if away:
                self._db.execute("INSERT INTO away VALUES (1, ?, ?, ?)", away)

    def ask(self, what: Asked) -> None:
        with self.change():
            self._db.execute("INSERT OR IGNORE INTO asked VALUES (?)", (what,))

    def asked(self) -> set[Asked]:
        found = {what for (what,) in self._db.execute("SELECT what FROM asked")}
        return {what for what in get_args(Asked) if what in found}

    def answered(self, what: Asked) -> None:
        self._db.execute("DELETE FROM asked WHERE what = ?", (what,))


def point_of(line: str) -> str:
    """What tells the point of a line apart: the line without its fields."""
    head, _, at_ms = line.rpartition(" ")
    return f"{head.rpartition(' ')[0]} {at_ms}"


def _is_of(line: str, forget: Forget) -> bool:
    head, _, at_ms = line.rpartition(" ")
    name, *tags = _COMMA.split(head.rpartition(" ")[0])
    wanted = {f"{tag}={escaped(value)}" for tag, value in forget.tags.items()}
    is_then = forget.span_ms is None or forget.span_ms[0] <= int(at_ms) < forget.span_ms[1]
    return name == forget.measurement.name and is_then and wanted <= set(tags)
