"""The ways in which a push names what it holds, told apart by the list itself.

Spec: IEC 62056-6-2 (Blue Book, edition 15, §4.4.8 push setup). There are four: objects, each with
its code, its value and maybe scaler and unit, in structures of their own or one after the other; a
list of the attributes that are pushed, then their values in the same order; pairs of an attribute
without types and its value; or bare values in an order that the maker has written down somewhere
(drivers/wire/push_lists.py).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from drivers.wire import axdr, moments, obis, push_lists
from drivers.wire.axdr import Broken, Value
from drivers.wire.push_values import (
    CLOCK,
    SERIAL,
    VERSION,
    Field,
    Heard,
    bare,
    field,
    name,
    scaled,
    take,
    take_octets,
    text_field,
)

# An object with a number, in a structure or not, with scaler and unit or not. Landis+Gyr's ZMF100
# turns the two bytes around that say that a code follows.
_OBJECT = re.compile(
    rb"(?:(\x02[\x02\x03])(?:\x09\x06|\x06\x09)|\x09\x06)(.{6})"
    rb"(\x06.{4}|[\x10\x12]..|\x05.{4}|[\x14\x15].{8}|[\x0f\x11].)"
    rb"(?:\x02\x02(\x0f.\x16.))?",
    re.DOTALL,
)
_PAIR, _TRIPLE = b"\x02\x02", b"\x02\x03"
_SIGNED = frozenset(axdr.SIGNED)
_UNSIGNED = {6, 17, 18, 21}


class _Form(NamedTuple):
    """Objects of one form in a row, as nearly every list has them; `items` of the list are one.

    Their numbers have 32 or 16 bits of which the highest is not set, so that they are neither
    negative nor stand for no value.
    """

    row: re.Pattern[bytes]
    one: re.Pattern[bytes]
    items: int


def _form(before: bytes, after: bytes, items: int, end: bytes = b"") -> _Form:
    one = before + rb"(?:\x06([\x00-\x7f].{3})|[\x10\x12]([\x00-\x7f].))" + after
    row = b"(?:%b)+%b" % (re.sub(rb"\((?!\?)", b"(?:", one), end)
    return _Form(re.compile(row, re.DOTALL), re.compile(one, re.DOTALL), items)


_TEXT = re.compile(rb"\x02\x02\x09\x06(.{6})[\x09\x0a]([\x00-\x7f])", re.DOTALL)
_SCALE = rb"\x02\x02(\x0f.\x16.)"
_INSIDE = _form(rb"\x02\x03\x09\x06(.{6})", _SCALE, 1)
_IN_TURN = (
    _form(rb"\x09\x06(.{5}\xff)", _SCALE, 3),
    _form(rb"\x09\x06(.{5}\xff)", b"()", 2, end=rb"(?!\x02\x02\x0f)"),
)
_FORMS = {2: (_INSIDE,), 9: _IN_TURN}

# A list of the attributes that are pushed: class, code, attribute and index of each.
_ENTRY = re.compile(rb"\x02\x04\x12(..)\x09\x06(.{6})\x0f(.)\x12..", re.DOTALL)
_ENTRY_BYTES = 18
# A pair of an attribute without types and its value: class, code, attribute before the value.
_UNTYPED, _UNTYPED_BYTES = b"\x02\x02\x00", 11

_PUSH_SETUP, _DISCONNECT, _LIMITER = 40, 70, 71
_VALUE = 2  # the attribute of most classes that has the value
_VALUES = {_DISCONNECT: 3, _LIMITER: 3}
_ATTRIBUTE_ITEMS_MIN = 4  # of an entry of a push object list; later editions have 6
_LETTERS = {axdr.OCTETS: "t", axdr.TEXT: "t", axdr.UTF8: "t", 6: "u", 18: "w", 22: "e", 3: "e"}


def hear(data: bytes, at: int) -> Heard:
    """What the list from `at` to the end says; NUL bytes may follow it. Raises Broken."""
    if data[at : at + 1] not in {b"\x01", b"\x02"}:
        raise Broken(f"no list at {data[at : at + 8].hex()}")
    heard = Heard()
    count, begin = axdr.size(data, at + 1)
    if count > axdr.ITEMS_MAX:
        raise Broken(f"a list of {count} values")
    attributes = _attributes_at(data, begin)
    if count == 2 and data[begin : begin + 1] == b"\x16" and data.startswith(_UNTYPED, begin + 4):
        end = _untyped(heard, data, begin + 4, data[begin + 3])
    elif attributes:
        values_at = begin + 2 + _ENTRY_BYTES * len(attributes)
        end = _pushed(heard, attributes, data, values_at, count)
    else:
        end = _objects(heard, data, begin, count)
        if end < 0:
            heard = Heard()
            whole, end = axdr.value(data, at)
            _values(heard, whole.items)
    if data[end:].strip(b"\0"):
        raise Broken(f"{len(data) - end} bytes after the list")
    return heard


def _objects(heard: Heard, data: bytes, at: int, count: int) -> int:
    """Hears a list of `count` values that names them by their codes; gives where it ends, or -1
    for a list of another kind."""
    left = count
    while left > 0:
        taken, at = _row(heard, data, at, left)
        if not taken:
            taken, at = _named(heard, data, at)
        if taken:
            left -= taken
            continue
        one = _OBJECT.match(data, at)
        if one is not None:
            inside, code, coded, scale = one.groups()
            taken = 1 if inside else 2 if scale is None else 3
            is_one = code[5] == 0xFF and taken <= left
            if inside == (_PAIR if scale is None else _TRIPLE) or (is_one and not inside):
                _number(heard, code, coded, scale, one.end(3))
                at = one.end()
                left -= taken
                continue
        if data[at : at + 1] == b"\0":  # phases that are not there
            nothing = data[at : at + left]
            nothings = len(nothing) - len(nothing.lstrip(b"\0"))
            at += nothings
            left -= nothings
            continue
        item, end = axdr.value(data, at)
        if item.tag == axdr.STRUCTURE:
            taken, at = _structure(heard, item), end
        else:
            taken, at = _flat(heard, item, data, end, left)
            if not taken:
                taken = _at_an_end(heard, item, is_first=left == count, is_last=left == 1)
        if not taken:
            return -1
        left -= taken
    return at


def _row(heard: Heard, data: bytes, at: int, left: int) -> tuple[int, int]:
    """Hears objects in a row at `at`; gives how many values of the list these are, and where they
    end."""
    for form in _FORMS.get(data[at], ()) if at < len(data) else ():
        row = form.row.match(data, at)
        if row is None:
            continue
        objects = list(form.one.finditer(data, at, row.end()))
        taken = len(objects) * form.items
        if taken > left:
            raise Broken(f"{taken - left} values after the list")
        for one in objects:
            code, long, short, scale = one.groups()
            number = int.from_bytes(long or short)
            place = slice(*one.span(2 if long else 3))
            if scale:
                scaled(heard, field(code, scale), number, place)
            else:
                bare(heard, code, number, place)
        return taken, row.end()
    return 0, at


def _named(heard: Heard, data: bytes, at: int) -> tuple[int, int]:
    """Hears a code with a text or octets in a structure at `at`, as `_row` does."""
    one = _TEXT.match(data, at)
    if one is None:
        return 0, at
    begin = one.end()
    end = begin + one[2][0]
    if end > len(data):
        raise Broken(f"a string of {one[2][0]} bytes is cut off")
    take_octets(heard, one[1], data[begin:end], begin)
    return 1, end


def _number(heard: Heard, code: bytes, coded: bytes, scale: bytes | None, end: int) -> None:
    """Hears an object with a number that ends at `end`; all bits set stand for no value."""
    place = slice(end - len(coded) + 1, end)
    number = int.from_bytes(coded[1:], "big", signed=coded[0] in _SIGNED)
    if coded[0] in _UNSIGNED and not coded[1:].strip(b"\xff"):
        heard.troubles.append(("placeholder", f"{name(code)}: {coded[1:].hex()}"))
    elif scale is None:
        bare(heard, code, number, place)
    else:
        scaled(heard, field(code, scale), number, place)


def _structure(heard: Heard, item: Value) -> int:
    """Hears an object in a structure of its own; gives 0 if it is none, else 1."""
    items = item.items
    if len(items) not in {2, 3}:
        return 0
    code = _code(items[0])
    scale = _scale(items[2]) if len(items) == 3 else None
    if not code or (len(items) == 3 and scale is None):
        return 0
    take(heard, code, items[1], scale)
    return 1


def _flat(heard: Heard, item: Value, data: bytes, at: int, left: int) -> tuple[int, int]:
    """Hears an object whose parts stand in the list itself, its code being `item`.

    Gives how many values of the list that were, 0 if it is none, and where they end.
    """
    code = _code(item)
    if not code or code[5] != 0xFF or left < 2:
        return 0, at
    value, at = axdr.value(data, at)
    scale = data[at : at + 6]
    if left > 2 and scale[:3] == b"\x02\x02\x0f" and scale[4:5] == b"\x16" and len(scale) == 6:
        take(heard, code, value, scale[2:])
        return 3, at + 6
    take(heard, code, value, None)
    return 2, at


def _at_an_end(heard: Heard, item: Value, *, is_first: bool, is_last: bool) -> int:
    """Hears a value without a code in a list of objects: a clock or Kamstrup's version at the
    front, a serial number at the end. Gives 0 for another, else 1."""
    if item.tag not in axdr.STRINGS:
        return 0
    if is_first and moments.moment(item.octets):
        take(heard, CLOCK, item, None)
    elif is_first and item.tag == axdr.TEXT:
        take(heard, VERSION, item, None)
    elif is_last and not is_first and axdr.spelled(item.octets).isalnum():
        take(heard, SERIAL, item, None)
    else:
        return 0
    return 1


def _code(value: Value) -> bytes:
    """The OBIS code in a value; b"" if there is none."""
    is_code = value.tag == axdr.OCTETS and len(value.octets) == 6
    return value.octets if is_code else b""


def _scale(value: Value) -> bytes | None:
    """Scaler and unit as four bytes with their types, from a structure; None if it is none."""
    if [item.tag for item in value.items] != [15, axdr.ENUM]:
        return None
    scaler, unit = value.items
    return bytes((15, scaler.number & 0xFF, axdr.ENUM, unit.number))


def _untyped(heard: Heard, data: bytes, at: int, count: int) -> int:
    """Hears pairs of an attribute without types and its value; gives where they end."""
    for _ in range(count):
        head = data[at : at + _UNTYPED_BYTES]
        if len(head) < _UNTYPED_BYTES or not head.startswith(_UNTYPED):
            raise Broken(f"no attribute at {head.hex()}")
        value, at = axdr.value(data, at + _UNTYPED_BYTES)
        _attribute(heard, (head[3], head[4:10], head[10]), value, None)
    return at


_Attribute = tuple[int, bytes, int]  # class, code and number
_LIST_ITSELF = Value(axdr.ARRAY)


def _values(heard: Heard, items: tuple[Value, ...]) -> None:
    """Hears values named by a list of attributes before them, or by their order alone."""
    attributes = _attributes(items[0]) if items else []
    if attributes:
        _assigned(heard, attributes, items)
    else:
        _ordered(heard, items)


def _pushed(heard: Heard, attributes: list[_Attribute], data: bytes, at: int, count: int) -> int:
    """Hears the values of attributes; gives where they end. The list of the attributes itself, so
    the first value, ends at `at`."""
    items = [_LIST_ITSELF]
    for _ in range(count - 1):
        item, at = axdr.value(data, at)
        items.append(item)
    _assigned(heard, attributes, items)
    return at


def _assigned(heard: Heard, attributes: list[_Attribute], items: Sequence[Value]) -> None:
    """Hears values in the order of their attributes."""
    if len(items) != len(attributes):
        raise Broken(f"{len(items)} values of {len(attributes)} attributes")
    pairs = list(zip(attributes, items, strict=True))
    scales = {code: scale for (_, code, _), value in pairs if (scale := _scale(value))}
    for attribute, value in pairs:
        if not _scale(value):
            _attribute(heard, attribute, value, scales.get(attribute[1]))


def _attributes_at(data: bytes, at: int) -> list[_Attribute]:
    """What `_attributes` gives, sooner, where every entry has the usual form; else nothing."""
    if data[at : at + 1] != b"\x01" or len(data) < at + 2:
        return []
    count, at = data[at + 1], at + 2
    entries = _ENTRY.findall(data, at, at + _ENTRY_BYTES * count)
    if len(entries) != count:
        return []
    return [(kind[0] << 8 | kind[1], code, number[0]) for kind, code, number in entries]


def _attributes(value: Value) -> list[_Attribute]:
    """Each entry of a push object list; empty where it is none."""
    found = []
    for entry in value.items:
        if len(entry.items) < _ATTRIBUTE_ITEMS_MIN or not _code(entry.items[1]):
            return []
        found.append((entry.items[0].number, entry.items[1].octets, entry.items[2].number))
    return found


def _attribute(heard: Heard, attribute: _Attribute, value: Value, scale: bytes | None) -> None:
    """Hears the value of an attribute. The push setup describes nothing but the push."""
    kind, code, number = attribute
    if kind == _PUSH_SETUP:
        return
    if number == _VALUES.get(kind, _VALUE):
        take(heard, code, value, scale)
    else:
        heard.said.append((text_field(code, f"#{number}"), axdr.text(value)))


def _ordered(heard: Heard, items: tuple[Value, ...]) -> None:
    """Hears values named by their order alone. Raises Broken for a list that is not known."""
    types = "".join(_letter(item) for item in items)
    known = push_lists.ordered(types, axdr.spelled(items[0].octets) if items else "")
    if known is None:
        raise Broken(f"a list of {len(items)} values in an order that is not known: {types[:40]}")
    for number, (register, item) in enumerate(zip(known.registers, items, strict=True), 1):
        if register:
            take(heard, _bytes(register), item, None)
        elif _letter(item) != "o":
            heard.said.append((Field(f"item-{number}", "", 0), axdr.text(item)))


def _letter(item: Value) -> str:
    """What stands for the type of a value in `Ordered.types`."""
    if item.tag == axdr.OCTETS and len(item.octets) == moments.OCTETS:
        return "c" if moments.moment(item.octets) else "t"
    if _code(item) and item.octets[5] == 0xFF:
        return "o"
    return "a" if item.tag in axdr.LISTS else _LETTERS.get(item.tag, "?")


@lru_cache(maxsize=256)
def _bytes(register: str) -> bytes:
    code = obis.parse(register)
    assert code is not None, register
    return bytes(code)
