"""The rows of an SQLite file read from its raw pages, whatever else in it is damaged.

Every leaf of a table is looked at, also one that no other page leads to any more: a row that was
deleted may be among them.
Spec: SQLite, "Database File Format", sections 1.3 (header), 1.6 (b-tree pages), 2.1 (records) and
4 (write-ahead log).
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# What SQLite gives a file unless it is told otherwise, and so what the journal has.
PAGE_BYTES = 4096
LEAF = 0x0D
WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
# A row is one record of at most 64 KiB and some text: what claims to be more is none.
ROW_BYTES_MAX = 100_000

Value = int | str | bytes | None


class Found(NamedTuple):
    """A row of some table; which one is to be told from its values."""

    rowid: int
    values: tuple[Value, ...]


class Pages:
    """The pages as of the last commit: those of the log before those of the file."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.count = os.fstat(self._file).st_size // PAGE_BYTES
        self._logged = _logged(path.with_name(f"{path.name}-wal"))
        self.count = max([self.count, *self._logged])

    def close(self) -> None:
        os.close(self._file)

    def page(self, number: int) -> bytes:
        if number in self._logged:
            return self._logged[number]
        return os.pread(self._file, PAGE_BYTES, (number - 1) * PAGE_BYTES)

    def rows(self) -> Iterator[Found]:
        """Every row that can be read, page after page."""
        for number in range(1, self.count + 1):
            page = self.page(number)
            start = 100 if number == 1 else 0
            if len(page) < PAGE_BYTES or page[start] != LEAF:
                continue
            (cells,) = struct.unpack_from(">H", page, start + 3)
            for cell in range(min(cells, PAGE_BYTES // 4)):
                try:
                    (at,) = struct.unpack_from(">H", page, start + 8 + 2 * cell)
                    yield self._row(page, at)
                except (ValueError, IndexError, struct.error):
                    continue

    def _row(self, page: bytes, at: int) -> Found:
        """Raises ValueError, IndexError or struct.error where there is none."""
        length, at = _varint(page, at)
        rowid, at = _varint(page, at)
        if length > ROW_BYTES_MAX:
            raise ValueError(length)
        most, least = PAGE_BYTES - 35, (PAGE_BYTES - 12) * 32 // 255 - 23
        here = length
        if length > most:
            here = least + (length - least) % (PAGE_BYTES - 4)
            here = least if here > most else here
        payload = bytearray(page[at : at + here])
        if here < length:
            (following,) = struct.unpack_from(">I", page, at + here)
            while len(payload) < length:
                if not 1 < following <= self.count:
                    raise ValueError(following)
                more = self.page(following)
                (following,) = struct.unpack_from(">I", more)
                payload += more[4 : 4 + length - len(payload)]
        if len(payload) < length:
            raise ValueError(length)
        return Found(rowid, tuple(_values(bytes(payload))))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise AssertionError


_INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


def _values(payload: bytes) -> Iterator[Value]:
    header_end, at = _varint(payload, 0)
    value_at = header_end
    while at < header_end:
        kind, at = _varint(payload, at)
        if kind in {0, 8, 9}:
            yield {0: None, 8: 0, 9: 1}[kind]
            continue
        length = _INT_BYTES[kind] if kind in _INT_BYTES else (kind - 12) // 2
        data = payload[value_at : value_at + length]
        if kind in {7, 10, 11} or len(data) < length:
            raise ValueError(kind)
        value_at += length
        if kind < 12:
            yield int.from_bytes(data, "big", signed=True)
        else:
            yield data.decode() if kind % 2 else data


def _logged(path: Path) -> dict[int, bytes]:
    """The pages of the write-ahead log as of its last whole commit."""
    try:
        log = path.read_bytes()
    except FileNotFoundError:
        return {}
    if len(log) < WAL_HEADER_BYTES:
        return {}
    magic, _, page_bytes, _, *salt_and_sum = struct.unpack_from(">8I", log)
    if magic not in {0x377F0682, 0x377F0683} or page_bytes != PAGE_BYTES:
        return {}
    order = ">" if magic & 1 else "<"
    sums = _sums(log[:24], (0, 0), order)
    if sums != tuple(salt_and_sum[2:]):
        return {}
    pages: dict[int, bytes] = {}
    committed: dict[int, bytes] = {}
    for at in range(WAL_HEADER_BYTES, len(log), FRAME_HEADER_BYTES + PAGE_BYTES):
        frame = log[at : at + FRAME_HEADER_BYTES + PAGE_BYTES]
        if len(frame) < FRAME_HEADER_BYTES + PAGE_BYTES:
            break
        number, size, *salts = struct.unpack_from(">6I", frame)
        sums = _sums(frame[:8] + frame[FRAME_HEADER_BYTES:], sums, order)
        if salts != [*salt_and_sum[:2], *sums]:
            break
        pages[number] = frame[FRAME_HEADER_BYTES:]
        if size:
            committed |= pages
            pages = {}
    return committed


def _sums(data: bytes, before: tuple[int, int], order: str) -> tuple[int, int]:
    one, two = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for n in range(0, len(words), 2):
        one = (one + words[n] + two) & 0xFFFFFFFF
        two = (two + words[n + 1] + one) & 0xFFFFFFFF
    return one, two
