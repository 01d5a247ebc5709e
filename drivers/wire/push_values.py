"""The values of a push, each with its OBIS code, on their way to readings.

Spec: IEC 62056-6-1 (codes), IEC 62056-6-2 (Blue Book, edition 15, §4.3.2: scaler and unit).
Reference: drivers/wire/push_lists.py has the units that are left away.
"""

from functools import lru_cache
from typing import NamedTuple

from drivers.wire import axdr, obis, push_lists
from drivers.wire.axdr import Value
from drivers.wire.moments import Moment, moment
from drivers.wire.units import AMPERE, HERTZ, NONE, UNITS, VOLT

SCALER_MAX = 12  # either way; nobody counts in units beyond
_VALUE_MAX = 2**63 - 1  # what SQLite and every column after it can hold
_SIMPLE_POWER_MAX = 9  # 32 bits times this power of ten are within 64 bits
CLOCK = bytes((0, 0, 1, 0, 0, 255))
SERIAL = bytes((0, 0, 96, 1, 0, 255))
VERSION = bytes((1, 1, 0, 2, 129, 255))

_CLOCKS = {CLOCK, bytes((0, 1, 1, 0, 0, 255))}  # Kamstrup's is of channel 1
_KAMSTRUP_TYPE = bytes((1, 1, 96, 1, 1, 255))
# Kamstrup's meters behind current transformers send milliamperes, and so do all of Kaifa.
_WITH_TRANSFORMERS, _KAIFA = "685", "KFM"
# Which code names the meter best, by groups A, C, D and E; of channel n it is `0-n:96.1.0`.
_SERIALS = {(0, 96, 1, 0): 5, (0, 96, 1, 1): 4, (1, 0, 0, 5): 3, (1, 0, 0, 1): 2, (0, 42, 0, 0): 1}
_AMPS = -2  # the power of ten of currents that come without a unit, at most makers
_FAILURES = (96, 7)
# What voltages and frequencies are below in whole units, and not in tenths.
_WHOLE_BELOW = {VOLT: 1_000, HERTZ: 100}

_Number = tuple[bytes, int]  # of a code, its unit yet to be found
_Trouble = tuple[str, str]  # the kind of a fault, and what was seen


class Field(NamedTuple):
    """What a code and its unit make of a number.

    Without a `unit` the number is kept as text with the `suffix`; a `divisor` of 0 says that the
    unit is none that is known, and then the suffix says which. `is_simple`: any 32 bits without a
    sign are a value.
    """

    register: str
    unit: str
    channel: int
    multiplier: int = 1
    divisor: int = 1
    is_counter: bool = False
    suffix: str = ""
    is_simple: bool = False


