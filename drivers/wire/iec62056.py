"""Data lines `code(value*unit)` as P1 ports and optical heads send them, into readings.

Spec: IEC 62056-21, data block; DSMR P1 companion 5.0.2, §6.4; e-MUCS-P1 1.7.1.
"""

import datetime as dt
import re
from functools import lru_cache
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire import obis

# What is written after a number: our unit, and how many powers of ten lie between them.
UNITS = {
    "Wh": ("mWh", 3),
    "kWh": ("mWh", 6),
    "MWh": ("mWh", 9),
    "varh": ("mvarh", 3),
    "kvarh": ("mvarh", 6),
    "kVArh": ("mvarh", 6),
    "VAh": ("mVAh", 3),
    "kVAh": ("mVAh", 6),
    "W": ("mW", 3),
    "kW": ("mW", 6),
    "MW": ("mW", 9),
    "var": ("mvar", 3),
    "kvar": ("mvar", 6),
    "kVAr": ("mvar", 6),
    "VA": ("mVA", 3),
    "kVA": ("mVA", 6),
    "V": ("mV", 3),
    "A": ("mA", 3),
    "Hz": ("mHz", 3),
    "m3": ("mL", 6),
    "m\xb3": ("mL", 6),
    "dm3": ("mL", 3),
    "l": ("mL", 3),
    "L": ("mL", 3),
    "J": ("mJ", 3),
    "kJ": ("mJ", 6),
    "MJ": ("mJ", 9),
    "GJ": ("mJ", 12),
    "\xb0C": ("m\xb0C", 3),
    "s": ("ms", 3),
}
# Spelt otherwise by some makers. Never fold case: mWh and MWh are not the same.
_SPELLINGS = UNITS | {
    "kwh": UNITS["kWh"],
    "KWH": UNITS["kWh"],
    "wh": UNITS["Wh"],
    "kw": UNITS["kW"],
    "KW": UNITS["kW"],
    "kVarh": UNITS["kvarh"],
    "kVar": UNITS["kvar"],
    "v": UNITS["V"],
    "a": UNITS["A"],
    "M3": UNITS["m3"],
}
# Luxembourg's first meters left these units away, which its specification gives.
_UNWRITTEN = {"1-0:3.7.0": "kvar", "1-0:4.7.0": "kvar", "0-0:17.0.0": "kVA"}
REMEMBERED_MAX = 4096  # telegrams up to this size may fill the memory of lines, 2 MB at most
VALUE_MAX = 2**63 - 1  # what SQLite and every column after it can hold
NAMES_MAX = 64  # lines that name a meter; five meters have three or four each
BROKEN_MAX = 64  # with more lines that say nothing it is no telegram, whatever its checksum

# How a register is written, which its code alone decides.
_PLAIN, _QUANTITY, _COUNT, _CLOCK, _HEX, _HOURLY, _PEAKS, _LOG = range(8)

# DSMR 2 and 3 break a line before a parenthesis.
_LINE = re.compile(r"\n([^\n]+(?:\n\([^\n]*)?)")
_MEASURED = re.compile(r"([^(]*)\((\d{1,9})(?:\.(\d{1,9}))?\*([A-Za-z0-9]+)\)\r?")
_BETWEEN = re.compile(r"\)[\r\n]*\(")
_NUMBER = re.compile(r"(-?)(\d{1,20})(?:\.(\d{0,20}))?(?:\*?([^\d\s*.-][^*]*))?")
_STAMP = re.compile(r"\d{12}[SW]?")
_CLOCK_LINE = re.compile(r"\n0-0:1\.0\.0(?:\*255)?\(([^)\r\n]*)\)")
_DATE = re.compile(r"(\d\d)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)")  # of an ACE4000
_DECIMAL = re.compile(r"\d{1,9}\.\d{3}")
_PRINTABLE = re.compile(r"(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e])+")
_VOLTAGES = {32, 52, 72}
_PHYSICAL = set(range(1, 81)) - {13, 33, 53, 73}  # those four are power factors, without unit
# Where several lines name a meter, the last of these does.
_SERIALS = {"96.1.255": 1, "96.1.0": 2, "96.1.1": 3}
# And where none does, Luxembourg's logical device name or the device's address.
_NAME = re.compile(r"\n(?:0-0:42\.0\.0|0-0:0\.0\.0)(?:\*255)?\(([^)\r\n]+)\)")
_PLACEHOLDERS = {"000101", "700101"}  # days on which no meter was: clocks that were never set

