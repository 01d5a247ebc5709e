"""The community's local days: where they begin, and which one a time belongs to."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")


def local(utc_ms: int) -> datetime:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(ZONE)


def local_day(utc_ms: int) -> date:
    return local(utc_ms).date()


def local_midnight_ms(day: date) -> int:
    return int(datetime.combine(day, time(), ZONE).timestamp()) * 1000
