"""Databases of ours between two schemas: a copy before each step, and a way back.

An updated program brings its database to its newer schema. Where the update is taken back, the
older program meets that: it goes on with all that is in there, as far as it knows the columns. So a
schema may gain tables and columns, and never loses one.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

# After so long nobody takes an update back.
COPY_KEPT_S = 14 * 86_400
# What looks older was made while the clock was not set.
COPY_OLDEST_S = 3_650 * 86_400


class Unknown(Exception):
    """A later schema lacks what this program needs; says what."""


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


def forget_copies(path: Path) -> None:
    """Take away the copies of which nobody will want one any more."""
    now_s = time.time()
    for old in path.parent.glob(f"{path.stem}-schema-*{path.suffix}"):
        if COPY_KEPT_S < now_s - old.stat().st_mtime < COPY_OLDEST_S:
            old.unlink()


def statements(script: str) -> Iterator[str]:
    """The statements of a script, one by one."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def go_back(db: sqlite3.Connection, script: str, *, said: Iterable[str] = ()) -> None:
    """Inside a transaction: what is there in the tables that `script` makes, row by row.

    Tables named in `said` are filled, all where none is named. Foreign keys must be off. Raises
    Unknown, sqlite3.Error.
    """
    db.execute("PRAGMA legacy_alter_table = ON")  # no table follows another's new name
    later = _named(db, "table")
    for kind in ("trigger", "view", "index"):
        for name in _named(db, kind):
            db.execute(f'DROP {kind} "{name}"')
    for name in later:
        db.execute(f'ALTER TABLE "{name}" RENAME TO "later_{name}"')
    made = list(statements(script))
    tables = [one for one in made if "CREATE TABLE" in one]
    for table in tables:
        db.execute(table)
    ours = [name for name in _named(db, "table") if not name.startswith("later_")]
    for name in set(said) or ours:
        _fill(db, name)
    for name in later:
        db.execute(f'DROP TABLE "later_{name}"')
    for other in made:
        if other not in tables:
            db.execute(other)


def _named(db: sqlite3.Connection, kind: str) -> list[str]:
    rows = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
        (kind,),
    )
    return [name for (name,) in rows]


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
    db.execute(f'INSERT INTO "{name}" ({listed}) SELECT {listed} FROM "later_{name}"')
