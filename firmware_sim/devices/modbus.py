"""Meters that only a map describes: integers, words in either order, text.

Spec: MODBUS Application Protocol 1.1b3, §4.2; docs/modbus-map.md for the maps.
"""

from firmware_sim import modbus
from firmware_sim.device import Shown, Simulator
from firmware_sim.modbus import HOLDING, INPUT, Cell, Meter, Slave

SERIAL = "EX12345678901"
LOW_FIRST = """\
function = 3
words = "low"

[serial]
address = 0x5000
type = "text"
length = 7

[[register]]
register = "1-0:32.7.0"
address = 0x0000
type = "i32"
unit = "V"
scale = -1

[[register]]
register = "1-0:16.7.0"
address = 0x0028
type = "i32"
unit = "W"
scale = -1

[[register]]
register = "1-0:14.7.0"
address = 0x0033
type = "u16"
unit = "Hz"
scale = -1

[[register]]
register = "1-0:1.8.0"
address = 0x0034
type = "u32"
unit = "kWh"
scale = -1

[[sample]]
question = "01 03 00 00 00 02 C4 0B"
answer = "01 03 04 08 FD 00 00 69 A3"
says = { "1-0:32.7.0" = "230.1 V" }

[[sample]]
question = "01 03 00 28 00 02 44 03"
answer = "01 03 04 D0 E7 FF FF 73 74"
says = { "1-0:16.7.0" = "-1205.7 W" }

[[sample]]
question = "01 03 00 33 00 03 F5 C4"
answer = "01 03 06 01 F3 E2 40 00 01 D2 DD"
says = { "1-0:14.7.0" = "49.9 Hz", "1-0:1.8.0" = "12345.6 kWh" }
"""
LONG_COUNTERS = """\
registers_max = 12
hole_max = 2

[[register]]
register = "1-0:1.8.0"
address = 100
type = "u64"
unit = "Wh"

[[register]]
register = "1-0:2.8.0"
address = 106
type = "i64"
unit = "Wh"

[[register]]
register = "1-0:31.7.0"
address = 110
type = "u16"
unit = "mA"
no_value = [0xFFFF]

[[sample]]
question = "01 04 00 64 00 04 B0 16"
answer = "01 04 08 00 00 00 00 00 BC 61 4E 4C 4D"
says = { "1-0:1.8.0" = "12345.678 kWh" }

[[sample]]
question = "01 04 00 6A 00 05 10 15"
answer = "01 04 0A 00 00 00 00 00 00 03 E7 0D 8E E5 FA"
says = { "1-0:2.8.0" = "999 Wh", "1-0:31.7.0" = "3.47 A" }
"""


def _whole(
    shown: Shown, register: str, address: int, step: int, width: int, *, low: bool = False
) -> Cell:
    """An integer in steps of so many milli-units; `low`: its low word first."""
    steps = int(shown[register]) // step
    wire = (steps % (1 << 16 * width)).to_bytes(2 * width, "big")
    if low:
        words = [wire[at : at + 2] for at in range(0, len(wire), 2)]
        wire = b"".join(reversed(words))
    return Cell(HOLDING if low else INPUT, address, wire, register, steps * step)


def _low_first(shown: Shown) -> list[Cell]:
    return [
        _whole(shown, "1-0:32.7.0", 0x0000, 100, 2, low=True),
        _whole(shown, "1-0:16.7.0", 0x0028, 100, 2, low=True),
        _whole(shown, "1-0:14.7.0", 0x0033, 100, 1, low=True),
        _whole(shown, "1-0:1.8.0", 0x0034, 100_000, 2, low=True),
        modbus.text(SERIAL, 0x5000, 7)._replace(register="0-0:96.1.0", value=SERIAL),
    ]


def _long_counters(shown: Shown) -> list[Cell]:
    return [
        _whole(shown, "1-0:1.8.0", 100, 1_000, 4),
        Cell(INPUT, 104, bytes(4)),
        _whole(shown, "1-0:2.8.0", 106, 1_000, 4),
        _whole(shown, "1-0:31.7.0", 110, 1, 1),
    ]


METERS = {
    "low word first": Meter(_low_first),
    "long counters": Meter(_long_counters, most=12),
}

SIMULATOR = Simulator(
    variants={"low word first": {"map": LOW_FIRST}, "long counters": {"map": LONG_COUNTERS}},
    begin=lambda variant, source, _seed, _at_ms: Slave(METERS[variant], source),
    source=modbus.house,
)