_TENS = tuple(10**n for n in range(10))
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class _Code(NamedTuple):
    register: str
    meter: str  # "" for the meter that owns the port, else the M-Bus channel as in `0-1`
    kind: int


class _Said(NamedTuple):
    """What one line says, whatever telegram it stands in; `at_ms` counts only when `dated`."""

    head: tuple[str, int | str, str]  # register, value, unit: as a reading begins
    meter: str
    dated: int = 0  # or 1
    at_ms: int | None = None
    until_ms: int | None = None


class _Broken(NamedTuple):
    kind: str
    detail: str


@lru_cache(maxsize=1024)
def _code(text: str) -> _Code | None:
    code = obis.parse(text)
    if code is None and text.count(":") == 2:  # misprinted in DSMR 4.0, and so in meters
        code = obis.parse(text[::-1].replace(":", ".", 1)[::-1])
    if code is None:
        return None
    meter = "" if code.a == 1 or (code.a, code.b) == (0, 0) else f"{code.a}-{code.b}"
    return _Code(str(code), meter, _kind(code))


_KINDS = {
    (1, 0, 0): _CLOCK,
    (24, 3, 0): _HOURLY,
    (98, 1, 0): _PEAKS,
    (99, 97, 0): _LOG,
    (96, 1, 4): _PLAIN,  # Belgium's version number, not hex
    (42, 0, 0): _HEX,
}


def _kind(code: obis.Obis) -> int:
    a, _, c, d, e, _ = code
    special = _KINDS.get((c, d, e))
    if special is not None:
        return special
    if c == 96:
        return {1: _HEX, 7: _COUNT, 13: _HEX}.get(d, _PLAIN)
    if a == 1 and d in {32, 36} and c in _VOLTAGES:
        return _COUNT  # sags and swells
    if (c, d) == (24, 2) or (a == 1 and d in {4, 6, 7, 8} and c in _PHYSICAL):
        return _QUANTITY
    return _PLAIN


@lru_cache(maxsize=256)
def _minute_ms(minute: str, flag: str) -> int | None:
    """UTC milliseconds of the local minute `YYMMDDhhmm`."""
    if minute[:6] in _PLACEHOLDERS:
        return None
    year, month, day, hour, past = (int(minute[n : n + 2]) for n in range(0, 10, 2))
    try:
        local = dt.datetime(2000 + year, month, day, hour, past, tzinfo=dt.UTC)
    except ValueError:
        return None
    ahead = {"S": 2, "W": 1}.get(flag) or _hours_ahead(local)
    if ahead is None:
        return None
    return (int(local.timestamp()) - ahead * 3600) * 1000


def _hours_ahead(local: dt.datetime) -> int | None:
    """Hours that central European local time is ahead of UTC by the rule of Directive 2000/84/EC.

    None in the hour that October has twice and in the hour that March lacks.
    """
    march, october = (dt.datetime(local.year, month, 31, 2, tzinfo=dt.UTC) for month in (3, 10))
    march -= dt.timedelta(days=(march.weekday() + 1) % 7)
    october -= dt.timedelta(days=(october.weekday() + 1) % 7)
    hour = dt.timedelta(hours=1)
    if march <= local < march + hour or october <= local < october + hour:
        return None
    return 2 if march < local < october else 1


def stamp_ms(text: str) -> int | None:
    """UTC milliseconds of `YYMMDDhhmmss` and S (summer), W (winter) or nothing.

    `YY-MM-DD hh:mm:ss` is read as well.

    The flag is believed over the calendar: some countries send W all the year. Without a flag the
    calendar of central Europe decides. None for what is no such stamp, for a placeholder such as
    `632525252525W`, and for an unflagged stamp in the hour that comes twice.

    >>> stamp_ms("170102192002W")
    1483381202000
    """
    if _STAMP.fullmatch(text) is None:
        date = _DATE.fullmatch(text)
        if date is None:
            return None
        text = "".join(date.groups())
    minute_ms = _minute_ms(text[:10], text[12:])
    second = int(text[10:12])
    return None if minute_ms is None or second > 59 else minute_ms + second * 1000


@lru_cache(maxsize=64)
def _plain_text(value: str) -> str:
    """Hex of printable ASCII as the text it spells; everything else as it stands."""
    return bytes.fromhex(value).decode() if _PRINTABLE.fullmatch(value) else value


