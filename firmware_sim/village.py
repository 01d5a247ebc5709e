"""The village in one process: the meters, the recycling point's scale and reader, and the clock.

`python -m firmware_sim.village --dir DIR --pages FILE`. Events are lines of JSON on stdout. On
stdin `go` lets time pass, `hold` stops it, `stop` (or the end of the file) ends the village.
Time also stands still while somebody is at the recycling point, while a meter is asked, and while
its port is not read because its gateway is down: the clock never runs ahead of the telegrams. At
midnight it stands still until every meter has been heard, so that the day's sums are exact.
"""

import argparse
import asyncio
import http.client
import json
import signal
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from firmware_sim import cheats, meters, people, street, truth
from firmware_sim.clock import Clock
from firmware_sim.devices import mtsics
from firmware_sim.devices.rdm6300 import Reader
from firmware_sim.household import STEP_MS, Household, local_midnight_ms
from firmware_sim.lines import Line
from firmware_sim.scale import Plate
from firmware_sim.terminal import Terminal
from gateway.contract.notify import notify

# The day in some twenty seconds; or, to be watched, 240 times as fast as life.
STEP_S_FAST = 0.0022
STEP_S_WATCHED = STEP_MS / 1000 / 240
MINUTE_MS = 60_000
# The evening before begins the day's first quarter-hour; the last one is evidenced after midnight.
EVENING_MS = 10 * MINUTE_MS
AFTER_MS = 16 * MINUTE_MS
# Whoever watches does not want to wait for the first sun.
MORNING_MS = 6 * 60 * MINUTE_MS
LOOK_S = 0.04
# At midnight a meter that is still not heard after this will not be; real seconds.
MIDNIGHT_S_MAX = 30.0
MIDNIGHT_LOOK_S = 0.1


def say(event: str, **facts: Any) -> None:
    """One line of JSON on stdout."""
    print(json.dumps({"event": event, **facts}, ensure_ascii=False), flush=True)


def real_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def get_json(url: str, *, timeout_s: float) -> Any:
    """What this loopback address answers, None where nobody does."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return json.loads(answer.read()) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def post_json(url: str, body: Any, *, timeout_s: float) -> None:
    """What a finger on the kiosk's screen sends; a screen that is dark hears nothing."""
    parts = urlsplit(url)
    assert parts.hostname
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    origin = f"http://{parts.hostname}:{parts.port}"
    headers = {"content-type": "application/json", "origin": origin}
    try:
        connection.request("POST", parts.path, json.dumps(body), headers)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return
    finally:
        connection.close()


class Point:
    """The recycling point's devices, and the person who stands there. `url` is its screen's."""

    def __init__(self, ports: Path, *, url: str) -> None:
        self._scale_port = Terminal(ports / "scale")
        self._reader_port = Terminal(ports / "reader")
        self._plate = Plate(street.SCALE)
        self._scale = mtsics.Terminal(street.SCALE, self._plate)
        self._reader = Reader()
        self._url = url
        self._seen: set[str] = set()

    async def serve(self) -> None:
        """Answer the scale's commands and repeat the card that is held; ends when cancelled."""
        asyncio.get_running_loop().add_reader(self._scale_port.device_end, self._hear_scale)
        while True:
            self._scale_port.write(self._scale.ticks(real_ms()))
            # Nobody listens while the last frame lies unread; a wire keeps nothing for later.
            if not self._reader_port.unread():
                self._reader_port.write(self._reader.sends(real_ms()))
            await asyncio.sleep(0.02)

    def _hear_scale(self) -> None:
        self._scale_port.write(self._scale.hears(self._scale_port.read(), now_ms=real_ms()))

    async def receive(self, visit: street.Visit) -> people.Slip:
        """See a visitor through until a slip says that it was kept."""
        person = people.Person(visit.load, visit.depositor, seen=self._seen, order=visit.order)
        leave = await self._see_through(person, visit)
        assert leave.slip
        self._seen.add(leave.slip.deposit)
        return leave.slip

    async def receive_again(self, visit: street.Visit) -> people.Leave:
        """Somebody tries the bag that was just kept with another card."""
        script = cheats.same_bag_again(visit.load, visit.again)
        return await self._see_through(cheats.Cheat(script, seen=self._seen), visit)

    async def _see_through(
        self, person: people.Person | cheats.Cheat, visit: street.Visit
    ) -> people.Leave:
        while True:
            now = await asyncio.to_thread(get_json, f"{self._url}/api/now", timeout_s=2)
            for act in person.looks(people.screen_of(now), now_ms=real_ms()):
                if isinstance(act, people.Leave):
                    return act
                await self._do(act, visit)
            await asyncio.sleep(LOOK_S)

    async def _do(self, act: people.Act, visit: street.Visit) -> None:
        match act:
            case people.Hold(number):
                self._reader.hold(number)
            case people.TakeAway():
                self._reader.take_away()
                self._reader_port.forget()
            case people.Put(mass_mg, moved_ms, creep_mg_s):
                self._plate.put(mass_mg, now_ms=real_ms(), moved_ms=moved_ms, creep_mg_s=creep_mg_s)
            case people.Lift():
                self._plate.put(0, now_ms=real_ms())
            case people.Touch(body):
                await asyncio.to_thread(post_json, f"{self._url}/api/act", body, timeout_s=2)
            case people.Grumble(why):
                facts = {"member": visit.member, "fraction": visit.load.fraction}
                say("bag_again", **facts, why=why)
            case people.Press() | people.Leave():
                pass  # nobody in this street touches the scale's own keys

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._scale_port.device_end)
        self._scale_port.close()
        self._reader_port.close()


