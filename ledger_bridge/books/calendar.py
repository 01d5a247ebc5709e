"""Local days of a community. A day has 92, 96 or 100 quarter-hours where the clock is changed."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_MS = 900_000


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


def bounds_ms(day: str, zone: str) -> tuple[int, int]:
    """UTC of the local midnights that begin and end this day."""
    start = date.fromisoformat(day)
    midnights = (
        datetime.combine(d, datetime.min.time(), ZoneInfo(zone))
        for d in (start, start + timedelta(days=1))
    )
    begin, end = (round(m.timestamp()) * 1000 for m in midnights)
    return begin, end


def local_text(at_ms: int, zone: str) -> str:
    """2026-06-21 12:15, as the community's clocks showed it."""
    return f"{datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def utc_text(at_ms: int) -> str:
    """2026-06-21T10:15:00Z, with milliseconds only where there are any."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    rest = f".{at_ms % 1000:03}" if at_ms % 1000 else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{rest}Z"