@lru_cache(maxsize=64)
def _serial(line: str) -> tuple[str, int, str]:
    """The meter that a line names, how much the name counts (0: not at all), and the name."""
    name, _, body = line.rstrip().partition("(")
    code = _code(name)
    if code is None or len(body) < 2:
        return "", 0, ""
    rank = _SERIALS.get(code.register.partition(":")[2], 0)
    return code.meter, rank, _plain_text(body[:-1]).strip()


def _serials(text: str) -> dict[str, str]:
    """The serial number of each meter."""
    found: dict[str, tuple[int, str]] = {}
    at = text.find(":96.1.")
    for _ in range(NAMES_MAX):
        if at < 0:
            break
        end = text.find("\n", at)
        meter, rank, number = _serial(text[text.rfind("\n", 0, at) + 1 : end])
        if rank > found.get(meter, (0, ""))[0]:
            found[meter] = rank, number
        at = text.find(":96.1.", end)
    serials = {meter: number for meter, (_, number) in found.items()}
    if "" not in serials:
        name = _NAME.search(text)
        if name:
            serials[""] = _plain_text(name[1])
    return serials


def _measured(number: re.Match[str] | None, value: str) -> tuple[int, str] | _Broken:
    """The number of `value`, matched, with its unit as an integer in milli-units.

    Digits beyond the milli-unit are cut off towards the next lower one (a Q3D meter prints kWh
    with seven decimals).
    """
    if number is None:
        return _Broken("object", f"no number: {value[:40]!r}")
    sign, whole, fraction, written = number.groups("")
    if written not in _SPELLINGS:
        return _Broken("unit", f"unit {written[:20]!r}, known are {', '.join(UNITS)}")
    unit, places = _SPELLINGS[written]
    amount = int(sign + whole + fraction) * 10**places // 10 ** len(fraction)
    if not -VALUE_MAX <= amount <= VALUE_MAX:
        return _Broken("object", f"{value[:40]!r} is beyond 64 bits of {unit}")
    return amount, unit


def _single(code: _Code, value: str) -> _Said | _Broken:
    """An object of one value: a measured quantity, a count, or text."""
    if code.register in _UNWRITTEN and _DECIMAL.fullmatch(value):
        value = f"{value}*{_UNWRITTEN[code.register]}"
    number = _NUMBER.fullmatch(value)
    text = number is None or number[4] not in _SPELLINGS
    if code.kind == _CLOCK and stamp_ms(value) is None:
        return _Broken("placeholder", f"clock {value[:20]!r}")
    if code.kind == _COUNT and value.isdecimal() and len(value) <= 18:
        return _Said((code.register, int(value), "count"), code.meter)
    if code.kind != _QUANTITY and (text or _STAMP.fullmatch(value)):  # its W is no watt
        if code.kind == _COUNT and value:
            return _Broken("object", f"no count: {value[:40]!r}")
        return _Said((code.register, value, ""), code.meter)
    measured = _measured(number, value)
    if isinstance(measured, _Broken):
        return measured
    return _Said((code.register, measured[0], measured[1]), code.meter)


def _dated(code: _Code, stamps: list[str], value: str) -> _Said | _Broken:
    """A value with the end of its period, if it has one, and its own stamp, in this order.

    A stamp that is no time makes a zero meaningless; any other value is kept without time.
    """
    at_ms = stamp_ms(stamps[-1])
    if at_ms is None and not value.partition("*")[0].strip("0."):
        return _Broken("placeholder", f"stamp {stamps[-1][:20]!r} with {value[:20]!r}")
    measured = _measured(_NUMBER.fullmatch(value), value)
    if isinstance(measured, _Broken):
        return measured
    until_ms = stamp_ms(stamps[0]) if len(stamps) > 1 else None
    amount, unit = measured
    return _Said((code.register, amount, unit), code.meter, 1, at_ms, until_ms)


def _hourly(values: list[str]) -> _Said | _Broken:
    """Gas of DSMR 2 and 3: stamp, status, interval, count, register, unit; then the value."""
    code = _code(values[4]) if len(values) == 7 else None
    if code is None:
        return _Broken("object", f"{len(values)} values where 7 with a register stand")
    return _dated(code, values[:1], f"{values[6]}*{values[5]}")


