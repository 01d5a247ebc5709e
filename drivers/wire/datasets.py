"""Data sets `address(value*unit)` of a read-out, with full or short register codes, into readings.

Spec: IEC 62056-21, 6.4 (data set, data line); IEC 62056-61, A.1 (short codes: C 96, F 97, L 98,
P 99); Landis+Gyr TKB 3415 (heat meters: 6.8 heat, 6.26 volume, 9.21 serial number).
"""

import re
from functools import lru_cache
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire.iec62056 import UNITS, VALUE_MAX

HEAT = "6"  # value group A
_THERMAL = {HEAT, "5"}  # heat and cold
REMEMBERED_MAX = 200  # characters of a line that may be remembered
# Spelt otherwise by some makers. Never fold case: mWh and MWh are not the same.
SPELLINGS = UNITS | {
    "KWH": UNITS["kWh"],
    "kwh": UNITS["kWh"],
    "WH": UNITS["Wh"],
    "KW": UNITS["kW"],
    "kVarh": UNITS["kvarh"],
    "KVARH": UNITS["kvarh"],
    "kVar": UNITS["kvar"],
    "KVAR": UNITS["kvar"],
    "M3": UNITS["m3"],
    "C": UNITS["\xb0C"],
}

_LETTERS = {"C": "96", "F": "97", "L": "98", "P": "99"}
_TEXT, _QUANTITY, _COUNTER, _COUNT = range(4)

_SET = re.compile(r"([^()]*)\(([^()]*)\)")
_PART = r"(\d{1,3}|[CFLP])"
_CODE = re.compile(
    rf"(?:(\d{{1,3}})-(\d{{1,3}}):)?{_PART}(?:\.{_PART})?(?:\.{_PART})?(?:[*&.](\d{{1,3}}))?"
)
_NUMBER = re.compile(r" *([+-]?)(\d{1,20})(?:[.,](\d{0,20}))?(?: *\*? *([A-Za-z][A-Za-z0-9/]*))? *")
_NOTHING = re.compile(r"[-*#. ]*")
_NAME = re.compile(r"[!-~]{1,24}")
_HEAT_LINE = re.compile(r"(?:^|[\n)])6\.8(?:\*\d+)?\(")
# The number of the heat meter's maker stands before that of its owner.
_SERIALS = {"96.1.0": 3, "96.1.255": 2, "0.0.0": 1}
_HEAT_CODES = {"6.8": ("1.0.0", _COUNTER), "6.26": ("2.0.0", _COUNTER), "9.21": ("0.0.0", _TEXT)}
_POWER_FACTORS = {13, 33, 53, 73}
_AVERAGES = {2, 4, 5, 6, 7}  # value group D: powers, voltages and currents of one kind or other
_INTEGRALS = {8, 9, 29}  # and amounts


_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long

_Told = tuple[str, int | str, str]  # register, value, unit


class _Line(NamedTuple):
    """What a data line says, its faults, their offsets counted from its beginning, and the serial
    number that it tells with how much that counts."""

    told: tuple[_Told, ...]
    faults: tuple[Fault, ...]
    rank: int = 0
    serial: str = ""


class _Code(NamedTuple):
    register: str
    kind: int
    unit: str  # where none is written
    signed: bool  # a difference of two counters may be less than nothing


class _Broken(NamedTuple):
    kind: str
    detail: str


def is_heat(text: str) -> bool:
    """Whether a data block uses the short codes of heat meters, which are no OBIS codes."""
    return "6.8" in text and _HEAT_LINE.search(text) is not None


@lru_cache(maxsize=512)
def _code(name: str, medium: str, *, heat: bool) -> _Code | None:
    """The register behind an address; None for what cannot be a name at all."""
    match = _CODE.fullmatch(name)
    if match is None:
        return _Code(name, _TEXT, "", signed=False) if _NAME.fullmatch(name) else None
    a, b, c, d, e, f = match.groups()
    older = "" if f in {None, "255"} else f"*{int(f)}"
    if heat and a is None and c != "F":
        known = _HEAT_CODES.get(f"{c}.{d}") if e is None else None
        if known is None:
            return _Code(name, _TEXT, "", signed=False)
        return _Code(f"{medium}-0:{known[0]}{older}", known[1], "", signed=False)
    if d is None and c != "F":
        return _Code(name, _TEXT, "", signed=False)
    group = [int(_LETTERS.get(part, part)) for part in (c, d or c, e or "0")]
    if a is None:
        a, b = ("0" if c in _LETTERS else medium), "0"
    if max(*group, int(a), int(b), int(f or 0)) > 255:
        return _Code(name, _TEXT, "", signed=False)
    register = f"{int(a)}-{int(b)}:{group[0]}.{group[1]}.{group[2]}{older}"
    return _Code(register, *_kind(int(a), group[0], group[1]))


def _kind(a: int, c: int, d: int) -> tuple[int, str, bool]:
    """Kind of value, the unit where none is written, and whether it may be negative."""
    if (c, d) == (96, 7):
        return _COUNT, "", False
    if a != 1 or not 1 <= c <= 80 or c in _POWER_FACTORS:
        return _TEXT, "", False
    # 1 to 20 for all phases together, and the same again for each of three.
    quantity = (c - 1) % 20 + 1
    if quantity in {11, 12, 14}:
        return (_QUANTITY, {11: "A", 12: "V", 14: "Hz"}[quantity], False) if d == 7 else _UNKNOWN
    power = "kvar" if 3 <= quantity <= 8 else "kVA" if quantity in {9, 10} else "kW"
    if d in _AVERAGES:
        return _QUANTITY, power, False
    return (_COUNTER, f"{power}h", quantity == 16) if d in _INTEGRALS else _UNKNOWN


