"""What a meter tells in an SML file: the entries of its lists, as readings.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b), 5.1.15 (SML_GetList.Res), 5.1.6 (SML_Time); IEC
62056-6-2, table of units; DIN 43863-5 (identification of meters).
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire import crc, sml, sml_shape
from drivers.wire.sml_scale import VALUE_MAX, decimal, has_sign, scale

# Registers that name the meter, as elements.
_NAMES = {
    b"\x07\x01\x00\x60\x01\x00\xff",  # 1-0:96.1.0
    b"\x07\x01\x00\x00\x00\x09\xff",  # 1-0:0.0.9
    b"\x07\x01\x00\x00\x00\x00\xff",  # 1-0:0.0.0
}
_SHOWN = 16  # bytes of what is broken
_SECONDS_2000 = 946_684_800  # no meter's clock is right that is before this

# DZG meters of types DVS74 and DWS74 before firmware 1.2 write a positive power in as few bytes as
# a number without sign needs, and yet say that it has one: 356.24 W reads as -299.12 W. A negative
# one has four bytes. The first and the last of these ranges are the maker's word (libsml 136); a
# DWS74 from the middle one does the same (libsml 125). DWSB20 and DVBS12, from 40 million on, and
# all from 60 million on are right, and small negative powers of theirs look just alike.
_DZG = b"DZG\x00"
_DZG_FAULTY = ((42_000_000, 48_999_999), (50_000_000, 50_999_999), (55_000_000, 58_999_999))

_NUMBER = sml.pattern(sml.UNSIGNED, sml.SIGNED, bytes_max=9)
_TEXT = sml.pattern(sml.OCTETS, bytes_max=15)
# A time counts seconds from somewhere (1) or is an instant (2), a local one with two offsets (3).
# Holley meters leave out which, and count from somewhere.
_TIME = rb"\x01|(?:\x72\x62[\x01\x02])?(?:%b)|\x72\x62\x03\x73(?:%b){3}" % (
    sml.pattern(sml.UNSIGNED, bytes_max=5),
    sml.pattern(sml.UNSIGNED, sml.SIGNED, bytes_max=5),
)
# A message with a list, up to its entries: number, group, what to do on error, kind; then client,
# server, the list's name, the meter's time. After 63 stands the checksum of the message before,
# which may look like a message's first bytes.
_LIST = re.compile(
    rb"(?s)\x76(?<!\x63\x76)(?:\x01|%b)\x62.\x62.\x72(?:\x63|\x64\0|\x65\0\0)\x07\x01"
    rb"\x77(?:\x01|%b)(\x01|%b)(?:\x01|%b)(%b)([\x70-\x7f]|[\xf0-\xff]+.)"
    % (_TEXT, _TEXT, _TEXT, _TEXT, _TIME)
)
# A list in its usual form. Each entry: name, status, time, unit and scaler, value, no signature;
# the value may be left out, or a public key of 48 bytes, which many meters tell. Then no signature
# and no time of the gateway; the message's checksum, without its leading zeros at some meters; and
# the end. And then all that follows.
_CHECKSUM = sml.pattern(sml.UNSIGNED, bytes_max=3)
_ENTRIES = re.compile(
    rb"(?s)\x77(\x07.{6})(?:\x01|%b)(%b)((?:\x01|\x62.)(?:\x01|\x52.))(\x01|%b|%b|\x83\x02.{48})\x01"
    rb"|\x01\x01(\x01|%b)\x00|(.+)"
    % (sml.pattern(sml.UNSIGNED, bytes_max=9), _TIME, _NUMBER, _TEXT, _CHECKSUM)
)
_FOOT = re.compile(rb"(?s)(\x01|%b)\x00" % _CHECKSUM)

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long
_ABSENT, _SIGNED, _LIST_FIELD = sml.ABSENT, sml.SIGNED, sml.LIST


# The elements of an entry, each with its TL field: name, time, unit and scaler together, value;
# then the two groups of the pattern that stand after a list. What is no entry has no name, and its
# first bytes as value.
_Entry = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
_FOOT_GROUP, _REST_GROUP = 4, 5


class _List(NamedTuple):
    """A list as it came: server and time as elements, and the entries.

    Its message goes to `stop`, then comes its checksum as an element, and the end.
    """

    server: bytes
    time: bytes
    entries: list[_Entry]
    stop: int
    checksum: bytes
    end: int


class Telegram(NamedTuple):
    """What a file says."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...]


