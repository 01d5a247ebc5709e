"""What an M-Bus record measures: value information, and the register it stands for.

Spec: EN 13757-3:2018, §6.4, tables 10 to 17 (VIF, its extensions FB and FD, combinable VIFE);
EN 13757-1:2014, §7 (OBIS of heat, cooling, gas and water); IEC 62056-6-1 (of electricity).
"""

from typing import NamedTuple

# How the data of a record is to be understood.
NUMBER, DATE, IDENTITY, FLAGS, NAMED, RAW = range(6)

CLOCK = "0-0:1.0.0"
STORAGE_MAX = 99  # what value group F can name

_ELECTRICITY, _GAS, _COMBINED = 0x02, 0x03, 0x0D
_HEAT = {0x04: 6, 0x0C: 6, 0x0D: 6, 0x0A: 5, 0x0B: 5}
_WATER = {0x07: 8, 0x16: 8, 0x06: 9, 0x15: 9}


class Quantity(NamedTuple):
    """A value is the number on the wire times `factor` times ten to the `power`, in `unit`.

    `unit` is one of drivers.reading.UNITS or COUNTS, or a word to write after the number.
    """

    name: str
    unit: str = ""
    power: int = 0
    factor: int = 1
    form: int = NUMBER


_TIMES = (1_000, 60_000, 3_600_000, 86_400_000)  # s, min, h, days in ms


def _scaled(first: int, count: int, name: str, unit: str, power: int) -> dict[int, Quantity]:
    """Codes whose lowest bits are a power of ten above `power`."""
    return {first + n: Quantity(name, unit, power + n) for n in range(count)}


def _times(first: int, name: str, skipped: int = 0) -> dict[int, Quantity]:
    """Codes for seconds to days, the first of them being the `skipped` unit after seconds."""
    units = enumerate(_TIMES[skipped:])
    return {first + n: Quantity(name, "ms", 0, factor) for n, factor in units}


