"""What meters push without saying it: the names of ordered lists, and units that are left away.

Sources: NVE, HAN interface, OBIS codes of Kaifa, Kamstrup and Aidon, 2016; Wiener Netze and
Kärnten Netz, customer interface, 2020; Netz Burgenland, customer interface E450; Elektro Ljubljana
and HEP, interface I1 of Iskra AM550. Kept apart by the types of their values, for none has a
number or a name that all makers use.
"""

from functools import lru_cache
from typing import NamedTuple

from drivers.wire.units import (
    AMPERE,
    HERTZ,
    NONE,
    VAR,
    VAR_HOUR,
    VOLT,
    VOLT_AMPERE,
    VOLT_AMPERE_HOUR,
    WATT,
    WATT_HOUR,
)

VERSION, SERIAL, NAME = "1-1:0.2.129", "0-0:96.1.0", "0-0:42.0.0"
CLOCK, TYPE = "0-0:1.0.0", "0-0:96.1.7"

# What stands for a type in `Ordered.types`: t octets or text, c a moment, o an OBIS code,
# u 32 bits, w 16 bits, e an enumeration or a truth value, a a list.


class Ordered(NamedTuple):
    """An ordered list: the types of its values, how its first text begins, and what they are.

    A value without a name has "".
    """

    types: str
    maker: str
    registers: tuple[str, ...]


def _codes(written: str) -> tuple[str, ...]:
    """`1.7.0` stands for 1-0:1.7.0, `-` for a value without a name."""
    names = (word.removeprefix("-") for word in written.split())
    return tuple(f"1-0:{name}" if name and ":" not in name else name for name in names)


_POWERS, _ENERGIES = "1.7.0 2.7.0 3.7.0 4.7.0", "1.8.0 2.8.0 3.8.0 4.8.0"
_AMPS, _VOLTS = "31.7.0 51.7.0 71.7.0", "32.7.0 52.7.0 72.7.0"
_PHASES = "21.7.0 41.7.0 61.7.0 22.7.0 42.7.0 62.7.0"
_WHO = f"{VERSION} {SERIAL} {TYPE}"
_ISKRA = f"{NAME} 0-0:96.1.3"
_TARIFFS = "1.8.0 1.8.1 1.8.2 2.8.0 2.8.1 2.8.2"

ORDERED = (
    Ordered("u", "", _codes("1.7.0")),
    Ordered("tttuuuuuu", "KFM", _codes(f"{_WHO} {_POWERS} 31.7.0 32.7.0")),
    Ordered("tttuuuuuuuuuu", "KFM", _codes(f"{_WHO} {_POWERS} {_AMPS} {_VOLTS}")),
    Ordered(
        "tttuuuuuucuuuu",
        "KFM",
        _codes(f"{_WHO} {_POWERS} 31.7.0 32.7.0 {CLOCK} {_ENERGIES}"),
    ),
    Ordered(
        "tttuuuuuuuuuucuuuu",
        "KFM",
        _codes(f"{_WHO} {_POWERS} {_AMPS} {_VOLTS} {CLOCK} {_ENERGIES}"),
    ),
    Ordered("ttuuuuwwwwwwuuuuuu", "ISK", _codes(f"{_ISKRA} {_POWERS} {_VOLTS} {_AMPS} {_PHASES}")),
    Ordered("ttwwwwwwuuuu", "ISK", _codes(f"{_ISKRA} {_VOLTS} {_AMPS} {_POWERS}")),
    Ordered(
        "ttetuuuuuuuu",
        "ISK",
        _codes(f"{_ISKRA} 0-0:96.3.10 0-0:96.14.0 {_TARIFFS} 3.8.0 4.8.0"),
    ),
    Ordered("ttuuuuwwuu", "ISK", _codes(f"{_ISKRA} {_POWERS} 32.7.0 31.7.0 21.7.0 22.7.0")),
    Ordered(
        "ttuuuuuuuu",
        "ISK",
        _codes(f"{_ISKRA} 1.8.1 1.8.2 2.8.1 2.8.2 3.8.1 3.8.2 4.8.1 4.8.2"),
    ),
    Ordered("ttwwuuuu", "ISK", _codes(f"{_ISKRA} 32.7.0 31.7.0 {_POWERS}")),
    Ordered(  # Croatia
        "tttuuuuuuuuuuuuwuuuuuuwwwwwwuaaae",
        "",
        _codes(
            f"{SERIAL} 0.9.1 0.9.2 {_TARIFFS} 5.8.0 6.8.0 7.8.0 8.8.0 1.7.0 2.7.0 13.7.0 "
            f"{_PHASES} {_VOLTS} {_AMPS} - - - - -"
        ),
    ),
    Ordered("cuuuuuuuu", "", _codes(f"{CLOCK} {_ENERGIES} {_POWERS}")),  # Vienna
    Ordered("tcuuuuuuuu", "", _codes(f"{NAME} {CLOCK} {_ENERGIES} {_POWERS}")),
    Ordered(  # Carinthia
        "otttuuuuuutt",
        "",
        _codes(f"- {SERIAL} 0.9.1 0.9.2 {_ENERGIES} 1.7.0 2.7.0 0-0:96.13.0 0-0:96.13.1"),
    ),
    Ordered(  # Wels
        "otttuuuuuu", "", _codes(f"- {SERIAL} 0.9.1 0.9.2 {_ENERGIES} 1.7.0 2.7.0")
    ),
    Ordered(  # Burgenland
        "wwwwwwuuuuwwwt",
        "",
        _codes(f"{_VOLTS} {_AMPS} 1.7.0 2.7.0 1.8.0 2.8.0 - - - {SERIAL}"),
    ),
)


@lru_cache(maxsize=64)
def ordered(types: str, first: str) -> Ordered | None:
    """The list of these types whose first text is `first`; None for one that is not known."""
    for one in ORDERED:
        if one.types == types and first.startswith(one.maker):
            return one
    return None


# Quantities by group C of a code, phases 2 and 3 told as phase 1, and their units by group D.
_POWER, _ENERGY = range(4, 8), 8
_ACTIVE = {1, 2, 15, 16, 21, 22, 35, 36}
_REACTIVE = {*range(3, 9), *range(23, 29)}
_APPARENT = {9, 10, 29, 30}
_PRESENT = {11: AMPERE, 31: AMPERE, 91: AMPERE, 12: VOLT, 32: VOLT, 14: HERTZ, 13: NONE, 33: NONE}


def usual(c: int, d: int) -> int:
    """The unit of an electrical quantity by groups C and D of its code; 0 where none is usual."""
    base = 21 + (c - 21) % 20 if 21 <= c <= 80 else c
    for quantities, power, energy in (
        (_ACTIVE, WATT, WATT_HOUR),
        (_REACTIVE, VAR, VAR_HOUR),
        (_APPARENT, VOLT_AMPERE, VOLT_AMPERE_HOUR),
    ):
        if base in quantities:
            return power if d in _POWER else energy if d == _ENERGY else 0
    return _PRESENT.get(base, 0) if d == 7 else 0
