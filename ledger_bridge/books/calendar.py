"""Local days of a community, and the periods of whole weeks that claims may be about.

A day has 92, 96 or 100 quarter-hours where the clock is changed. A period is written as its day,
`2026-06-21`, or as its first day and its weeks, `2026-06-15/4w`.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import lcm
from zoneinfo import ZoneInfo

QUARTER_MS = 900_000

# Periods of weeks follow each other from this Monday on, and back, in every community alike.
FIRST_MONDAY = date(2024, 1, 1)
WEEKS_MAX = 26


@lru_cache(maxsize=65_536)
def _day_of_quarter(quarter: int, zone: str) -> str:
    # 900 s divide every offset in use today, so a quarter-hour lies in one local day.
    return datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).date().isoformat()


def day_of(at_ms: int, zone: str) -> str:
    """The local day that holds this instant."""
    return _day_of_quarter(at_ms // QUARTER_MS, zone)


def day_counted(at_ms: int, zone: str) -> str:
    """The local day in which the interval that this reading closes counts.

    A reading stands for the quarter-hour boundary at or before it, and closes the quarter before
    that boundary: the reading of local midnight, or the first after it, closes the old day. After
    a gap over midnight the whole increase counts in the day of the reading that ends the gap.
    """
    return _day_of_quarter(at_ms // QUARTER_MS - 1, zone)


def quarter_between(before_ms: int, at_ms: int) -> int | None:
    """The quarter-hour since 1970 that holds all that was measured between two readings, if one
    does. As for days, a reading stands for the boundary at or before it.
    """
    ended = at_ms // QUARTER_MS
    return ended - 1 if ended - before_ms // QUARTER_MS <= 1 else None


def bounds_ms(day: str, zone: str) -> tuple[int, int]:
    """UTC of the local midnights that begin and end this day."""
    start = date.fromisoformat(day)
    midnights = (
        datetime.combine(d, datetime.min.time(), ZoneInfo(zone))
        for d in (start, start + timedelta(days=1))
    )
    begin, end = (round(m.timestamp()) * 1000 for m in midnights)
    return begin, end


def period_of(day: str, weeks: int) -> str:
    """The period of so many weeks that holds this local day; of 0 weeks, the day itself.

    >>> period_of("2026-06-21", 4)
    '2026-06-15/4w'
    """
    if not weeks:
        return day
    since = (date.fromisoformat(day) - FIRST_MONDAY).days % (7 * weeks)
    return f"{date.fromisoformat(day) - timedelta(days=since)}/{weeks}w"


def days_of(period: str) -> tuple[str, str]:
    """The first and the last local day of a period."""
    first, _, weeks = period.partition("/")
    if not weeks:
        return first, first
    last = date.fromisoformat(first) + timedelta(days=7 * int(weeks.removesuffix("w")) - 1)
    return first, last.isoformat()


def days_text(period: str) -> str:
    """The days of a period as people read them: 2026-06-15 to 2026-07-12."""
    first, last = days_of(period)
    return first if first == last else f"{first} to {last}"


def next_start(day: str, weeks: frozenset[int]) -> str | None:
    """The first day from this one on at which periods of all these lengths begin.

    None where that is more than a century away: lengths such as 25 and 26 weeks hardly ever meet.
    """
    cycle = 7 * lcm(*weeks) if weeks else 1
    wait = -(date.fromisoformat(day) - FIRST_MONDAY).days % cycle
    if wait > 36_525:
        return None
    return (date.fromisoformat(day) + timedelta(days=wait)).isoformat()


def local_text(at_ms: int, zone: str) -> str:
    """2026-06-21 12:15, as the community's clocks showed it."""
    return f"{datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def utc_text(at_ms: int) -> str:
    """2026-06-21T10:15:00Z, with milliseconds only where there are any."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    rest = f".{at_ms % 1000:03}" if at_ms % 1000 else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{rest}Z"
