"""Counts and times of meters as people write them on the command line."""

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.contract.errors import Problem, UsageError

# By the unit on the meter: the base unit and how many thousandths of it one is.
_UNITS = {
    "Wh": ("Wh", 1_000),
    "kWh": ("Wh", 1_000_000),
    "MWh": ("Wh", 1_000_000_000),
    "L": ("l", 1_000),
    "m3": ("l", 1_000_000),
    "MJ": ("J", 1_000_000_000),
    "GJ": ("J", 1_000_000_000_000),
}
_COUNT = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,6}))? ?(\w+)")


class Count(NamedTuple):
    """What a meter shows: thousandths of `unit`, and what the last digit stands for."""

    value: int
    unit: str
    step: int


def read_count(given: str, *, where: str) -> Count:
    """ "4426.123 kWh" as a count. Raises UsageError."""
    match = _COUNT.fullmatch(given)
    if match is None or match[3] not in _UNITS:
        what = f'{given!r} is no count such as "4426.123 kWh"'
        raise UsageError(Problem(what, where, f"units: {', '.join(_UNITS)}"))
    whole, decimals, name = match.groups()
    unit, one = _UNITS[name]
    step = Fraction(one, 10 ** len(decimals or ""))
    value = int(whole + (decimals or "")) * step
    if value.denominator != 1 or step.denominator != 1:
        what = f"{given!r} has more digits than a meter"
        raise UsageError(Problem(what, where, "as it stood there"))
    return Count(int(value), unit, int(step))


def instant(given: str, zone: str, *, where: str) -> int:
    """UTC milliseconds of local "2026-06-21 12:00", or of "2026-06-21T10:00:00Z"."""
    try:
        at = datetime.fromisoformat(given)
    except ValueError as error:
        what = f'{given!r} is no time such as "2026-06-21 12:00"'
        raise UsageError(Problem(what, where, "local time, or UTC with a Z")) from error
    if at.tzinfo is None:
        first, second = (at.replace(tzinfo=ZoneInfo(zone), fold=n).timestamp() for n in (0, 1))
        if first != second:
            what = f"{given!r} was twice, or never, on the clocks of {zone}"
            raise UsageError(Problem(what, where, "write it as UTC, with a Z"))
    else:
        first = at.timestamp()
    if not 1980 <= datetime.fromtimestamp(first, UTC).year < 2100:
        raise UsageError(Problem(f"{given!r} is no time of these books", where, "2026-06-21 12:00"))
    return round(first * 1000)
