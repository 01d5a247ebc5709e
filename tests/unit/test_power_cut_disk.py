"""What the simulated disk keeps when its power is cut, and what it may lose."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.power import (
    Create,
    Delete,
    Disk,
    Forget,
    Medium,
    Operation,
    Sync,
    Truncate,
    Write,
    contents,
)

BEFORE = {"a": b"old"}
SECTOR = b"x" * 512


def none() -> bool:
    return False


def every() -> bool:
    return True


def only(*wanted: int) -> Callable[[], bool]:
    """Keeps these of the unsynced pieces, counted from 0."""
    pieces = iter(range(1_000))
    return lambda: next(pieces) in wanted


@pytest.mark.parametrize(
    ("operations", "keep", "left"),
    [
        pytest.param([], none, {"a": b"old"}, id="what was there stays"),
        pytest.param([Write("a", 0, b"N")], none, {"a": b"old"}, id="an unsynced write is lost"),
        pytest.param([Write("a", 0, b"N")], every, {"a": b"Nld"}, id="or is there"),
        pytest.param(
            [Write("a", 0, b"N"), Sync("a", folder=False)],
            none,
            {"a": b"Nld"},
            id="a synced one is",
        ),
        pytest.param(
            [Write("a", 0, b"N"), Sync("b", folder=True)],
            none,
            {"a": b"old"},
            id="another file's sync is no sync",
        ),
        pytest.param(
            [Write("a", 510, b"1234")],
            only(1),
            {"a": b"old" + bytes(509) + b"34"},
            id="a write is torn where sectors meet",
        ),
        pytest.param(
            [Write("a", 0, SECTOR * 2)], only(0), {"a": SECTOR}, id="the end of a file is lost"
        ),
        pytest.param(
            [Write("a", 0, b"N"), Forget("a"), Write("a", 1, b"N"), Sync("a", folder=False)],
            every,
            {"a": b"oNd"},
            id="what a failed sync forgot no later one writes",
        ),
        pytest.param([Truncate("a", 1)], none, {"a": b"old"}, id="an unsynced cut is undone"),
        pytest.param([Truncate("a", 1)], every, {"a": b"o"}, id="or is not"),
        pytest.param([Delete("a", folder=False)], none, {"a": b"old"}, id="a deleted file is back"),
        pytest.param([Delete("a", folder=False)], every, {}, id="or stays away"),
        pytest.param([Delete("a", folder=True)], none, {}, id="as it does in a synced folder"),
        pytest.param(
            [Delete("a", folder=False), Create("w"), Sync("w", folder=True)],
            none,
            {"w": b""},
            id="a synced folder forgets what was deleted",
        ),
        pytest.param(
            [Create("w"), Write("w", 0, b"N")], only(1), {"a": b"old"}, id="a new file is not found"
        ),
        pytest.param(
            [Create("w"), Write("w", 0, b"N")], only(0), {"a": b"old", "w": b""}, id="or is empty"
        ),
        pytest.param(
            [Delete("a", folder=False), Create("a"), Write("a", 0, b"N")],
            only(0),
            {},
            id="what was deleted for good does not come back with a new file",
        ),
        pytest.param(
            [Delete("a", folder=False), Create("a"), Write("a", 0, b"N")],
            only(1, 2),
            {"a": b"N"},
            id="a new file has nothing of the old one",
        ),
    ],
)
def test_a_power_cut_leaves(
    operations: list[Operation], keep: Callable[[], bool], left: dict[str, bytes]
) -> None:
    medium = Medium(BEFORE)
    for operation in operations:
        medium.take(operation)
    assert left == medium.after_a_cut(keep)


def test_a_cut_changes_nothing_on_the_medium_itself() -> None:
    medium = Medium(BEFORE)
    medium.take(Write("a", 0, b"N"))
    medium.after_a_cut(every)
    assert {"a": b"old"} == medium.after_a_cut(none)


def test_all_that_sqlite_wrote_is_noted(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    db = disk.connect(tmp_path / "x.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (n INTEGER)")
    db.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(999)])
    medium = Medium(disk.before)
    for operation in disk.operations:
        medium.take(operation)
    files = {name: (tmp_path / name).read_bytes() for name in ("x.db", "x.db-wal")}
    assert files == medium.after_a_cut(every)
    assert files == medium.after_a_cut(none)
    db.close()
    assert {"x.db"} == {path.name for path in tmp_path.iterdir()}


def test_the_database_may_hold_what_it_held_or_what_was_being_written(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    db = disk.connect(tmp_path / "x.db")
    states = []
    for statement in ("CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)", "DELETE FROM t"):
        db.execute(statement)
        states.append((len(disk.operations), contents(db._db)))
    (made, empty), (put, one), (gone, again) = states
    assert empty == again
    assert {empty} == disk.may_hold(made)
    assert {empty, one} == disk.may_hold(made + 1) == disk.may_hold(put - 1)
    assert {one} == disk.may_hold(put)
    assert {one, again} == disk.may_hold(put + 1)
    assert {again} == disk.may_hold(gone)
    db.close()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT * FROM nothing", sqlite3.OperationalError),
        ("INSERT INTO t VALUES (NULL)", sqlite3.IntegrityError),
    ],
)
def test_errors_are_those_of_the_standard_library(
    tmp_path: Path, statement: str, kind: type[Exception]
) -> None:
    db = Disk(tmp_path).connect(tmp_path / "x.db")
    db.execute("CREATE TABLE t (n INTEGER NOT NULL)")
    with pytest.raises(kind) as told:
        db.execute(statement)
    assert type(told.value) is kind
    db.close()


def test_a_disk_that_refuses_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    db = disk.connect(tmp_path / "x.db")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (n INTEGER)")
    disk.refused = range(disk.asked, disk.asked + 1)
    with pytest.raises(sqlite3.OperationalError, match="database or disk is full"):
        db.execute("INSERT INTO t VALUES (1)")
    disk.refused = range(disk.asked + 2, disk.asked + 3)  # two writes, then the sync
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        db.execute("INSERT INTO t VALUES (2)")
    db.execute("INSERT INTO t VALUES (3)")
    assert [(3,)] == db.execute("SELECT n FROM t").fetchall()
    db.close()
