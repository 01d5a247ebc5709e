"""What the meters of Eastron's SDM family have in common.

Spec: Eastron SDM72D-M Modbus Protocol V2, SDM120-Modbus V2.5, SDM230-Modbus V1.2, SDM630-Modbus
V1.8: input registers are floats of two registers, the high word first; the serial number is the
one holding register that is read.
"""

from collections.abc import Callable, Mapping

from drivers.sdk import Session
from drivers.wire import modbus_device
from drivers.wire.modbus import HOLDING
from drivers.wire.registermap import SERIAL, Map, MapBook, Value

NUMBER = Value(0xFC00, SERIAL, type="u32", function=HOLDING)

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
