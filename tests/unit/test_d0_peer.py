"""An independent reader of IEC 62056-21 accepts the simulated meters, and reads the same.

The peer knows mode C only, and no echo; of mode B it is given the data block.
"""

from decimal import Decimal

import pytest
from iec62056_21.client import Iec6205621Client
from iec62056_21.messages import ReadoutDataMessage
from iec62056_21.transports import BaseTransport

from firmware_sim.devices.d0 import SIMULATOR

NOON_MS = 1_782_036_000_000
TALK_MS = 60_000
MILLI = {"kWh": 10**6, "MWh": 10**9, "kW": 10**6, "m3": 10**6}
# Codes as the meter writes them, and the registers that they stand for.
CODES = {
    "0.0.0": "1-0:0.0.0",
    "1.8.0": "1-0:1.8.0",
    "1.8.0*01": "1-0:1.8.0*1",
    "2.8.0": "1-0:2.8.0",
    "1.7.0": "1-0:1.7.0",
    "6.8": "6-0:1.0.0",
    "6.26": "6-0:2.0.0",
    "9.21": "6-0:0.0.0",
}


class Line(BaseTransport):
    """A line to a simulated head, in virtual time, that takes the parity off as 7E1 does."""

    TRANSPORT_REQUIRES_ADDRESS = False

    def __init__(self, variant):
        super().__init__()
        self._head = SIMULATOR.begin(variant, SIMULATOR.source(7), 7, NOON_MS)
        self._now_ms = NOON_MS
        self._heard = bytearray()
        self.baud = 300

    def truth(self):
        return self._head.truth()

    def pass_time(self, ms):
        for _ in range(ms):
            self._now_ms += 1
            said = self._head.ticks(self._now_ms)
            self._heard += bytes(byte & 0x7F for byte in said)

    def send(self, data):
        self._head.hears(data, now_ms=self._now_ms)

    def recv(self, chars):
        del chars  # the peer asks for one at a time
        while not self._heard:
            assert self._now_ms < NOON_MS + TALK_MS, "the peer waits for more"
            self.pass_time(1)
        return bytes([self._heard.pop(0)])

    def switch_baudrate(self, baud):
        self.baud = baud


def _values(data_sets):
    """What the peer read, by register: milli-units, or text."""
    known = [one for one in data_sets if one.address in CODES]
    return {
        CODES[one.address]: int(Decimal(one.value) * MILLI[one.unit]) if one.unit else one.value
        for one in known
    }


def test_a_client_of_mode_c_reads_the_simulated_meter(monkeypatch):
    line = Line("mode C")
    client = Iec6205621Client(transport=line)
    monkeypatch.setattr(client, "rest", lambda seconds=None: line.pass_time(250))
    read = _values(client.standard_readout().data)
    assert 9600 == line.baud
    assert "MKS" == client.manufacturer_id
    assert {register: line.truth()[register] for register in read} == read
    assert {"1-0:0.0.0", "1-0:1.8.0", "1-0:1.8.0*1", "1-0:2.8.0", "1-0:1.7.0"} == set(read)


@pytest.mark.parametrize(
    ("variant", "wake", "expected"),
    [
        ("mode B", b"", {"1-0:0.0.0", "1-0:1.8.0", "1-0:1.8.0*1", "1-0:2.8.0", "1-0:1.7.0"}),
        ("heat meter on battery", bytes(40), {"6-0:1.0.0", "6-0:2.0.0", "6-0:0.0.0"}),
    ],
)
def test_a_reader_takes_the_data_block_of_mode_b(variant, wake, expected):
    line = Line(variant)
    line.send(wake + b"/?!\r\n")
    identification = line.simple_read("/", "\n")
    assert b"/MKSC" == identification[:5]
    block = ReadoutDataMessage.from_bytes(line.read())
    read = _values([one for row in block.data_block.data_lines for one in row.data_sets])
    assert {register: line.truth()[register] for register in read} == read
    assert expected == set(read)
