"""M-Bus telegrams a second, of ours and of pyMeterBus."""

import random
import time
from statistics import median

import meterbus

from drivers import mbus
from drivers.reading import Message
from drivers.wire.mbus import long
from tests.bench import Ratio

TELEGRAMS = 30
RUNS = 21
CHUNK_BYTES = 64
GOAL = 10.0


def telegram(minute: int, chance: random.Random) -> bytes:
    """One telegram of a heat meter with its tariffs and last year, about 170 bytes."""

    def whole(head: str, number: int, width: int = 4) -> str:
        return head + number.to_bytes(width, "little").hex()

    flow, back = chance.randrange(6_000, 9_000), chance.randrange(2_500, 4_500)
    records = [
        "0c7817588506",
        whole("0406", 37_351 + minute),
        whole("0414", 56_108 + minute * 3),
        whole("0422", 985 + minute // 60),
        whole("0459", flow),
        whole("045d", back),
        whole("0461", flow - back),
        whole("042d", chance.randrange(500)),
        whole("142d", 448),
        whole("043b", chance.randrange(900)),
        whole("143b", 628),
        whole("841006", minute // 2),
        whole("842006", minute // 3),
        whole("844014", minute * 7),
        f"046d{minute % 60:02x}{minute // 60 % 24:02x}5536",
        whole("4406", 33_361),
        whole("4414", 50_098),
        whole("542d", 550),
        whole("c41006", 12),
        "426c3f3c",
        "0f" + chance.randbytes(16).hex(),
    ]
    header = bytes.fromhex("175885063a630804") + bytes((minute % 256, 0, 0, 0))
    return long(8, 1, 0x72, header + bytes.fromhex("".join(records)))


def _ours(frames: list[bytes]) -> int:
    session = mbus.DEVICE.open({})
    stream = b"".join(frames)
    told = 0
    for at in range(0, len(stream), CHUNK_BYTES):
        for step in session.feed(stream[at : at + CHUNK_BYTES]):
            told += isinstance(step, Message) and len(step.readings) > 20
    return told


def _peer(frames: list[bytes]) -> int:
    """Its frames are cut for it already, and it need not write JSON."""
    told = 0
    for frame in frames:
        said = [record.interpreted for record in meterbus.load(frame).records]
        told += len(said) > 20
    return told


def run() -> list[Ratio]:
    """The whole driver in small pieces against the bare parser of the peer."""
    chance = random.Random(2026)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(RUNS):
        frames = [telegram(turn * TELEGRAMS + n, chance) for n in range(TELEGRAMS)]
        for read, seconds in ((_ours, ours), (_peer, theirs)):
            begun = time.perf_counter()
            count = read(frames)
            seconds.append(time.perf_counter() - begun)
            assert count == TELEGRAMS
    return [
        Ratio(
            "mbus over pyMeterBus",
            TELEGRAMS / median(ours),
            TELEGRAMS / median(theirs),
            median(theirs / mine for theirs, mine in zip(theirs, ours, strict=True)),
            GOAL,
        )
    ]