def _table(code: _Code, count: str, values: list[str], stamps: int) -> tuple[_Said | _Broken, ...]:
    """For each row `stamps` stamps and a value. The rows keep the table's register."""
    width = stamps + 1
    rows = int(count) if count.isdecimal() and len(count) < 4 else 0
    if not rows and not any(values):
        return ()
    if len(values) != width * rows:
        return (_Broken("object", f"{len(values)} values in a table of {count[:10]!r} rows"),)
    starts = range(0, len(values), width)
    return tuple(_dated(code, values[n : n + stamps], values[n + stamps]) for n in starts)


# A meter repeats most of its lines from telegram to telegram: what a line says is remembered.
@lru_cache(maxsize=512)
def _line(line: str) -> tuple[_Said | _Broken, ...]:
    measured = _MEASURED.fullmatch(line)
    if measured is not None:  # nearly every line whose value changes; what follows does it as well
        name, whole, fraction, written = measured.groups("")
        code = _code(name)
        unit, places = _SPELLINGS.get(written, ("", -1))
        if code is not None and code.kind <= _QUANTITY and len(fraction) <= places <= 9:
            value = int(whole + fraction) * _TENS[places - len(fraction)]
            return (_new(_Said, ((code.register, value, unit), code.meter, 0, None, None)),)
    name, _, body = line.rstrip().partition("(")
    if not name and not body:
        return ()
    code = _code(name)
    if code is None or body[-1:] != ")":
        return (_Broken("object", f"no data line: {line[:40]!r}"),)
    body = body[:-1]
    if code.kind == _HEX:
        return (_Said((code.register, _plain_text(body), ""), code.meter),)
    if ")" in body or code.kind == _LOG:
        return _several(code, body)
    return (_single(code, body),)


def _several(code: _Code, body: str) -> tuple[_Said | _Broken, ...]:
    """An object of several values, by its kind."""
    values = _BETWEEN.split(body)
    stamped = _STAMP.fullmatch(values[0]) is not None
    if code.kind == _HOURLY:
        return (_hourly(values),)
    if code.kind == _LOG:
        return _table(code, values[0], values[2:], 1)
    if code.kind == _PEAKS and not stamped:
        return _table(code, values[0], values[3:], 2)
    if stamped and len(values) == 2:
        return (_dated(code, values[:1], values[1]),)
    if len(values) == 2 and _DATE.fullmatch(values[1]):
        return (_dated(code, values[1:], values[0]),)
    # What has no known form, such as Hungary's month table, is kept as it stands.
    return (_Said((code.register, f"({body})", ""), code.meter),)


def read_objects(text: str, *, offset: int, doubt: str) -> tuple[list[Reading], list[Fault]]:
    """The readings and faults of a telegram, from its `/` line to the end of its last data line.

    Lines end in LF or CRLF. `offset` is the place of `text` in the stream, for the faults. Every
    reading carries the telegram's own stamp (0-0:1.0.0) unless its object has one. Unknown
    registers are kept; several values without a known form are kept as one text.
    """
    clock = _CLOCK_LINE.search(text)
    at_ms = stamp_ms(clock[1]) if clock else None
    serials = _serials(text)
    own = serials.get("", "")
    tail = (at_ms, own, None, doubt)
    readings: list[Reading] = []
    append = readings.append
    broken = 0
    line_of = _line if len(text) <= REMEMBERED_MAX else _line.__wrapped__
    # Splitting is five times as fast, and does where no line is broken in two.
    lines = _LINE.findall(text) if "\n(" in text else text.split("\n")[1:]
    for line in lines:
        for said in line_of(line):
            if len(said) == 2:
                broken += 1
                if broken > BROKEN_MAX:
                    what = f"more than {BROKEN_MAX} lines say nothing"
                    return [], [Fault("object", offset, len(text), what)]
                continue
            head, meter, dated, own_ms, until_ms = said
            if dated or meter:
                when = own_ms if dated else at_ms
                serial = serials.get(meter, "") if meter else own
                append(_new(Reading, (*head, when, serial, until_ms, doubt)))
            else:
                append(_new(Reading, head + tail))
    return readings, _faults(text, offset) if broken else []


def _faults(text: str, offset: int) -> list[Fault]:
    """A fault for each thing that a line of the telegram says wrongly."""
    return [
        Fault(said.kind, offset + match.start(1), len(match[1]), said.detail)
        for match in _LINE.finditer(text)
        for said in _line.__wrapped__(match[1])
        if isinstance(said, _Broken)
    ]
