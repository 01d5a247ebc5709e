"""A disk that loses its power: what SQLite writes, in order, and what may be left of it.

`Disk` stands under a real SQLite and notes every operation that changes a file. `Medium` takes the
same operations one by one and says what a power cut may leave: what was synced stays; of the rest
every sector, creation, truncation and deletion is there or not, as chance has it. Bytes beside a
write stay, as SQLite takes for granted ("powersafe overwrite").
Spec: SQLite, "Atomic Commit In SQLite", sections 2 and 9; "Write-Ahead Logging", section 4.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import apsw

SECTOR_BYTES = 512


class Create(NamedTuple):
    name: str


class Write(NamedTuple):
    name: str
    offset: int
    data: bytes


class Truncate(NamedTuple):
    name: str
    size: int


class Sync(NamedTuple):
    """`folder`: the folder as well; what was created is found again, what was deleted is not."""

    name: str
    folder: bool


class Forget(NamedTuple):
    """A sync failed, and the kernel takes for written what it could not write."""

    name: str


class Delete(NamedTuple):
    """`folder`: the folder was synced as well."""

    name: str
    folder: bool


Operation = Create | Write | Truncate | Sync | Forget | Delete


class State(NamedTuple):
    """What the database held once so many operations were done and no transaction was open."""

    operations: int
    contents: str


def contents(db: apsw.Connection | sqlite3.Connection) -> str:
    """A digest of everything that the database holds: its version, its tables, every row."""
    hashed = sha256(repr(db.execute("PRAGMA user_version").fetchall()).encode())
    schema = db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    for kind, name, sql in schema:
        rows = db.execute(f"SELECT * FROM {name}").fetchall() if kind == "table" else []
        hashed.update(repr((sql, sorted(map(repr, rows)))).encode())
    return hashed.hexdigest()


class Medium:
    """What is safe on the medium, and what was done since without a sync."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._safe = {name: bytearray(data) for name, data in files.items()}
        self._unsafe: dict[str, list[Operation]] = {}

    def take(self, operation: Operation) -> None:
        """The program does this now."""
        name = operation.name
        if isinstance(operation, Sync):
            self._settle(name, _left(self._safe.get(name), self._unsafe.pop(name, []), _always))
        elif isinstance(operation, Forget):
            unsafe = self._unsafe.get(name, [])
            self._unsafe[name] = [one for one in unsafe if isinstance(one, Create | Delete)]
        else:
            self._unsafe.setdefault(name, []).append(operation)
        if isinstance(operation, Sync | Delete) and operation.folder:
            self._sync_folder()

    def _sync_folder(self) -> None:
        for name, operations in self._unsafe.items():
            entries = [n for n, one in enumerate(operations) if isinstance(one, Create | Delete)]
            if entries:
                is_there = isinstance(operations[entries[-1]], Create)
                self._settle(name, bytearray() if is_there else None)
                del operations[: entries[-1] + 1]

    def _settle(self, name: str, data: bytearray | None) -> None:
        if data is None:
            self._safe.pop(name, None)
        else:
            self._safe[name] = data

    def after_a_cut(self, keep: Callable[[], bool]) -> dict[str, bytes]:
        """The files after a power cut now; `keep` says of each unsynced piece whether it is there.

        Pieces are asked for in the order in which they were written, file by file.
        """
        found = {}
        for name in sorted(self._safe.keys() | self._unsafe.keys()):
            safe = self._safe.get(name)
            copy = bytearray(safe) if safe is not None else None
            left = _left(copy, self._unsafe.get(name, []), keep)
            if left is not None:
                found[name] = bytes(left)
        return found


def _always() -> bool:
    return True


