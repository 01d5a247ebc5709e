"""A damaged journal is set aside, and what can still be read of it goes on in a new one.

The new one is made whole before the old one is moved: a power cut at any moment leaves one of them.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from gateway.contract import schema
from gateway.contract.keys import PublicKey
from gateway.contract.notify import take_up_to
from gateway.journal import file, rescue, room

log = structlog.get_logger()

# Beside a database are its write-ahead log, the index of that, and what a first start rolls back.
BESIDE = ("-wal", "-shm", "-journal")
# The slowest card gives and takes the largest journal in this time.
READ_AGAIN_S_MAX = 900
TRY = "keep the file that was set aside until its card was looked at; replace the card"


def suspect(path: Path) -> None:
    """Have the file looked through at the next start, however large it is."""
    with suppress(OSError):
        _suspicion(path).touch()


def is_suspect(path: Path) -> bool:
    return _suspicion(path).exists()


def _suspicion(path: Path) -> Path:
    return path.with_name("journal.suspect")


def set_aside(folder: Path) -> str:
    """A damaged journal that was moved away and that nobody took yet, "" where there is none."""
    return next((str(path) for path in sorted(folder.glob("journal-damaged-*.db"))), "")


def make_good(path: Path, key: PublicKey, connect: file.Connect, known: str = "") -> None:
    """See that the file at `path` is whole, or is not there yet; `key` signs its records.

    `known` is what is known to be wrong with it already. Raises sqlite3.OperationalError and
    OSError where the disk does not let us.
    """
    whole = path.with_name("journal.whole")
    if not whole.exists():
        why = known or _damage(path, connect)
        if not why:
            _suspicion(path).unlink(missing_ok=True)
            return
        log.error("journal_damaged", where=str(path), reason=why, try_=TRY)
        take_up_to(READ_AGAIN_S_MAX)
        new = path.with_name("journal.new")
        for ending in ("", *BESIDE):
            new.with_name(f"{new.name}{ending}").unlink(missing_ok=True)
        _read_into(new, path, key)
        new.rename(whole)
        schema.sync(path.parent)
    _exchange(path, whole)
    _suspicion(path).unlink(missing_ok=True)


def _damage(path: Path, connect: file.Connect) -> str:
    """Why the file cannot be used, "" where it can, or is still to be made."""
    if path.with_name(f"{path.name}-journal").exists():
        # Power was cut while the file was being made: whoever may write puts that right.
        with closing(connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA user_version").fetchone()
    is_there = path.exists() and path.stat().st_size > 0
    if not is_there:
        # The ballast is made once the journal is: where it lies there was one.
        return "the file is gone" if room.Ballast(path.parent).exists() else ""
    return file.damage(path, is_suspect=is_suspect(path))


def _read_into(new: Path, path: Path, key: PublicKey) -> None:
    with closing(sqlite3.connect(new, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
        file.upgrade(db, new)
        db.execute("BEGIN")
        records = rescue.copy(path, db) if path.exists() else 0
        lost = sum(rescue.settle(db, key))
        db.execute("COMMIT")
    with new.open("rb") as made:
        os.fsync(made.fileno())
    log.warning("journal_read_again", records=records, lost=lost)


def _exchange(path: Path, whole: Path) -> None:
    """Move what is damaged aside, and what is whole to its place."""
    made = datetime.fromtimestamp(whole.stat().st_mtime, UTC)
    aside = next(name for name in _names(path.parent, made) if not name.exists())
    for ending in (*BESIDE, ""):
        old = path.with_name(f"{path.name}{ending}")
        if old.exists():
            old.rename(aside.with_name(f"{aside.name}{ending}"))
    whole.rename(path)
    schema.sync(path.parent)
    if aside.exists():
        log.error("journal_set_aside", where=str(aside), try_=TRY)


def _names(folder: Path, made: datetime) -> Iterator[Path]:
    stem = f"journal-damaged-{made:%Y%m%dT%H%M%SZ}"
    yield folder / f"{stem}.db"
    number = 1
    while True:
        number += 1
        yield folder / f"{stem}-{number}.db"
