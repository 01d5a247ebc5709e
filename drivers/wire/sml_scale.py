"""What register an entry of an SML list names, and how its numbers become milli-units.

Spec: SML 1.04 (BSI TR-03109-1, annex IV b), 5.1.15 (SML_ListEntry).
"""

from functools import lru_cache
from typing import NamedTuple

from drivers.wire import sml
from drivers.wire.obis import Obis
from drivers.wire.units import NONE, UNITS, Unit

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
    if code == NONE and power >= 0:
        return "count", 10**power, 1, 0, ""
    written, milli, tens = UNITS.get(code, Unit(f"(unit {code})" if code else ""))
    if not milli:
        return "", 1, 1, -power, f" {written}" if written else ""
    power += tens
    return milli, 10 ** max(power, 0), 10 ** max(-power, 0), 0, ""


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
