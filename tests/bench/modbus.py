"""Answers of 80 registers a second, of ours and of pymodbus."""

import random
import struct
import time
from collections.abc import Callable
from statistics import median

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from drivers import sdm630
from drivers.reading import Message
from drivers.wire import crc, modbus
from tests.bench import Ratio

ANSWERS = 60
RUNS = 21
REGISTERS = 80
READINGS = 27  # of the 40 floats; the others are means, angles and holes
FLOAT = ModbusClientMixin.DATATYPE.FLOAT32
FLOATS = struct.Struct(f">{REGISTERS // 2}f").unpack_from


def _sealed(told: bytes) -> bytes:
    return told + crc.modbus(told).to_bytes(2, "little")


QUESTION = _sealed(bytes((1, 4, 0, 0, 0, REGISTERS)))


def answer(chance: random.Random) -> bytes:
    """One answer of a meter for three phases, 165 bytes; holes are zeros."""
    floats = [0.0] * (REGISTERS // 2)
    for first, low, high in (
        (0, 220, 240),  # volts by phase, then amperes, watts, volt-amperes, vars, power factors
        (3, 0, 60),
        (6, -9_000, 9_000),
        (9, 0, 9_000),
        (12, -2_000, 2_000),
        (15, -1, 1),
    ):
        floats[first : first + 3] = [chance.uniform(low, high) for _ in range(3)]
    for place in (26, 28, 30):
        floats[place] = chance.uniform(-20_000, 20_000)
    floats[31] = chance.uniform(-1, 1)
    floats[35:40] = [chance.uniform(49.9, 50.1), *(chance.uniform(0, 30_000) for _ in range(4))]
    return _sealed(bytes((1, 4, 2 * REGISTERS)) + struct.pack(f">{len(floats)}f", *floats))


def _decoded(answers: list[bytes]) -> int:
    """What the peer does: the frame found and checked, its registers as floats."""
    heads = modbus.RTU.heads(QUESTION)
    told = 0
    for one in answers:
        found = modbus.find(modbus.RTU, one, 0, heads, until=1, final=False)
        told += found.kind == modbus.ANSWER and len(FLOATS(found.frame, 3)) == REGISTERS // 2
    return told


def _read(answers: list[bytes]) -> int:
    """The whole driver, with the questions that it has to hear, to readings in milli-units."""
    session = sdm630.DEVICE.open({})
    told = 0
    for one in answers:
        for step in session.feed(QUESTION + one):
            told += isinstance(step, Message) and len(step.readings) == READINGS
    return told


def _peer(answers: list[bytes]) -> int:
    """Its frames are cut for it already; to floats."""
    framer = FramerRTU(DecodePDU(False))
    told = 0
    for one in answers:
        _, said = framer.handleFrame(one, 1, 0)
        floats = ModbusClientMixin.convert_from_registers(said.registers, FLOAT)
        told += len(floats) == REGISTERS // 2
    return told


READERS = {
    "modbus, 80 registers decoded, over pymodbus": (_decoded, 10.0),
    # 27 exact integers, each with its name, are more than the peer ever makes of an answer.
    "modbus, 80 registers to readings, over pymodbus": (_read, 2.5),
}


def run() -> list[Ratio]:
    """Decoding against decoding, and the whole driver against the bare decoder of the peer."""
    chance = random.Random(2026)
    seconds: dict[str, list[float]] = {name: [] for name in READERS}
    theirs: list[float] = []
    for _ in range(RUNS):
        answers = [answer(chance) for _ in range(ANSWERS)]
        theirs.append(_timed(_peer, answers))
        for name, (read, _) in READERS.items():
            seconds[name].append(_timed(read, answers))
    return [
        Ratio(
            name,
            ANSWERS / median(ours),
            ANSWERS / median(theirs),
            median(peer / mine for peer, mine in zip(theirs, ours, strict=True)),
            READERS[name][1],
        )
        for name, ours in seconds.items()
    ]


def _timed(read: Callable[[list[bytes]], int], answers: list[bytes]) -> float:
    begun = time.perf_counter()
    count = read(answers)
    taken = time.perf_counter() - begun
    assert count == ANSWERS
    return taken
