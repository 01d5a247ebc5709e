"""Lists that say again what one before them said, with other numbers.

The lists of a meter differ in their numbers only: values, times, status words and checksum. What
all the other bytes mean is remembered with them. A list that is the same in each of these bytes is
not taken to pieces again: the numbers are read from where they stand. For any other list there is
no answer here, so nothing in this module decides what a list means.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from drivers.reading import Reading
from drivers.wire import sml
from drivers.wire.sml_scale import VALUE_MAX, decimal, has_sign, scale

LENGTH_MAX = 2048  # bytes of a list that is remembered; the longest known ones have less than 1 kB
SHAPES_MAX = 16  # a meter has a few: its powers have now one byte, now two

_INSTANT = re.compile(rb"\x72\x62[\x02\x03]")
_new = tuple.__new__

# A number: which of the readings it is, how many bits stand behind it, all of its bits set, and the
# first value of them that is negative; then its scale.
_Row = tuple[int, int, int, int, str, str, int, int, int, str]


class Shape(NamedTuple):
    """What stays the same in a list: of its bytes from the entries to the end, as one number with
    the first byte highest, those that `fixed` masks are `same`. Of what it told, only the readings
    that `numbers` names change."""

    length: int
    checksum: int  # where it begins
    fixed: int
    same: int
    told: list[Reading]
    numbers: list[_Row]

    def readings(self, data: bytes, begin: int, at_ms: int | None) -> list[Reading]:
        """What the list says whose entries begin there in the content; [] if it is another.

        `at_ms` is the list's own time. Numbers are cut off downwards below milli-units.
        """
        length, _, fixed, same, known, numbers = self
        body = int.from_bytes(data[begin : begin + length], "big")
        if body & fixed != same:
            return []
        told = known.copy()
        serial = told[0].serial
        if told[0].at_ms != at_ms:
            told = [reading._replace(at_ms=at_ms) for reading in told]
        for n, behind, ones, top, register, unit, factor, divisor, places, symbol in numbers:
            number = body >> behind & ones
            if number >= top:
                number -= ones + 1
            amount = number * factor // divisor
            if not unit:
                text = decimal(number, places) + symbol
                told[n] = _new(Reading, (register, text, "", at_ms, serial, None, ""))
            elif -VALUE_MAX <= amount <= VALUE_MAX:
                told[n] = _new(Reading, (register, amount, unit, at_ms, serial, None, ""))
            else:
                return []
        return told


# By a list's server, its field, and the bytes from its entries to the end of the file. None for one
# that was seen once: a shape is learned from the second, and forgotten when it does not fit.
Key = tuple[bytes, bytes, int]
Shapes = dict[Key, Shape | None]


def remember(
    shapes: Shapes,
    key: Key,
    entries: Iterator[re.Match[bytes]],
    readings: list[Reading],
    *,
    is_faulty: bool,
) -> None:
    """Note a list that had to be taken to pieces. For what follows the key see `learn`."""
    shape = None
    if shapes.pop(key, True) is None:
        shape = learn(entries, readings, is_faulty=is_faulty)
        if shape is None:
            return
    elif len(shapes) >= SHAPES_MAX:
        shapes.clear()
    shapes[key] = shape


def learn(
    entries: Iterator[re.Match[bytes]], readings: list[Reading], *, is_faulty: bool
) -> Shape | None:
    """The shape of a list from the places of its elements and the readings they became.

    `is_faulty` says that the meter's short powers have no sign, whatever their field says.
    Groups of each match: name, time, unit and scaler, value; after the last reading's the message's
    checksum. None for a list in another form, or one whose entries have times of their own.
    """
    assert readings
    found = list(islice(entries, len(readings) + 1))
    begin, end = found[0].start(), found[-1].end()
    if len(found) <= len(readings) or found[-1][5] in {None, sml.ABSENT}:
        return None
    fixed = bytearray(b"\xff") * (end - begin)
    numbers: list[_Row] = []

    def vary(start: int, stop: int) -> None:
        """The bytes of an element may change, except its TL field."""
        fixed[start + 1 - begin : stop - begin] = bytes(stop - start - 1)

    foot = found.pop()
    vary(*foot.span(5))
    for n, (entry, reading) in enumerate(zip(found, readings, strict=True)):
        name, time, unit, value = entry.groups()[:4]
        if name is None or _INSTANT.match(time):
            return None
        time_begin, time_end = entry.span(2)
        if entry.end(1) + 1 < time_begin:
            vary(entry.end(1), time_begin)  # the status word
        if time != sml.ABSENT:
            vary(time_end - len(time.removeprefix(b"\x72\x62\x01")), time_end)
        if sml.SIGNED < value[0] < sml.LIST:
            value_end = entry.end(4)
            vary(value_end - len(value), value_end)
            ones = (1 << 8 * len(value) - 8) - 1
            is_signed = has_sign(value[0], reading.unit, is_faulty=is_faulty)
            top = ones // 2 + 1 if is_signed else ones + 1
            numbers.append((n, 8 * (end - value_end), ones, top, *scale(name, unit)))
    mask = int.from_bytes(fixed, "big")
    kept = int.from_bytes(found[0].string[begin:end], "big") & mask
    return Shape(end - begin, foot.start(5) - begin, mask, kept, readings, numbers)
