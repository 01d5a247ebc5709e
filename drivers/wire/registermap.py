"""Maps of Modbus registers: what a meter has where, and readings from its answers.

Spec: MODBUS Application Protocol 1.1b3, §4.2 (a register is two bytes, the high one first); IEEE
754-2008, §3.4 (binary32, binary64). Modbus says nothing of numbers of several registers: most
makers send the high word first.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import repeat
from operator import mul
from struct import Struct
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire.modbus import INPUT, Question
from drivers.wire.modbus_master import Block, Place, Told

SERIAL = "0-0:96.1.0"  # the register under which a serial number is told
PLANS_MAX = 64  # ways to ask that are remembered; another master may ask in any way
# Above this a decimal number of three places is no exact number in JSON: no meter counts so far.
VALUE_MAX = 10**15

# The meter's unit: ours, and the power of ten between them. "1" is a bare number, told as text.
UNITS = {
    "Wh": ("mWh", 3),
    "kWh": ("mWh", 6),
    "MWh": ("mWh", 9),
    "varh": ("mvarh", 3),
    "kvarh": ("mvarh", 6),
    "VAh": ("mVAh", 3),
    "kVAh": ("mVAh", 6),
    "W": ("mW", 3),
    "kW": ("mW", 6),
    "var": ("mvar", 3),
    "kvar": ("mvar", 6),
    "VA": ("mVA", 3),
    "kVA": ("mVA", 6),
    "V": ("mV", 3),
    "A": ("mA", 3),
    "mA": ("mA", 0),
    "Hz": ("mHz", 3),
    "°C": ("m°C", 3),
    "L": ("mL", 3),
    "m3": ("mL", 6),
    "J": ("mJ", 3),
    "kJ": ("mJ", 6),
    "MJ": ("mJ", 9),
    "GJ": ("mJ", 12),
    "pulse": ("pulse", 0),
    "1": ("", 3),
}

# Types of numbers: registers, and the letter of struct.
TYPES = {
    "u16": (1, "H"),
    "i16": (1, "h"),
    "u32": (2, "I"),
    "i32": (2, "i"),
    "u64": (4, "Q"),
    "i64": (4, "q"),
    "f32": (2, "f"),
    "f64": (4, "d"),
}
TEXT = "text"
# A float of 24 bits times 10^8, of 27, is exact in the 53 bits that Python counts with.
_EXACT_TENS = 8

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long
_reading = partial(tuple.__new__, Reading)
_NOTHING = repeat(None)


class Value(NamedTuple):
    """One value of a map: where it is, under which register it is told, and in the meter's unit.

    `scale` is the power of ten that makes the unit of the number. `no_value` are numbers, as they
    stand in the registers without a sign, that mean that there is none. `low_first`: the low word
    comes first. `length` is that of a text, in registers.
    """

    address: int
    register: str
    unit: str = ""
    type: str = "f32"
    scale: int = 0
    no_value: tuple[int, ...] = ()
    low_first: bool = False
    length: int = 0
    function: int = INPUT

    @property
    def size(self) -> int:
        """Registers."""
        return self.length or TYPES[self.type][0]

    @property
    def tens(self) -> int:
        """The power of ten that makes milli-units of the number."""
        return UNITS[self.unit][1] + self.scale


class Map(NamedTuple):
    """The values of a kind of meter, and the blocks to ask for. `serial` is its serial number."""

    values: tuple[Value, ...]
    blocks: tuple[Block, ...]
    serial: Value | None = None


class _Plan(NamedTuple):
    """How to read one answer. The `quick` values are read at a stroke, the others one by one.

    `low_first` is the order of the words of all quick values; `none` are the numbers that mean
    that a quick value is lacking; `texts` are the places of those that are told as text. They are
    `bounded` if they are integers of which none can be too large. `serial` stands in `serial_at`.
    """

    unpack: Callable[[bytes], tuple[int | float, ...]]
    low_first: bool
    factors: tuple[int, ...]
    none: frozenset[int]
    registers: tuple[str, ...]
    units: tuple[str, ...]
    texts: tuple[int, ...]
    bounded: bool
    quick: tuple[Value, ...]
    slow: tuple[Value, ...]
    serial: Value | None
    serial_at: slice


def scaled(numerator: int, denominator: int, tens: int) -> int:
    """A fraction times a power of ten, rounded to the nearest whole, a half to the even one.

    >>> scaled(5, 2, 0), scaled(7, 2, 0), scaled(15, 1, -1)
    (2, 4, 2)
    """
    if tens >= 0:
        numerator *= 10**tens
    else:
        denominator *= 10**-tens
    whole, rest = divmod(numerator, denominator)
    twice = 2 * rest
    return whole + (twice > denominator or (twice == denominator and whole & 1))


@lru_cache(maxsize=4096)  # power factors, of which there are two thousand
def decimal(milli: int) -> str:
    """Thousandths as text.

    >>> decimal(-987)
    '-0.987'
    """
    whole, rest = divmod(abs(milli), 1000)
    return f"{'-' * (milli < 0)}{whole}.{rest:03}"


def read(value: Value, raw: bytes, place: Place, serial: str, doubt: str) -> Reading | Fault:
    """One value from its registers; `place` is where its frame stands, for what is no value."""
    if value.type == TEXT:
        text = raw.strip(b"\0 \xff").decode("latin-1")
        if text.isprintable():
            return Reading(value.register, text, "", None, serial, None, doubt)
        return Fault("object", *place, f"{value.register}: text that none can print")
    raw = _high_first(value, raw)
    if int.from_bytes(raw, "big") in value.no_value:
        return Fault("placeholder", *place, f"{value.register}: {raw.hex()}")
    (number,) = Struct(">" + TYPES[value.type][1]).unpack(raw)
    if number - number:  # not zero where it is no number, or endless
        return Fault("object", *place, f"{value.register}: {raw.hex()}")
    numerator, denominator = number.as_integer_ratio()
    milli = scaled(numerator, denominator, value.tens)
    if abs(milli) > VALUE_MAX:
        return Fault("object", *place, f"{value.register}: {raw.hex()} is beyond all")
    unit = UNITS[value.unit][0]
    told = milli if unit else decimal(milli)
    return Reading(value.register, told, unit, None, serial, None, doubt)


def _high_first(value: Value, raw: bytes) -> bytes:
    """The words in the order of their weight."""
    if not value.low_first:
        return raw
    return b"".join(raw[at : at + 2] for at in range(len(raw) - 2, -2, -2))


class MapBook:
    """What was learnt of a meter with this map: its serial number, once in the life of a line."""

    def __init__(self, described: Map, doubt: str = "") -> None:
        """`doubt` of every reading, where the protocol has no check."""
        self._map = described
        self._doubt = doubt
        self._doubts = repeat(doubt)
        self._serial: str | None = None
        self._plans: dict[tuple[int, int, int], _Plan] = {}

    def round(self) -> Iterator[Block]:
        serial = self._map.serial
        if serial and self._serial is None:
            yield Block(serial.function, serial.address, serial.size, optional=True)
        yield from self._map.blocks

    def refuse(self, block: Block) -> None:
        """The serial number is all that may be lacking."""
        del block
        self._serial = ""

    def forget(self) -> None:
        self._serial = None

    def take(self, question: Question, registers: bytes, place: Place) -> Told:
        key = question[1:4]
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[key] = _plan(self._map, *key)
        serial = self._learn(plan.serial, registers[plan.serial_at], place) if plan.serial else ()
        values = _at_a_stroke(plan, registers) if plan.quick else ()
        quick: tuple[Reading, ...] = ()
        if values:
            rest = (plan.units, _NOTHING, repeat(self._serial or ""), _NOTHING, self._doubts)
            quick = tuple(map(_reading, zip(plan.registers, values, *rest)))  # noqa: B905
        if not plan.slow and (values or not plan.quick):
            return _new(Told, (serial + quick, ()))
        told: list[Reading] = [*serial, *quick]
        faults: list[Fault] = []
        for value in plan.slow if values else plan.quick + plan.slow:
            at = 2 * (value.address - question.start)
            raw = registers[at : at + 2 * value.size]
            one = read(value, raw, place, self._serial or "", self._doubt)
            if isinstance(one, Reading):
                told.append(one)
            else:
                faults.append(one)
        return Told(tuple(told), tuple(faults))

    def _learn(self, value: Value, raw: bytes, place: Place) -> tuple[Reading]:
        """The serial number. A meter that was never given one shows 0 or all ones."""
        if value.type == TEXT:
            one = read(value, raw, place, "", "")
            self._serial = str(one.value) if isinstance(one, Reading) else ""
        else:
            number = int.from_bytes(_high_first(value, raw) if value.low_first else raw)
            is_set = number and raw != b"\xff" * len(raw)
            self._serial = str(number) if is_set else ""
        return (_new(Reading, (SERIAL, self._serial, "", None, self._serial, None, self._doubt)),)


def _plan(described: Map, function: int, start: int, size: int) -> _Plan:
    """The values that lie wholly within these registers."""
    stop = start + size
    here = [
        value
        for value in described.values
        if value.function == function and start <= value.address <= stop - value.size
    ]
    quick: list[Value] = []
    slow: list[Value] = []
    form, at = "", start
    for value in sorted(here):
        if value.address >= at and _is_quick(value) and value.low_first is here[0].low_first:
            form += f"{2 * (value.address - at)}x{TYPES[value.type][1]}"
            at = value.address + value.size
            quick.append(value)
        else:
            slow.append(value)
    serial = described.serial
    if serial and not (
        serial.function == function and start <= serial.address <= stop - serial.size
    ):
        serial = None
    low_first = bool(quick) and quick[0].low_first
    serial_at = 2 * (serial.address - start) if serial else 0
    return _Plan(
        Struct(("<" if low_first else ">") + form).unpack_from,
        low_first,
        tuple(10**value.tens for value in quick),
        frozenset(number for value in quick for number in _none(value)),
        tuple(value.register for value in quick),
        tuple(UNITS[value.unit][0] for value in quick),
        tuple(place for place, value in enumerate(quick) if not UNITS[value.unit][0]),
        all(_is_bounded(value) for value in quick),
        tuple(quick),
        tuple(slow),
        serial,
        slice(serial_at, serial_at + 2 * serial.size if serial else 0),
    )


def _is_quick(value: Value) -> bool:
    """Whether its milli-units are the number times a power of ten, exactly."""
    if value.type in {TEXT, "f64"} or value.tens < 0:
        return False
    return value.type != "f32" or (value.tens <= _EXACT_TENS and not value.no_value)


def _is_bounded(value: Value) -> bool:
    """Whether its type cannot hold more than VALUE_MAX."""
    return value.type[0] in "iu" and 10**value.tens << 16 * value.size <= VALUE_MAX


def _none(value: Value) -> Iterator[int]:
    """The numbers that mean that there is no value, with the sign that its type gives them."""
    size, letter = TYPES[value.type]
    for number in value.no_value:
        yield from Struct(">" + letter).unpack(number.to_bytes(2 * size, "big"))


def _at_a_stroke(plan: _Plan, registers: bytes) -> list[int | str]:
    """The quick values in milli-units, rounded to the nearest, a half to the even one.

    Nothing is lost on the way: an integer stays one, and the product of a float of 24 bits and
    10^8 fits the 53 bits of Python's. [] where one is no number, is lacking, or is beyond all that
    is counted: then each is looked at by itself.
    """
    if plan.low_first:  # with the bytes of each word turned round, low bytes come first throughout
        words = array("H", registers)
        words.byteswap()
        registers = words.tobytes()
    numbers = plan.unpack(registers)
    if plan.none and not plan.none.isdisjoint(numbers):
        return []
    if plan.bounded:
        values = [*map(mul, numbers, plan.factors)]
    else:
        try:
            values = [*map(round, map(mul, numbers, plan.factors))]
        except (ValueError, OverflowError):  # NaN, infinity
            return []
        if min(values) < -VALUE_MAX or max(values) > VALUE_MAX:
            return []
    if not plan.texts:
        return values
    told: list[int | str] = values
    for place in plan.texts:
        told[place] = decimal(values[place])
    return told


def blocks(values: Sequence[Value], registers_max: int, hole_max: int = 0) -> tuple[Block, ...]:
    """The fewest blocks of at most `registers_max` that hold these values, in their order.

    A hole of at most `hole_max` registers that no value has is read along.
    """
    found: list[Block] = []
    for value in sorted(values, key=lambda one: (one.function, one.address)):
        stop = value.address + value.size
        last = found[-1] if found else Block(0, 0, 0)
        end = last.start + last.size
        if (
            value.function == last.function
            and value.address <= end + hole_max
            and stop - last.start <= registers_max
        ):
            found[-1] = last._replace(size=max(stop, end) - last.start)
        else:
            found.append(Block(value.function, value.address, value.size))
    return tuple(found)
