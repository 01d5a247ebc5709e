"""The journal against its limits: readings a second until they are safe, bytes written in a day.

A reading is one number of one register. Three P1 meters of DSMR 5 shape, 29 numbers in a telegram;
their messages go through the intake of a gateway as it runs by default, with a clock set by hand.
The journal is on a real disk, SQLite with synchronous FULL.
"""

import random
import tempfile
import time
from pathlib import Path

from drivers.p1 import DEVICE
from drivers.reading import Message
from gateway.contract.keys import SigningKey
from gateway.contract.record import QUARTER
from gateway.devices import DeviceNow
from gateway.intake import Intake
from gateway.journal import Journal
from gateway.journal.journal import EVIDENCE_WAIT_MS
from gateway.quarter import MINUTE_MS, QUARTER_MS
from tests.bench import Ratio
from tests.bench.drivers import telegram

METERS = ("hall", "annex", "barn")
READINGS_A_SECOND_MIN = 20_000
QUARTERS = 400
RUNS = 5
DAY_S = 24 * 3600
DAY_MB_MAX = 60.0
DISK = "/var/tmp"  # where /tmp may be memory
MIDNIGHT_MS = 1_782_864_000_000  # 2026-07-01T00:00:00Z


class HandClock:
    """A domain clock moved by hand."""

    boot = "boot"

    def __init__(self) -> None:
        self.now_ms = MIDNIGHT_MS

    def utc_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms - MIDNIGHT_MS

    def bound_ms(self) -> int | None:
        return 0

    def quality(self) -> str:
        return "synced"


class House:
    """A gateway from the intake on: three meters, no consent to share samples, no brokers."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.journal = Journal.open(
            folder, community="zonstraat", gateway="home", key=SigningKey(bytes(32)), boot="boot"
        )
        self.intake = Intake(
            self.journal,
            {name: DeviceNow("p1", talks=True) for name in METERS},
            clock=self.clock,
            samples_shared_since=None,
            point=None,
            real_s=lambda: 0.0,
        )


def _messages() -> list[Message]:
    """A minute of telegrams of a house in which something goes on, as the driver reads them."""
    session = DEVICE.open({})
    chance = random.Random(1)
    return [
        step
        for second in range(60)
        for step in session.feed(telegram(second, chance))
        if isinstance(step, Message)
    ]


def stamped(message: Message, at_ms: int) -> Message:
    """The same message with the stamps of another moment."""
    readings = (r._replace(at_ms=at_ms if r.at_ms else None) for r in message.readings)
    return message._replace(readings=tuple(readings))


def _numbers(message: Message) -> int:
    return sum(not isinstance(reading.value, str) for reading in message.readings)


def safe_a_second(folder: Path, messages: list[Message]) -> float:
    """Readings of quarter-hour boundaries a second, each signed, chained and committed.

    One commit per boundary of the three meters. What the intake writes besides, the samples of the
    same telegrams, takes its time and is not counted.
    """
    house = House(folder)
    quarters = []
    for quarter in range(QUARTERS):
        at_ms = MIDNIGHT_MS + quarter * QUARTER_MS
        heard = [
            stamped(messages[(quarter + n) % len(messages)], at_ms) for n in range(len(METERS))
        ]
        quarters.append((at_ms, heard))
    begun = time.perf_counter()
    for at_ms, heard in quarters:
        house.clock.now_ms = at_ms
        for meter, message in zip(METERS, heard, strict=True):
            house.intake.hear(meter, message)
        house.clock.now_ms = at_ms + EVIDENCE_WAIT_MS
        house.intake.tick()
    spent = time.perf_counter() - begun
    assert len(house.journal.since(QUARTER, 0)) == QUARTERS * len(METERS)
    house.journal.close()
    return sum(_numbers(message) for _, heard in quarters for message in heard) / spent


def _written_bytes() -> int:
    """What this process gave to the kernel to write, or made it write: whichever is more."""
    told = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return max(int(told["wchar"]), int(told["write_bytes"]))


def written_in_a_day(folder: Path, messages: list[Message]) -> int:
    """Bytes written by a day of three meters that each send a telegram a second."""
    before = _written_bytes()
    house = House(folder)
    for second in range(DAY_S):
        at_ms = house.clock.now_ms = MIDNIGHT_MS + second * 1000
        if at_ms % MINUTE_MS == 0:  # of the telegrams within a minute only the first is written
            minute = at_ms // MINUTE_MS
            heard = [
                stamped(messages[(minute + n) % len(messages)], at_ms) for n in range(len(METERS))
            ]
        for meter, message in zip(METERS, heard, strict=True):
            house.intake.hear(meter, message)
        house.intake.tick()
    house.intake.finish()
    house.journal.close()
    return _written_bytes() - before


def run() -> list[Ratio]:
    """Readings a second that are safe, and how many such days 60 MB would do for."""
    messages = _messages()
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        # Whatever else the machine does can only add to the time.
        rate = max(safe_a_second(Path(folder) / f"rate{n}", messages) for n in range(RUNS))
        day_mb = written_in_a_day(Path(folder) / "day", messages) / 1e6
    return [
        Ratio(
            "journal: readings safe on disk",
            rate,
            READINGS_A_SECOND_MIN,
            rate / READINGS_A_SECOND_MIN,
            1.0,
        ),
        Ratio(
            "journal: days of three meters per GB",
            1000 / day_mb,
            1000 / DAY_MB_MAX,
            DAY_MB_MAX / day_mb,
            1.0,
        ),
    ]
