"""Exact quantities as people write them, `1 kWh` or `1/3 L`, in the thousandths facts count in."""

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

# Thousandths of a base unit (mWh, mL, mJ, mg, or of a piece, a bag, a minute): whole where a meter
# counts in units, and exact fractions where it counts in pulses.
Amount = int | Fraction

# What one unit is in the thousandths that facts are counted in.
QUANTITIES = {
    "Wh": 1_000,
    "kWh": 1_000_000,
    "MWh": 1_000_000_000,
    "g": 1_000,
    "kg": 1_000_000,
    "L": 1_000,
    "m3": 1_000_000,
    "MJ": 1_000_000_000,
    "GJ": 1_000_000_000_000,
    "piece": 1_000,
    "bag": 1_000,
    "min": 1_000,
    "h": 60_000,
}

# The base unit, by its SenML name, of what a meter with a contact may count.
_BASES = {"Wh": "Wh", "kWh": "Wh", "MWh": "Wh", "L": "l", "m3": "l", "MJ": "J", "GJ": "J"}

_PER_PULSE = re.compile(r"([0-9]{1,24}(?:[./][0-9]{1,24})?) (\w+)")
# The unit in which people write so much of a base unit.
_WRITTEN = {"Wh": "Wh", "l": "L", "J": "MJ"}


def exact(given: Any) -> Fraction:
    """ "0.05", "1/3" or 2 as a fraction; a TOML float has lost its exactness already."""
    if isinstance(given, float):
        raise ValueError(f"{given} is a float and not exact; write it in quotes")
    if not isinstance(given, int | str) or isinstance(given, bool):
        raise ValueError(f"{given!r} is not a number in quotes")
    try:
        return Fraction(given)
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f'{given!r} is not a number such as "0.05" or "1/3"') from error


def quantity(given: Any) -> Fraction:
    """ "1 kWh" or "100 g" in thousandths of the base unit."""
    number, _, unit = str(given).partition(" ")
    if unit not in QUANTITIES:
        raise ValueError(
            f'{given!r} is no quantity such as "1 kWh"; units: {", ".join(QUANTITIES)}'
        )
    size = exact(number) * QUANTITIES[unit]
    if size <= 0:
        raise ValueError(f"{given!r} is not above zero")
    return size


@lru_cache(maxsize=4096)
def part_of(share: str, per_count: str) -> str:
    """A share such as "1/3" of what a count is worth, written as such a worth, exactly.

    >>> part_of("1/2", "1/1000 Wh")
    '1/2000 Wh'
    """
    number, _, unit = per_count.partition(" ")
    base = _BASES.get(unit, unit)
    written_as = _WRITTEN[base]
    size = exact(number) * QUANTITIES.get(unit, 1_000)
    return f"{Fraction(share) * size / QUANTITIES[written_as]} {written_as}"


def as_written(given: str) -> str:
    """ "100 g" as it stands, where it is a quantity."""
    quantity(given)
    return given


def is_of(given: str, unit: str) -> bool:
    """Whether a quantity such as "100 g" measures what one in `unit` does.

    Units are kg, piece, bag, min and kWh.

    >>> is_of("100 g", "kg"), is_of("1 piece", "kg")
    (True, False)
    """
    same = {"kg": ("g", "kg"), "min": ("min", "h"), "kWh": ("Wh", "kWh", "MWh")}
    return given.partition(" ")[2] in same.get(unit, (unit,))


def written(value: Amount, unit: str = "") -> str:
    """A number as people write it, in `unit` where there is one: a decimal where it is one."""
    number = Fraction(value) / QUANTITIES[unit] if unit else Fraction(value)
    decimal = Decimal(number.numerator) / Decimal(number.denominator)
    as_text = f"{decimal.normalize():f}" if Fraction(decimal) == number else str(number)
    return f"{as_text} {unit}" if unit else as_text


def in_json(amount: Amount) -> int | str:
    """An amount as JSON carries it exactly: an integer, or a fraction such as `2000/3` as text."""
    return amount.numerator if amount.denominator == 1 else str(amount)


class Worth(NamedTuple):
    """What one pulse of a meter's contact stands for: thousandths of `base` (Wh, l, J)."""

    amount: Fraction
    base: str


@lru_cache(maxsize=4096)
def worth(per_pulse: str) -> Worth:
    """What "1/1000 kWh" or "10 L" per pulse is. Raises ValueError with what is allowed.

    >>> worth("1/800 kWh")
    Worth(amount=Fraction(1250, 1), base='Wh')
    """
    match = _PER_PULSE.fullmatch(per_pulse)
    if match is None or match[2] not in _BASES:
        raise ValueError(
            f'{per_pulse!r} is not so much per pulse as "1/1000 kWh" or "10 L";'
            f" units: {', '.join(_BASES)}"
        )
    return Worth(quantity(per_pulse), _BASES[match[2]])
