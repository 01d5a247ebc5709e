"""What the meters of Eastron's SDM family have in common.

Spec: Eastron SDM72D-M Modbus Protocol V2, SDM120-Modbus V2.5, SDM230-Modbus V1.2, SDM630-Modbus
V1.8: input registers are floats of two registers, the high word first; the serial number is the
one holding register that is read.
"""

from collections.abc import Callable, Mapping

from drivers.sdk import Session
from drivers.wire import modbus_device
from drivers.wire.modbus import HOLDING, INPUT
from drivers.wire.modbus_master import Block
from drivers.wire.registermap import SERIAL, Map, MapBook, Value

NUMBER = Value(0xFC00, SERIAL, type="u32", function=HOLDING)

# SDM120 and SDM230 have the same registers. Blocks are of different sizes throughout, so that a
# late answer to one is none to another.
ONE_PHASE = Map(
    (
        Value(0x0000, "1-0:32.7.0", "V"),
        Value(0x0006, "1-0:31.7.0", "A"),
        Value(0x000C, "1-0:36.7.0", "W"),
        Value(0x0012, "1-0:29.7.0", "VA"),
        Value(0x0018, "reactive-power-signed.l1", "var"),
        Value(0x001E, "1-0:33.7.0", "1"),
        Value(0x0046, "1-0:14.7.0", "Hz"),
        Value(0x0048, "1-0:1.8.0", "kWh"),
        Value(0x004A, "1-0:2.8.0", "kWh"),
        Value(0x004C, "1-0:3.8.0", "kvarh"),
        Value(0x004E, "1-0:4.8.0", "kvarh"),
        Value(0x0156, "1-0:15.8.0", "kWh"),
    ),
    (Block(INPUT, 0x0000, 32), Block(INPUT, 0x0046, 10), Block(INPUT, 0x0156, 2)),
    NUMBER,
)

WIRING = (
    "Two twisted wires from A and B of the meter to A and B of an RS-485 converter, and G to its "
    "ground where it has one; 120 ohms across A and B at both ends of a long line. If nothing is "
    "heard, swap A and B: makers do not agree which is which."
)
QUIRKS = (
    "Total kWh is taken and given added up, 1-0:15.8.0; it is no net amount.",
    "Counters are floats of 24 bits: from 16,384 kWh on they step by 2 Wh, from 131,072 by 16 Wh.",
    "Values are rounded to the nearest thousandth, a half to the even one.",
    "A meter wired the other way round swaps taken and given: 1.8.0 and 2.8.0, and the sign.",
    "The serial number is read once after the line was opened or the meter was silent.",
)


def opener(described: Map) -> Callable[[Mapping[str, str]], Session]:
    """Opens a meter with this map."""
    return lambda settings: modbus_device.open_session(
        settings, lambda doubt: MapBook(described, doubt)
    )


def recogniser(described: Map) -> Callable[[bytes], bool]:
    return modbus_device.recogniser(lambda doubt: MapBook(described, doubt))
