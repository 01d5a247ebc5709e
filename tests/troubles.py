"""A day on which everything goes wrong, for real programs: broker, bridge and a gateway.

The house lives through true time in steps of 20 s; two meters hang there, `hall` with a clock (P1)
and `cellar` without one (SML). The gateway's clock is a file that may show anything. Time stands
still while a program starts and while a telegram is unread, so a day takes about a minute.
"""

import json
import shutil
import signal
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from firmware_sim import clock as clocks
from firmware_sim import device
from firmware_sim.terminal import Terminal
from gateway.contract import policy as papers
from gateway.contract.keys import SigningKey
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import (
    Edit,
    Edits,
    GatewayAdmitted,
    MemberAdded,
    MeterFitted,
)
from ledger_bridge.commands.hub import init
from ledger_bridge.hub import Hub
from tests.clocks import HOUR_MS, MINUTE_MS
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS
from tests.system.programs import Program, free_port, running, until

STEP_MS = 20_000
# The evening before: the day's first quarter-hour has a beginning.
BEGIN_MS = MIDNIGHT_MS - 10 * MINUTE_MS
END_MS = MIDNIGHT_MS + 24 * HOUR_MS
# Where the cellar's day begins and ends no telegram may be heard a step later than it was said.
HEARD_MS = {MIDNIGHT_MS - STEP_MS, MIDNIGHT_MS, END_MS - STEP_MS, END_MS}
TO_1970_MS = -MIDNIGHT_MS
READ_S_MAX = 30.0
# Between a telegram and a SIGKILL: anywhere from its first byte to its receipt.
MOMENT_S = 0.03

# Each meter's simulator and what it plays, and whose it is.
METERS = {"hall": ("p1", "DSMR 5.0.2", "noor"), "cellar": ("sml", "ISKRA MT691", "bram")}
EXPORT = {"hall": ("1-0:2.8.1", "1-0:2.8.2"), "cellar": ("1-0:2.8.0",)}
RULES = (
    POLICY.replace('"1-0:2.8.1", "1-0:2.8.2"', '"1-0:2.8.0", "1-0:2.8.1", "1-0:2.8.2"')
    .replace('credit = "1/3"', 'credit = "1"')
    .replace('cap = "20 per day"', 'cap = "1000 per day"')
)


class Trouble(NamedTuple):
    """What happens at a true time: the name of a method of `House`."""

    at_ms: int
    what: str


def plan(seed: int, *, killed_from: float, minutes: int) -> list[Trouble]:
    """The day's troubles in order; from an hour on the gateway is killed once in every minute."""
    draw = Random(f"{seed}/troubles")

    def at(hour: float) -> int:
        return MIDNIGHT_MS + round(hour * HOUR_MS) + draw.randrange(10 * MINUTE_MS)

    def away(hour: float, least_min: int, most_min: int, goes: str, comes: str) -> list[Trouble]:
        begin_ms = at(hour)
        lasts_ms = draw.randrange(least_min * MINUTE_MS, most_min * MINUTE_MS)
        return [Trouble(begin_ms, goes), Trouble(begin_ms + lasts_ms, comes)]

    killed_ms = at(killed_from)
    moments = [
        *(killed_ms + n * MINUTE_MS for n in range(minutes)),
        *(MIDNIGHT_MS + n * QUARTER_MS for n in draw.sample(range(1, 90), 6)),
        *(at(draw.uniform(0.2, 22.3)) for _ in range(6)),
        *(at(19.2 + n / 4) for n in range(4)),
        at(21.5),
    ]
    return sorted(
        [
            *away(1, 100, 150, "broker_dies", "broker_returns"),
            *away(4.5, 100, 150, "bridge_dies", "bridge_returns"),
            *away(7.5, 40, 55, "power_goes", "power_returns"),
            Trouble(at(8.7), "clock_is_synced"),
            *away(9.2, 35, 50, "stick_is_pulled", "stick_is_back"),
            *away(10.5, 50, 80, "boots_in_1970", "clock_is_synced"),
            *away(12.5, 40, 70, "boots_behind", "clock_is_synced"),
            *away(14.5, 40, 60, "is_set_ahead", "clock_is_synced"),
            *away(17.5, 20, 40, "broker_dies", "broker_returns_empty"),
            # All at once.
            *away(19, 90, 110, "broker_dies", "broker_returns"),
            *away(19, 60, 110, "bridge_dies", "bridge_returns"),
            *away(19.2, 70, 80, "boots_behind", "clock_is_synced"),
            *away(19.2, 20, 40, "stick_is_pulled", "stick_is_back"),
            *away(21.3, 20, 40, "broker_hangs", "broker_goes_on"),
            *away(21.5, 20, 40, "bridge_hangs", "bridge_goes_on"),
            *(Trouble(at_ms, "is_killed") for at_ms in moments),
            *(Trouble(at(draw.uniform(0.2, 22.3)), "stick_is_moved") for _ in range(3)),
            *(Trouble(at(draw.uniform(0.2, 22.3)), "bridge_is_killed") for _ in range(3)),
        ]
    )


