"""Date and time as DLMS codes them in 12 octets, into UTC.

Spec: IEC 62056-6-2 (Blue Book, edition 15, §4.1.6.1); summer time by Directive 2000/84/EC. In
integers, for a driver shall be there sooner than the module datetime is.
"""

from functools import lru_cache
from typing import NamedTuple

OCTETS = 12
_DEVIATION_MAX = 840  # minutes either way; -32768 stands for unknown
_SUMMER, _STATUS_UNKNOWN = 0x80, 0xFF
_WILD = 0xFF
# In the first year of the century no meter was that pushes: so starts a clock that was never set.
_YEARS = range(2001, 2100)
_TWO = [f"{number:02}" for number in range(60)]
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Moment(NamedTuple):
    """What a meter's clock shows.

    `local_ms` are the milliseconds of what it shows since 1970. `deviation_min` is what must be
    added to get UTC, minutes west of Greenwich; None where the meter does not know. `is_summer`
    is what the meter says.
    """

    written: str  # as `2026-06-21T12:30:05`
    local_ms: int
    deviation_min: int | None
    is_summer: bool

    def at_ms(self, *, is_winter: bool = False) -> int | None:
        """UTC milliseconds since 1970.

        Without a deviation summer time is what the meter says; else the calendar of central
        Europe decides, unless the maker's clocks are known to show winter time all the year
        (`is_winter`). By the calendar it is None in the hour that comes twice, and in the one
        that never comes. Those clocks say 0 for a deviation that they do not know.
        """
        if self.deviation_min is not None and (self.deviation_min or not is_winter):
            return self.local_ms + self.deviation_min * 60_000
        if self.is_summer or is_winter:
            return self.local_ms - (2 if self.is_summer else 1) * _HOUR_MS
        forward_ms, back_ms = _changes(int(self.written[:4]))
        if forward_ms + _HOUR_MS <= self.local_ms < back_ms:
            return self.local_ms - 2 * _HOUR_MS
        if forward_ms <= self.local_ms < back_ms + _HOUR_MS:
            return None
        return self.local_ms - _HOUR_MS


@lru_cache(maxsize=64)
def moment(octets: bytes) -> Moment | None:
    """The moment in 12 octets: year, month, day, weekday, hour, minute, second, hundredths,
    deviation, status. None where what is needed is left open, or is no date of this century.

    >>> moment(bytes.fromhex("07e5091b01092f0f00ff8880")).written
    '2021-09-27T09:47:15'
    """
    if len(octets) != OCTETS:
        return None
    day = _day(octets[:4])
    hour, minute, second, hundredths = octets[5:9]
    if second == _WILD:
        second = 0
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    written, local_ms = day
    local_ms += hour * _HOUR_MS + (minute * 60 + second) * 1000
    local_ms += hundredths * 10 if hundredths < 100 else 0
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    status = octets[11]
    return _new(
        Moment,
        (
            f"{written}T{_TWO[hour]}:{_TWO[minute]}:{_TWO[second]}",
            local_ms,
            deviation if -_DEVIATION_MAX <= deviation <= _DEVIATION_MAX else None,
            status != _STATUS_UNKNOWN and status & _SUMMER > 0,
        ),
    )


@lru_cache(maxsize=8)
def _day(octets: bytes) -> tuple[str, int] | None:
    """How the day in four octets is written, and its milliseconds since 1970."""
    year, month, day = octets[0] << 8 | octets[1], octets[2], octets[3]
    if year not in _YEARS or not 1 <= month <= 12 or not 1 <= day <= _days_in(year, month):
        return None
    return f"{year}-{_TWO[month]}-{_TWO[day]}", _days(year, month, day) * _DAY_MS


def _days_in(year: int, month: int) -> int:
    """How many days the month has."""
    if month == 2:
        return 29 if year % 4 == 0 else 28  # the years of `_YEARS` have no exception
    return 30 if month in {4, 6, 9, 11} else 31


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; a year is taken from March, so that its leap day is the last."""
    if month <= 2:
        year, month = year - 1, month + 12
    leaps = year // 4 - year // 100 + year // 400
    return 365 * year + leaps + (153 * (month - 3) + 2) // 5 + day - 719_469


@lru_cache(maxsize=8)
def _changes(year: int) -> tuple[int, int]:
    """When clocks go forward and back: at 2 local time on the last Sundays of March and October."""
    forward, back = (last - (last + 4) % 7 for last in (_days(year, 3, 31), _days(year, 10, 31)))
    return forward * _DAY_MS + 2 * _HOUR_MS, back * _DAY_MS + 2 * _HOUR_MS