class Ways(NamedTuple):
    """How to read: whether short powers are never negative (None: as the meter's number says),
    and what computes CRC-16/X-25."""

    is_power_unsigned: bool | None = None
    x25: Callable[[bytes], int] = crc.x25


USUAL = Ways()


def read(data: bytes, ways: Ways, offset: int, shapes: sml_shape.Shapes) -> Telegram:
    """The readings of all lists in a file's content, and the faults of what is broken.

    Other messages are passed by: the file's checksum guards them. `offset` is where the content
    begins in the stream; doubled escapes before a fault are not counted. `shapes` is what a session
    remembers of one file for the next.
    """
    readings: list[Reading] = []
    faults: list[Fault] = []
    # How long a list is shows in what follows it, but for the bytes that fill up.
    length = len(data.rstrip(sml.END))
    match = _LIST.search(data)
    while match is not None:
        at, begin = match.span()
        server, time, field = match.groups()
        key = (server, field, length - begin)
        shape = shapes.get(key)
        if shape and (again := _again(data, (at, begin), time, shape, ways)):
            readings += again
            match = _LIST.search(data, begin + shape.length)
            continue
        told = _list(data, match)
        if told is None:
            what = f"a list without its end: {data[begin : begin + _SHOWN].hex()}"
            faults.append(Fault("object", offset + at, len(data) - at, what))
            break
        wrong = sml.wrong_message(data[at : told.stop], sml.integer(told.checksum), ways.x25)
        if wrong:
            faults.append(Fault("checksum", offset + at, told.end - at, wrong))
        else:
            first = len(readings)
            _tell(told, ways, readings, faults, (offset + at, told.end - at))
            if len(readings) > first and not faults and told.end - begin <= sml_shape.LENGTH_MAX:
                entries = _ENTRIES.finditer(data, begin)
                is_faulty = _is_faulty(server, ways)
                sml_shape.remember(shapes, key, entries, readings[first:], is_faulty=is_faulty)
        match = _LIST.search(data, told.end)
    return _new(Telegram, (tuple(readings), tuple(faults)))


def _again(
    data: bytes, span: tuple[int, int], time: bytes, shape: sml_shape.Shape, ways: Ways
) -> list[Reading]:
    """The readings of a list that has this shape, and a right checksum; else []."""
    at, begin = span
    told = shape.readings(data, begin, None if time == _ABSENT else _moment(time))
    checksum = begin + shape.checksum
    says = int.from_bytes(data[checksum + 1 : begin + shape.length - 1], "big")
    return [] if told and sml.wrong_message(data[at:checksum], says, ways.x25) else told


def _list(data: bytes, match: re.Match[bytes]) -> _List | None:
    """The list whose message begins with `match`; None if its elements are not as they say."""
    server, time, field = match.groups()
    number = field[0] - _LIST_FIELD if len(field) == 1 else sml.members(field, 0)[0]
    found: list[_Entry] = _ENTRIES.findall(data, match.end())
    if not number < len(found) <= number + 2 or not found[number][_FOOT_GROUP]:
        return _odd_list(data, match, number)
    checksum = found[number][_FOOT_GROUP]
    end = len(data) - len(found[-1][_REST_GROUP])
    del found[number:]
    return _new(_List, (server, time, found, end - len(checksum) - 1, checksum, end))


def _odd_list(data: bytes, match: re.Match[bytes], number: int) -> _List | None:
    """The same for a list in any other form, element by element."""
    at = match.end()
    entries: list[_Entry] = []
    for _ in range(number):
        fields = sml.places(data, at + 1, 7) if data[at : at + 1] == b"\x77" else []
        if fields:
            name, _, time, unit, scaler, value, _ = (data[a:b] for a, b in pairwise(fields))
            entries.append((name, time, unit + scaler, value, b"", b""))
        else:
            entries.append((b"", _ABSENT, b"", data[at : at + _SHOWN], b"", b""))
        at = fields[7] if fields else sml.after(data, at)
        if not at:
            return None
    tail = sml.places(data, at, 2)  # signature, the gateway's time
    foot = _FOOT.match(data, tail[2]) if tail else None
    if foot is None:
        return None
    return _List(match[1], match[2], entries, foot.start(), foot[1], foot.end())