class Living(NamedTuple):
    """A household and its meters."""

    home: street.Home
    household: Household
    lines: list[Line]


class Village:
    """Moves everything on, step by step; `go` is set while time may pass.

    `pages` is the address of each gateway's page and of the kiosk's screen.
    """

    def __init__(self, folder: Path, *, seed: int, once: bool, pages: dict[str, str]) -> None:
        self.go = asyncio.Event()
        self._folder = folder
        self._seed = seed
        self._once = once
        self._pages = pages
        # The clock stands one step before the evening; the first step shows it.
        self._at_ms = local_midnight_ms(street.DAY) - EVENING_MS - STEP_MS
        # A village without end would fill the disk with its steps.
        self._steps = truth.Steps(folder / "truth.jsonl") if once else None
        self.point = Point(folder / "ports", url=pages["kiosk"])
        self._living = [self._move_in(home) for home in street.HOMES]
        self._clock = Clock(folder / "clock")
        self._clock.show(self._at_ms)
        self._day = street.DAY
        self._begin = self._energy()
        self._bags: list[truth.Bag] = []
        self._turned_away: list[str] = []
        self._visits = [*street.visits(seed, street.DAY)]
        self._going_on: set[tuple[str, str]] = set()
        self.days: list[truth.Day] = []

    def _move_in(self, home: street.Home) -> Living:
        household = Household(home.house, seed=self._seed, start_ms=self._at_ms)
        lines = [
            Line(
                (home.gateway, one.name),
                one,
                meters.begin(one, household, seed=self._seed),
                Terminal(self._folder / "ports" / street.port(home, one)),
                self._steps,
            )
            for one in home.devices
        ]
        for line in lines:
            line.listen(lambda: self._at_ms)
        return Living(home, household, lines)

    @property
    def _lines(self) -> list[Line]:
        return [line for one in self._living for line in one.lines]

    def _energy(self) -> dict[str, truth.Energy]:
        return {one.home.member: meters.energy(one.home, one.household) for one in self._living}

    async def live(self) -> None:
        """Step after step; with `once` until the day's last quarter-hour is evidenced."""
        watched_ms = local_midnight_ms(street.DAY) + MORNING_MS
        last_ms = local_midnight_ms(street.DAY + timedelta(days=1)) + AFTER_MS
        next_s = time.monotonic()
        while not (self._once and self._at_ms == last_ms):
            await self.go.wait()
            await self._until_read()
            self._step()
            if self._at_ms in {local_midnight_ms(self._day), self._midnight_ms()}:
                await self._until_heard()
            self._tell()
            while self._visits and self._visits[0].at_ms <= self._at_ms:
                await self._receive(self._visits.pop(0))
            is_fast = self._once or self._at_ms < watched_ms
            step_s = STEP_S_FAST if is_fast else STEP_S_WATCHED
            next_s = max(next_s + step_s, time.monotonic() - 0.05)
            await asyncio.sleep(max(0.0, next_s - time.monotonic()))
        await self._until_read()
        if self._steps:
            self._steps.close()

    def _midnight_ms(self) -> int:
        """The end of this local day."""
        return local_midnight_ms(self._day + timedelta(days=1))

    def _step(self) -> None:
        """The next ten seconds. Nobody can ask a meter meanwhile: house and clock agree always.

        A meter that stamps to the second speaks before the village's clock shows the time; what
        the others say must not be stamped too early by whoever hears it.
        """
        self._at_ms += STEP_MS
        for one in self._living:
            one.household.step()
        for line in self._lines:
            if line.device.clock == "second":
                line.speak(self._at_ms)
        self._clock.show(self._at_ms)
        for line in self._lines:
            if line.device.clock != "second":
                line.speak(self._at_ms)

    async def _until_read(self) -> None:
        while any(line.is_busy() for line in self._lines):
            await asyncio.sleep(0.001)

    async def _until_heard(self) -> None:
        """Let time stand still until every meter was heard at this time, as the pages say."""
        until_s = time.monotonic() + MIDNIGHT_S_MAX
        waiting = self._lines
        while waiting := await self._unheard(waiting):
            await self.go.wait()
            if time.monotonic() > until_s:
                say("unheard", at_ms=self._at_ms, meters=["/".join(one.place) for one in waiting])
                return
            for line in waiting:
                line.repeat()
            await asyncio.sleep(MIDNIGHT_LOOK_S)

    async def _unheard(self, lines: list[Line]) -> list[Line]:
        """Those that their gateway has not heard at this time, by its clock or theirs."""
        gateways = {line.place[0] for line in lines}
        now = {
            name: await asyncio.to_thread(get_json, f"{self._pages[name]}/api/now", timeout_s=2)
            for name in gateways
        }
        heard = {
            (name, device)
            for name, page in now.items()
            for device, said in (page["devices"] if page else {}).items()
            if self._at_ms in {said["last_ms"], *(r["at_ms"] for r in said["readings"].values())}
        }
        return [line for line in lines if line.place not in heard]

    async def _receive(self, visit: street.Visit) -> None:
        facts = {"member": visit.member, "fraction": visit.load.fraction, "at_ms": self._at_ms}
        say("visit", **facts)
        slip = await self.point.receive(visit)
        self._bags.append(truth.bag(visit, slip, at_ms=self._at_ms))
        say("accepted", **facts, net_mg=slip.net_mg or 0, pieces=slip.pieces or 0)
        if visit.again:
            leave = await self.point.receive_again(visit)
            self._turned_away.append(leave.refused)
            say("turned_away", at_ms=self._at_ms, why=leave.why)

    def _tell(self) -> None:
        """What there is to say of this moment, and the day's sums when one is over."""
        for one in self._living:
            self._tell_of_home(one)
        if self._at_ms % (60 * MINUTE_MS) == 0:
            say("hour", at_ms=self._at_ms)
        if self._at_ms == local_midnight_ms(self._day):
            self._begin = self._energy()
            say("day_begins", day=self._day.isoformat(), at_ms=self._at_ms)
        elif self._at_ms == self._midnight_ms():
            self._end_day(self._day + timedelta(days=1))
        if self.days and self._at_ms == local_midnight_ms(self._day) + AFTER_MS:
            say("day_over", **msgspec.to_builtins(self.days[-1]))

    def _tell_of_home(self, one: Living) -> None:
        now = one.household.now
        if one.home.house.feeds:
            given_w = now.solar_w - now.load_w
            self._tell_of(one, "gives", "sun_down", given_w, 300, ends=not now.solar_w)
        else:
            self._tell_of(one, "makes", "sun_down", now.solar_w, 100, ends=not now.solar_w)
        self._tell_of(one, "heats", "heated", now.heat_pump_w, 0)
        self._tell_of(one, "showers", "showered", now.water_ml_s, 110)

    def _tell_of(
        self, one: Living, begins: str, over: str, amount: int, least: int, *, ends: bool = True
    ) -> None:
        """Say once that something goes on, with more than `least`, and once that it is over."""
        key = (one.home.member, begins)
        facts = {"member": one.home.member, "at_ms": self._at_ms}
        if amount > least and key not in self._going_on:
            self._going_on.add(key)
            say(begins, **facts, amount=amount)
        elif amount <= least and ends and key in self._going_on:
            self._going_on.remove(key)
            say(over, **facts)

    def _end_day(self, tomorrow: date) -> None:
        end = self._energy()
        kept, turned_away = self._bags, self._turned_away
        day = truth.day_of(self._day.isoformat(), self._begin, end, kept, turned_away)
        self.days = [*self.days[-30:], day]
        self._day, self._begin = tomorrow, end
        self._bags, self._turned_away = [], []
        self._visits = [] if self._once else [*street.visits(self._seed, tomorrow)]
        (self._folder / "truth.json").write_bytes(msgspec.json.format(msgspec.json.encode(day)))
        say("day_begins", day=tomorrow.isoformat(), at_ms=self._at_ms)

    def close(self) -> None:
        self.point.close()
        for line in self._lines:
            line.close()
        if self._steps:
            self._steps.close()


