"""The local days of a statement or an export: a day, a month, a year, or from one to another."""

import calendar
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.calendar import bounds_ms

# No meter counted before, or counts after.
YEAR_MIN, YEAR_MAX = 1980, 2099
# Ten years: nobody reads more at once.
DAYS_MAX = 3_653

_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)
_ALLOWED = "2026-06-21, 2026-06, 2026 or 2026-06-15..2026-07-12"


class Days(NamedTuple):
    """From the first to the last of these local days; `text` is as somebody asked for them."""

    first: str
    last: str
    text: str

    def bounds_ms(self, zone: str) -> tuple[int, int]:
        """UTC of the local midnights that begin and end them."""
        return bounds_ms(self.first, zone)[0], bounds_ms(self.last, zone)[1]

    def each(self) -> Iterator[str]:
        day, last = date.fromisoformat(self.first), date.fromisoformat(self.last)
        while day <= last:
            yield day.isoformat()
            day += timedelta(days=1)


def asked(text: str) -> Days:
    """The days of a period as people write it. Raises UsageError.

    >>> asked("2026-02")
    Days(first='2026-02-01', last='2026-02-28', text='2026-02')
    """
    first, dots, last = text.partition("..")
    try:
        begin = _days(first)[0]
        end = _days(last)[1] if dots else _days(first)[1]
    except ValueError as error:
        raise _refused(f"{text!r} is no period") from error
    if begin > end:
        raise _refused(f"{text!r} ends before it begins")
    if (end - begin).days >= DAYS_MAX:
        raise _refused(f"{text!r} is more than ten years")
    return Days(begin.isoformat(), end.isoformat(), text)


def month_of(day: str) -> Days:
    """The month that holds this day."""
    return asked(day[:7])


def next_month(month: str, step: int = 1) -> str:
    """The month so many after this one.

    >>> next_month("2026-12")
    '2027-01'
    """
    number = int(month[:4]) * 12 + int(month[5:7]) - 1 + step
    return f"{number // 12:04}-{number % 12 + 1:02}"


def _days(text: str) -> tuple[date, date]:
    """The first and the last day. Raises ValueError."""
    match = _PERIOD.fullmatch(text)
    if match is None or not YEAR_MIN <= int(match[1]) <= YEAR_MAX:
        raise ValueError(text)
    year, month, day = int(match[1]), match[2], match[3]
    if day:
        one = date(year, int(month), int(day))
        return one, one
    if month:
        last = calendar.monthrange(year, int(month))[1]
        return date(year, int(month), 1), date(year, int(month), last)
    return date(year, 1, 1), date(year, 12, 31)


def _refused(what: str) -> UsageError:
    return UsageError(Problem(what, "period", _ALLOWED))
