"""Data lines `code(value*unit)` as P1 ports and optical heads send them, into readings.

Spec: IEC 62056-21, data block; DSMR P1 companion 5.0.2, §6.4; e-MUCS-P1 1.7.1.
"""

import datetime as dt
import re
from collections.abc import Iterator
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
VALUE_MAX = 2**63 - 1  # what SQLite and every column after it can hold

# How a register is written, which its code alone decides.
_PLAIN, _QUANTITY, _COUNT, _CLOCK, _HEX, _HOURLY, _PEAKS, _LOG = range(8)

# A data line: code, the first value's digits before and after the point, and all the rest. DSMR 2
# and 3 break a line before a parenthesis.
_OBJECT = re.compile(r"\n([^(\r\n]*)\((\d{0,9})(?:\.(\d{1,9}))?([^\n]*(?:\n\([^\n]*)?)")
_STRAY = re.compile(r"\n([^(\n]+)(?=\n)")
_BETWEEN = re.compile(r"\)[\r\n]*\(")
_NUMBER = re.compile(r"(-?)(\d{1,20})(?:\.(\d{0,20}))?(?:\*?([^\d\s*.-][^*]*))?")
_STAMP = re.compile(r"\d{12}[SW]?")
_CLOCK_LINE = re.compile(r"\n0-0:1\.0\.0(?:\*255)?\(([^)\r\n]*)\)")
_SERIAL = re.compile(r"\n(\d{1,3})-(\d{1,3}):96\.1\.(0|1|255)(?:\*255)?\(([^)\r\n]+)\)")
_PRINTABLE = re.compile(r"(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e])+")
_PHYSICAL = set(range(1, 81)) - {13, 33, 53, 73}  # those four are power factors, without unit
_PLACEHOLDERS = {"000101", "700101"}  # days on which no meter was: clocks that were never set

# How a plain line ends after its digits, as in `*kWh)`: the unit, and the factor for each number
# of decimals. Factor 0 stands for more decimals than milli-units, which the careful way floors.
_MEASURED: dict[str, tuple[str, tuple[int, ...]]] = {
    f"{star}{name}){end}": (
        unit,
        tuple(10 ** (places - n) if n <= places else 0 for n in range(10)),
    )
    for name, (unit, places) in UNITS.items()
    if places <= 9  # nine digits times 10^9 stay within VALUE_MAX
    for star in ("*", "")
    for end in ("\r", "")
}
_COUNTED: dict[str, tuple[str, tuple[int, ...]]] = {
    f"){end}": ("count", (1,) + (0,) * 9) for end in ("\r", "")
}
_ENDS: tuple[dict[str, tuple[str, tuple[int, ...]]], ...] = (
    *(_MEASURED, _MEASURED, _COUNTED),  # in the order of the kinds above; the others have no
    *({}, {}, {}, {}, {}),  # plain lines
)
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class _Code(NamedTuple):
    register: str
    meter: str  # "" for the meter that owns the port, else the M-Bus channel as in `0-1`
    kind: int


class _Broken(NamedTuple):
    kind: str
    detail: str


@lru_cache(maxsize=1024)
def _code(text: str) -> _Code | None:
    code = obis.parse(text)
    if code is None:
        return None
    return _Code(str(code), _meter(code.a, code.b), _kind(code))


def _meter(medium: int, channel: int) -> str:
    return "" if medium == 1 or (medium, channel) == (0, 0) else f"{medium}-{channel}"


def _kind(code: obis.Obis) -> int:
    c, d, e = code[2:5]
    special = {
        (1, 0, 0): _CLOCK,
        (24, 3, 0): _HOURLY,
        (98, 1, 0): _PEAKS,
        (99, 97, 0): _LOG,
        (96, 1, 4): _PLAIN,  # Belgium's version number, not hex
        (42, 0, 0): _HEX,
    }.get((c, d, e))
    if special is not None:
        return special
    if c == 96:
        return {1: _HEX, 7: _COUNT, 13: _HEX}.get(d, _PLAIN)
    if code.a == 1 and d in {32, 36}:
        return _COUNT  # sags and swells
    if (c, d) == (24, 2) or (code.a == 1 and d in {4, 6, 7, 8} and c in _PHYSICAL):
        return _QUANTITY
    return _PLAIN


