"""Maps of Modbus registers written as TOML: read, checked, and tried on their own samples.

Spec: docs/modbus-map.md.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from drivers.reading import Message, Reading
from drivers.sdk import SettingError
from drivers.wire import obis
from drivers.wire.modbus import INPUT, REGISTERS_MAX, RTU
from drivers.wire.modbus_master import Session, Timing
from drivers.wire.registermap import (
    SERIAL,
    TEXT,
    TYPES,
    UNITS,
    Map,
    MapBook,
    Value,
    blocks,
    scaled,
)

SETTING = "map"
MAP_CHARACTERS_MAX = 64 * 1024
REGISTERS_USUAL = 80  # meters that take fewer or more than these say so
SCALE_MAX = 9
TEXT_REGISTERS_MAX = 32

_TOP = ("function", "words", "registers_max", "hole_max", "register", "serial", "sample")
_SERIAL = ("address", "type", "function", "words", "length")
_REGISTER = ("register", "unit", "scale", "no_value", *_SERIAL)
_SAMPLE = ("question", "answer", "says")
_WORDS = {"high": False, "low": True}
_WORD = re.compile(r"[a-z][a-z0-9.-]{0,39}")
_AMOUNT = re.compile(r"(-?)(\d{1,16})(?:\.(\d{1,12}))? ?(\S*)")


@lru_cache(maxsize=8)  # a map is read again whenever a line is opened
def read(text: str) -> Map:
    """The map that a file describes, tried on its samples. Raises SettingError."""
    if len(text) > MAP_CHARACTERS_MAX:
        raise _wrong(f"{len(text)} characters", f"at most {MAP_CHARACTERS_MAX}")
    top = _parsed(text)
    _known(top, _TOP, "the map")
    usual = {
        "function": _function(top, "the map", INPUT),
        "words": _choice(top, "words", "the map", _WORDS, "high"),
    }
    values = []
    for number, entry in enumerate(_entries(top, "register"), start=1):
        where = _place(text, "register", number)
        _known(entry, _REGISTER, where)
        values.append(_value(usual | entry, where))
    _unique(values)
    serial = None
    if "serial" in top:
        entry = _table(top["serial"], "[serial]")
        _known(entry, _SERIAL, "[serial]")
        serial = _value(usual | entry | {"register": SERIAL, "unit": ""}, "[serial]")
    registers_max = _number(
        top, "registers_max", "the map", range(1, REGISTERS_MAX + 1), REGISTERS_USUAL
    )
    hole_max = _number(top, "hole_max", "the map", range(REGISTERS_MAX + 1), 0)
    described = Map(tuple(values), blocks(values, registers_max, hole_max), serial)
    _try(described, text, _entries(top, "sample"))
    return described


def _wrong(what: str, allowed: str) -> SettingError:
    return SettingError(SETTING, what, allowed)


def _parsed(text: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - 3 ms that only a map pays for

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(f"no TOML: {error}", "as in docs/modbus-map.md") from error


def _place(text: str, table: str, number: int) -> str:
    """Where the `number`th [[table]] stands, for a person who has to find it."""
    heads = [
        line
        for line, told in enumerate(text.splitlines(), start=1)
        if re.match(rf"\s*\[\[\s*{table}\s*\]\]", told)
    ]
    line = f"line {heads[number - 1]}, " if number <= len(heads) else ""
    return f"{line}{table} {number}"


def _entries(top: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = top.get(name)
    if not isinstance(entries, list) or not entries:
        raise _wrong(f"no [[{name}]] at all", f"at least one [[{name}]]")
    return [_table(entry, f"{name} {number}") for number, entry in enumerate(entries, start=1)]


def _table(entry: object, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise _wrong(f"{where}: {entry!r} is no table", "keys and values")
    return entry


def _known(entry: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Every key is known, or the nearest one that is."""
    for key in entry:
        if key not in known:
            import difflib  # noqa: PLC0415 - for whoever made a mistake

            near = difflib.get_close_matches(key, known, n=1)
            allowed = f"{near[0]!r} is meant" if near else ", ".join(known)
            raise _wrong(f"{where}: unknown key {key!r}", allowed)


def _number(
    entry: Mapping[str, Any], key: str, where: str, allowed: range, usual: int | None
) -> int:
    number = entry.get(key, usual)
    if isinstance(number, int) and not isinstance(number, bool) and number in allowed:
        return number
    what = f"{where}: {key} = {number!r}" if key in entry else f"{where}: {key} is missing"
    raise _wrong(what, f"a whole number from {allowed[0]} to {allowed[-1]}")


def _choice(
    entry: Mapping[str, Any], key: str, where: str, allowed: Iterable[str], usual: str
) -> str:
    text = entry.get(key, usual)
    if isinstance(text, str) and text in allowed:
        return text
    raise _wrong(f"{where}: {key} = {text!r}", ", ".join(allowed))


def _function(entry: Mapping[str, Any], where: str, usual: int) -> int:
    return _number(entry, "function", where, range(3, 5), usual)


