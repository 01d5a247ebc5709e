"""Conditions on what counters counted: the time of day, the grade, and no substitute values."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import PlainValidator

from ledger_bridge.books.facts.grades import CHECKED, GRADES, OFFICIAL, SELF_REPORTED
from ledger_bridge.books.policy.rule import Rule

DAY_MIN = 24 * 60

_HOURS = re.compile(r"([0-9]{2}):(00|15|30|45)-([0-9]{2}):(00|15|30|45)")

# Why a rule does not count an increase.
HOURS = "hours"  # outside the time of day
SEVERAL = "several"  # measured over several quarter-hours, and the rule asks for a time of day
GRADE = "grade"  # less vouched for than the rule asks
SUBSTITUTE = "substitute"  # nobody measured it

# What a least grade is called: in English and in Dutch.
_GRADES = {
    CHECKED: (
        "where the counts were checked",
        "waar de standen gecontroleerd zijn",
    ),
    OFFICIAL: (
        "by official figures only",
        "alleen volgens officiële cijfers",
    ),
}
_MEASURED = ("without substitute values", "zonder vervangende waarden")


class Hours(NamedTuple):
    """A time of day on the community's clocks, in minutes since midnight; `until` is outside it.

    Where `until` is not after `since` it goes on past midnight: it is then two ends of every day.
    """

    since: int
    until: int

    def hold(self, minute: int) -> bool:
        """Whether a minute of a day lies in it.

        >>> Hours(22 * 60, 6 * 60).hold(23 * 60), Hours(22 * 60, 6 * 60).hold(12 * 60)
        (True, False)
        """
        if self.since < self.until:
            return self.since <= minute < self.until
        return minute >= self.since or minute < self.until

    def meet(self, other: "Hours") -> bool:
        """Whether some quarter-hour lies in both."""
        return any(self.hold(n) and other.hold(n) for n in range(0, DAY_MIN, 15))

    def texts(self) -> tuple[str, str]:
        """When it begins and ends, as people write it."""
        since, until = (f"{n // 60:02}:{n % 60:02}" for n in self)
        return since, until


def _hours(given: Any) -> Hours:
    """ "10:00-16:00", or "22:00-06:00" over midnight."""
    match = _HOURS.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError(f'{given!r} is no time of day in quarter-hours such as "10:00-16:00"')
    first, first_min, last, last_min = map(int, match.groups())
    found = Hours(first * 60 + first_min, last * 60 + last_min)
    if found.since >= DAY_MIN or found.until > DAY_MIN:
        raise ValueError(f"{given!r}: a day goes from 00:00 to 24:00")
    if found.since == found.until:
        raise ValueError(f"{given!r} begins where it ends; leave hours out for the whole day")
    return found


class Conditions(Rule):
    """What a rule that reads counters may ask of a count."""

    hours: Annotated[Hours, PlainValidator(_hours)] | None = None
    grade: Literal["self-reported", "checked", "official"] = "self-reported"
    quality: Literal["any", "measured"] = "any"

    def refusal(self, quarter: int | None, grade: str, zone: str, *, is_substitute: bool) -> str:
        """Why an increase does not count, or "".

        `quarter` is the quarter-hour since 1970 that it lay in, None where it lay in several.
        With hours only what lies in one quarter-hour counts: nobody knows when the rest was.
        """
        if GRADES.index(grade) < GRADES.index(self.grade):
            return GRADE
        if self.quality == "measured" and is_substitute:
            return SUBSTITUTE
        if self.hours is None:
            return ""
        if quarter is None:
            return SEVERAL
        return "" if self.hours.hold(_minute_of_day(quarter, zone)) else HOURS


def is_conditional(rule: Rule) -> bool:
    """Whether a rule asks anything of a count, so that it must know more than the sum of a day."""
    return isinstance(rule, Conditions) and (
        rule.hours is not None or rule.grade != SELF_REPORTED or rule.quality != "any"
    )


@lru_cache(maxsize=65_536)
def _minute_of_day(quarter: int, zone: str) -> int:
    """When a quarter-hour begins on the clocks of a zone; the hour that comes twice is one hour."""
    at = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone))
    return at.hour * 60 + at.minute


def limits_in_words(rule: Rule) -> tuple[str, str]:
    """Under which conditions a rule counts and what its cap is: the end of its sentence."""
    english, dutch = [], []
    if isinstance(rule, Conditions):
        if rule.hours:
            since, until = rule.hours.texts()
            english.append(f" from {since} to {until}")
            dutch.append(f" van {since} tot {until}")
        said = [_GRADES[rule.grade]] if rule.grade in _GRADES else []
        said += [_MEASURED] if rule.quality == "measured" else []
        english += [f", {words}" for words, _ in said]
        dutch += [f", {words}" for _, words in said]
    if rule.cap:
        most, meeste = rule.cap.in_words()
        english.append(f", {most}")
        dutch.append(f", {meeste}")
    return "".join(english), "".join(dutch)
