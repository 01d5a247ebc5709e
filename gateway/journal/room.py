"""How much room the journal has: its own limit, and that of the disk."""

import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# Room is made for a tenth of the limit at once, so that it is not made all the time; this much of
# small records is deleted in a second.
STEP_BYTES_MAX = 32_000_000
# Deleting writes before it frees: room for the write-ahead log, while `STEP_BYTES_MAX` go.
BALLAST_BYTES = 8_000_000


# The write-ahead log alone takes 4 MB.
LIMIT_BYTES_MIN = 16_000_000
_SIZE = re.compile(r"(\d{1,6}) ([MG])B", re.ASCII)


def bytes_of(text: str) -> int:
    """The bytes of "64 MB" or "1 GB". Raises ValueError for what is no limit of a journal."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size")
    size = int(match[1]) * {"M": 10**6, "G": 10**9}[match[2]]
    if size < LIMIT_BYTES_MIN:
        raise ValueError(f"{text!r} is too little for a journal")
    return size


class Room(NamedTuple):
    """The journal's limit, and what the disk should have left for others."""

    max_bytes: int = 1_000_000_000
    free_bytes_min: int = 50_000_000

    def step_bytes(self) -> int:
        return min(self.max_bytes // 10, STEP_BYTES_MAX)


class Space(NamedTuple):
    """What the journal uses, what it can use again, and what the disk has left."""

    used_bytes: int
    reusable_bytes: int
    free_bytes: int

    def is_short(self, room: Room) -> bool:
        """Whether room must be made. On a disk that others fill the journal needs some of its own:
        what it has deleted can be used again, and does not become theirs."""
        is_disk_short = self.free_bytes < room.free_bytes_min
        needs_own = self.reusable_bytes < room.step_bytes() // 4
        return self.used_bytes > room.max_bytes or (is_disk_short and needs_own)

    def has_room(self, room: Room) -> bool:
        """Whether enough was made for a while."""
        step = room.step_bytes()
        is_on_disk = self.free_bytes >= room.free_bytes_min or self.reusable_bytes >= step
        return self.used_bytes <= room.max_bytes - step and is_on_disk


def free_bytes(folder: Path) -> int:
    """What the disk has left for us."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def space(db: sqlite3.Connection, path: Path) -> Space:
    """Also inside a transaction that deletes: what it frees counts as free."""
    (page,) = db.execute("PRAGMA page_size").fetchone()
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    try:
        wal = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        wal = 0
    return Space((pages - free) * page + wal, free * page, free_bytes(path.parent))


class Ballast:
    """A file that holds some of the disk for the moment when it is full: deleting needs room."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.ballast"

    def exists(self) -> bool:
        return self._path.exists()

    def release(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def make(self) -> None:
        """Hold the room again, where the disk gives it."""
        if self._path.exists():
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)
        except OSError:
            self.release()