async def obey(village: Village) -> None:
    """Follow the words on stdin until `stop` or its end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        match line.decode("utf-8", "replace").strip():
            case "go":
                village.go.set()
            case "hold":
                village.go.clear()
            case "stop":
                return


async def run(folder: Path, *, seed: int, once: bool, pages: dict[str, str]) -> None:
    village = Village(folder, seed=seed, once=once, pages=pages)
    devices = asyncio.create_task(village.point.serve())
    orders = asyncio.create_task(obey(village))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, orders.cancel)
    life = asyncio.create_task(village.live())
    say("ready", clock=str(folder / "clock"))
    notify(READY="1", STATUS="The meters are there; time stands still")
    try:
        await asyncio.wait({devices, orders, life}, return_when="FIRST_COMPLETED")
        if life.done():
            life.result()
            say("over")
            await orders
        elif devices.done():
            devices.result()
    finally:
        for task in (devices, orders, life):
            task.cancel()
        await asyncio.gather(devices, orders, life, return_exceptions=True)
        village.close()


def main() -> None:
    """The command line of `python -m firmware_sim.village`."""
    parser = argparse.ArgumentParser(prog="firmware_sim.village", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where ports, clock and truth go")
    parser.add_argument(
        "--pages", type=Path, required=True, help="a JSON file: each gateway's /api/now"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--once", action="store_true", help="one day, as fast as it can be read")
    given = parser.parse_args()
    given.dir.mkdir(parents=True, exist_ok=True)
    pages = json.loads(given.pages.read_bytes())
    try:
        asyncio.run(run(given.dir.resolve(), seed=given.seed, once=given.once, pages=pages))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)


if __name__ == "__main__":
    main()
