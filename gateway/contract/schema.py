"""Databases of ours between two schemas: a copy before each step, and a way back.

An updated program brings its database to its newer schema. Where the update is taken back, the
older program meets that: it goes on with all that is in there, as far as it knows the columns. So a
schema may gain tables and columns, and never loses one.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from gateway.contract.notify import take_up_to

# After so long nobody takes an update back.
COPY_KEPT_S = 14 * 86_400
# What looks older was made while the clock was not set.
COPY_OLDEST_S = 3_650 * 86_400

# Goes with the transaction that brings a database to a newer schema, or makes it: an older program
# may take it over.
YOUNG = "PRAGMA application_id = 1;"

# As often as it is large: a copy, and on the way back all rows anew, in the write-ahead log and
# beside the old ones. Where what is deleted is overwritten, the log has that too.
ROOM_TIMES = 3
# What a fiftieth for the log's own frames does not cover.
ROOM_BYTES = 4_000_000

# What the slowest of cards writes in a second, and a start takes beside that.
SLOW_BYTES = 2_000_000
START_S = 60


class Unknown(Exception):
    """A later schema lacks what this program needs; says what."""


class NoRoom(OSError):
    """The disk has no room for a step, and for the way back from it."""


def copied(path: Path, version: int) -> Path:
    """Where the copy lies that was made of a database before it left this schema."""
    return path.with_name(f"{path.stem}-schema-{version}{path.suffix}")


def copy(db: sqlite3.Connection, to: Path) -> None:
    """All of a database in one file, which is whole or not there. Raises OSError, sqlite3.Error."""
    part = to.with_name(f"{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(sqlite3.connect(part, isolation_level=None)) as target:
            target.execute("PRAGMA synchronous = OFF")  # it is synced as a whole
            db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        with part.open("rb") as made:
            os.fsync(made.fileno())
        part.replace(to)
        sync(to.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sync(folder: Path) -> None:
    """A name in a folder is as safe as the file itself only after this."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Before a step, and after it


def clear(path: Path) -> None:
    """Take away what a program left that was cut off while it made a copy."""
    for part in _copies(path, ".part"):
        with suppress(OSError):  # tried again at the next start
            part.unlink()


def _copies(path: Path, ending: str = "") -> Iterator[Path]:
    return path.parent.glob(f"{path.stem}-schema-*{path.suffix}{ending}")


def is_young(db: sqlite3.Connection) -> bool:
    """Whether an update was here so lately that it may be taken back."""
    (mark,) = db.execute("PRAGMA application_id").fetchone()
    return bool(mark)


def grow_old(db: sqlite3.Connection, path: Path) -> None:
    """Take away the copies that nobody will want any more; after the last, nobody goes back.

    For a program that has run for longer than any trial: whoever is on trial may be taken back,
    whatever a clock says.
    """
    now_s = time.time()
    for old in _copies(path):
        with suppress(OSError):  # tried again later
            if COPY_KEPT_S < now_s - old.stat().st_mtime < COPY_OLDEST_S:
                old.unlink()
    if is_young(db) and not any(_copies(path)):
        db.execute("PRAGMA application_id = 0")


def keep_copy(db: sqlite3.Connection, path: Path, version: int) -> None:
    """A copy of what is there, where that leaves room for a way back.

    Raises NoRoom, and OSError and sqlite3.Error where it cannot be written.
    """
    wanted, free = _wanted_bytes(db), shutil.disk_usage(path.parent).free
    take_up_to(START_S + wanted // SLOW_BYTES)
    if free < wanted:
        what = f"another schema wants {_mb(wanted)} of the disk, and {_mb(free)} are free"
        raise NoRoom(what)
    copy(db, copied(path, version))


def _wanted_bytes(db: sqlite3.Connection) -> int:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (page,) = db.execute("PRAGMA page_size").fetchone()
    (is_overwritten,) = db.execute("PRAGMA secure_delete").fetchone()
    size_bytes: int = pages * page
    return (ROOM_TIMES + bool(is_overwritten)) * (size_bytes + size_bytes // 50) + ROOM_BYTES


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:,.1f} MB"


# The way back


class _Made(NamedTuple):
    """A table, index, view or trigger, as it stands in a database."""

    kind: str
    table: str
    sql: str


def go_back(db: sqlite3.Connection, script: str, *, said: Iterable[str] = ()) -> None:
    """Inside a transaction: what is there in the tables that `script` makes, row by row.

    Tables named in `said` keep their rows, all where none is named. Foreign keys must be off.
    Raises Unknown, sqlite3.Error.
    """
    db.execute("PRAGMA legacy_alter_table = ON")  # no table follows another's new name
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript(script)
        ours = _made(empty)
    later = _made(db)
    filled = set(said) or {name for name, one in ours.items() if one.kind == "table"}
    # Most tables of most updates are as they were, and the largest need not be written again.
    same = {name for name, one in ours.items() if later.get(name) == one}
    stay = same & filled
    stay |= {name for name in same if ours[name].kind == "index" and ours[name].table in stay}
    gone = {name: one for name, one in later.items() if name not in stay}
    for kind in ("trigger", "view", "index"):
        for name in _of(gone, kind):
            db.execute(f'DROP {kind} "{name}"')
    for name in _of(gone, "table"):
        db.execute(f'ALTER TABLE "{name}" RENAME TO "later_{name}"')
    made = {name: one for name, one in ours.items() if name not in stay}
    for name in _of(made, "table"):
        db.execute(made[name].sql)
        if name in filled:
            _fill(db, name)
    for name in _of(gone, "table"):
        db.execute(f'DROP TABLE "later_{name}"')
    for kind in ("index", "view", "trigger"):
        for name in _of(made, kind):
            db.execute(made[name].sql)


def _made(db: sqlite3.Connection) -> dict[str, _Made]:
    rows = db.execute(
        "SELECT name, type, tbl_name, sql FROM sqlite_schema"
        " WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    )
    return {name: _Made(*of_it) for name, *of_it in rows}


def _of(made: dict[str, _Made], kind: str) -> list[str]:
    return [name for name, one in made.items() if one.kind == kind]


def _fill(db: sqlite3.Connection, name: str) -> None:
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{name}")')]
    there = {row[1] for row in db.execute(f'PRAGMA table_info("later_{name}")')}
    if missing := [one for one in columns if one not in there]:
        raise Unknown(f"it has no {', '.join(missing)} in {name}")
    (is_without_rowid,) = db.execute(
        "SELECT wr FROM pragma_table_list WHERE name = ?", (name,)
    ).fetchone()
    # What came first stays first.
    kept = columns if is_without_rowid else ["rowid", *columns]
    listed = ", ".join(f'"{one}"' for one in kept)
    try:
        db.execute(f'INSERT INTO "{name}" ({listed}) SELECT {listed} FROM "later_{name}"')
    except sqlite3.IntegrityError as error:
        raise Unknown(f"what {name} holds is not for this program: {error}") from error


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
