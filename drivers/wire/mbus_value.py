"""One value of an M-Bus record: numbers, dates and texts from their bytes.

Spec: EN 13757-3:2018, annex A (data types A to J) and §6.3.3 (coding of the data field).
"""

from calendar import monthrange
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from drivers.wire import iec62056

# Codings: the low four bits of a DIF, and those that only data of variable length has.
REAL, VARIABLE = 5, 13
SIZES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 4, 6: 6, 7: 8, 8: 0, 9: 1, 10: 2, 11: 3, 12: 4, 14: 6}
INTEGERS = {1, 2, 3, 4, 6, 7}
NUMBERS = INTEGERS | {REAL, 9, 10, 11, 12, 14}
BCD, BCD_MINUS, BINARY = 16, 17, 18
_TEXT_MAX = 0xBF  # a length byte above this says something else than text
_INTEGER_BYTES_MAX = 8  # longer strings of bits are no numbers


_REAL = Struct("<f").unpack
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


@lru_cache(maxsize=256)
def moment(data: bytes) -> Moment | Trouble:
    """Types G (date, 2 bytes), J (time, 3), F (both to the minute, 4) and I (to the second, 6).

    The UTC milliseconds follow the rule for unflagged stamps of P1 meters; the bit for summer
    time counts where it is set, since many meters never set it.
    """
    length = len(data)
    if length not in {2, 3, 4, 6}:
        return Trouble("object", f"no date has {length} bytes")
    # Put everything where type I has it: second, minute, hour, day, month.
    lead = {2: b"\0\0\0", 3: b"", 4: b"\0", 6: b""}[length]
    place = lead + data
    second, minute, hour = place[0] & 0x3F, place[1] & 0x3F, place[2] & 0x1F
    wrong = second > 59 or minute > 59 or hour > 23
    clock = f"{hour:02}:{minute:02}" + f":{second:02}" * (length != 4)
    if length == 3:
        return _odd(data) if wrong else Moment(clock)
    day, month = place[3] & 0x1F, place[4] & 0x0F
    year, century = place[3] >> 5 | place[4] >> 4 << 3, 0
    is_invalid = place[1] > 0x7F
    is_summer = length == 6 and place[0] > 0x7F
    if length == 4:
        century, is_summer = place[2] >> 5 & 3, place[2] > 0x7F
    # Two digits: up to 80 they are of this century, unless the meter says which.
    full = year + (1900 + 100 * century if century or year > 80 else 2000)
    if wrong or is_invalid or year > 99 or not _is_day(full, month, day):
        return _odd(data)
    date = f"{full:04}-{month:02}-{day:02}"
    if length == 2:
        return Moment(date)
    stamp = f"{full % 100:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}{'S' * is_summer}"
    at_ms = iec62056.stamp_ms(stamp) if 2000 <= full < 2100 else None
    return Moment(f"{date}T{clock}", at_ms)


def _is_day(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def _odd(data: bytes) -> Trouble:
    return Trouble("placeholder", f"{data[::-1].hex()} is no date that the meter knows")
