"""Models of SunSpec: what stands in the registers of a meter or an inverter.

Spec: SunSpec Device Information Model 1.1, §4 (types, scale factors, what stands for no value);
SunSpec models 1, 101 to 103, 111 to 113, 201 to 204 and 211 to 214. Offsets are in registers from
the first one after id and length.
"""

from math import isinf, isnan
from struct import Struct
from typing import NamedTuple

from drivers.reading import Fault, Reading
from drivers.wire.modbus_master import Place
from drivers.wire.registermap import UNITS, VALUE_MAX, decimal, scaled

MARK = b"SunS"
BASES = (40_000, 50_000, 0)
END = 0xFFFF
COMMON = 1
SCALE_MAX = 10  # a scale factor is -10 to 10

INT, UNSIGNED, COUNTER, FLOAT = "int", "unsigned", "counter", "float"
_FORMS = {INT: ">h", UNSIGNED: ">H", COUNTER: ">I", FLOAT: ">f"}
_SIZES = {INT: 1, UNSIGNED: 1, COUNTER: 2, FLOAT: 2}
# What stands for no value; a counter that never counted is no counter.
_NOTHING = {INT: -0x8000, UNSIGNED: 0xFFFF, COUNTER: 0}


class Point(NamedTuple):
    """One value of a model. `scale_at` is where its scale factor stands, -1 where it has none.

    `sign` -1 turns power round, so that what is taken from the net is positive.
    """

    at: int
    register: str
    unit: str
    type: str
    scale_at: int = -1
    sign: int = 1


class Model(NamedTuple):
    """`size` registers are read of it; `state_at` is where an inverter's state stands, or -1."""

    size: int
    points: tuple[Point, ...]
    state_at: int = -1

    @property
    def is_inverter(self) -> bool:
        return self.state_at >= 0


STATES = {
    1: "off",
    2: "asleep",
    3: "starting",
    4: "producing",
    5: "throttled",
    6: "shutting down",
    7: "fault",
    8: "standing by",
}

_AMPERES = ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")
_VOLTS = ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")
_WATTS = ("1-0:16.7.0", "1-0:36.7.0", "1-0:56.7.0", "1-0:76.7.0")
_APPARENT = ("1-0:9.7.0", "1-0:29.7.0", "1-0:49.7.0", "1-0:69.7.0")
_REACTIVE = (
    "reactive-power-signed",
    "reactive-power-signed.l1",
    "reactive-power-signed.l2",
    "reactive-power-signed.l3",
)
_TAKEN = ("1-0:1.8.0", "1-0:21.8.0", "1-0:41.8.0", "1-0:61.8.0")
_GIVEN = ("1-0:2.8.0", "1-0:22.8.0", "1-0:42.8.0", "1-0:62.8.0")


def _row(
    at: int, names: tuple[str, ...], unit: str, kind: str, scale_at: int = -1, *, sign: int = 1
) -> tuple[Point, ...]:
    """Points that follow each other."""
    step = _SIZES[kind]
    return tuple(
        Point(at + step * number, name, unit, kind, scale_at, sign)
        for number, name in enumerate(names)
    )


