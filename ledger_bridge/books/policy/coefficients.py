"""Files of sharing coefficients: one line per hour of the year, or per quarter-hour.

A policy names a file by its SHA-256; a steward hands it in as evidence before, and so it travels
with the policy. The columns are separated by semicolons; the first line names them:

    hour;noor;bram            8,760 lines for the hours 1 to 8760 of a year, on the community's
    1;0.25;0.75               clocks. 29 February is shared as the day before it.

    quarter;noor;bram         when each quarter-hour begins. What has no line is nobody's.
    2026-07-01T12:00Z;1;0
"""

import hashlib
import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from gateway.contract.record import is_id
from gateway.contract.signed import Malformed

# Coefficients have nine decimal places at most: they are integers in this many parts.
WHOLE = 10**9

HOURS = 8_760
# A year of quarter-hours, and the days by which people hand in too much.
QUARTERS_MAX = 40_000

# What fits into one signed paper: a year of hours of 100 members with six decimal places.
TEXT_MAX = 8_000_000

_CELL = re.compile(r"([01])(?:[.,]([0-9]{1,9}))?")
_NORMAL_YEAR = 2023


class KeyFile(msgspec.Struct, frozen=True, tag="sharing-key", tag_field="kind"):
    """A file as a steward hands it in, in a paper of the name `paper_name`."""

    file: str
    text: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def paper_name(sha256: str) -> str:
    """The name of the paper that holds a file: there is one for each, and no other has it."""
    return f"sharing-key {sha256}"


def check_key_file(given: KeyFile, name: str) -> None:
    """Raises Malformed where it does not have its own name, or is no file of coefficients."""
    if name != paper_name(given.sha256):
        raise Malformed(f"{given.file}: its paper is called {name!r}, not by its SHA-256")
    try:
        Coefficients(given.text)
    except ValueError as error:
        raise Malformed(f"{given.file}: {error}") from error


class Coefficients:
    """A file's lines. Raises ValueError with the first line that is wrong, and why."""

    def __init__(self, text: str) -> None:
        if len(text) > TEXT_MAX:
            raise ValueError(f"{len(text)} letters and digits, at most {TEXT_MAX}")
        head, *lines = text.removeprefix("\ufeff").splitlines()[: QUARTERS_MAX + 2] or [""]
        per, *members = head.split(";")
        if per not in {"hour", "quarter"} or not members:
            raise ValueError('line 1 is not "hour;noor;bram" or "quarter;noor;bram"')
        if odd := [name for name in members if not is_id(name)]:
            raise ValueError(f"line 1: {odd[0]!r} is no member")
        if len(set(members)) < len(members):
            raise ValueError("line 1 names a member twice")
        if len(lines) > QUARTERS_MAX:
            raise ValueError(f"more than {QUARTERS_MAX} lines")
        self.members = tuple(members)
        self._is_hourly = per == "hour"
        self._lines: dict[int, tuple[int, ...]] = {}
        for number, line in enumerate(lines, start=2):
            at, *cells = line.split(";")
            when = self._when(at, number)
            if when in self._lines:
                raise ValueError(f"line {number}: {at} has a line already")
            self._lines[when] = self._parts(cells, number)
        if self._is_hourly and len(self._lines) != HOURS:
            raise ValueError(f"{len(self._lines)} hours, not {HOURS}")

    def _when(self, at: str, number: int) -> int:
        """The hour of the year, or the quarter-hour since 1970."""
        if self._is_hourly:
            if at.isascii() and at.isdigit() and 1 <= int(at) <= HOURS:
                return int(at)
            raise ValueError(f"line {number}: {at!r} is no hour from 1 to {HOURS}")
        try:
            begins = datetime.fromisoformat(at)
        except ValueError:
            begins = None
        if begins is None or begins.tzinfo is None or begins.timestamp() % 900:
            raise ValueError(f"line {number}: {at!r} is no quarter-hour like 2026-07-01T12:15Z")
        return int(begins.timestamp()) // 900

    def _parts(self, cells: list[str], number: int) -> tuple[int, ...]:
        if len(cells) != len(self.members):
            raise ValueError(
                f"line {number}: {len(cells)} coefficients for {len(self.members)} members"
            )
        found = []
        for cell in cells:
            match = _CELL.fullmatch(cell)
            if match is None:
                raise ValueError(f"line {number}: {cell!r} is no coefficient such as 0.25")
            found.append(int(match[1]) * WHOLE + int((match[2] or "").ljust(9, "0")))
        if sum(found) > WHOLE:
            raise ValueError(f"line {number}: the coefficients add up to more than 1")
        return tuple(found)

    def at(self, quarter: int, zone: str) -> dict[str, int]:
        """Everybody's coefficient in a quarter-hour since 1970, in parts of WHOLE; {}: no line."""
        line = self._lines.get(hour_of_year(quarter, zone) if self._is_hourly else quarter)
        return dict(zip(self.members, line, strict=True)) if line else {}


def hour_of_year(quarter: int, zone: str) -> int:
    """The hour that holds a quarter-hour, 1 to 8760, as the clocks of a zone show it.

    The hour that comes twice in autumn is one hour; 29 February is 28 February.
    """
    at = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone))
    day = 28 if (at.month, at.day) == (2, 29) else at.day
    return (date(_NORMAL_YEAR, at.month, day).timetuple().tm_yday - 1) * 24 + at.hour + 1
