"""Units as DLMS and SML number them.

Spec: IEC 62056-6-2 (Blue Book, edition 15, §4.3.2), table of enumerated values for units.
"""

from typing import NamedTuple


class Unit(NamedTuple):
    """How a unit is written, our milli-unit for it, and the power of ten from the one to the other.

    Without one of ours, `milli` is "" and a number is kept as text with what is written.
    """

    written: str
    milli: str = ""
    tens: int = 0


VOLT_AMPERE, VAR, WATT = 28, 29, 27
VOLT_AMPERE_HOUR, VAR_HOUR, WATT_HOUR = 31, 32, 30
AMPERE, VOLT, HERTZ, NONE = 33, 35, 44, 255

UNITS = {
    3: Unit("wk"),
    4: Unit("d"),
    5: Unit("h"),
    6: Unit("min"),
    7: Unit("s", "ms", 3),
    8: Unit("°"),
    9: Unit("°C", "m°C", 3),
    13: Unit("m3", "mL", 6),
    14: Unit("m3", "mL", 6),
    15: Unit("m3/h"),
    16: Unit("m3/h"),
    19: Unit("l", "mL", 3),
    20: Unit("kg", "mg", 6),
    23: Unit("Pa"),
    24: Unit("bar"),
    25: Unit("J", "mJ", 3),
    26: Unit("J/h"),
    WATT: Unit("W", "mW", 3),
    VOLT_AMPERE: Unit("VA", "mVA", 3),
    VAR: Unit("var", "mvar", 3),
    WATT_HOUR: Unit("Wh", "mWh", 3),
    VOLT_AMPERE_HOUR: Unit("VAh", "mVAh", 3),
    VAR_HOUR: Unit("varh", "mvarh", 3),
    AMPERE: Unit("A", "mA", 3),
    VOLT: Unit("V", "mV", 3),
    HERTZ: Unit("Hz", "mHz", 3),
    45: Unit("1/Wh"),
    52: Unit("K"),
    56: Unit("%"),
    57: Unit("Ah"),
    70: Unit("dBm"),
    254: Unit(""),
    NONE: Unit(""),
}
