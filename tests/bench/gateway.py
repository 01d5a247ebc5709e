"""The gateway from end to end: from a wire to its receipts, and a week that waited.

A reading is one number of one register. Meters are P1 of DSMR 5 shape, 29 numbers in a telegram.
The broker is the embedded one, which syncs every write, and the hub is a bridge that settles; each
is a process of its own.
"""

import asyncio
import json
import os
import random
import re
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

from drivers.p1 import DEVICE
from drivers.reading import Message
from drivers.wire import crc
from gateway import building, config
from gateway.cli import build
from gateway.contract.clock import SystemClock
from gateway.contract.keys import SigningKey
from gateway.devices import DeviceNow
from gateway.intake import Intake
from gateway.journal import Journal
from gateway.quarter import MINUTE_MS, QUARTER_MS
from tests.bench import Ratio
from tests.bench.drivers import telegram
from tests.bench.journal import MIDNIGHT_MS, HandClock, stamped
from tests.system.programs import Program, free_port, running, until

NUMBERS = 29  # of a telegram
TELEGRAMS = 3_000
READINGS_A_SECOND_MIN = 2_000
METERS = ("hall", "annex")
WEEK_MINUTES = 7 * 24 * 60
WEEK_READINGS = 604_800  # one a second
WEEK_S_MAX = 120.0
DISK = "/var/tmp"  # where /tmp may be memory
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def command(*words: object) -> str:
    """What a command of ours prints, within this process."""
    with redirect_stdout(StringIO()) as printed:
        build()([str(word) for word in words], exit_on_error=False, print_error=False)
    return printed.getvalue()


class Street:
    """A broker, a bridge, and a gateway's folder; the gateway is admitted and its meter fitted."""

    def __init__(self, folder: Path, *, port: str = "/dev/pts/9999") -> None:
        self.folder = folder
        broker = f"mqtt://127.0.0.1:{(number := free_port())}"
        told = command(
            "hub", "init", folder / "hub", "--community", "zonstraat", "--broker", broker,
            "--page", f"127.0.0.1:{free_port()}", "--json",
        )  # fmt: skip
        hub = folder / "hub" / "bridge.toml"
        policy = folder / "hub" / "policy.toml"
        policy.write_text(
            re.sub(r"valid_from = \S+", "valid_from = 2026-01-01", policy.read_text())
        )
        command("policy", "activate", policy, "--config", hub)
        self.toml = folder / "gateway.toml"
        devices = [f'[device.{name}]\ndriver = "p1"\nport = "{port}"\n' for name in METERS[:1]]
        self.toml.write_text(
            f'community = "zonstraat"\ngateway = "home"\nbroker = "{broker}"\n'
            f'bridge_key = "{json.loads(told)["bridge_key"]}"\n'
            "samples_shared_since = 2026-01-01\n" + "".join(devices)
        )
        public = command("enrol", "--config", self.toml).strip()
        command("hub", "admit", f"home={public}", "--config", hub)
        command("member", "add", "noor", "--name", "Noor", "--config", hub)
        command("device", "fit", "home/hall", "--member", "noor", "--config", hub)
        self._broker = ("broker", folder, "broker", "--dir", folder / "broker", "--port", number)
        self._bridge = ("bridge", folder, "bridge", "--config", hub)

    @contextmanager
    def running(self) -> Iterator[None]:
        broker = Program(*self._broker)
        with running(broker, Program(*self._bridge)):
            yield

    def journal(self, clock: HandClock) -> Journal:
        settings = config.load(self.toml)
        key = SigningKey.load(settings.key)
        return Journal.open(
            settings.data, community="zonstraat", gateway="home", key=key, boot=clock.boot
        )

    def pending(self) -> int:
        """What the hub has not receipted yet, as the gateway's file says."""
        path = config.load(self.toml).data / "journal.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT SUM(pending) FROM tally").fetchone()[0])


# From a wire


class UnsetClock(SystemClock):
    """The clock of a Pi that nobody has told the time: the meter's own is taken."""

    def quality(self) -> str:
        return "unset"