_METER = Model(
    105,
    (
        *_row(1, _AMPERES, "A", INT, 4),
        *_row(6, _VOLTS, "V", INT, 13),
        *_row(14, ("1-0:14.7.0",), "Hz", INT, 15),
        *_row(16, _WATTS, "W", INT, 20),
        *_row(21, _APPARENT, "VA", INT, 25),
        *_row(26, _REACTIVE, "var", INT, 30),
        *_row(36, _GIVEN, "Wh", COUNTER, 52),
        *_row(44, _TAKEN, "Wh", COUNTER, 52),
    ),
)
_FLOAT_METER = Model(
    124,
    (
        *_row(2, _AMPERES, "A", FLOAT),
        *_row(10, _VOLTS, "V", FLOAT),
        *_row(24, ("1-0:14.7.0",), "Hz", FLOAT),
        *_row(26, _WATTS, "W", FLOAT),
        *_row(34, _APPARENT, "VA", FLOAT),
        *_row(42, _REACTIVE, "var", FLOAT),
        *_row(58, _GIVEN, "Wh", FLOAT),
        *_row(66, _TAKEN, "Wh", FLOAT),
    ),
)
# An inverter's power is positive when it gives.
_INVERTER = Model(
    50,
    (
        *_row(1, _AMPERES, "A", UNSIGNED, 4),
        *_row(8, _VOLTS, "V", UNSIGNED, 11),
        *_row(12, _WATTS[:1], "W", INT, 13, sign=-1),
        *_row(14, ("1-0:14.7.0",), "Hz", UNSIGNED, 15),
        *_row(16, _APPARENT[:1], "VA", INT, 17),
        *_row(18, _REACTIVE[:1], "var", INT, 19),
        *_row(22, _GIVEN[:1], "Wh", COUNTER, 24),
    ),
    state_at=36,
)
_FLOAT_INVERTER = Model(
    60,
    (
        *_row(2, _AMPERES, "A", FLOAT),
        *_row(14, _VOLTS, "V", FLOAT),
        *_row(20, _WATTS[:1], "W", FLOAT, sign=-1),
        *_row(22, ("1-0:14.7.0",), "Hz", FLOAT),
        *_row(24, _APPARENT[:1], "VA", FLOAT),
        *_row(26, _REACTIVE[:1], "var", FLOAT),
        *_row(30, _GIVEN[:1], "Wh", FLOAT),
    ),
    state_at=46,
)
MODELS = {
    **dict.fromkeys((101, 102, 103), _INVERTER),
    **dict.fromkeys((111, 112, 113), _FLOAT_INVERTER),
    **dict.fromkeys((201, 202, 203, 204), _METER),
    **dict.fromkeys((211, 212, 213, 214), _FLOAT_METER),
}


class Plate(NamedTuple):
    """What stands on the type plate: model 1."""

    maker: str
    model: str
    serial: str


def plate(registers: bytes) -> Plate:
    return Plate(_text(registers[:32]), _text(registers[32:64]), _text(registers[96:128]))


def _text(raw: bytes) -> str:
    """Text up to its first zero; what none can print is no text."""
    told = raw.partition(b"\0")[0].strip(b" \xff").decode("latin-1")
    return told if told.isprintable() else ""


def read(
    model: Model, registers: bytes, place: Place, *, serial: str, doubt: str, sign: int
) -> tuple[list[Reading], list[Fault]]:
    """What the registers of a model say; what the device does not have is left out.

    `place` is where their frame stands. `sign` -1 turns the power of a meter round.
    """
    readings: list[Reading] = []
    faults: list[Fault] = []
    for point in model.points:
        told = _value(point, registers)
        if isinstance(told, str):
            faults.append(Fault("object", *place, f"{point.register}: {told}"))
        elif told is not None:
            if point.register in _WATTS:
                told *= point.sign if model.is_inverter else sign
            unit = UNITS[point.unit][0]
            readings.append(Reading(point.register, told, unit, None, serial, None, doubt))
    at = 2 * model.state_at
    if model.is_inverter and len(registers) >= at + 2:
        state = int.from_bytes(registers[at : at + 2], "big")
        word = STATES.get(state, f"state {state}")
        readings.append(Reading("status", word, "", None, serial, None, doubt))
    return readings, faults


def _value(point: Point, registers: bytes) -> int | str | None:
    """Milli-units, rounded to the nearest, a half to the even one; None where the device has none.

    A text says what is wrong with it.
    """
    at = 2 * point.at
    raw = registers[at : at + 2 * _SIZES[point.type]]
    if len(raw) < 2 * _SIZES[point.type]:
        return None
    (number,) = Struct(_FORMS[point.type]).unpack(raw)
    if point.type == FLOAT:
        if isnan(number):
            return None
        if isinf(number):
            return f"{raw.hex()} is endless"
    elif number == _NOTHING[point.type]:
        return None
    tens = UNITS[point.unit][1]
    if point.scale_at >= 0:
        place = 2 * point.scale_at
        scale = int.from_bytes(registers[place : place + 2], "big", signed=True)
        if not -SCALE_MAX <= scale <= SCALE_MAX:
            return f"its scale factor is {scale}"
        tens += scale
    numerator, denominator = number.as_integer_ratio()
    milli = scaled(numerator, denominator, tens)
    return milli if abs(milli) <= VALUE_MAX else f"{decimal(milli)} is beyond all"