@lru_cache(maxsize=256)
def _hour_ms(hour: str, flag: str) -> int | None:
    """UTC milliseconds of the local hour `YYMMDDhh`."""
    if hour[:6] in _PLACEHOLDERS:
        return None
    try:
        local = dt.datetime(
            2000 + int(hour[:2]), int(hour[2:4]), int(hour[4:6]), int(hour[6:]), tzinfo=dt.UTC
        )
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

    The flag is believed over the calendar: some countries send W all the year. Without a flag the
    calendar of central Europe decides. None for what is no such stamp, for a placeholder such as
    `632525252525W`, and for an unflagged stamp in the hour that comes twice.

    >>> stamp_ms("170102192002W")
    1483381202000
    """
    if _STAMP.fullmatch(text) is None:
        return None
    minute, second = int(text[8:10]), int(text[10:12])
    hour_ms = _hour_ms(text[:8], text[12:])
    if hour_ms is None or minute > 59 or second > 59:
        return None
    return hour_ms + minute * 60_000 + second * 1000


def _plain_text(value: str) -> str:
    """Hex of printable ASCII as the text it spells; everything else as it stands."""
    return bytes.fromhex(value).decode() if _PRINTABLE.fullmatch(value) else value


def _serials(text: str) -> dict[str, str]:
    """The serial number of each meter: 96.1.1 before 96.1.0 before 96.1.255."""
    ranked = sorted(
        (("255", "0", "1").index(which), _meter(int(medium), int(channel)), value)
        for medium, channel, which, value in _SERIAL.findall(text)
    )
    return {meter: _plain_text(value) for _, meter, value in ranked}


def _measured(value: str) -> tuple[int, str] | _Broken:
    """A number with its unit as an integer in milli-units.

    Digits beyond the milli-unit are cut off towards the next lower one (a Q3D meter prints kWh
    with seven decimals).
    """
    match = _NUMBER.fullmatch(value)
    if match is None:
        return _Broken("object", f"no number: {value[:40]!r}")
    sign, whole, fraction, written = match.groups(default="")
    if written not in UNITS:
        return _Broken("unit", f"unit {written[:20]!r}, known are {', '.join(UNITS)}")
    unit, places = UNITS[written]
    amount = int(sign + whole + fraction) * 10**places // 10 ** len(fraction)
    if abs(amount) > VALUE_MAX:
        return _Broken("object", f"{value[:40]!r} is beyond 64 bits of {unit}")
    return amount, unit


class _Telegram(NamedTuple):
    """What every reading of one telegram shares."""

    at_ms: int | None
    serials: dict[str, str]
    doubt: str

    def object(self, code: _Code | None, body: str) -> Iterator[Reading | _Broken]:
        """The object `code(body` the careful way; `body` still has its last parenthesis."""
        if code is None or not body.endswith(")"):
            yield _no_line(f"…({body}")
            return
        body = body[:-1]
        values = _BETWEEN.split(body)
        if code.kind == _HEX:
            yield self._reading(code, _plain_text(body))
        elif code.kind == _HOURLY:
            yield self._hourly(values)
        elif code.kind == _PEAKS and len(values) > 2 and _STAMP.fullmatch(values[0]) is None:
            yield from self._rows(code, values[0], values[3:], stamps=2)
        elif code.kind == _LOG:
            yield from self._rows(code, values[0], values[2:], stamps=1)
        elif len(values) == 2 and _STAMP.fullmatch(values[0]):
            yield self._dated(code, values[:1], values[1])
        elif len(values) > 1:  # several values of unknown meaning, such as Hungary's month table
            yield self._reading(code, f"({body})")
        else:
            yield self._single(code, body)

    def _reading(self, code: _Code, value: int | str, unit: str = "") -> Reading:
        serial = self.serials.get(code.meter, "")
        return Reading(code.register, value, unit, self.at_ms, serial, None, self.doubt)

    def _single(self, code: _Code, value: str) -> Reading | _Broken:
        if code.kind == _CLOCK and self.at_ms is None:
            return _Broken("placeholder", f"clock {value[:20]!r}")
        if _STAMP.fullmatch(value):  # the W of a stamp is no watt
            return self._reading(code, value)
        number = _NUMBER.fullmatch(value)
        if number is None:
            if code.kind == _QUANTITY or (code.kind == _COUNT and value):
                return _Broken("object", f"no number: {value[:40]!r}")
            return self._reading(code, value)
        unit = number[4]
        if code.kind == _COUNT and unit is None and value.isdecimal():
            return self._reading(code, int(value), "count")
        if code.kind != _QUANTITY and (unit is None or ("*" not in value and unit not in UNITS)):
            return self._reading(code, value)
        measured = _measured(value)
        return measured if isinstance(measured, _Broken) else self._reading(code, *measured)

    def _dated(self, code: _Code, stamps: list[str], value: str) -> Reading | _Broken:
        """A value with the end of its period, if it has one, and its own stamp, in this order.

        A stamp that is no time makes a zero meaningless; any other value is kept without time.
        """
        at_ms = stamp_ms(stamps[-1])
        if at_ms is None and not value.partition("*")[0].strip("0."):
            return _Broken("placeholder", f"stamp {stamps[-1][:20]!r} with {value[:20]!r}")
        measured = _measured(value)
        if isinstance(measured, _Broken):
            return measured
        until_ms = stamp_ms(stamps[0]) if len(stamps) > 1 else None
        serial = self.serials.get(code.meter, "")
        return Reading(code.register, *measured, at_ms, serial, until_ms, self.doubt)

    def _hourly(self, values: list[str]) -> Reading | _Broken:
        """Gas of DSMR 2 and 3: stamp, status, interval, count, register, unit; then the value."""
        code = _code(values[4]) if len(values) == 7 else None
        if code is None:
            return _Broken("object", f"{len(values)} values where 7 with a register stand")
        return self._dated(code, values[:1], f"{values[6]}*{values[5]}")

    def _rows(
        self, code: _Code, count: str, values: list[str], *, stamps: int
    ) -> Iterator[Reading | _Broken]:
        """A table: for each row `stamps` stamps and a value. They keep the table's register."""
        width = stamps + 1
        rows = int(count) if count.isdecimal() and len(count) < 4 else 0
        if len(values) != width * rows:
            yield _Broken("object", f"{len(values)} values in a table of {count[:10]!r} rows")
            return
        for start in range(0, len(values), width):
            yield self._dated(code, values[start : start + stamps], values[start + stamps])


