"""The journal's file: opened, looked through, brought to the newest schema; one process writes."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import structlog

from gateway.contract import schema, signed
from gateway.contract.errors import ConfigError, Problem, Unreachable, UsageError
from gateway.contract.notify import take_up_to
from gateway.journal import chains, room

SCHEMA_VERSION = 4
SCHEMA = Path(__file__).with_name("journal.sql")
UPGRADE = Path(__file__).with_name("upgrade.sql")
# Lies beside a journal that came out of a backup, until it is opened.
RESTORED = "journal.restored"
TABLES_ARE_MADE = "-- Here journal.sql makes the tables."

# Looked through at each start: half a second here, some seconds on a card. A file that is larger is
# looked through when reading it went wrong before.
LOOKED_THROUGH_BYTES = 256_000_000

# The write-ahead log between two checkpoints is half of this.
LOG_BYTES_MAX = 8_000_000
# After a way back the log is as large as the journal, and larger than what a gateway may take.
PART_BYTES = 1_000_000

# With less than this left, whatever goes wrong is for want of room: SQLite calls it an I/O error.
FULL_BYTES = 100_000

Connect = Callable[..., sqlite3.Connection]

log = structlog.get_logger()


def unwritable(folder: Path, why: str) -> Unreachable:
    """The disk is full, or not ours to write: what is in the journal is still good."""
    if folder.exists() and room.free_bytes(folder) < FULL_BYTES:
        why = f"the disk is full ({why})"
    try_ = "make room on the disk and let this user write there, then start again"
    return Unreachable(Problem(f"the journal cannot be written: {why}", str(folder), try_))


def unreadable(path: Path, why: str) -> ConfigError:
    try_ = "move it aside and start again; what was pending in it is then lost"
    return ConfigError(Problem(f"the journal cannot be read: {why}", str(path), try_))


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


# Pages that lead in a circle have no end; the slowest card reads the largest journal in this time.
LOOKED_S_MAX = 600
LOOKED_STEPS = 1_000_000


def damage(path: Path, *, is_suspect: bool) -> str:
    """What is wrong with the file, "" where nothing was found. Changes nothing in it.

    Raises sqlite3.OperationalError where the disk does not let it be read.
    """
    is_looked_through = is_suspect or path.stat().st_size <= LOOKED_THROUGH_BYTES
    check = "integrity_check" if is_suspect else "quick_check"
    if is_suspect:
        take_up_to(LOOKED_S_MAX)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            until_s = time.monotonic() + LOOKED_S_MAX
            db.set_progress_handler(lambda: time.monotonic() > until_s, LOOKED_STEPS)
            if is_looked_through:
                (found,) = db.execute(f"PRAGMA {check}(1)").fetchone()
                if found != "ok":
                    return " ".join(found.split())
            return _nonsense(db) or (_broken_links(db) if is_suspect else "")
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            return "it cannot be read to an end"
        # A wrong name or a text that is none: so wrong are our own tables only when damaged.
        if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) != sqlite3.SQLITE_ERROR:
            raise
        return str(error)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)


def _nonsense(db: sqlite3.Connection) -> str:
    """What no journal says, "" where it makes sense; one of an older schema is not asked."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return ""
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(SCHEMA.read_text())
        # But for what SQLite makes for itself, and leaves where a newer program was.
        tables = (
            "SELECT type, name, sql FROM sqlite_schema"
            " WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name"
        )
        if db.execute(tables).fetchall() != ours.execute(tables).fetchall():
            return "its tables are not those of a journal"
    for table in ("chain", "lost", "boundary", "contact", "container", "day", "written"):
        db.execute(f"SELECT * FROM {table}").fetchall()
    for _, _, accepted, delivered, pending, expired in db.execute("SELECT * FROM tally"):
        if accepted != delivered + pending + expired:
            return f"of {accepted} records {accepted - delivered - pending - expired} are missing"
    return ""


def _broken_links(db: sqlite3.Connection) -> str:
    """The first record that is not what the one after it follows, or the chain ends with."""
    rows = db.execute(
        "SELECT chain.chain, record.seq, record.data, chain.last, chain.digest FROM chain"
        " JOIN record USING (community, gateway, chain) ORDER BY community, gateway, chain, seq"
    )
    before: tuple[str, int, bytes] = ("", 0, b"")
    for chain, seq, data, last, digest in rows:
        follows = before[:2] == (chain, seq - 1)
        if follows and not chains.links(before[2], data):
            return f"record {seq - 1} of {chain} is not what {seq} follows"
        if seq == last and signed.digest(data) != digest:
            return f"record {seq} of {chain} is not what it ends with"
        before = (chain, seq, data)
    return ""


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
        with log.open("r+b", buffering=0) as file:
            at = 0
            while part := os.pread(file.fileno(), PART_BYTES, at):
                at += os.pwrite(file.fileno(), part, at)
            os.fsync(file.fileno())


def _newer(version: int, path: Path, why: str) -> ConfigError:
    what = f"the journal has schema {version}, {why}"
    return ConfigError(Problem(what, str(path), "install the newer meterkast again"))


def upgrade(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them to our schema, with a copy beside it of what was before.

    Raises ConfigError, Unreachable, sqlite3.Error, OSError: then nothing has changed.
    """
    schema.clear(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        if not schema.is_young(db):
            raise _newer(version, path, f"this program knows {SCHEMA_VERSION}")
        _go_back(db, path, version)
        return
    if version:
        try:
            schema.keep_copy(db, path, version)
        except schema.NoRoom as error:  # for which the ballast is too good
            raise unwritable(path.parent, str(error)) from error
    before, after = UPGRADE.read_text().split(TABLES_ARE_MADE) if version else ("", "")
    # Else the records would go on referring to the chains by the name that they had before.
    db.execute("PRAGMA legacy_alter_table = ON")
    try:
        db.executescript(
            f"BEGIN; {before} {SCHEMA.read_text()} {after}"
            f" PRAGMA user_version = {SCHEMA_VERSION}; {schema.YOUNG} COMMIT;"
        )
    except sqlite3.IntegrityError as error:  # which is no damage
        db.execute("ROLLBACK")
        what = f"the journal of schema {version} cannot become one of {SCHEMA_VERSION}: {error}"
        try_ = "the meterkast of before, and report it"
        raise ConfigError(Problem(what, str(path), try_)) from error


def _go_back(db: sqlite3.Connection, path: Path, version: int) -> None:
    """An update was taken back: its records are ours, and the next number is the one after them."""
    with suppress(OSError, sqlite3.OperationalError):  # better without a copy than not at all
        schema.keep_copy(db, path, version)
    try:
        db.execute("BEGIN IMMEDIATE")
        schema.go_back(db, SCHEMA.read_text())
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    except schema.Unknown as error:
        db.execute("ROLLBACK")
        raise _newer(version, path, f"and {error}") from error
    log.warning("journal_went_back", where=str(path), from_schema=version, to=SCHEMA_VERSION)
