"""The journal's file: opened, looked through, brought to the newest schema; one process writes."""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from gateway.contract.errors import ConfigError, Problem, Unreachable, UsageError
from gateway.journal import room

SCHEMA_VERSION = 4
SCHEMA = Path(__file__).with_name("journal.sql")
UPGRADE = Path(__file__).with_name("upgrade.sql")

# Looked through at each start: half a second here, some seconds on a card. A file that is larger is
# looked through when reading it went wrong before.
LOOKED_THROUGH_BYTES = 256_000_000

# The write-ahead log between two checkpoints is half of this.
LOG_BYTES_MAX = 8_000_000

# With less than this left, whatever goes wrong is for want of room: SQLite calls it an I/O error.
FULL_BYTES = 100_000

Connect = Callable[..., sqlite3.Connection]


def unwritable(folder: Path, why: str) -> Unreachable:
    """The disk is full, or not ours to write: what is in the journal is still good."""
    if folder.exists() and room.free_bytes(folder) < FULL_BYTES:
        why = f"the disk is full ({why})"
    try_ = "make room on the disk and let this user write there, then start again"
    return Unreachable(Problem(f"the journal cannot be written: {why}", str(folder), try_))


def held(folder: Path) -> int:
    """The writer's lock, held until the process ends; makes the folder where it is missing.

    Raises Unreachable, and UsageError naming who holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "journal.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unwritable(folder, error.strerror or str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        problem = Problem(
            f"another gateway writes this journal: process {pid}",
            str(folder),
            "stop it first (systemctl stop meterkast-gateway), or give another data folder",
        )
        raise UsageError(problem) from error
    with suppress(OSError):  # a full disk has no room for our name; the lock holds all the same
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def damage(path: Path, *, is_suspect: bool) -> str:
    """What is wrong with the file, "" where nothing was found. Changes nothing in it.

    Raises sqlite3.OperationalError where it cannot be read at all.
    """
    if path.stat().st_size > LOOKED_THROUGH_BYTES and not is_suspect:
        return ""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else " ".join(found.split())


def connected(path: Path, connect: Connect) -> sqlite3.Connection:
    """The database, of the newest schema. Raises sqlite3.DatabaseError, OSError, ConfigError."""
    _write_again(path.with_name(f"{path.name}-wal"))
    db = connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        # Debian's SQLite overwrites what is deleted: twenty times the writing, and nobody is
        # kept from reading a card by it.
        db.execute("PRAGMA secure_delete = OFF")
        # What a large deletion made of the log is given back.
        db.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX}")
        upgrade(db, path)
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def _write_again(log: Path) -> None:
    """Put on the disk what is read from it.

    After a sync that failed the kernel takes for written what the disk never took: whoever reads it
    then would go on from what the next power cut takes away.
    """
    if log.exists():
        with log.open("r+b") as file:
            data = file.read()
            file.seek(0)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def upgrade(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to the newest schema. Raises ConfigError."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        what = f"the journal has schema {version}, this program knows {SCHEMA_VERSION}"
        raise ConfigError(Problem(what, str(path), "install the newer meterkast again"))
    if version < SCHEMA_VERSION:
        first = UPGRADE.read_text() if version else ""
        last = f"{SCHEMA.read_text()} PRAGMA user_version = {SCHEMA_VERSION};"
        db.executescript(f"BEGIN; {first} {last} COMMIT;")