PRIMARY = {
    **_scaled(0x00, 8, "energy", "mWh", 0),
    **_scaled(0x08, 8, "energy", "mJ", 3),
    **_scaled(0x10, 8, "volume", "mL", 0),
    **_scaled(0x18, 8, "mass", "mg", 3),
    **_times(0x20, "on-time"),
    **_times(0x24, "operating-time"),
    **_scaled(0x28, 8, "power", "mW", 0),
    **_scaled(0x30, 8, "heat-rate", "J/h", 0),
    **_scaled(0x38, 8, "flow", "m3/h", -6),
    **_scaled(0x40, 8, "flow", "m3/min", -7),
    **_scaled(0x48, 8, "flow", "m3/s", -9),
    **_scaled(0x50, 8, "mass-flow", "kg/h", -3),
    **_scaled(0x58, 4, "flow-temperature", "m°C", 0),
    **_scaled(0x5C, 4, "return-temperature", "m°C", 0),
    **_scaled(0x60, 4, "temperature-difference", "K", -3),
    **_scaled(0x64, 4, "outside-temperature", "m°C", 0),
    **_scaled(0x68, 4, "pressure", "bar", -3),
    0x6C: Quantity("date", form=DATE),
    0x6D: Quantity("date", form=DATE),
    0x6E: Quantity("heat-cost-units", "count"),
    **_times(0x70, "averaging-time"),
    **_times(0x74, "age"),
    0x78: Quantity("fabrication", form=IDENTITY),
    0x79: Quantity("identification", form=IDENTITY),
    0x7A: Quantity("address", "count"),
    0x7C: Quantity("text", form=NAMED),
    0x7F: Quantity("maker", form=RAW),
}
EXTENSION_FB = {
    **_scaled(0x00, 2, "energy", "mWh", 8),
    **_scaled(0x02, 2, "reactive-energy", "mvarh", 6),
    **_scaled(0x04, 2, "apparent-energy", "mVAh", 6),
    **_scaled(0x08, 2, "energy", "mJ", 11),
    **_scaled(0x0C, 4, "energy-mcal", "Mcal", -1),
    **_scaled(0x10, 2, "volume", "mL", 8),
    **_scaled(0x14, 4, "reactive-power", "mvar", 3),
    **_scaled(0x18, 2, "mass", "mg", 11),
    **_scaled(0x1A, 2, "humidity", "%RH", -1),
    **_scaled(0x28, 2, "power", "mW", 8),
    0x2A: Quantity("voltage-angle", "°", -1),
    0x2B: Quantity("current-angle", "°", -1),
    **_scaled(0x2C, 4, "frequency", "mHz", 0),
    **_scaled(0x30, 2, "heat-rate", "J/h", 8),
    **_scaled(0x34, 4, "apparent-power", "mVA", 3),
    **_scaled(0x74, 4, "temperature-limit", "m°C", 0),
    **_scaled(0x78, 8, "power-peaks", "mW", 0),
}
_WORDS_FD = {
    0x08: "telegram-number",
    0x1C: "baud",
    0x1D: "response-delay",
    0x1E: "retries",
    0x20: "storage-first",
    0x21: "storage-last",
    0x22: "storage-size",
    0x28: "storage-months",
    0x29: "storage-years",
    0x3A: "number",
    0x60: "resets",
    0x61: "cumulations",
    0x62: "control",
    0x63: "weekday",
    0x64: "week",
    0x74: "battery-days",
    0x75: "stops",
}
_IDENTITIES_FD = {
    0x09: "device-type",
    0x0A: "maker-code",
    0x0B: "parameter-set",
    0x0C: "model",
    0x0D: "hardware",
    0x0E: "firmware",
    0x0F: "software",
    0x10: "location",
    0x11: "customer",
}
EXTENSION_FD = {
    **{code: Quantity(name, "count") for code, name in _WORDS_FD.items()},
    **{code: Quantity(name, form=IDENTITY) for code, name in _IDENTITIES_FD.items()},
    **_scaled(0x00, 4, "credit", "currency", -3),
    **_scaled(0x04, 4, "debit", "currency", -3),
    0x17: Quantity("error-flags", form=FLAGS),
    0x18: Quantity("error-mask", form=FLAGS),
    0x1A: Quantity("output", form=FLAGS),
    0x1B: Quantity("input", form=FLAGS),
    **_times(0x24, "storage-interval"),
    **_times(0x2C, "since-readout"),
    0x30: Quantity("tariff-start", form=DATE),
    **_times(0x31, "tariff-time", 1),
    **_times(0x34, "tariff-period"),
    **_scaled(0x40, 16, "voltage", "mV", -6),
    **_scaled(0x50, 16, "current", "mA", -9),
    **_times(0x68, "since-cumulation", 2),
    **_times(0x6C, "battery-time", 2),
    0x70: Quantity("battery-change", form=DATE),
    0x71: Quantity("signal", "dBm"),
}
# A lifetime counter never falls below zero.
COUNTERS = {"energy", "reactive-energy", "apparent-energy", "energy-mcal", "volume", "mass"} | {
    "on-time",
    "operating-time",
}

# Value group C of electricity: taken from the net, given to the net; kind of value D.
_ELECTRIC = {
    "energy": (1, 2, 8),
    "reactive-energy": (3, 4, 8),
    "apparent-energy": (9, 10, 8),
    "power": (1, 2, 7),
    "reactive-power": (3, 4, 7),
    "apparent-power": (9, 10, 7),
    "voltage": (12, 0, 7),
    "current": (11, 0, 7),
    "frequency": (14, 0, 7),
}
_THERMAL = {
    "energy": 1,
    "volume": 2,
    "mass": 3,
    "power": 8,
    "flow": 9,
    "flow-temperature": 10,
    "return-temperature": 11,
    "temperature-difference": 12,
    "pressure": 13,
}
_WATERY = {"volume": 1, "flow": 2, "flow-temperature": 3}
_PHASES = {1: 20, 2: 40, 3: 60}

