"""A metering company's file, read by a mapping: energy per quarter-hour, and the lines refused.

Where the clock goes back, an hour of local time is there twice; which of both a line is about is
told by its order in the file, which must go one way for each point and direction.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.contract.errors import ConfigError, Problem
from ledger_bridge.books.facts.official import MEASURED, MISSING, SUBSTITUTED
from ledger_bridge.official.mapping import POWERS, Column, Mapping, Register

# A year of quarter-hours of 500 points in two directions, of a hundred bytes each, is 3.5 GB; a
# month is what people hand around.
FILE_BYTES_MAX = 512 * 1024 * 1024
# So far down stands the head of a table.
HEAD_LINES_MAX = 60

_MWH = {"Wh": 1_000, "kWh": 1_000_000, "MWh": 1_000_000_000, "W": 1_000, "kW": 1_000_000}
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:[.,][0-9]{1,12})?")
_MIDNIGHT = re.compile(r"\b24(?=:00|$)")

# Point and register.
Key = tuple[str, str]


class Figure(NamedTuple):
    """What a quarter-hour brought: None where there is no figure."""

    mwh: int | None
    quality: str
    line: int


class Refused(NamedTuple):
    line: int
    why: str


class Found(NamedTuple):
    """By point and register the figures per quarter-hour since 1970; lines that were refused."""

    figures: dict[Key, dict[int, Figure]]
    refused: list[Refused]
    lines: int


class _Entry(NamedTuple):
    """A line's figure at a time that is not resolved yet."""

    when: datetime
    mwh: int | None
    quality: str
    line: int


class _Odd(Exception):
    """Why a line cannot be taken."""


def read(
    data: bytes,
    mapping: Mapping,
    *,
    name: str,
    point: str = "",
    register: str = "",
    progress: Callable[[int, int], None],
) -> Found:
    """All that a file says. Raises ConfigError where it is no such file at all.

    `point` is whose it is where the file does not say; `register` goes before that of the mapping.
    `progress` is told how many of how many lines are read.
    """
    rows = _rows(data, mapping, name)
    place = _place(rows, mapping, name)
    if mapping.point is None and not point:
        what = "the file does not say whose it is"
        raise ConfigError(Problem(what, name, "--point EAN"))
    table = _Table(mapping, place, point, register)
    entries: dict[Key, list[_Entry]] = defaultdict(list)
    refused: list[Refused] = []
    lines, size = 0, max(1, data.count(b"\n"))
    for line, row in rows:
        lines += 1
        if lines % 10_000 == 0:
            progress(lines, size)
        try:
            for key, entry in table.entries(line, row):
                entries[key].append(entry)
        except _Odd as error:
            refused.append(Refused(line, str(error)))
    figures = {key: _resolve(some, mapping, refused) for key, some in entries.items()}
    return Found(figures, sorted(refused), lines)


