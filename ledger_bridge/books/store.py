"""The file of the books: opening it, its schema version, and the lock of its one writer."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path

import structlog

from gateway.contract import schema
from gateway.contract.errors import PeopleError, Problem

SCHEMA_VERSION = 6

# Tables of what follows from the evidence: taken out of it anew where an older program made them.
FACTS = (
    "counter.sql",
    "waste.sql",
    "times.sql",
    "attested.sql",
    "official.sql",
    "changing.sql",
)
# Tables of what was decided and said, of what was shared out of it, and views; these stay.
SAID = (
    "schema.sql",
    "gateways.sql",
    "acts.sql",
    "closing.sql",
    "log.sql",
    "views.sql",
    "changed.sql",
    "shared.sql",
)

_CREATED = re.compile(r"CREATE (?:TABLE|VIEW|TRIGGER|INDEX|UNIQUE INDEX) (\w+)")
_TABLE = re.compile(r"CREATE TABLE (\w+)")
_DROPPED = re.compile(r"DROP (?:TABLE|TRIGGER) IF EXISTS (\w+)")
# What older tables of what was said lack, by the schema that brought it.
_ADDED = {
    4: "ALTER TABLE chain ADD COLUMN key TEXT NOT NULL DEFAULT '';",
    5: "DROP TRIGGER IF EXISTS record_stays;",
    6: (
        "DROP TABLE IF EXISTS shared; DROP TABLE IF EXISTS shared_day;"
        "DROP TABLE IF EXISTS unshared;"
    ),
}


log = structlog.get_logger()


class BookInUse(PeopleError):
    """Another process writes these books."""


def _connect(uri: str) -> sqlite3.Connection:
    # autocommit: transactions are ours to begin and end, see `commit`.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _version(db: sqlite3.Connection, path: Path) -> int:
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        what = f"these books cannot be read: {error}"
        raise PeopleError(Problem(what, str(path), "restore them from your backup")) from error
    assert isinstance(version, int)
    return version


def _newer(version: int, path: Path, why: str = "") -> PeopleError:
    what = f"books of schema {version}, this program knows up to {SCHEMA_VERSION}{why}"
    try_ = "update meterkast; an older program must not touch newer books"
    return PeopleError(Problem(what, str(path), try_))


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot change anything. Raises PeopleError where there are no books."""
    if not path.exists():
        raise PeopleError(Problem("there are no books", str(path), "meterkast hub init DIR"))
    db = _connect(f"file:{path}?mode=ro")
    db.execute("PRAGMA query_only = ON")
    version = _version(db, path)
    if version > SCHEMA_VERSION:
        raise _newer(version, path)
    if version == 0:
        raise PeopleError(Problem("there are no books", str(path), "meterkast hub init DIR"))
    if version < SCHEMA_VERSION:
        what = f"books of schema {version}, this program reads {SCHEMA_VERSION}"
        raise PeopleError(Problem(what, str(path), "start the bridge; it brings them up to date"))
    return db


class WriterLock:
    """Held by the one process that writes; goes with the process, whatever ends it."""

    def __init__(self, path: Path) -> None:
        """Raises BookInUse, naming the process that holds it."""
        try:
            self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            what = f"the books cannot be locked: {error.strerror}"
            raise PeopleError(
                Problem(what, f"{path}.lock", "see books = … in bridge.toml")
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode() or "unknown"
            os.close(self._descriptor)
            what = f"process {holder} is writing these books"
            raise BookInUse(Problem(what, str(path), "end it, or let it do the work")) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._descriptor)


def open_to_write(path: Path) -> sqlite3.Connection:
    """The books of our schema, made anew where there are none. The caller holds the WriterLock.

    Raises PeopleError, and nothing has changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(0o600)  # members' names are in there
    db = _connect(f"file:{path}")
    try:
        _make_ours(db, path)
    except BaseException:
        db.close()
        raise
    return db


def _make_ours(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to our schema, with a copy beside it of what was before."""
    version = _version(db, path)
    if version > SCHEMA_VERSION and not schema.is_young(db):
        raise _newer(version, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cache_size = -65536")
    schema.clear(path)
    if version == SCHEMA_VERSION:
        return
    try:
        if version > SCHEMA_VERSION:
            _go_back(db, path, version)
        elif version:
            schema.keep_copy(db, path, version)
            _upgrade(db, version)
        else:
            tables = "".join(map(_sql, (*SAID, *FACTS)))
            db.executescript(
                f"BEGIN; {tables} PRAGMA user_version = {SCHEMA_VERSION}; {schema.YOUNG} COMMIT;"
            )
    except (OSError, sqlite3.Error) as error:
        what = f"the books of schema {version} cannot become those of {SCHEMA_VERSION}: {error}"
        is_room = isinstance(error, OSError | sqlite3.OperationalError)
        try_ = (
            f"{'make room there (df -h)' if is_room else 'report it'}; the version before runs on"
        )
        raise PeopleError(Problem(what, str(path), try_)) from error


def _go_back(db: sqlite3.Connection, path: Path, version: int) -> None:
    """An update was taken back: what was said stays, what follows is taken out of it anew."""
    with suppress(OSError, sqlite3.OperationalError):  # better without a copy than not at all
        schema.keep_copy(db, path, version)
    db.execute("PRAGMA foreign_keys = OFF")
    said = [name for script in SAID for name in _TABLE.findall(_sql(script))]
    try:
        with commit(db):
            schema.go_back(db, "".join(map(_sql, (*SAID, *FACTS))), said=said)
            db.execute("INSERT INTO unread SELECT DISTINCT community FROM chain")
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except schema.Unknown as error:
        raise _newer(version, path, f", and {error}") from error
    db.execute("PRAGMA foreign_keys = ON")
    log.warning("books_went_back", books=str(path), from_schema=version, to=SCHEMA_VERSION)


def _upgrade(db: sqlite3.Connection, version: int) -> None:
    """Bring books of an older schema up to date: what follows from evidence is taken out anew."""
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
    facts = "".join(map(_sql, FACTS))
    gone = "".join(f"DROP TABLE IF EXISTS {name};" for name in _TABLE.findall(facts))
    added = "".join(sql for since, sql in _ADDED.items() if version < since)
    there -= set(_DROPPED.findall(added))
    new = "".join(
        statement
        for name in SAID
        for statement in schema.statements(_sql(name))
        if (made := _CREATED.search(statement)) and made[1] not in there
    )
    db.executescript(
        f"BEGIN; {gone} {facts} {added} {new}"
        " INSERT INTO unread SELECT DISTINCT community FROM chain;"
        f" PRAGMA user_version = {SCHEMA_VERSION}; {schema.YOUNG} COMMIT;"
    )


def _sql(name: str) -> str:
    return resources.files("ledger_bridge.books").joinpath("sql", name).read_text("utf-8")


@contextmanager
def commit(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it stands after the block, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        # Of some errors, such as a full disk, SQLite has rolled back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