def _left(
    data: bytearray | None, operations: Iterable[Operation], keep: Callable[[], bool]
) -> bytearray | None:
    """A file after those of the operations that `keep` grants; None: no such file."""
    for operation in operations:
        if isinstance(operation, Create):
            if not keep():
                return data  # what was written since is in a file that nobody can find
            data = bytearray()
        elif data is None:
            continue
        elif isinstance(operation, Write):
            for start, piece in _sectors(operation):
                if keep():
                    data.extend(bytes(max(0, start - len(data))))
                    data[start : start + len(piece)] = piece
        elif keep():
            if isinstance(operation, Delete):
                data = None
            elif isinstance(operation, Truncate):
                del data[operation.size :]
    return data


def _sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    start, end = write.offset, write.offset + len(write.data)
    while start < end:
        stop = min(end, start - start % SECTOR_BYTES + SECTOR_BYTES)
        yield start, write.data[start - write.offset : stop - write.offset]
        start = stop


class Disk:
    """One folder, and all that SQLite did to the files in it, for `Journal.open(connect=…)`."""

    _numbers = count()

    def __init__(
        self,
        folder: Path,
        *,
        checkpoint_pages: int = 1_000,
        instead: Mapping[str, str] | None = None,
        refused: range = range(0),
    ) -> None:
        """`instead`: statements that SQLite is given in place of those that the program gives.

        `checkpoint_pages`: how long the write-ahead log gets.
        `refused`: which writes and syncs fail, counted from 0.
        """
        self.folder = folder
        self.before = {
            path.name: path.read_bytes()
            for path in folder.iterdir()
            if ".db" in path.name and not path.name.endswith("-shm")
        }
        self._known = set(self.before)
        self.operations: list[Operation] = []
        self.states: list[State] = []
        self.refused = refused
        self.asked = 0  # writes and syncs so far
        self.instead = dict(instead or {})
        self.checkpoint_pages = checkpoint_pages
        self._vfs = _Vfs(f"power-{next(Disk._numbers)}", self)

    def connect(self, path: Path | str, *, isolation_level: None = None) -> "Connection":
        """What `sqlite3.connect` gives, on this disk."""
        assert isolation_level is None
        with _as_sqlite3():
            return Connection(apsw.Connection(str(path), vfs=self._vfs.name), self)

    def refuses(self) -> bool:
        """Whether the write or sync that SQLite asks for now is to fail."""
        self.asked += 1
        return self.asked - 1 in self.refused

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Files of the folder that the program itself syncs are noted as written and synced."""
        sync = os.fsync

        def noted(descriptor: int) -> None:
            path = Path(f"/proc/self/fd/{descriptor}").resolve()
            if path.parent == self.folder and ".db" in path.name:
                self.opened(path.name)
                self.note(Write(path.name, 0, path.read_bytes()))
                self.note(Sync(path.name, folder=False))
            sync(descriptor)

        with patch("os.fsync", noted):
            yield

    def opened(self, name: str) -> None:
        """A file that is new to us, whoever made it, may be lost like any other."""
        if name not in self._known:
            self.note(Create(name))

    def note(self, operation: Operation) -> None:
        self.operations.append(operation)
        if isinstance(operation, Create):
            self._known.add(operation.name)
        elif isinstance(operation, Delete):
            self._known.discard(operation.name)

    def settled(self, db: apsw.Connection) -> None:
        """No transaction is open; notes what the database holds, where that can be new.

        What it holds when it is opened first is so from the beginning.
        """
        done = len(self.operations) if self.states else 0
        if not self.states or self.states[-1].operations < done:
            self.states.append(State(done, contents(db)))

    def may_hold(self, operations: int) -> set[str]:
        """What the database may hold after a power cut at this point: a transaction or all of it.

        Every transaction that had returned, and the one that was being written or not.
        """
        done = max(n for n, state in enumerate(self.states) if state.operations <= operations)
        is_between = self.states[done].operations < operations
        return {state.contents for state in self.states[done : done + 1 + is_between]}


class _Vfs(apsw.VFS):
    def __init__(self, name: str, disk: Disk) -> None:
        self.name = name
        self._disk = disk
        super().__init__(name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:  # a temporary file of SQLite's own
            return apsw.VFSFile("", name, flags)
        self._disk.opened(Path(path).name)
        return _File(name, flags, Path(path).name, self._disk)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self._disk.note(Delete(Path(filename).name, syncdir))


class _File(apsw.VFSFile):
    def __init__(self, name: Any, flags: list[int], short: str, disk: Disk) -> None:
        super().__init__("", name, flags)
        self._name = short
        self._disk = disk
        # The first sync of a journal or a write-ahead log syncs the folder: `unixOpen`, `unixSync`.
        journals = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
        self._is_new = bool(flags[0] & journals and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802
        """A disk that is full takes the beginning, as `write` may."""
        is_full = self._disk.refuses()
        taken = bytes(data)[: len(data) // 2] if is_full else bytes(data)
        super().xWrite(taken, offset)
        self._disk.note(Write(self._name, offset, taken))
        if is_full:
            raise apsw.FullError("database or disk is full")

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        super().xTruncate(newsize)
        self._disk.note(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        """Notes the sync and spares the real one: the folder is only a copy of what we note."""
        if self._disk.refuses():
            self._disk.note(Forget(self._name))
            raise apsw.IOError("disk I/O error")
        self._disk.note(Sync(self._name, self._is_new))
        self._is_new = False


Values = Sequence[Any] | Mapping[str, Any]


class Cursor:
    """As much of `sqlite3.Cursor` as the journal and the books use."""

    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor

    def fetchone(self) -> Any:
        with _as_sqlite3():
            return self._cursor.fetchone()

    def fetchmany(self, size: int) -> list[Any]:
        with _as_sqlite3():
            return list(islice(self._cursor, size))

    def fetchall(self) -> list[Any]:
        with _as_sqlite3():
            return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class Connection:
    """As much of `sqlite3.Connection` without its own transactions as the journal uses."""

    def __init__(self, db: apsw.Connection, disk: Disk) -> None:
        self._db = db
        self._disk = disk
        disk.settled(db)
        db.set_wal_hook(self._checkpoint)

    def _checkpoint(self, db: apsw.Connection, name: str, pages: int) -> int:
        """What SQLite does by itself; but there apsw takes a failed checkpoint for a failed commit.

        A checkpoint that fails is tried again after the next commit.
        """
        if pages >= self._disk.checkpoint_pages:
            with suppress(apsw.FullError, apsw.IOError):
                db.wal_checkpoint(name, apsw.SQLITE_CHECKPOINT_PASSIVE)
        return apsw.SQLITE_OK

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, statement: str, values: Values = ()) -> Cursor:
        with self._settling():
            return Cursor(
                self._db.execute(self._disk.instead.get(statement, statement), values or None)
            )

    def executemany(self, statement: str, rows: Iterable[Values]) -> Cursor:
        with self._settling():
            return Cursor(self._db.executemany(statement, rows))

    def executescript(self, script: str) -> None:
        with self._settling():
            self._db.execute(script).fetchall()

    def backup(self, target: sqlite3.Connection) -> None:
        """A copy on another disk, whose power nobody cuts."""
        data = bytearray(self._db.serialize("main"))
        data[18:20] = b"\x01\x01"  # without a write-ahead log, which no memory has
        with closing(sqlite3.connect(":memory:")) as whole:
            whole.deserialize(bytes(data))
            whole.backup(target)

    @contextmanager
    def _settling(self) -> Iterator[None]:
        with _as_sqlite3():
            yield
        if not self._db.in_transaction:
            self._disk.settled(self._db)

    def close(self) -> None:
        """A checkpoint that fails here is no failure: the next one who opens the file does it."""
        with suppress(apsw.FullError, apsw.IOError):
            self._db.close()


# The rest are OperationalError, as in the standard library's module.
_NAMED = {
    apsw.CorruptError: sqlite3.DatabaseError,
    apsw.NotADBError: sqlite3.DatabaseError,
    apsw.ConstraintError: sqlite3.IntegrityError,
}


@contextmanager
def _as_sqlite3() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise _NAMED.get(type(error), sqlite3.OperationalError)(str(error)) from error
