"""The disk under the journal: transactions that it takes or not, and the room that it has."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import structlog

from gateway.contract.errors import Problem
from gateway.contract.keys import PublicKey
from gateway.journal import file, room, salvage
from gateway.journal.room import Ballast, Room, Space
from gateway.journal.values import NotKept

log = structlog.get_logger()


class Disk:
    """`stuck` says why the last transaction was not taken, "" where it was; `full` whether the
    journal uses all that it may."""

    def __init__(self, db: sqlite3.Connection, path: Path, limits: Room) -> None:
        self.db = db
        self.path = path
        self.limits = limits
        self.stuck = ""
        self.full = False
        self._ballast = Ballast(path.parent)

    @classmethod
    def open(cls, path: Path, key: PublicKey, connect: file.Connect, limits: Room) -> "Disk":
        """The journal at `path`, made good or made; `key` signs its records.

        Raises ConfigError, Unreachable.
        """
        ballast, why = Ballast(path.parent), ""
        for is_last in (False, False, True):
            try:
                salvage.make_good(path, key, connect, why)
                return cls(file.connected(path, connect), path, limits)
            except (sqlite3.OperationalError, OSError) as error:
                # Also to be looked into a journal needs some room.
                if is_last or not ballast.exists():
                    raise file.unwritable(path.parent, str(error)) from error
                ballast.release()
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
                # What SQLite cannot open is damaged, whatever a look through it says.
                if is_last:
                    raise file.unreadable(path, str(error)) from error
                why = str(error)
        raise AssertionError

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Raises NotKept where the disk does not take it: then nothing of it is there."""
        try:
            self.db.execute("BEGIN IMMEDIATE")
            yield self.db
            self.db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            self._roll_back()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
                raise  # wrong SQL is nothing that a disk does
            raise self._not_kept(error) from error
        except sqlite3.DatabaseError:
            self._roll_back()
            salvage.suspect(self.path)
            raise
        except BaseException:
            self._roll_back()
            raise
        if self.stuck:
            self.stuck = ""
            log.info("journal_kept_again", where=str(self.path))

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # SQLite has done it itself after some errors
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def _not_kept(self, error: sqlite3.OperationalError) -> NotKept:
        try_ = "make room on the disk, or replace it"
        if not self.stuck:
            log.error("journal_stuck", reason=str(error), where=str(self.path), try_=try_)
        self.stuck = str(error)
        return NotKept(Problem(f"nothing can be kept: {error}", str(self.path), try_))

    def ask(self, question: str, values: Any = ()) -> list[tuple[Any, ...]]:
        """What the file holds. A file that cannot be read is looked through at the next start."""
        try:
            return self.db.execute(question, values).fetchall()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            salvage.suspect(self.path)
            raise

    def refuse(self, why: str) -> NoReturn:
        """What was read is nonsense: the gateway ends, and looks through the file as it starts."""
        salvage.suspect(self.path)
        raise sqlite3.DatabaseError(why)

    # Room

    def space(self) -> Space:
        return room.space(self.db, self.path)

    def is_short(self) -> bool:
        return self.space().is_short(self.limits)

    def has_room(self) -> bool:
        """Whether enough was deleted, inside the transaction that does; more is where it is stuck.

        A disk that took nothing will not let the file grow, whatever it says of its room.
        """
        space = self.space()
        is_enough = not self.stuck or space.reusable_bytes >= self.limits.step_bytes()
        return is_enough and space.has_room(self.limits)

    def was_full(self, refused: NotKept) -> bool:
        """Whether it was for want of room that the disk took nothing."""
        code = getattr(refused.__cause__, "sqlite_errorcode", None)
        return code == sqlite3.SQLITE_FULL or self.free_bytes() < room.BALLAST_BYTES

    def free_bytes(self) -> int:
        return room.free_bytes(self.path.parent)

    def release_ballast(self) -> None:
        self._ballast.release()

    def look(self) -> None:
        """Whether there is room now. Once the disk has enough of it some is held back."""
        used, most = self.space().used_bytes, self.limits.max_bytes
        if used > most and not self.full:
            try_ = "mend the connection to the hub, or give the journal more room"
            log.error("journal_full", used_bytes=used, max_bytes=most, try_=try_)
        if used <= most and self.full:
            log.info("journal_has_room_again", used_bytes=used, max_bytes=most)
        self.full = used > most
        if self.free_bytes() >= self.limits.free_bytes_min + room.BALLAST_BYTES:
            self._ballast.make()