def _tell(
    told: _List, ways: Ways, readings: list[Reading], faults: list[Fault], span: tuple[int, int]
) -> None:
    """Add what a list tells, and what is wrong with it in its message's `span`.

    Numbers are cut off downwards below milli-units.
    """
    server, list_time, entries = told[:3]
    list_ms = None if list_time == _ABSENT else _moment(list_time)
    serial, is_plate, _ = _meter(server)
    if not is_plate:
        serial = next((_text(entry[3]) for entry in entries if entry[0] in _NAMES), "") or serial
    is_faulty = _is_faulty(server, ways)
    tell, whole = readings.append, int.from_bytes
    for name, time, unit, value, _, _ in entries:
        at_ms = list_ms if time == _ABSENT else _moment(time) or list_ms
        field = value[0]
        if _SIGNED < field < _LIST_FIELD and name:
            register, milli, factor, divisor, places, symbol = scale(name, unit)
            number = whole(value[1:], "big")
            if value[1] > 0x7F and has_sign(field, milli, is_faulty=is_faulty):
                number -= 1 << 8 * (field - _SIGNED - 1)
            amount = number * factor // divisor
            if not milli and register:
                text = decimal(number, places) + symbol
                tell(_new(Reading, (register, text, "", at_ms, serial, None, "")))
            elif register and -VALUE_MAX <= amount <= VALUE_MAX:
                tell(_new(Reading, (register, amount, milli, at_ms, serial, None, "")))
            else:
                what = f"{register}: {amount} is beyond 64 bits of {milli}" if register else symbol
                faults.append(Fault("object", *span, what))
        elif reading := _text_reading(name, value, at_ms, serial):
            tell(reading)
        else:
            what = f"{name[1:].hex() or 'no entry'}: {value[:_SHOWN].hex()}"
            faults.append(Fault("placeholder" if name else "object", *span, what))


@lru_cache(maxsize=256)
def _text_reading(name: bytes, value: bytes, at_ms: int | None, serial: str) -> Reading | None:
    """What a meter says in words, mostly the same in every telegram; None for what has no value."""
    register = scale(name, _ABSENT * 2).register
    text = _text(value)
    return Reading(register, text, "", at_ms, serial) if register and text else None


def _moment(element: bytes) -> int | None:
    """The UTC milliseconds of a time; None for one that counts seconds from somewhere.

    A local time has its instant in UTC, and two offsets in minutes that are left aside.
    """
    if element[:3] == b"\x72\x62\x02":
        seconds = sml.integer(element[3:])
    elif element[:4] == b"\x72\x62\x03\x73":
        seconds = sml.integer(element[4 : sml.after(element, 4)])
    else:
        return None
    return None if seconds is None or seconds < _SECONDS_2000 else seconds * 1000


def _text(element: bytes) -> str:
    """What is no number, as text; "" for what has no value.

    Octets are the meter's number as its plate says it where they have the form of DIN 43863-5,
    text if all of them can be printed, and else hexadecimal digits. A time is its seconds.
    """
    data = sml.octets(element)
    if data is not None:
        number = _din(data)
        shown = data.rstrip(b"\0").decode("latin-1")
        return number or (
            shown if shown.isascii() and shown.isprintable() and shown else data.hex()
        )
    if element[0] == sml.BOOLEAN | 2:
        return str(element[1])
    if element[:5] == b"\x72\x62\x01\x72\x62":
        seconds = sml.integer(element[6:])
        return "" if seconds is None else str(seconds)
    return ""


def _din(data: bytes) -> str:
    """Medium, maker, production block and number, as on the plate: 1DZG0060694611; else "".

    The first of the ten bytes tells their number, with itself or without.
    """
    if len(data) != 10 or data[0] not in {9, 10} or data[1] > 15:
        return ""
    maker, number = data[2:5].decode("latin-1"), int.from_bytes(data[6:], "big")
    if not maker.isascii() or not maker.isalpha() or number >= 10**8:
        return ""
    return f"{data[1]:X}{maker}{data[5]:02X}{number:08}"


def _is_faulty(server: bytes, ways: Ways) -> bool:
    """Whether the meter's short powers have no sign."""
    return _meter(server)[2] if ways.is_power_unsigned is None else ways.is_power_unsigned


@lru_cache(maxsize=64)
def _meter(server: bytes) -> tuple[str, bool, bool]:
    """The meter's number, whether it is as the plate has it, and whether its powers want care."""
    data = sml.octets(server) or b""
    number = _din(data)
    if data[2:6] != _DZG or not number:
        text = _text(server)
        return text, text != data.hex(), False
    own = int.from_bytes(data[6:], "big")
    return number, True, any(first <= own <= last for first, last in _DZG_FAULTY)