def tail(program: Program) -> str:
    """The end of its log."""
    return program.log.read_text()[-4000:]


class Meter:
    """A meter that tells what it counted at its end of a line, and remembers what it said."""

    def __init__(self, name: str, port: Path, seed: int) -> None:
        kind, variant, _ = METERS[name]
        simulator = device.load(kind)
        self.name = name
        self.port = Terminal(port)
        self.said: dict[int, dict[str, int]] = {}
        self._device = simulator.begin(variant, simulator.source(seed), seed, BEGIN_MS)

    def speak(self, at_ms: int, *, is_heard: bool) -> None:
        """Say the telegram of this time; what nobody hears is gone."""
        data = self._device.ticks(at_ms)
        told = self._device.truth().items()
        self.said[at_ms] = {name: value for name, value in told if isinstance(value, int)}
        if is_heard:
            taken = self.port.write(data)
            assert taken == len(data), (self.name, taken)

    def exported_mwh(self) -> int:
        """What it counted of the local day."""
        begin, end = self.said[MIDNIGHT_MS], self.said[END_MS]
        return sum(end[name] - begin[name] for name in EXPORT[self.name])


class Machine:
    """The machine of the gateway: what its clock shows, and how often it was switched on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.boots = 0
        self._clock = clocks.Clock(file)

    def boot(self, at_ms: int, *, off_ms: int, quality: str) -> None:
        self.boots += 1
        self._since_ms = at_ms - 20_000
        self.set(at_ms, off_ms=off_ms, quality=quality)

    def set(self, at_ms: int, *, off_ms: int, quality: str) -> None:
        self.off_ms, self.quality = off_ms, quality
        self.show(at_ms)

    def show(self, at_ms: int) -> None:
        utc_ms, mono_ms = at_ms + self.off_ms, at_ms - self._since_ms
        self._clock.show(utc_ms, self.quality, f"boot-{self.boots}", mono_ms)


class House:
    """A house with its hub and its broker; what befalls them are the methods at the end."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.at_ms = BEGIN_MS
        self.befell: Counter[str] = Counter()
        self.killed = 0
        # By meter and quarter-hour: how many of its telegrams were read, by a clock that was right
        # or the meter's own, and why others were not.
        self.read: Counter[tuple[str, int]] = Counter()
        self.unread: dict[tuple[str, int], str] = {}
        self.machine = Machine(folder / "clock")
        self.machine.boot(BEGIN_MS, off_ms=0, quality="synced")
        self.meters = [Meter(name, folder / "ports" / name, seed) for name in METERS]
        self._true = clocks.Clock(folder / "true")
        self._true.show(BEGIN_MS)
        self._chance = Random(f"{seed}/moments")
        self._dies = False
        self._is_plugged = True
        self._starts_ms: int | None = None  # when a gateway that is down comes back
        self._page = free_port()
        self._folder = folder
        self._down: set[Program] = set()
        self._found(free_port())

    def _found(self, port: int) -> None:
        """Found the community, and start its programs."""
        folder, broker = self._folder, f"mqtt://127.0.0.1:{port}"
        init(folder / "hub", community=ID, broker=broker, page=f"127.0.0.1:{free_port()}")
        self.hub = Hub.load(folder / "hub" / "bridge.toml")
        steward, bridge = self.hub.key("steward"), self.hub.key("bridge").public.x
        self.home = folder / "home"
        self.home.mkdir()
        config = self.home / "gateway.toml"
        text = (
            f'community = "{ID}"\ngateway = "home"\nbroker = "{broker}"\n'
            f'bridge_key = "{bridge}"\npage = "127.0.0.1:{self._page}"\n'
            "samples_shared_since = 2026-06-20\n"
        )
        key = SigningKey.create(self.home / "gateway.key")
        edits: list[Edit] = [GatewayAdmitted("home", key.public.x)]
        for name, (kind, _, member) in METERS.items():
            edits += [
                MemberAdded(member, f"acc-{member}"),
                MeterFitted("home", name, "", member, 0),
            ]
            text += f'\n[device.{name}]\ndriver = "{kind}"\nport = "{folder / "ports" / name}"\n'
        config.write_text(text)
        paper = registries.make(Edits(ID, BEGIN_MS, tuple(edits)), key=steward)
        community = self.hub.open_to_write()
        with closing(community.db):
            community.hand_in_edits(paper, {}, now_ms=BEGIN_MS)
            rules = papers.make(RULES, community=ID, key=steward)
            community.hand_in_policy(rules, now_ms=BEGIN_MS)
        true, own = ({"METERKAST_CLOCK": str(folder / name)} for name in ("true", "clock"))
        own_dir = ("--dir", folder / "broker")
        self.broker = Program("broker", folder, "broker", *own_dir, "--port", port)
        self.bridge = Program("bridge", folder, "bridge", "--config", self.hub.config, env=true)
        self.gateway = Program("gateway", folder, "gateway", "--config", config, env=own)

    @contextmanager
    def running(self) -> Iterator[None]:
        with running(self.broker, self.bridge, self.gateway):
            yield
        for meter in self.meters:
            meter.port.close()

    # How a day passes

    def live(self, troubles: list[Trouble]) -> None:
        left = list(troubles)
        while self.at_ms < END_MS:
            self.at_ms += STEP_MS
            self._show()
            while left and left[0].at_ms <= self.at_ms:
                what = left.pop(0).what
                self.befell[what] += 1
                getattr(self, what)()
            self._step()
            if self.at_ms in HEARD_MS:
                until("both meters are heard", self._is_heard)

    def come_to_rest(self) -> None:
        """Stop the gateway once as one should, and wait until the hub has all of it."""
        self.at_ms += STEP_MS
        self._show()
        self.gateway.end()
        self.gateway.start()
        until("nothing waits for a receipt", lambda: self._pending() == 0, seconds=60)
        for program in (self.gateway, self.bridge, self.broker):
            assert program.process.poll() is None, tail(program)
            program.end()

    def journal(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.home / 'data' / 'journal.db'}?mode=ro", uri=True)

    def _pending(self) -> int:
        with closing(self.journal()) as journal:
            return int(journal.execute("SELECT pending FROM tally").fetchone()[0])

    def _show(self) -> None:
        self._true.show(self.at_ms)
        self.machine.show(self.at_ms)

    def _step(self) -> None:
        """The telegrams of this time, and whether anybody reads them."""
        if self._starts_ms is not None and self._starts_ms <= self.at_ms:
            self._starts_ms = None
            self.gateway.start()
            self._down.discard(self.gateway)
        for meter in self.meters:
            meter.speak(self.at_ms, is_heard=not self._why(meter))
        if self._dies:
            self._dies = False
            time.sleep(self._chance.uniform(0, MOMENT_S))
            self._cut(steps=self._chance.randrange(1, 3))
        for meter in self.meters:
            place = (meter.name, self.at_ms // QUARTER_MS)
            why = self._why(meter)
            if not why:
                self._until_read(meter)
            if not why and meter.name == "cellar" and self.machine.off_ms:
                why = "the clock was wrong"
            if why:
                self.unread.setdefault(place, why)
            else:
                self.read[place] += 1

    def _until_read(self, meter: Meter) -> None:
        until_s = time.monotonic() + READ_S_MAX
        while meter.port.unread():
            assert time.monotonic() < until_s, (
                f"nobody reads the {meter.name}\n{tail(self.gateway)}"
            )
            time.sleep(0.001)

    def _why(self, meter: Meter) -> str:
        """Why nobody reads this meter, "" where somebody does."""
        if self.gateway in self._down:
            return "the gateway was off"
        return "" if self._is_plugged or meter.name != "hall" else "the stick was pulled"

    def _is_heard(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page}/api/now") as answer:
            devices = json.loads(answer.read())["devices"]
        return all(
            self.at_ms in {said["last_ms"], *(r["at_ms"] for r in said["readings"].values())}
            for said in devices.values()
        )

    # What befalls it

    def _cut(self, *, steps: int | None) -> None:
        """SIGKILL; it comes back after so many steps, or when somebody sees to it."""
        if self.gateway not in self._down:
            self.gateway.kill()
            self.killed += 1
            self._down.add(self.gateway)
        for meter in self.meters:
            meter.port.forget()  # as a serial port does when it is closed
        self._starts_ms = None if steps is None else self.at_ms + steps * STEP_MS

    def is_killed(self) -> None:
        self._dies = self.gateway not in self._down

    def power_goes(self) -> None:
        self._cut(steps=None)
        self._power_went_ms = self.at_ms

    def power_returns(self) -> None:
        """Its clock goes on where it stopped, as of a Pi without a battery."""
        off_ms = self._power_went_ms - self.at_ms
        self.machine.boot(self.at_ms, off_ms=off_ms, quality="held")
        self._cut(steps=0)

    def boots_in_1970(self) -> None:
        self._cut(steps=3)
        self.machine.boot(self.at_ms, off_ms=TO_1970_MS, quality="unset")

    def boots_behind(self) -> None:
        self._cut(steps=3)
        self.machine.boot(self.at_ms, off_ms=-187 * MINUTE_MS, quality="held")

    def is_set_ahead(self) -> None:
        self.machine.set(self.at_ms, off_ms=307 * MINUTE_MS, quality="held")

    def clock_is_synced(self) -> None:
        self.machine.set(self.at_ms, off_ms=0, quality="synced")

    def stick_is_pulled(self) -> None:
        self.meters[0].port.unplug()
        self._is_plugged = False

    def stick_is_back(self) -> None:
        self.meters[0].port.plug_in()
        self._is_plugged = True

    def stick_is_moved(self) -> None:
        """To another socket: it has another name of the system's, and the same link."""
        if self._is_plugged:
            self.stick_is_pulled()
            self.stick_is_back()

    def broker_dies(self) -> None:
        self._down.add(self.broker)
        self.broker.kill()

    def broker_returns(self) -> None:
        self.broker.start()
        self._down.discard(self.broker)

    def broker_returns_empty(self) -> None:
        """Retained messages, sessions and what waited in them are gone."""
        shutil.rmtree(self._folder / "broker")
        self.broker_returns()

    def broker_hangs(self) -> None:
        self.broker.process.send_signal(signal.SIGSTOP)

    def broker_goes_on(self) -> None:
        self.broker.process.send_signal(signal.SIGCONT)

    def bridge_hangs(self) -> None:
        self.bridge.process.send_signal(signal.SIGSTOP)

    def bridge_goes_on(self) -> None:
        self.bridge.process.send_signal(signal.SIGCONT)

    def bridge_dies(self) -> None:
        if self.bridge not in self._down:
            self._down.add(self.bridge)
            self.bridge.kill()

    def bridge_returns(self) -> None:
        self.bridge.start()
        self._down.discard(self.bridge)

    def bridge_is_killed(self) -> None:
        if self.bridge not in self._down:
            self.bridge_dies()
            self.bridge_returns()
