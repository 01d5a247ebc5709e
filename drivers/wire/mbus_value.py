"""One value of an M-Bus record: numbers, dates and texts from their bytes.

Spec: EN 13757-3:2018, annex A (data types A to J) and §6.3.3 (coding of the data field).
"""

from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from drivers.wire import iec62056

# Codings: the low four bits of a DIF, and those that only data of variable length has.
REAL, VARIABLE = 5, 13
SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 6, 7: 8, 8: 0, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}
INTEGERS = {1, 2, 3, 4, 6, 7}
DATES = {2, 3, 4, 6}
NUMBERS = INTEGERS | {REAL, 9, 10, 11, 12, 14}
BCD, BCD_MINUS, BINARY = 16, 17, 18
_TEXT_MAX = 0xBF  # a length byte above this says something else than text
_INTEGER_BYTES_MAX = 8  # longer strings of bits are no numbers


_REAL = Struct("<f").unpack
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long
_TENS = {10**n: n for n in range(10)}


class Trouble(NamedTuple):
    """Why there is no value: the kind of the fault, and what was seen."""

    kind: str
    what: str


class Size(NamedTuple):
    """Coding and width of data that says by itself how long it is."""

    coding: int
    width: int


def size(told: int) -> Size | None:
    """What the first byte of data of variable length says; None where it is reserved."""
    if told <= _TEXT_MAX:
        return Size(VARIABLE, told)
    if told & 0xE0 == 0xC0 and told & 0x0F <= 9:
        return Size(BCD_MINUS if told & 0x10 else BCD, told & 0x0F)
    if told & 0xF0 == 0xE0:
        return Size(BINARY, told & 0x0F)
    return Size(BINARY, 4 * (told - 0xEC)) if 0xF0 <= told <= 0xF4 else None


def text(data: bytes) -> str:
    """Text comes with its last character first; what is not printable is given as hex."""
    turned = data[::-1].strip(b"\0").decode("latin-1")
    return turned if turned.isprintable() else data.hex()


def lowest(coding: int) -> int:
    """The lowest integer of a coding, which stands for no value; 0 for what is no integer."""
    return -1 << 8 * SIZES[coding] - 1 if coding in INTEGERS else 0


def real(data: bytes) -> tuple[int, int] | None:
    """A number of type H (32 bits, IEEE 754) as a fraction; None for what is not finite."""
    (given,) = _REAL(data)
    if given - given:  # not zero, but not a number
        return None
    fraction: tuple[int, int] = given.as_integer_ratio()
    return fraction


def number(coding: int, data: bytes) -> tuple[int, int] | Trouble:
    """The number as a fraction. The lowest integer stands for no value, and so do digits that
    are none; a leading F is a minus."""
    if coding in INTEGERS or coding == BINARY:
        whole = int.from_bytes(data, "little", signed=True)
        if whole != -1 << 8 * len(data) - 1:
            return whole, 1
    elif coding == REAL:
        fraction = real(data)
        if fraction is not None:
            return fraction
    else:
        digits = data[::-1].hex()
        if digits.isdecimal():
            return (-int(digits) if coding == BCD_MINUS else int(digits)), 1
        if digits[0] == "f" and digits[1:].isdecimal():
            return -int(digits[1:]), 1
    return Trouble("placeholder", f"{data[::-1].hex()} stands for no value")


def is_number(coding: int, data: bytes) -> bool:
    """Whether data of this coding is a number at all."""
    return coding != VARIABLE and (coding != BINARY or len(data) <= _INTEGER_BYTES_MAX)


def decimal(numerator: int, divisor: int) -> str:
    """The fraction in decimals: as many as a power of ten has, else nine; cut off toward zero."""
    whole, rest = divmod(abs(numerator), divisor)
    sign = "-" if numerator < 0 else ""
    digits = _TENS.get(divisor, 9)
    if not digits:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{rest * 10**digits // divisor:0{digits}}"


class Moment(NamedTuple):
    """A date, a time of day, or both, as text, and the UTC milliseconds where it has both."""

    text: str
    at_ms: int | None = None


def moment(data: bytes) -> Moment | Trouble:
    """Types G (date, 2 bytes), J (time, 3), F (both to the minute, 4) and I (to the second, 6).

    The UTC milliseconds follow the rule for unflagged stamps of P1 meters; the bit for summer
    time counts where it is set, since many meters never set it.
    """
    length = len(data)
    if length == 4:
        minute, hour = data[0], data[1]
        told = _hour(data[2:], hour & 0x1F, hour >> 5 & 3, is_summer=hour > 0x7F)
        if told is None or minute > 59:  # its highest bit says that the clock is not right
            return _odd(data)
        text, hour_ms = told
        at_ms = None if hour_ms is None else hour_ms + minute * 60_000
        return _new(Moment, (f"{text}{minute:02}", at_ms))
    if length == 6:
        second, minute = data[0] & 0x3F, data[1]
        told = _hour(data[3:5], data[2] & 0x1F, 0, is_summer=data[0] > 0x7F)
        if told is None or minute > 59 or second > 59:
            return _odd(data)
        text, hour_ms = told
        at_ms = None if hour_ms is None else hour_ms + minute * 60_000 + second * 1_000
        return Moment(f"{text}{minute:02}:{second:02}", at_ms)
    if length == 3:
        second, minute, hour = data[0] & 0x3F, data[1] & 0x3F, data[2] & 0x1F
        is_time = second < 60 and minute < 60 and hour < 24
        return Moment(f"{hour:02}:{minute:02}:{second:02}") if is_time else _odd(data)
    told = _hour(data, 0, 0, is_summer=False) if length == 2 else None
    return _odd(data) if told is None else Moment(told[0].partition("T")[0])


@lru_cache(maxsize=256)
def _hour(
    date: bytes, hour: int, century: int, *, is_summer: bool
) -> tuple[str, int | None] | None:
    """An hour of a date of type G, as `2026-06-21T12:` and its UTC milliseconds; None for none."""
    day, month = date[0] & 0x1F, date[1] & 0x0F
    year = date[0] >> 5 | date[1] >> 4 << 3
    # Two digits: up to 80 they are of this century, unless the meter says which.
    full = year + (1900 + 100 * century if century or year > 80 else 2000)
    if year > 99 or hour > 23 or not 1 <= month <= 12 or not 1 <= day <= _days(full, month):
        return None
    stamp = f"{full % 100:02}{month:02}{day:02}{hour:02}0000{'S' * is_summer}"
    at_ms = iec62056.stamp_ms(stamp) if 2000 <= full < 2100 else None
    return f"{full:04}-{month:02}-{day:02}T{hour:02}:", at_ms


def _days(year: int, month: int) -> int:
    """How many days the month has."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in {4, 6, 9, 11} else 31


def _odd(data: bytes) -> Trouble:
    return Trouble("placeholder", f"{data[::-1].hex()} is no date that the meter knows")
