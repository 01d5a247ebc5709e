"""What register an entry of an SML list names, and how its numbers become milli-units.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b), 5.1.15 (SML_ListEntry); IEC 62056-6-2, table of units.
"""

from functools import lru_cache
from typing import NamedTuple

from drivers.wire import sml
from drivers.wire.obis import Obis

# Units that readings have: the milli-unit, and how many powers of ten it is smaller.
UNITS = {
    7: ("ms", 3),
    9: ("m°C", 3),
    13: ("mL", 6),
    14: ("mL", 6),
    19: ("mL", 3),
    20: ("mg", 6),
    25: ("mJ", 3),
    27: ("mW", 3),
    28: ("mVA", 3),
    29: ("mvar", 3),
    30: ("mWh", 3),
    31: ("mVAh", 3),
    32: ("mvarh", 3),
    33: ("mA", 3),
    35: ("mV", 3),
    44: ("mHz", 3),
    255: ("count", 0),
}
# Units that none has: the number is kept as text with its unit.
SYMBOLS = {
    3: "wk",
    4: "d",
    5: "h",
    6: "min",
    8: "°",
    15: "m3/h",
    16: "m3/h",
    23: "Pa",
    24: "bar",
    26: "J/h",
    45: "1/Wh",
    52: "K",
    56: "%",
    57: "Ah",
    70: "dBm",
}
SCALER_MAX = 12
VALUE_MAX = 2**63 - 1  # what SQLite and every column after it can hold
_OBIS_BYTES = 7
_SHOWN = 16  # bytes of what is broken
_SHORT = (sml.SIGNED | 2, sml.SIGNED | 3)  # fields of numbers of one and two bytes
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Scale(NamedTuple):
    """How a register's number becomes its value: times `factor`, by `divisor`.

    Where `unit` is "" it is kept as text with `places` decimals (below 0: zeros) and `symbol`.
    """

    register: str
    unit: str
    factor: int = 1
    divisor: int = 1
    places: int = 0
    symbol: str = ""


@lru_cache(maxsize=1024)
def scale(name: bytes, elements: bytes) -> Scale:
    """What register the elements name, and how its numbers are to be read; "" for none."""
    if len(name) != _OBIS_BYTES or name[0] != _OBIS_BYTES:
        return Scale("", "", symbol=f"no register: {name[:_SHOWN].hex()}")
    register = str(Obis(*name[1:]))
    unit, factor, divisor, places, symbol = _unit(elements)
    if not factor:
        return Scale("", "", symbol=f"{register}: {symbol}")
    return _new(Scale, (register, unit, factor, divisor, places, symbol))


@lru_cache(maxsize=256)
def _unit(elements: bytes) -> tuple[str, int, int, int, str]:
    """All of a scale but the register; with a factor of 0 what is wrong with the elements."""
    cut = sml.after(elements, 0)
    unit, scaler = elements[:cut], elements[cut:]
    code = 0 if unit == sml.ABSENT else sml.integer(unit)
    power = 0 if scaler == sml.ABSENT else sml.integer(scaler)
    if code is None or power is None or abs(power) > SCALER_MAX:
        return "", 0, 1, 0, f"unit {unit[:_SHOWN].hex()}, scaler {scaler[:_SHOWN].hex()}"
    known, milli = UNITS.get(code, ("", 0))
    if not known or (known == "count" and power < 0):
        symbol = f" {SYMBOLS.get(code, f'(unit {code})')}" if code not in {0, 255} else ""
        return "", 1, 1, -power, symbol
    power += milli
    return known, 10 ** max(power, 0), 10 ** max(-power, 0), 0, ""


def decimal(number: int, places: int) -> str:
    """The number divided by as many tens as there are places.

    >>> decimal(-1234, 2), decimal(12, -1)
    ('-12.34', '120')
    """
    if places <= 0:
        return str(number * 10**-places)
    whole, rest = divmod(abs(number), 10**places)
    return f"{'-' * (number < 0)}{whole}.{rest:0{places}}"


def has_sign(field: int, unit: str, *, is_faulty: bool) -> bool:
    """Whether the highest bit of a number with this TL field is a sign.

    `is_faulty` says that the meter's short powers have none, whatever their field says.
    """
    return field < sml.UNSIGNED and not (is_faulty and field in _SHORT and unit == "mW")
