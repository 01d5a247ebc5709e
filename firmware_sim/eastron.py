"""Simulated meters of Eastron's SDM family: floats in input registers, a serial number.

Spec: Eastron SDM630-Modbus V1.8, SDM230-Modbus V1.2, SDM120-Modbus V2.5, SDM72D-M V2: tables of
input registers.
"""

from collections.abc import Callable, Mapping

from firmware_sim import modbus
from firmware_sim.device import Shown, Simulator
from firmware_sim.modbus import Cell, Meter, Slave

# Start addresses as the documents print them, with the power of ten from milli-units.
THREE_PHASES = {
    0x0000: ("1-0:32.7.0", 3),
    0x0002: ("1-0:52.7.0", 3),
    0x0004: ("1-0:72.7.0", 3),
    0x0006: ("1-0:31.7.0", 3),
    0x0008: ("1-0:51.7.0", 3),
    0x000A: ("1-0:71.7.0", 3),
    0x000C: ("1-0:36.7.0", 3),
    0x000E: ("1-0:56.7.0", 3),
    0x0010: ("1-0:76.7.0", 3),
    0x0012: ("1-0:29.7.0", 3),
    0x0014: ("1-0:49.7.0", 3),
    0x0016: ("1-0:69.7.0", 3),
    0x0018: ("reactive-power-signed.l1", 3),
    0x001A: ("reactive-power-signed.l2", 3),
    0x001C: ("reactive-power-signed.l3", 3),
    0x001E: ("1-0:33.7.0", 0),
    0x0020: ("1-0:53.7.0", 0),
    0x0022: ("1-0:73.7.0", 0),
    0x0034: ("1-0:16.7.0", 3),
    0x0038: ("1-0:9.7.0", 3),
    0x003C: ("reactive-power-signed", 3),
    0x003E: ("1-0:13.7.0", 0),
}
ONE_PHASE = {
    0x0000: ("1-0:32.7.0", 3),
    0x0006: ("1-0:31.7.0", 3),
    0x000C: ("1-0:36.7.0", 3),
    0x0012: ("1-0:29.7.0", 3),
    0x0018: ("reactive-power-signed.l1", 3),
    0x001E: ("1-0:33.7.0", 0),
}
COUNTERS = {
    0x0046: ("1-0:14.7.0", 3),
    0x0048: ("1-0:1.8.0", 6),
    0x004A: ("1-0:2.8.0", 6),
}
REACTIVE = {
    0x004C: ("1-0:3.8.0", 6),
    0x004E: ("1-0:4.8.0", 6),
}
SUM = {0x0156: ("1-0:15.8.0", 6)}

Table = Mapping[int, tuple[str, int]]


def cells(table: Table, number: int | None) -> Callable[[Shown], list[Cell]]:
    """The registers of a table; `number` is the serial number, None for a meter without one."""

    def show(shown: Shown) -> list[Cell]:
        told = [
            modbus.single(shown, address, register, tens)
            if tens
            else modbus.ratio(shown, address, register)
            for address, (register, tens) in table.items()
        ]
        if number is not None:
            plate = modbus.whole(number, 0xFC00, 2)
            told.append(plate._replace(register="0-0:96.1.0", value=str(number)))
        return told

    return show


def simulator(meters: Mapping[str, Meter], needs: Mapping[str, Mapping[str, str]]) -> Simulator:
    """Variants of a meter; `needs` are the settings of those that have any."""
    return Simulator(
        variants={name: needs.get(name, {}) for name in meters},
        begin=lambda variant, source, _seed, _at_ms: Slave(meters[variant], source),
        source=modbus.house,
    )
