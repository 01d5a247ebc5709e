"""An independent client reads our simulated meters, and our drivers read an independent server."""

import asyncio
import logging
import struct

import pytest
from pymodbus import FramerType
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers import sdm120, sunspec
from firmware_sim import device
from firmware_sim.devices import sdm630
from firmware_sim.modbus import Meter, Slave, house
from gateway.lines.lines import DeviceLine, Listener, Member

NOON_MS = 1_782_036_000_000
FLOAT = ModbusClientMixin.DATATYPE.FLOAT32


class Client(ModbusClientMixin):
    """pymodbus's client, at whose far end of the line there is one of our devices."""

    def __init__(self, slave, framer):
        super().__init__()
        self._slave = slave
        self._framer = framer(DecodePDU(False))
        self._transaction = 0

    def execute(self, no_response_expected, request):
        del no_response_expected
        self._transaction += 1
        request.transaction_id = self._transaction
        said = self._slave.hears(self._framer.buildFrame(request), now_ms=NOON_MS)
        used, pdu = self._framer.handleFrame(said, request.dev_id, request.transaction_id)
        assert used == len(said)
        return pdu


def _client(meter: Meter, framer) -> Client:
    told = meter._replace(is_tcp=framer is FramerSocket)
    return Client(Slave(told, house(7)), framer)


def _begun(name: str, variant: str) -> Client:
    simulator = device.load(name)
    return Client(simulator.begin(variant, simulator.source(7), 7, NOON_MS), FramerRTU)


@pytest.mark.parametrize("framer", [FramerRTU, FramerSocket])
def test_an_independent_client_reads_a_simulated_meter_as_it_shows(framer):
    client = _client(sdm630.USUAL, framer)
    shown = house(7)(NOON_MS)
    for address, (register, tens) in sdm630.TABLE.items():
        answer = client.read_input_registers(address, count=2)
        value = client.convert_from_registers(answer.registers, FLOAT)
        assert value == pytest.approx(shown[register] / 10 ** (tens or 3), rel=1e-7), register
    serial = client.read_holding_registers(0xFC00, count=2)
    assert client.convert_from_registers(serial.registers, client.DATATYPE.UINT32) == 20_123_456


@pytest.mark.parametrize("framer", [FramerRTU, FramerSocket])
@pytest.mark.parametrize(
    ("start", "count", "code"), [(0, 81, 3), (0x0200, 2, 2), (0x0164, 4, 2)], ids=str
)
def test_an_independent_client_is_refused_what_a_simulated_meter_does_not_have(
    framer, start, count, code
):
    refusal = _client(sdm630.USUAL, framer).read_input_registers(start, count=count)
    assert isinstance(refusal, ExceptionResponse)
    assert refusal.exception_code == code


def test_an_independent_client_is_told_that_a_meter_is_busy():
    client = _begun("sdm630", "busy at every third question")
    answers = [client.read_input_registers(0, count=2) for _ in range(3)]
    assert [answer.isError() for answer in answers] == [False, False, True]
    assert answers[2].exception_code == 6


def test_an_independent_client_walks_a_simulated_sunspec_device():
    client = _begun("sunspec", "meter behind an inverter")
    mark = client.read_holding_registers(0, count=2)
    assert client.convert_from_registers(mark.registers, client.DATATYPE.STRING) == "SunS"
    ids, at = [], 2
    while not ids or ids[-1] != 0xFFFF:
        number, size = client.read_holding_registers(at, count=2).registers
        ids.append(number)
        at += 2 + size
    assert ids == [1, 103, 120, 1, 203, 0xFFFF]


def test_an_independent_client_reads_words_in_the_order_of_a_map():
    client = _begun("modbus", "low word first")
    counter = client.read_holding_registers(0x0034, count=2).registers
    kind = client.DATATYPE.UINT32
    tenths = client.convert_from_registers(counter, kind, word_order="little")
    assert tenths == house(7)(NOON_MS)["1-0:1.8.0"] // 100_000


