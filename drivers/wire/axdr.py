"""Typed values as DLMS codes them: numbers, octets, texts and lists of all these.

Spec: IEC 62056-6-2 (Blue Book, edition 15, §4.1.5); coding by
IEC 61334-6 (A-XDR). High byte first.
"""

from functools import lru_cache
from typing import NamedTuple

NULL, ARRAY, STRUCTURE, OCTETS, TEXT, UTF8 = 0, 1, 2, 9, 10, 12
BITS, ENUM, DATE_TIME, IGNORED = 4, 22, 25, 255
LISTS = {ARRAY, STRUCTURE}
STRINGS = {OCTETS, TEXT, UTF8}
# Bytes after the tag. Dates and times alone (26, 27) are kept as octets.
_WIDTHS = {3: 1, 5: 4, 6: 4, 13: 1, 15: 1, 16: 2, 17: 1, 18: 2, 20: 8, 21: 8, 22: 1}
_WIDTHS |= {23: 4, 24: 8, 25: 12, 26: 5, 27: 4}
SIGNED = {5, 15, 16, 20}
_REALS = {23: (23, 8), 24: (52, 11)}  # bits of the fraction and of the exponent, IEEE 754
_AS_OCTETS = {25, 26, 27}
NUMBERS = _WIDTHS.keys() - _AS_OCTETS
# Lists within lists: the deepest known, a push list with a restriction in each entry, has 4.
DEPTH_MAX = 12
ITEMS_MAX = 255  # of one list; the longest known has 65

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Broken(Exception):
    """Bytes that are no value, so that nobody knows where the next one begins."""


class Value(NamedTuple):
    """A value with its type. Of numbers `number` over `below`, which is 1 but for reals; of
    strings and dates `octets`; of lists `items`. A real that is none has the tag NULL. A
    number or a string begins `at`, behind its type and length; for others this is 0."""

    tag: int
    number: int = 0
    octets: bytes = b""
    items: tuple["Value", ...] = ()
    below: int = 1
    at: int = 0


def size(data: bytes, at: int) -> tuple[int, int]:
    """A length as BER has it, and where what it counts begins. Raises Broken."""
    first = data[at] if at < len(data) else 0xFF
    if first < 0x80:
        return first, at + 1
    width = first & 0x7F
    if not 1 <= width <= 4 or at + 1 + width > len(data):
        raise Broken(f"no length at {data[at : at + 5].hex()}")
    return int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width


def value(data: bytes, at: int, depth: int = 0) -> tuple[Value, int]:
    """The value at `at` and where it ends. Raises Broken."""
    if at >= len(data):
        raise Broken("a value is missing")
    tag = data[at]
    at += 1
    if tag in _WIDTHS:
        octets = data[at : at + _WIDTHS[tag]]
        if len(octets) < _WIDTHS[tag]:
            raise Broken(f"a value of type {tag} is cut off")
        return _fixed(tag, octets, at), at + len(octets)
    if tag in {NULL, IGNORED}:
        return Value(NULL), at
    if tag in LISTS:
        return _list(data, at, tag, depth)
    if tag not in STRINGS and tag != BITS:
        raise Broken(f"type {tag}, which no push is known to have")
    length, at = size(data, at)
    if tag == BITS:
        length = (length + 7) // 8
    octets = data[at : at + length]
    if len(octets) < length:
        raise Broken(f"a string of {length} bytes is cut off")
    return _new(Value, (OCTETS if tag == BITS else tag, 0, octets, (), 1, at)), at + length


def _fixed(tag: int, octets: bytes, at: int) -> Value:
    if tag in _REALS:
        return _real(tag, int.from_bytes(octets, "big"))
    if tag in _AS_OCTETS:
        return Value(tag, octets=octets, at=at)
    number = int.from_bytes(octets, "big", signed=tag in SIGNED)
    return _new(Value, (tag, number, b"", (), 1, at))


def _real(tag: int, bits: int) -> Value:
    """A binary fraction as it is, in integers; NULL for what is infinite or no number."""
    width, exponent_width = _REALS[tag]
    fraction, highest = bits & (1 << width) - 1, (1 << exponent_width) - 1
    exponent = bits >> width & highest
    if exponent == highest:
        return Value(NULL)
    if exponent:
        fraction |= 1 << width
    power = max(exponent, 1) - (highest >> 1) - width
    sign = -1 if bits >> width + exponent_width else 1
    return Value(tag, sign * fraction << max(power, 0), below=1 << max(-power, 0))


def _list(data: bytes, at: int, tag: int, depth: int) -> tuple[Value, int]:
    count, at = size(data, at)
    if depth >= DEPTH_MAX or count > min(ITEMS_MAX, len(data) - at):
        raise Broken(f"a list of {count} values in {depth} others and {len(data) - at} bytes")
    items = []
    for _ in range(count):
        item, at = value(data, at, depth + 1)
        items.append(item)
    return _new(Value, (tag, 0, b"", tuple(items), 1, 0)), at


def place(given: Value) -> slice | None:
    """Where the bytes of a whole number are; None for all else."""
    if given.tag in _REALS or given.tag not in NUMBERS:
        return None
    return slice(given.at, given.at + _WIDTHS[given.tag])


def text(given: Value) -> str:
    """A value as text: numbers in decimals, octets as what they spell or else in hex, lists in
    brackets."""
    if given.tag in LISTS:
        return f"[{', '.join(text(item) for item in given.items)}]"
    if given.tag in NUMBERS:
        return f"{given.number}" if given.below == 1 else f"{given.number}/{given.below}"
    return spelled(given.octets)


@lru_cache(maxsize=256)
def spelled(octets: bytes) -> str:
    """What octets spell if they are printable ASCII, NULs and blanks around it taken off; hex
    for others."""
    letters = octets.strip(b"\0 ")
    if letters.isascii():
        written = letters.decode()
        if written.isprintable():
            return written
    return octets.hex()
