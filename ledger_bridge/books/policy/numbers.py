"""Numbers as people write them in a policy: exact, in quotes, with a unit, and how much at most."""

import re
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from gateway.contract import settings
from ledger_bridge.books.calendar import WEEKS_MAX
from ledger_bridge.books.quantity import as_written, exact, is_of, quantity, written

_MOST = re.compile(r"(\S+) per (?:(day)|(week)|([0-9]{1,3}) weeks)")


def _not_negative(value: Fraction) -> Fraction:
    if value < 0:
        raise ValueError(f"{value} is negative")
    return value


class Most(NamedTuple):
    """The most that something may come to, and over how many weeks; 0 weeks: a local day."""

    most: Fraction
    weeks: int

    def in_words(self) -> tuple[str, str]:
        """English and Dutch."""
        en = {0: "a day", 1: "a week"}.get(self.weeks, f"in {self.weeks} weeks")
        nl = {0: "per dag", 1: "per week"}.get(self.weeks, f"in {self.weeks} weken")
        amount = written(self.most)
        return f"at most {amount} {en}", f"hoogstens {amount.replace('.', ',')} {nl}"


def _most(given: Any) -> Most:
    """ "10 per day", "5 per week" or "7 per 4 weeks"."""
    match = _MOST.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError(f'{given!r} is no limit such as "10 per day" or "7 per 4 weeks"')
    most, day, week, weeks = match.groups()
    over = 0 if day else 1 if week else int(weeks)
    if not (day or 1 <= over <= WEEKS_MAX):
        raise ValueError(f"{given!r}: a limit is per day, or per 1 to {WEEKS_MAX} weeks")
    return Most(_not_negative(exact(most)), over)


def day(given: Any) -> date:
    """2026-06-21, with quotes or without. Raises ValueError, also where a time of day is said."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    try:
        return date.fromisoformat(given)
    except (TypeError, ValueError) as error:
        shown = str(given) if isinstance(given, date) else repr(given)
        raise ValueError(f"{shown} is no day such as 2026-06-21") from error


Day = Annotated[date, PlainValidator(day)]


def _energy(given: Any) -> Fraction:
    """ "1 kWh" in mWh."""
    size = quantity(given)
    if not is_of(str(given), "kWh"):
        raise ValueError(f'{given!r} is no energy such as "1 kWh"')
    return size


Exact = Annotated[Fraction, BeforeValidator(exact), AfterValidator(_not_negative)]
Energy = Annotated[Fraction, BeforeValidator(_energy)]
QuantityText = Annotated[str, AfterValidator(as_written)]
Cap = Annotated[Most, PlainValidator(_most)]


class Rate(settings.Settings):
    """So much credit per so much of a fraction: `per` is such as "1 kg" or "1 piece"."""

    credit: Exact
    per: QuantityText

    @cached_property
    def per_milli(self) -> Fraction:
        """Credit per thousandth of the base unit (per mg, per thousandth of a piece)."""
        return self.credit / quantity(self.per)