FLOATS = {0: 230.5, 6: 1.25, 12: -287.5, 18: 288.0, 24: -12.5, 30: -0.998, 0x46: 50.0}
COUNTED = {0x48: 1234.5, 0x4A: 6.25, 0x4C: 3.0, 0x4E: 4.0}


def _words(values, start, count):
    words = [0] * count
    for address, value in values.items():
        words[address - start : address - start + 2] = struct.unpack(
            ">HH", struct.pack(">f", value)
        )
    return SimData(start, values=words, datatype=DataType.REGISTERS)


def _eastron():
    nothing = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    number = [SimData(0xFC00, values=[0x0133, 0x70AE], datatype=DataType.REGISTERS)]
    inputs = [_words(FLOATS | COUNTED, 0, 80), _words({0x156: 1240.75}, 0x156, 2)]
    return SimDevice(1, simdata=(nothing, nothing, number, inputs))


async def _first_round(server_framer, protocol, driver, simulated):
    """The first message that a gateway hears of a pymodbus server on loopback."""
    server = ModbusTcpServer(simulated, framer=server_framer, address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    port = server.transport.sockets[0].getsockname()[1]
    heard = asyncio.get_running_loop().create_future()
    listener = Listener(
        message=lambda message: None if heard.done() else heard.set_result(message),
        opened=lambda: None,
        lost=lambda: None,
    )
    member = Member("meter", driver, lambda: {"protocol": protocol, "pause_ms": "1"}, listener)
    line = asyncio.create_task(DeviceLine(f"tcp://127.0.0.1:{port}", [member]).run())
    try:
        return await asyncio.wait_for(heard, 10)
    finally:
        line.cancel()
        await asyncio.wait([line])
        await server.shutdown()


@pytest.mark.parametrize(
    ("framer", "protocol", "doubt"),
    [(FramerType.RTU, "rtu", ""), (FramerType.SOCKET, "tcp", "unchecked")],
)
def test_a_meter_played_by_an_independent_server_is_read(framer, protocol, doubt, caplog):
    caplog.set_level(logging.CRITICAL, logger="pymodbus.logging")
    message = asyncio.run(_first_round(framer, protocol, sdm120.DEVICE, _eastron()))
    assert message.faults == ()
    assert {reading.register: reading.value for reading in message.readings} == {
        "0-0:96.1.0": "20148398",
        "1-0:32.7.0": 230_500,
        "1-0:31.7.0": 1_250,
        "1-0:36.7.0": -287_500,
        "1-0:29.7.0": 288_000,
        "reactive-power-signed.l1": -12_500,
        "1-0:33.7.0": "-0.998",
        "1-0:14.7.0": 50_000,
        "1-0:1.8.0": 1_234_500_000,
        "1-0:2.8.0": 6_250_000,
        "1-0:3.8.0": 3_000_000,
        "1-0:4.8.0": 4_000_000,
        "1-0:15.8.0": 1_240_750_000,
    }
    assert {(reading.serial, reading.doubt) for reading in message.readings} == {
        ("20148398", doubt)
    }


def test_a_sunspec_inverter_played_by_an_independent_server_is_walked(caplog):
    caplog.set_level(logging.CRITICAL, logger="pymodbus.logging")
    stream = sunspec.DEVICE.examples[0].stream
    words = struct.unpack(">122H", stream[11 : 11 + 244])
    inverter = SimData(40_000, values=[*words, 0xFFFF, 0], datatype=DataType.REGISTERS)
    simulated = SimDevice(1, simdata=[inverter])
    message = asyncio.run(_first_round(FramerType.SOCKET, "tcp", sunspec.DEVICE, simulated))
    expected = [one._replace(doubt="unchecked") for one in sunspec.DEVICE.examples[0].readings]
    assert [*message.readings] == expected
    assert message.faults == ()