def _value(entry: Mapping[str, Any], where: str) -> Value:
    register = entry.get("register")
    if not isinstance(register, str) or not (
        str(obis.parse(register)) == register or _WORD.fullmatch(register)
    ):
        what = f"{where}: register = {register!r}" if register else f"{where}: register is missing"
        raise _wrong(what, "an OBIS code such as 1-0:1.8.0, or a word of a-z, 0-9, . and -")
    where = f"{where}, {register}"
    kind = _choice(entry, "type", where, (*TYPES, TEXT), "f32")
    is_named = kind == TEXT or register == SERIAL
    if is_named and entry.get("unit", ""):
        raise _wrong(f"{where}: unit = {entry['unit']!r}", "none for a text")
    unit = "" if is_named else _choice(entry, "unit", where, UNITS, "")
    length = 0
    if kind == TEXT:
        length = _number(entry, "length", where, range(1, TEXT_REGISTERS_MAX + 1), None)
    elif "length" in entry:
        raise _wrong(f"{where}: length", "for a text only")
    size = length or TYPES[kind][0]
    return Value(
        _number(entry, "address", where, range(0x10000 - size + 1), None),
        register,
        unit,
        kind,
        _number(entry, "scale", where, range(-SCALE_MAX, SCALE_MAX + 1), 0),
        _no_value(entry.get("no_value", []), where, size),
        _WORDS[_choice(entry, "words", where, _WORDS, "high")],
        length,
        _function(entry, where, INPUT),
    )


def _no_value(numbers: object, where: str, size: int) -> tuple[int, ...]:
    high = (1 << 16 * size) - 1
    if isinstance(numbers, list) and all(
        isinstance(number, int) and 0 <= number <= high for number in numbers
    ):
        return tuple(numbers)
    raise _wrong(f"{where}: no_value = {numbers!r}", f"a list of whole numbers from 0 to {high:#x}")


def _unique(values: Iterable[Value]) -> None:
    seen: set[str] = set()
    for value in values:
        if value.register in seen:
            raise _wrong(f"{value.register} stands twice in the map", "each register once")
        seen.add(value.register)


def _try(described: Map, text: str, samples: Iterable[Mapping[str, Any]]) -> None:
    """Every sample is read as it says, and every register stands in one."""
    shown: set[str] = set()
    for number, sample in enumerate(samples, start=1):
        where = _place(text, "sample", number)
        _known(sample, _SAMPLE, where)
        stream = _hex(sample, "question", where) + _hex(sample, "answer", where)
        told = _told(described, stream, where)
        says = _table(sample.get("says"), f"{where}: says")
        for register, amount in says.items():
            if register not in told:
                raise _wrong(f"{where}: {register} is not in the answer", ", ".join(told))
            if told[register] != _amount(amount, register, where):
                one = told[register]
                raise _wrong(
                    f"{where}: {register} is {one[0]} {one[1]}".rstrip() + f", not {amount}",
                    "a map that reads its samples as they say",
                )
        missing = [register for register in told if register not in says]
        if missing:
            raise _wrong(f"{where}: says nothing of {missing[0]}", "what the whole answer says")
        shown |= told.keys()
    never = [value.register for value in described.values if value.register not in shown]
    if never:
        raise _wrong(f"no sample shows {never[0]}", "a sample for each register")


def _hex(sample: Mapping[str, Any], key: str, where: str) -> bytes:
    try:
        return bytes.fromhex(sample[key])
    except (KeyError, TypeError, ValueError) as error:
        what = f"{where}: {key} = {sample.get(key)!r}"
        raise _wrong(what, "an RTU frame in hex digits, with its check") from error


def _told(described: Map, stream: bytes, where: str) -> dict[str, tuple[int | str, str]]:
    """What a sample's frames say: value and unit by register."""
    session = Session(RTU, MapBook(described), None, Timing(1, 1, 1))
    heard = [step for step in session.feed(stream) if isinstance(step, Message)]
    readings: list[Reading] = [one for message in heard for one in message.readings]
    faults = [fault for message in heard for fault in message.faults]
    if faults:
        raise _wrong(f"{where}: {faults[0].kind}: {faults[0].detail}", "a sample without a fault")
    if not readings:
        allowed = "a question of function 3 or 4 for these registers, and its whole answer"
        raise _wrong(f"{where}: no register of the map is read in it", allowed)
    return {one.register: (one.value, one.unit) for one in readings}


def _amount(amount: object, register: str, where: str) -> tuple[int | str, str]:
    """`12345.678 kWh` in milli-units and the unit; any other text is itself."""
    if not isinstance(amount, str):
        raise _wrong(f"{where}: {register} = {amount!r}", 'a text such as "230.1 V"')
    match = _AMOUNT.fullmatch(amount)
    if match is None or match[4] not in UNITS or match[4] == "1":
        return amount, ""
    sign, whole, places, unit = match.groups(default="")
    name, tens = UNITS[unit]
    milli = scaled(int(sign + whole + places), 10 ** len(places), tens)
    return milli, name
