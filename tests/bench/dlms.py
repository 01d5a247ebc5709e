"""DLMS pushes a second, of ours and of dlms-cosem."""

import random
import time
from statistics import median

from dlms_cosem import utils
from dlms_cosem.protocol.xdlms.data_notification import DataNotification

from drivers import dlms
from drivers.reading import Message
from firmware_sim import cosem
from tests.bench import Ratio

TELEGRAMS = 40
RUNS = 21
CHUNK_BYTES = 64
GOAL = 3.0

# An Aidon of three phases: registers, bytes of the number, scaler and unit.
_OBJECTS = [
    *((f"1-0:{c}.7.0", 4, 0, unit) for c, unit in ((1, 27), (2, 27), (3, 29), (4, 29))),
    *((f"1-0:{c}.7.0", 2, -1, 33) for c in (31, 51, 71)),
    *((f"1-0:{c}.7.0", 2, -1, 35) for c in (32, 52, 72)),
    *((f"1-0:{p + c}.7.0", 4, 0, 27 if c < 3 else 29) for p in (20, 40, 60) for c in range(1, 5)),
    *((f"1-0:{c}.8.0", 4, 0, 30 if c < 3 else 32) for c in range(1, 5)),
]


def notification(minute: int, chance: random.Random) -> bytes:
    """One list of 27 objects, about 570 bytes, every number another than in the one before."""
    clock = bytes.fromhex("07ea0615") + bytes((7, minute // 60 % 24, minute % 60, 0))
    items = [cosem.structure(cosem.code("0-0:1.0.0"), cosem.octets(clock + b"\xff\x80\0\xff"))]
    for register, width, scaler, unit in _OBJECTS:
        number = cosem.unsigned(chance.randrange(1 << 8 * width - 9), width)
        scale = cosem.structure(bytes((15, scaler & 0xFF)), bytes((22, unit)))
        items.append(cosem.structure(cosem.code(register), number, scale))
    return cosem.notification(0x40000000, b"", cosem.array(*items))


def _ours(chunks: list[bytes]) -> int:
    session = dlms.DEVICE.open({})
    told = 0
    for chunk in chunks:
        for step in session.feed(chunk):
            told += isinstance(step, Message) and len(step.readings) == len(_OBJECTS) + 1
    return told


def _peer(apdus: list[bytes]) -> int:
    """Its notifications are out of their frames already, and get no names or units."""
    told = 0
    for apdu in apdus:
        body = utils.parse_as_dlms_data(DataNotification.from_bytes(apdu).body)
        told += len(body) == len(_OBJECTS) + 1
    return told


def run() -> list[Ratio]:
    """The whole driver, its frames checked and in small pieces, against the peer's bare parser."""
    chance = random.Random(2026)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(RUNS):
        apdus = [notification(turn * TELEGRAMS + n, chance) for n in range(TELEGRAMS)]
        stream = b"".join(cosem.in_one(apdu, to=b"\x41", of=b"\x08\x83") for apdu in apdus)
        chunks = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
        begun = time.perf_counter()
        count = _ours(chunks)
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        count += _peer(apdus)
        theirs.append(time.perf_counter() - begun)
        assert count == 2 * TELEGRAMS
    return [
        Ratio(
            "dlms over dlms-cosem",
            TELEGRAMS / median(ours),
            TELEGRAMS / median(theirs),
            median(theirs / mine for theirs, mine in zip(theirs, ours, strict=True)),
            GOAL,
        )
    ]