def read_objects(text: str, *, offset: int, doubt: str) -> tuple[list[Reading], list[Fault]]:
    """The readings and faults of a telegram, from its `/` line to the `!` that starts a line.

    Lines end in LF or CRLF. `offset` is the place of `text` in the stream, for the faults. Every
    reading carries the telegram's own stamp (0-0:1.0.0) unless its object has one. Unknown
    registers are kept; several values without a known form are kept as one text.
    """
    clock = _CLOCK_LINE.search(text)
    at_ms = stamp_ms(clock[1]) if clock else None
    serials = _serials(text)
    own = serials.get("", "")
    telegram = _Telegram(at_ms, serials, doubt)
    readings: list[Reading] = []
    broken: list[tuple[str, list[_Broken]]] = []
    objects = _OBJECT.findall(text)
    for name, whole, fraction, tail in objects:
        code = _code(name)
        if code is not None and whole:
            register, meter, kind = code
            end = _ENDS[kind].get(tail)
            if end is not None and (factor := end[1][len(fraction)]):
                value = int(whole + fraction) * factor
                serial = serials.get(meter, "") if meter else own
                readings.append(
                    _new(Reading, (register, value, end[0], at_ms, serial, None, doubt))
                )
                continue
        # Everything but a plain number with its unit goes the careful way.
        body = f"{whole}.{fraction}{tail}" if fraction else whole + tail
        parts = list(telegram.object(code, body.rstrip()))
        readings += [part for part in parts if isinstance(part, Reading)]
        wrong = [part for part in parts if isinstance(part, _Broken)]
        if wrong:
            broken.append((f"\n{name}({body}", wrong))
    if text.count("\n") != len(objects) + 2:
        stray = (line for line in _STRAY.findall(text) if line.strip())
        broken += [(f"\n{line}", [_no_line(line)]) for line in stray]
    return readings, list(_placed(broken, text, offset)) if broken else []


def _no_line(line: str) -> _Broken:
    return _Broken("object", f"no data line: {line.strip()[:40]!r}")


def _placed(broken: list[tuple[str, list[_Broken]]], text: str, offset: int) -> Iterator[Fault]:
    """Each broken line with its place. Equal lines break alike, so they are found in turn."""
    places: dict[str, int] = {}
    for line, wrong in broken:
        place = text.find(line, places.get(line, 0))
        places[line] = place + 1
        for kind, detail in wrong:
            yield Fault(kind, offset + place + 1, len(line) - 1, detail)