# VIFE that leave the number as it is.
_DIRECTIONS = {0x3B: "forward", 0x3C: "backward"}
_WORDS = {0x3A: "uncorrected", 0x3E: "base", 0x7E: "future"}
_MEANINGLESS = {0x00, 0x1C}  # no error; content conforms to the standard
# Saia-Burgess and EMU meters name the phase in a VIFE of their own; 0 is all phases together.
_PHASE_MAKERS = {"SBC", "EMU"}
_MAKERS_PHASES = {b"\0", b"\1", b"\2", b"\3"}


class Variant(NamedTuple):
    """What VIFEs make of a quantity."""

    direction: str = ""  # or "forward" (taken), "backward" (given)
    phase: int = 0  # 1 to 3, or 0 for all together
    other: tuple[str, ...] = ()  # what no register code can say
    power: int = 0  # of ten, to be added to the quantity's own
    trouble: int = 0  # the meter's error code in place of a value
    form: int | None = None


def variant(codes: bytes, maker: str) -> Variant:
    """What VIFE `codes`, of which only the seven lowest bits count, say together.

    A code that changes the value in a way that is not known here makes the record RAW.
    """
    direction, phase, power, trouble = "", 0, 0, 0
    form: int | None = None
    other: list[str] = []
    at = 0
    while at < len(codes):
        code = codes[at] & 0x7F
        at += 1
        if 0x70 <= code <= 0x77 or code == 0x7D:
            power += 3 if code == 0x7D else code - 0x76
        elif code in _DIRECTIONS and not direction:
            direction = _DIRECTIONS[code]
        elif code in _WORDS:
            other.append(_WORDS[code])
        elif code == 0x7C and at < len(codes):
            further = codes[at] & 0x7F
            at += 1
            if further in _PHASES and not phase:
                phase = further
            else:
                other.append(f"vfc{further:02x}")
                form = RAW
        elif code == 0x7F:
            rest = codes[at:]
            if maker in _PHASE_MAKERS and rest in _MAKERS_PHASES:
                phase = rest[0]
            else:
                other.append("maker" + f"-{rest.hex()}" * bool(rest))
                form = RAW
            break
        elif 0 < code < 0x1C:
            trouble = code
        elif code not in _MEANINGLESS:
            other.append(f"v{code:02x}")
            form = RAW
    return Variant(direction, phase, tuple(other), power, trouble, form)


def code(medium: int, quantity: Quantity, said: Variant) -> str:
    """Value groups A to D, as in `6-0:1.0`; "" for what has no code that is surely right."""
    name, backward = quantity.name, said.direction == "backward"
    if medium == _GAS and name == "volume" and not backward:
        return {(): "7-0:3.0", ("base",): "7-0:3.2"}.get(said.other, "")
    if said.other:
        return ""
    if medium == _ELECTRICITY:
        return _electric(quantity, backward=backward, phase=said.phase)
    if medium == _COMBINED and name == "energy" and backward:
        return "5-0:1.0"  # what such a meter counts backward is the cold
    if medium in _HEAT:
        a, c = _HEAT[medium], _THERMAL.get(name, 0)
    else:
        a, c = _WATER.get(medium, 0), _WATERY.get(name, 0)
    return f"{a}-0:{c}.0" if a and c and not said.phase and not backward else ""


def _electric(quantity: Quantity, *, backward: bool, phase: int) -> str:
    groups = _ELECTRIC.get(quantity.name)
    if groups is None or quantity.unit == "mJ":
        return ""
    c = groups[backward]
    if not c or (phase and quantity.name == "frequency"):
        return ""
    # All phases together have 11 and 12, each of them 31 and 32, 51 and 52, 71 and 72.
    return f"1-0:{c + _PHASES.get(phase, 0)}.{groups[2]}"