def moved(at_ms: int, chance: random.Random) -> bytes:
    """A telegram of this moment, by the meter's clock."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(AMSTERDAM)
    body = telegram(0, chance).rpartition(b"!")[0] + b"!"
    body = re.sub(rb"(?<=0-0:1\.0\.0\()\d{12}", f"{local:%y%m%d%H%M%S}".encode(), body)
    return body + f"{crc.arc(body):04X}\r\n".encode()


def _write(line: int, data: bytes) -> None:
    while data:
        data = data[os.write(line, data[:1024]) :]


def receipted_a_second(folder: Path, telegrams: int) -> float:
    """Readings a second, from the first byte on a pseudo-terminal to the last receipt.

    Each telegram is of another quarter-hour, so that nothing of it is left out: a record with 29
    readings and the telegram's bytes, and a sample besides, which is not counted.
    """
    wire, line = os.openpty()
    street = Street(folder, port=os.ttyname(line))
    chance = random.Random(1)
    stream = b"".join(moved(MIDNIGHT_MS + n * QUARTER_MS, chance) for n in range(telegrams))
    with street.running():
        spent = asyncio.run(_read(street, wire, stream, telegrams))
    os.close(wire)
    os.close(line)
    return telegrams * NUMBERS / spent


async def _read(street: Street, wire: int, stream: bytes, telegrams: int) -> float:
    settings, clock = config.load(street.toml), UnsetClock()
    key = SigningKey.load(settings.key)
    with closing(building.open_journal(settings, clock=clock, key=key)) as journal:
        house = building.build(settings, journal, clock=clock, key=key)
        assert house.publisher
        runs = [house.publisher.link.run(), house.publisher.run(), house.lines[0].run()]
        tasks = [asyncio.ensure_future(each) for each in runs]
        while not (house.publisher.link.up.is_set() and house.devices["hall"].open):
            await asyncio.sleep(0.01)
        begun = time.perf_counter()
        threading.Thread(target=_write, args=(wire, stream), daemon=True).start()
        while journal.tally().delivered < telegrams:
            await asyncio.sleep(0.05)
            house.intake.tick()
        spent = time.perf_counter() - begun
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return spent


# A week that waited


def _messages() -> list[Message]:
    session, chance = DEVICE.open({}), random.Random(1)
    steps = [step for n in range(60) for step in session.feed(telegram(n, chance))]
    return [step for step in steps if isinstance(step, Message)]


def waited(street: Street, minutes: int) -> int:
    """Fill the journal with what two meters say in so many minutes; gives how many readings."""
    clock, messages = HandClock(), _messages()
    with closing(street.journal(clock)) as journal:
        intake = Intake(
            journal,
            {name: DeviceNow("p1", talks=True) for name in METERS},
            clock=clock,
            samples_shared_since=date(2026, 1, 1),
            point=None,
            real_s=lambda: 0.0,
        )
        for minute in range(minutes):
            clock.now_ms = MIDNIGHT_MS + minute * MINUTE_MS
            for name in METERS:
                intake.hear(name, stamped(messages[minute % 60], clock.now_ms))
            intake.tick()
        intake.finish()
    boundaries = -(-minutes * MINUTE_MS // QUARTER_MS)
    return (minutes + boundaries) * len(METERS) * NUMBERS


def delivered_s(folder: Path, minutes: int) -> tuple[int, float]:
    """Readings that waited, and seconds from the gateway's start until all are receipted."""
    street = Street(folder)
    readings = waited(street, minutes)
    with street.running():
        begun = time.perf_counter()
        with running(Program("gateway", folder, "gateway", "--config", street.toml)):
            until("all is receipted", lambda: street.pending() == 0, seconds=3 * WEEK_S_MAX)
            return readings, time.perf_counter() - begun


def run() -> list[Ratio]:
    """Readings a second from the wire, and a week's readings a second."""
    with tempfile.TemporaryDirectory(dir=DISK) as folder:
        for name in ("wire", "week"):
            (Path(folder) / name).mkdir()
        rate = receipted_a_second(Path(folder) / "wire", TELEGRAMS)
        readings, spent = delivered_s(Path(folder) / "week", WEEK_MINUTES)
    assert readings >= WEEK_READINGS
    week = readings / spent
    least = WEEK_READINGS / WEEK_S_MAX
    return [
        Ratio(
            "gateway: wire to receipt, readings",
            rate,
            READINGS_A_SECOND_MIN,
            rate / READINGS_A_SECOND_MIN,
            1.0,
        ),
        Ratio("gateway: a week that waited, readings", week, least, week / least, 1.0),
    ]
