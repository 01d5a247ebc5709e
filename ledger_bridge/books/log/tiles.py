"""The log as plain files that any web server can serve: tiles, entries and the signed head.

An entry is the commitment of a leaf: nobody reads from it what the leaf says. A head is put in its
place only after all that leads to it. Each epoch of the log has a folder of its own; `keys` leads
from the key that the community was founded with to the one that signs.
Spec: C2SP tlog-tiles.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.contract import rotation
from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.log import proofs
from ledger_bridge.books.log.note import claimed
from ledger_bridge.books.log.stored import Log
from ledger_bridge.books.log.tree import TILE_HEIGHT, TILE_WIDTH

# So many leaves are published in one go, where there is a head for it: readers see the books at one
# moment, and the writer waits for them with its own tidying.
LEAVES_AT_ONCE = 65_536

ENTRIES = "entries"


def tile_path(level: int | str, n: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is: `tile/0/x001/x234/067`, and `….p/W` where it has only W hashes.

    >>> tile_path(0, 1234067)
    'tile/0/x001/x234/067'
    >>> tile_path("entries", 5, 17)
    'tile/entries/005.p/17'
    """
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    place = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    part = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{place}{part}"


def folder_of(folder: Path, log: Log) -> Path:
    """Where an epoch is published."""
    return folder if log.epoch == 1 else folder / str(log.epoch)


def publish(folder: Path, log: Log, handovers: Iterable[str]) -> bool:
    """Write what is new since the head in the folder; gives whether there is more to write.

    Raises PeopleError where the log did not only grow out of that head, and writes nothing then:
    the books are a backup, or were changed.
    """
    place = folder_of(folder, log)
    published = _published(place, log)
    size = log.signed_size(at_most=published + LEAVES_AT_ONCE)
    if size <= published:
        size = log.signed_size()
    note = log.checkpoint(size)
    if size > published and note is not None:
        for path, content in _files(log, published, size):
            _put(place / path, content)
        _put(folder / "keys", rotation.join(said.encode() for said in handovers))
        _put(place / "checkpoint", note.encode())
    return log.signed_size() > size


def _published(place: Path, log: Log) -> int:
    """How many leaves the head in the folder is over. Raises PeopleError."""
    path = place / "checkpoint"
    try:
        note = path.read_bytes().decode()
    except FileNotFoundError:
        return 0
    try:
        head = claimed(note)
    except ValueError as error:
        what = f"what was published cannot be read: {error}"
        raise PeopleError(Problem(what, str(path), "move it away; it is written anew")) from error
    if head.size > log.signed_size():
        what = f"{head.size} leaves were published, and these books have {log.signed_size()}"
    elif head.size and proofs.root(log, 0, head.size) != head.root:
        what = f"another head of {head.size} leaves was published than these books have"
    else:
        return head.size
    try_ = f"where the books were restored: meterkast hub restored --checkpoint {path}"
    raise PeopleError(Problem(what, str(path), try_))


def _files(log: Log, published: int, size: int) -> Iterator[tuple[str, bytes]]:
    """The files that a tree of this size has, and one of the size that was published has not."""
    for n, width in _tiles(published, size):
        start = n * TILE_WIDTH
        entries = log.commitments(start, start + width)
        bundle = b"".join(len(one).to_bytes(2, "big") + one for one in entries)
        yield tile_path(ENTRIES, n, width), bundle
    level = 0
    while size:
        for n, width in _tiles(published, size):
            start = n * TILE_WIDTH
            yield tile_path(level, n, width), b"".join(log.hashes(level, start, start + width))
        published, size, level = published >> TILE_HEIGHT, size >> TILE_HEIGHT, level + 1


def _tiles(published: int, size: int) -> Iterator[tuple[int, int]]:
    """The tiles of one level that are new, each with its width, by how many hashes it had."""
    if published == size:
        return
    for n in range(published // TILE_WIDTH, -(-size // TILE_WIDTH)):
        yield n, min(TILE_WIDTH, size - n * TILE_WIDTH)


def _put(path: Path, content: bytes) -> None:
    """Put a file in its place, whole or not at all; parts of a tile go once it is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    shutil.rmtree(path.with_name(path.name + ".p"), ignore_errors=True)