class Sized(NamedTuple):
    """Numbers whose power of ten was found by their size: where they are in `Heard.said`, and what
    the highest of them was below in whole units."""

    places: list[int]
    whole_below: int
    power: int

    def bounds(self) -> tuple[int, int]:
        """From where to below where the highest number has the same power of ten."""
        below = self.whole_below * 10**-self.power
        return (below // 10 if self.power else 0), below


class Heard:
    """What was heard of a push so far."""

    __slots__ = (
        "bare",
        "clock",
        "clocks",
        "numbers",
        "said",
        "serials",
        "sizes",
        "troubles",
        "types",
        "version",
    )

    def __init__(self) -> None:
        self.said: list[tuple[Field, int | str]] = []
        # Numbers whose units are found at the end, by the places where they go.
        self.bare: list[tuple[int, _Number]] = []
        # Where in the telegram numbers and clocks stand, by the places in `said`; of numbers that
        # are no whole ones None.
        self.numbers: list[tuple[int, slice | None]] = []
        self.clocks: list[tuple[int, int]] = []
        self.sizes: list[Sized] = []
        self.troubles: list[_Trouble] = []
        self.clock: Moment | None = None
        self.serials: dict[int, tuple[int, str]] = {}
        self.version = ""
        self.types = ""


def take(heard: Heard, code: bytes, value: Value, scale: bytes | None) -> None:
    """Hears the value of a code; `scale` is its scaler and unit as `0F scaler 16 unit`."""
    if value.tag in axdr.NUMBERS:
        if scale is not None:
            scaled(heard, field(code, scale), value.number, axdr.place(value), value.below)
        elif value.below == 1:
            bare(heard, code, value.number, axdr.place(value))
        else:
            heard.troubles.append(("unit", f"{name(code)}: a fraction without a unit"))
    elif value.tag == axdr.NULL:
        heard.troubles.append(("placeholder", f"{name(code)}: no value"))
    elif value.tag in axdr.LISTS:
        _text(heard, code, axdr.text(value))
    else:
        take_octets(heard, code, value.octets, value.at)


def take_octets(heard: Heard, code: bytes, octets: bytes, at: int) -> None:
    """Hears the octets of a code, which stand at `at`: a moment if it is a clock's, else what
    they spell."""
    if code not in _CLOCKS:
        _text(heard, code, axdr.spelled(octets))
        return
    shown = moment(octets)
    if shown is None:
        heard.troubles.append(("placeholder", f"{name(code)}: {octets[:20].hex()}"))
        return
    heard.clock = shown
    heard.clocks.append((len(heard.said), at))
    heard.said.append((text_field(code), shown.written))


def bare(heard: Heard, code: bytes, number: int, place: slice | None) -> None:
    """Hears a number without a unit, which stands at `place`."""
    heard.numbers.append((len(heard.said), place))
    heard.bare.append((len(heard.said), (code, number)))
    heard.said.append((_LATER, 0))


def _text(heard: Heard, code: bytes, written: str) -> None:
    """Hears a text, which may be the meter's number or the version of the list."""
    own = text_field(code)
    heard.said.append((own, written))
    _named(heard, code, own.channel, written)
    if code[0] == 1 and code[2:5] == VERSION[2:5]:  # Kaifa's is of channel 0
        heard.version = written
    elif code == _KAMSTRUP_TYPE:
        heard.types = written


def _named(heard: Heard, code: bytes, channel: int, written: str) -> None:
    """Notes the number of a meter, if this is it and no better one was heard."""
    rank = _SERIALS.get((code[0], *code[2:5]), 0)
    if rank and written and rank > heard.serials.get(channel, (0, ""))[0]:
        heard.serials[channel] = rank, written


def scaled(heard: Heard, own: Field, number: int, place: slice | None, below: int = 1) -> None:
    """Hears a number with its unit, which stands at `place`, in whole milli-units, cut off
    downwards."""
    value = measured(own, number, below)
    if isinstance(value, tuple):
        heard.troubles.append(value)
    else:
        heard.numbers.append((len(heard.said), place))
        heard.said.append((own, value))


def measured(own: Field, number: int, below: int = 1) -> int | str | _Trouble:
    """The number, over `below`, as the field tells it; or why it cannot."""
    amount = number * own.multiplier // (own.divisor * below or 1)
    is_within = -_VALUE_MAX <= amount <= _VALUE_MAX
    if own.unit and is_within and (amount >= 0 or not own.is_counter):
        return amount
    if own.unit:
        return "object", f"{own.register}: {amount} {own.unit}"
    if own.divisor:
        return _decimal(number * own.multiplier, own.divisor * below) + own.suffix
    return "unit", f"{own.register}: {own.suffix}"


def _decimal(number: int, divisor: int) -> str:
    """The fraction in decimals: as many as a power of ten has, else nine; cut off toward zero."""
    whole, rest = divmod(abs(number), divisor)
    sign = "-" if number < 0 else ""
    written = str(divisor)
    digits = len(written) - 1 if written.strip("0") == "1" else 9
    return f"{sign}{whole}.{rest * 10**digits // divisor:0{digits}}" if digits else f"{sign}{whole}"


@lru_cache(maxsize=512)
def name(code: bytes) -> str:
    """The code as text."""
    return str(obis.Obis(*code))


def _channel(code: bytes) -> int:
    """The channel of a meter behind this one; 0 for this one itself, its clocks and relays."""
    is_behind = code[0] == 0 and (code[2] == 24 or code[2:4] == SERIAL[2:4])
    return code[1] if is_behind else 0


@lru_cache(maxsize=512)
def text_field(code: bytes, suffix: str = "") -> Field:
    """The field of a code whose value is kept as text; `suffix` follows the register's name."""
    return Field(name(code) + suffix, "", _channel(code))


_LATER = Field("", "", 0)


@lru_cache(maxsize=512)
def field(code: bytes, scale: bytes) -> Field:
    """The field of a code with its scaler and unit, as `0F scaler 16 unit`."""
    scaler = scale[1] - (scale[1] & 0x80) * 2
    unit = scale[3]
    if unit not in UNITS or abs(scaler) > SCALER_MAX:
        what = f"unit {unit} with scaler {scaler}, known units are {[*UNITS]}"
        return Field(name(code), "", _channel(code), divisor=0, suffix=what)
    written, ours, tens = UNITS[unit]
    power = scaler + tens
    return Field(
        name(code),
        ours,
        _channel(code),
        10 ** max(power, 0),
        10 ** max(-power, 0),
        code[0] <= 1 and code[3] == 8,
        f" {written}" if written and not ours else "",
        bool(ours) and power <= _SIMPLE_POWER_MAX,
    )


def resolve(heard: Heard, energy_step_wh: int) -> None:
    """Finds the units of numbers that came without, by their codes and by what else was heard."""
    is_kamstrup = heard.version.startswith("Kamstrup")
    in_milli = heard.types.startswith(_WITH_TRANSFORMERS) or heard.version.startswith(_KAIFA)
    powers = {
        AMPERE: -3 if in_milli else _AMPS,
        NONE: -2 if is_kamstrup else -3,
    }
    units = [_usual(code) for _, (code, _) in heard.bare]
    for unit, whole_below in _WHOLE_BELOW.items():
        if unit in units:
            of_unit = [one for one, own in zip(heard.bare, units, strict=True) if own == unit]
            powers[unit] = power([number for _, (_, number) in of_unit], whole_below)
            heard.sizes.append(Sized([at for at, _ in of_unit], whole_below, powers[unit]))
    said = heard.said
    is_all = True
    for (at, (code, number)), unit in zip(heard.bare, units, strict=True):
        own = _usual_field(code, powers.get(unit, 0), energy_step_wh if is_kamstrup else 1)
        if own.unit == "" and own.divisor == 1:
            _named(heard, code, own.channel, str(number))
        value = measured(own, number)
        if isinstance(value, tuple):
            heard.troubles.append(value)
            is_all = False
        else:
            said[at] = own, value
    if not is_all:
        heard.said = [one for one in said if one[0] is not _LATER]


@lru_cache(maxsize=512)
def _usual(code: bytes) -> int:
    """The unit of a code that comes without; 0 where none is usual."""
    return push_lists.usual(code[2], code[3]) if code[0] == 1 else 0


@lru_cache(maxsize=512)
def _usual_field(code: bytes, power: int, step: int) -> Field:
    """The field of a code that comes without a unit; `power` is that of ten, if it has one, and
    `step` what a counter counts in."""
    unit = _usual(code)
    if unit:
        own = field(code, bytes((15, power & 0xFF, axdr.ENUM, unit)))
        if step == 1 or not own.is_counter:
            return own
        return own._replace(multiplier=own.multiplier * step, is_simple=False)
    return text_field(code)._replace(unit="count" if tuple(code[2:4]) == _FAILURES else "")


def power(numbers: list[int], whole_below: int) -> int:
    """The power of ten of a quantity whose size is known: the highest number that was sent of it
    is below `whole_below` if it is in whole units, below ten times that in tenths, and so on."""
    over = max(map(abs, numbers)) // whole_below
    return -len(str(over)) if over else 0