def _rows(data: bytes, mapping: Mapping, name: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line with something in it."""
    if len(data) > FILE_BYTES_MAX:
        what = f"{len(data)} bytes, at most {FILE_BYTES_MAX}"
        raise ConfigError(Problem(what, name, "a file of fewer months"))
    try:
        text = data.decode(mapping.encoding)
    except UnicodeDecodeError as error:
        what = f"not written in {mapping.encoding}: {error.reason} at byte {error.start}"
        raise ConfigError(Problem(what, name, "another encoding in the mapping")) from error
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mapping.separator)
    try:
        for row in reader:
            cells = [cell.strip().removeprefix('="').strip('"') for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        what = f"no table any more: {error}"
        raise ConfigError(
            Problem(what, f"{name} line {reader.line_num}", "another file")
        ) from error


def _place(rows: Iterator[tuple[int, list[str]]], mapping: Mapping, name: str) -> dict[Column, int]:
    """Where each column stands, by the head of the table; what comes before it is passed over."""
    numbers: dict[Column, int] = {one: one - 1 for one in mapping.columns if isinstance(one, int)}
    if mapping.headless:
        return numbers
    wanted = [one for one in mapping.columns if isinstance(one, str) and one not in mapping.values]
    missing = wanted
    for _, (_, cells) in zip(range(HEAD_LINES_MAX), rows, strict=False):
        absent = [one for one in wanted if one not in cells]
        there = [one for one in mapping.values if one in cells]
        if not absent and (there or not mapping.values):
            names = [*wanted, *there]
            return numbers | {one: cells.index(one) for one in names}
        if len(absent) < len(missing):
            missing = absent
    if not missing:
        missing = list(mapping.values)
    what = f"no column {missing[0]!r} in the first {HEAD_LINES_MAX} lines"
    raise ConfigError(Problem(what, name, "another --mapping, or a mapping of your own"))


class _Table:
    """Reads lines of the table."""

    def __init__(
        self, mapping: Mapping, place: dict[Column, int], point: str, register: str
    ) -> None:
        self._mapping = mapping
        self._place = place
        self._point = point
        self._register = register
        self._width = max(place.values()) + 1

    def entries(self, line: int, row: list[str]) -> Iterator[tuple[Key, _Entry]]:
        """What a line says of each register. Raises _Odd."""
        if len(row) < self._width:
            raise _Odd(f"{len(row)} columns, the table has {self._width}")
        mapping = self._mapping
        point = self._point if mapping.point is None else row[self._place[mapping.point]]
        if not point:
            raise _Odd("no meter point")
        when = _when(" ".join(row[self._place[one]] for one in mapping.time), mapping.format)
        quality = self._quality(row)
        for register, text in self._texts(row):
            mwh = None if quality == MISSING or not text else self._energy(text, row)
            yield (point, register), _Entry(when, mwh, quality if mwh is not None else "-", line)

    def _quality(self, row: list[str]) -> str:
        mapping = self._mapping
        if mapping.quality is None:
            return MEASURED
        word = row[self._place[mapping.quality]]
        if word not in mapping.qualities:
            raise _Odd(f"quality {word!r}; known: {', '.join(mapping.qualities)}")
        return mapping.qualities[word]

    def _texts(self, row: list[str]) -> Iterator[tuple[Register, str]]:
        """Each register with its cell."""
        mapping = self._mapping
        if mapping.value is None:
            for column, register in mapping.values.items():
                if column in self._place and register:
                    yield self._register or register, row[self._place[column]]
            return
        register = self._register
        if mapping.direction is not None:
            word = row[self._place[mapping.direction]]
            if word not in mapping.directions:
                raise _Odd(f"direction {word!r}; known: {', '.join(mapping.directions)}")
            register = mapping.directions[word]
            if not register:
                return
        if not register:
            raise _Odd("nobody says which register it is: --register 1-0:1.8.0")
        yield register, row[self._place[mapping.value]]

    def _energy(self, text: str, row: list[str]) -> int:
        """mWh of a cell, rounded down; of an average power what it brought in the interval."""
        mapping = self._mapping
        number = text.replace(" ", "")
        odd_sign = "." if mapping.decimal == "," else ","
        if not _NUMBER.fullmatch(number) or odd_sign in number:
            raise _Odd(f"{text!r} is no number with a decimal {mapping.decimal!r}")
        unit = mapping.unit
        if mapping.unit_column is not None:
            word = row[self._place[mapping.unit_column]]
            if word not in _MWH:
                raise _Odd(f"unit {word!r}; known: {', '.join(_MWH)}")
            unit = word  # type: ignore[assignment]
        amount = Fraction(number.replace(",", ".")) * _MWH[unit]
        if unit in POWERS:
            amount = amount * mapping.minutes / 60
        if amount < 0:
            raise _Odd(f"{text} is less than nothing")
        return int(amount)


@lru_cache(maxsize=100_000)
def _when(text: str, form: str) -> datetime:
    """A time as it stands there; 24:00 is the midnight that ends the day."""
    midnight, count = _MIDNIGHT.subn("00", text)
    for written, days in ((text, 0), (midnight, count)):
        try:
            # Without an offset of its own it is local, and resolved later.
            return datetime.strptime(written, form) + timedelta(days=days)  # noqa: DTZ007
        except ValueError:
            continue
    raise _Odd(f"{text!r} is no time of the form {form}")


def _resolve(entries: list[_Entry], mapping: Mapping, refused: list[Refused]) -> dict[int, Figure]:
    """Figures per quarter-hour of one point's register. Energy of longer intervals is spread over
    its quarters evenly, the first ones having a thousandth of a Wh more where that is uneven;
    nobody measured those.
    """
    if entries[0].when.replace(tzinfo=None) > entries[-1].when.replace(tzinfo=None):
        entries = entries[::-1]
    many = mapping.minutes // 15
    found: dict[int, Figure] = {}
    last = -1
    for entry in entries:
        try:
            at, start = _start(entry.when, mapping, last)
            if start % 900:
                raise _Odd(f"{entry.when:%H:%M} begins no quarter-hour")
            last = at
            _spread(found, start // 900, entry, many)
        except _Odd as error:
            refused.append(Refused(entry.line, str(error)))
    return found


def _spread(found: dict[int, Figure], first: int, entry: _Entry, many: int) -> None:
    each, more = divmod(entry.mwh, many) if entry.mwh is not None else (None, 0)
    quality = SUBSTITUTED if many > 1 and entry.quality == MEASURED else entry.quality
    for n in range(many):
        if (there := found.get(first + n)) is not None:
            raise _Odd(f"line {there.line} is about the same time")
        mwh = None if each is None else each + (n < more)
        found[first + n] = Figure(mwh, quality, entry.line)


def _start(when: datetime, mapping: Mapping, last: int) -> tuple[int, int]:
    """Seconds of UTC of what stands there, and of where its interval begins."""
    span = timedelta(minutes=mapping.minutes)
    back = mapping.minutes * 60 if mapping.stamp == "end" else 0
    if when.tzinfo is not None:
        at = int(when.astimezone(UTC).timestamp())
        return at, at - (mapping.minutes * 60 if mapping.stamp != "start" else 0)
    wall = when - span if mapping.stamp == "label" else when
    zone = ZoneInfo(mapping.zone)
    first, second = (int(wall.replace(tzinfo=zone, fold=n).timestamp()) for n in (0, 1))
    if datetime.fromtimestamp(first, zone).replace(tzinfo=None) != wall:
        raise _Odd(f"{wall:%Y-%m-%d %H:%M} was on no clock in {mapping.zone}")
    at = second if second != first and first <= last else first
    return at, at - back