_UNKNOWN = (_TEXT, "", False)


def _value(code: _Code, text: str) -> tuple[int | str, str] | _Broken:
    """The value and unit of one data set.

    A number in a unit outside the vocabulary stays text, and so does what no unit belongs to.
    """
    number = _NUMBER.fullmatch(text)
    measured = code.kind in {_QUANTITY, _COUNTER}
    if number is None or (number[4] and "*" not in text and not measured):  # a name such as 12A
        if not measured:
            return text.strip(), ""
        kind = "placeholder" if _NOTHING.fullmatch(text) else "object"
        return _Broken(kind, f"no number: {text[:40]!r}")
    written = number[4] or code.unit
    if written in SPELLINGS:
        return _amount(code, number, written)
    if code.kind == _COUNTER:
        return _Broken("unit", f"unit {written[:20]!r}, known are {', '.join(UNITS)}")
    if code.kind == _COUNT and text.isdecimal() and len(text) <= 18:
        return int(text), "count"
    return (f"{text.partition('*')[0].strip()} {written}" if written else text.strip()), ""


def _amount(code: _Code, number: re.Match[str], written: str) -> tuple[int, str] | _Broken:
    """An integer in milli-units; digits below the milli-unit are cut off downwards."""
    sign, whole, fraction = number.groups("")[:3]
    unit, places = SPELLINGS[written]
    amount = int(sign + whole + fraction) * 10**places // 10 ** len(fraction)
    if amount < 0 and code.kind == _COUNTER and not code.signed:
        return _Broken("object", f"a counter below zero: {number[0][:40]!r}")
    if not -VALUE_MAX <= amount <= VALUE_MAX:
        return _Broken("object", f"{number[0][:40]!r} is beyond 64 bits of {unit}")
    return amount, unit


def _sets(line: str) -> list[tuple[int, str, list[str]]] | None:
    """Place, address and values of the data sets of a line; None when it is no data line.

    A value without an address belongs to the set before it.
    """
    found: list[tuple[int, str, list[str]]] = []
    end = 0
    for match in _SET.finditer(line):
        if match.start() != end:
            return None
        end = match.end()
        if match[1]:
            found.append((match.start(), match[1], [match[2]]))
        elif found:
            found[-1][2].append(match[2])
        else:
            return None
    return found if line[end:].strip(" ") == "" else None


def read_sets(
    text: str, *, offset: int, medium: str, doubt: str
) -> tuple[list[Reading], list[Fault]]:
    """The readings and faults of a data block whose lines end in CRLF.

    `offset` is the block's place in the stream; `medium` is the value group A of codes that leave
    it out. Of a maximum with its time the maximum is kept; what else has several values stays one
    text. All readings carry the serial number that one of them tells.
    """
    heat = medium in _THERMAL
    if not heat and is_heat(text):
        medium, heat = HEAT, True
    told: list[_Told] = []
    faults: list[Fault] = []
    best, serial = 0, ""
    place = offset
    for line in text.split("\n"):
        read = _line if len(line) <= REMEMBERED_MAX else _line.__wrapped__
        said, broken, rank, named = read(line.rstrip("\r"), medium, heat=heat)
        told += said
        if rank > best:
            best, serial = rank, named
        if broken:
            faults += [fault._replace(offset=place + fault.offset) for fault in broken]
        place += len(line) + 1
    tail = (None, serial, None, doubt)
    return [_new(Reading, said + tail) for said in told], faults


# A meter repeats most of its lines from read-out to read-out: what a line says is remembered.
@lru_cache(maxsize=256)
def _line(body: str, medium: str, *, heat: bool) -> _Line:
    sets = _sets(body)
    if sets is None:
        return _Line((), (Fault("object", 0, len(body), f"no data line: {body[:40]!r}"),))
    told: list[_Told] = []
    faults: list[Fault] = []
    for at, name, values in sets:
        said = _said(name, values, medium, heat=heat)
        if isinstance(said, _Broken):
            length = len(name) + sum(len(value) + 2 for value in values)
            faults.append(Fault(said.kind, at, length, said.detail))
        else:
            told.append(said)
    return _Line(tuple(told), tuple(faults), *_serial(told))


def _said(name: str, values: list[str], medium: str, *, heat: bool) -> _Told | _Broken:
    code = _code(name, medium, heat=heat) if len(name) <= 24 else None
    if code is None:
        return _Broken("object", f"no address: {name[:40]!r}")
    value = _value(code, values[0])
    if len(values) > 1 and not (not isinstance(value, _Broken) and value[1]):
        value = "".join(f"({one})" for one in values), ""
    return value if isinstance(value, _Broken) else (code.register, *value)


def _serial(told: list[_Told]) -> tuple[int, str]:
    """The serial number that counts most, after how much it counts; 0 where there is none."""
    best, serial = 0, ""
    for register, value, unit in told:
        rank = _SERIALS.get(register.partition(":")[2], 0)
        if rank > best and not unit and value:
            best, serial = rank, str(value)
    return best, serial
