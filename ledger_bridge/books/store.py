"""The file of the books: opening it, its schema version, and the lock of its one writer."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from gateway.contract.errors import PeopleError, Problem

SCHEMA_VERSION = 4

# Where the tables of what follows from the records are made.
FACTS = ("counter.sql", "waste.sql", "times.sql")

# Books of schema 1 knew no doubts, no worth of pulses and no meter that changes its channel; those
# of schema 2 knew of deposits no more than a card, a fraction and a weight; those of schema 3 took
# every clock at its word, and knew of gateways only their first key. Facts follow from the records,
# so they are taken out of them anew.
_FROM_OLDER = """
    DROP TABLE counter;
    DROP TABLE deposit;
    DROP TABLE IF EXISTS correction;
    DROP TABLE IF EXISTS container_event;
    DROP TABLE IF EXISTS known_weight;
    DROP TABLE IF EXISTS turned;
    DROP TABLE IF EXISTS clockless;
    DROP TABLE IF EXISTS unread;
    {facts}
    INSERT INTO unread SELECT DISTINCT community FROM chain;
    {gateways}
    ALTER TABLE chain ADD COLUMN key TEXT NOT NULL DEFAULT '';
"""


class BookInUse(PeopleError):
    """Another process writes these books."""


def _connect(uri: str) -> sqlite3.Connection:
    # autocommit: transactions are ours to begin and end, see `commit`.
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _check_version(db: sqlite3.Connection, path: Path) -> int:
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        what = f"these books cannot be read: {error}"
        raise PeopleError(Problem(what, str(path), "restore them from your backup")) from error
    if version > SCHEMA_VERSION:
        raise PeopleError(
            Problem(
                f"books of schema {version}, this program knows up to {SCHEMA_VERSION}",
                str(path),
                "update meterkast; an older program must not touch newer books",
            )
        )
    assert isinstance(version, int)
    return version


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot change anything. Raises PeopleError where there are no books."""
    if not path.exists():
        raise PeopleError(Problem("there are no books", str(path), "meterkast hub init DIR"))
    db = _connect(f"file:{path}?mode=ro")
    db.execute("PRAGMA query_only = ON")
    version = _check_version(db, path)
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
    """The books, made anew where there are none. The caller holds the WriterLock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = _connect(f"file:{path}")
    version = _check_version(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA cache_size = -65536")
    if version < SCHEMA_VERSION:
        facts = "".join(map(_sql, FACTS))
        gateways = _sql("gateways.sql")
        if version:
            script = _FROM_OLDER.format(facts=facts, gateways=gateways)
        else:
            script = _sql("schema.sql") + facts + gateways
        db.executescript(f"BEGIN; {script} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return db


def _sql(name: str) -> str:
    return resources.files("ledger_bridge.books").joinpath("sql", name).read_text("utf-8")


@contextmanager
def commit(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One transaction: all of it stands after the block, or none."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
