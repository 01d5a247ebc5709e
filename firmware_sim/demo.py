"""`meterkast demo`: a street without hardware, as the separate processes anybody would run."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import cyclopts
import msgspec

from firmware_sim import agreement, premises, street, telling, truth
from firmware_sim.agreement import Account, Books
from firmware_sim.influx import Influx
from firmware_sim.premises import HUB_PORT, METERKAST, SCREEN_PORT, Premises, meterkast
from firmware_sim.services import Program, Services
from firmware_sim.village import get_json
from gateway.contract.errors import PeopleError, Problem, UsageError

# After the day everything must have arrived within this time, restarts included.
DRAIN_S_MAX = 120.0
LOOK_S = 0.2
TRIES_MAX = 4


def _flag(text: str) -> cyclopts.Parameter:
    return cyclopts.Parameter(negative="", help=text)


def demo(
    *,
    once: Annotated[
        bool, _flag("One day as fast as it goes, then compare books and truth.")
    ] = False,
    seed: int = 7,
    json: Annotated[bool, _flag("One JSON document on stdout at the end.")] = False,
    broker: str = "",
    influx: str = "",
    dir: Path | None = None,  # noqa: A002 - it is --dir
) -> int:
    """Run a street with its meters and a recycling point, no hardware needed.

    Parameters
    ----------
    seed
        Another number is another day: other clouds, other people.
    broker
        The MQTT broker to use, as mqtt://HOST:PORT; leave it out for the embedded one.
    influx
        An InfluxDB to fill, as http://HOST:8086; what opens it stands in INFLUX_TOKEN.
    dir
        Where everything is kept; a temporary folder unless it is named.
    """
    if dir and dir.exists() and any(dir.iterdir()):
        problem = Problem("the folder is not empty", f"--dir {dir}", "name a new one")
        raise UsageError(problem)
    database = Influx.find(influx) if influx else None
    folder = (dir or Path(tempfile.mkdtemp(prefix="meterkast-demo-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    talk = sys.stderr if json else sys.stdout
    show = Show(
        folder,
        seed=seed,
        once=once,
        broker=broker,
        influx=database,
        tell=lambda s: _print(s, talk),
    )
    code = asyncio.run(_to_the_end(show))
    if once and json:
        print(msgspec.json.format(msgspec.json.encode(show.outcome)).decode())
    if not dir and code == 0:
        shutil.rmtree(folder, ignore_errors=True)
    elif not dir:
        _print(f"Everything is kept in {folder}", talk)
    return code


def _print(sentence: str, file: Any) -> None:
    print(sentence, file=file, flush=True)


async def _to_the_end(show: "Show") -> int:
    """Run the show until it is over, or until somebody interrupts it; leave no process."""
    loop = asyncio.get_running_loop()
    running = asyncio.create_task(show.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel)
    try:
        return await running
    except asyncio.CancelledError:
        show.tell("Stopped.")
        return 130 if show.once else 0
    finally:
        await show.stop()


class Show:
    """The orchestrator: sets the street up, watches it live, and asks the books at the end."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        once: bool,
        broker: str,
        influx: Influx | None,
        tell: Callable[[str], None],
    ) -> None:
        self.once = once
        self.tell = tell
        self.outcome: dict[str, Any] = {}
        self._folder = folder
        self._seed = seed
        self._begin_s = time.monotonic()
        names = premises.gateways()
        hub, screen, mqtt, *others = premises.free_ports(3 + len(names))
        if premises.is_free(HUB_PORT):
            hub = HUB_PORT
        if premises.is_free(SCREEN_PORT):
            screen = SCREEN_PORT
        self._own_broker = None if broker else mqtt
        self._premises = Premises(
            folder,
            broker or f"mqtt://{premises.HOST}:{mqtt}",
            {"bridge": hub, premises.SCREEN: screen, **dict(zip(names, others, strict=True))},
            influx,
        )
        self._environment = os.environ | {"METERKAST_CLOCK": str(folder / "clock")}
        self._services: Services | None = None
        self._away: set[str] = set()
        self._over = asyncio.Event()
        self._days: asyncio.Queue[truth.Day] = asyncio.Queue()

    async def run(self) -> int:
        """Exit code: 0 when the books equal the truth."""
        self._services = Services(
            self._folder, environment=self._environment, changed=self._hold_or_go
        )
        await self._set_up(self._services)
        self._services.all["village"].tell("go")
        if not self.once:
            await self._watch_days()
        await self._until(self._over.wait())
        return await self._compare()

    async def _set_up(self, services: Services) -> None:
        where = self._premises
        self.tell("A street is being set up; it takes some seconds.")
        pages = self._folder / "pages.json"
        pages.write_text(json.dumps({name: where.page(name, "") for name in where.pages}))
        words = ["-m", "firmware_sim.village", "--dir", str(self._folder), "--pages", str(pages)]
        words += ["--seed", str(self._seed), *(["--once"] if self.once else [])]
        first = [Program("village", (sys.executable, *words), self._hear, comes_back=False)]
        if self._own_broker:
            listen = ("--dir", str(self._folder / "broker"), "--port", str(self._own_broker))
            first.append(Program("broker", (str(METERKAST), "broker", *listen)))
        _, keys = await asyncio.gather(
            services.start(*first), premises.found(where, environment=self._environment)
        )
        bridge = Program("bridge", (str(METERKAST), "bridge", "--config", str(where.config)))
        gateways = (
            Program(name, (str(METERKAST), "gateway", "--config", str(where.gateway(name))))
            for name in premises.gateways()
        )

        async def hub() -> None:
            await services.start(bridge)
            await premises.admit(where, keys, environment=self._environment)

        await asyncio.gather(hub(), services.start(*gateways))
        self._tell_where()

    def _tell_where(self) -> None:
        where = self._premises
        if where.pages["bridge"] != HUB_PORT:
            self.tell(f"Port {HUB_PORT} is taken, so the hub's page is elsewhere this time.")
        self.tell(f"The hub's page:             {where.page('bridge', '/')}")
        for name in premises.gateways():
            self.tell(f"The page of {name + ':':15} {where.page(name, '/')}")
        screen, pin = where.page(premises.SCREEN, "/"), premises.PIN
        self.tell(f"The recycling point's screen: {screen} (its operator's PIN is {pin})")
        self._tell_all(telling.who_has_what())
        if where.influx:
            self.tell(f"The time series go to:      {where.influx.url}")
        self.tell(f"The street stands after {time.monotonic() - self._begin_s:.1f} s.")

    def _hold_or_go(self, down: set[str]) -> None:
        """Time stands still while a program is away."""
        assert self._services
        for name in sorted(down - self._away):
            self.tell(f"       {name} died and is started again")
        self._away = set(down)
        self._services.all["village"].tell("hold" if down else "go")

    def _hear(self, line: str) -> None:
        """An event of the village."""
        said = json.loads(line)
        event = said.pop("event")
        if event == "over":
            self._over.set()
        elif event == "day_over":
            self._days.put_nowait(msgspec.convert(said, truth.Day))
        elif sentence := telling.sentence(event, said):
            self.tell(sentence)

    async def _until(self, happening: Any) -> None:
        """Wait for this. Raises what makes it impossible: a program that cannot be kept up."""
        assert self._services
        task = asyncio.ensure_future(happening)
        while not task.done():
            await asyncio.wait({task}, timeout=LOOK_S)
            if trouble := self._services.trouble():
                task.cancel()
                raise trouble

    async def _watch_days(self) -> None:
        """Day after day: close each, and tell what it came to."""
        while True:
            await self._until(_until_some(self._days))
            day = self._days.get_nowait()
            if await self._drained():
                books = await self._ask_books(day)
                self._tell_all(telling.accounts(day.day, self._accounts(day, books)))

    async def _drained(self) -> bool:
        """Wait until every record has its receipt and everything is settled."""
        until_s = time.monotonic() + DRAIN_S_MAX
        quiet = 0
        while quiet < 2:
            if time.monotonic() > until_s:
                return False
            quiet = quiet + 1 if await asyncio.to_thread(self._is_quiet) else 0
            await asyncio.sleep(LOOK_S)
        return True

    def _is_quiet(self) -> bool:
        where = self._premises
        for name in premises.gateways():
            now = get_json(where.page(name, "/api/now"), timeout_s=2)
            if not now or now["journal"]["pending"]:
                return False
        status = get_json(where.page("bridge", "/api/status"), timeout_s=2)
        if not status or status["dirty"]:
            return False
        return where.influx is None or status["series"]["behind"] == 0

    async def _ask_books(self, day: truth.Day) -> Books:
        """See to what was kept under a code, close the day, and read what the books say: all of it
        with the commands anybody has.
        """
        for bag in day.bags:
            if bag.claims:
                self.tell(telling.sentence("claimed", {"member": bag.member}))
                await self._command("member", "claim", bag.member, bag.code)
        await self._command("ledger", "close", day.day, "--anyway")

        async def ask(*words: str) -> Any:
            return json.loads(await self._command(*words))

        members = [member.id for member in street.MEMBERS]
        *statements, held, balances, verified = await asyncio.gather(
            *(
                ask("ledger", "statement", "--member", member, "--period", day.day, "--json")
                for member in members
            ),
            ask("ledger", "held", "--json"),
            ask("ledger", "balance", "--json"),
            ask("verify", "--json"),
        )
        deposits = [one for one in held if one["kind"] == "deposit"]
        return Books(dict(zip(members, statements, strict=True)), deposits, balances, verified)

    async def _command(self, *words: str) -> str:
        """A command at the hub. Somebody may be killing the bridge meanwhile: it is tried again."""
        config = ("--config", str(self._premises.config))
        assert self._services
        for _ in range(TRIES_MAX - 1):
            with contextlib.suppress(PeopleError):
                return await meterkast(*words, *config, environment=self._environment)
            await asyncio.sleep(1)
            while self._services.down:
                await asyncio.sleep(LOOK_S)
        return await meterkast(*words, *config, environment=self._environment)

    def _accounts(self, day: truth.Day, books: Books) -> list[Account]:
        shared = books.shared()
        return [
            agreement.account(member, books.statements[member.id], day, shared)
            for member in street.MEMBERS
        ]

    async def _compare(self) -> int:
        """Let everything drain, close the day, and hold the books against the truth."""
        day = msgspec.json.decode((self._folder / "truth.json").read_bytes(), type=truth.Day)
        self.tell("\nThe day is over. Everything that is still on its way arrives now.")
        drained = await self._drained()
        books = await self._ask_books(day)
        # What closing the day made of it is in the time series too, where there are any.
        drained = await self._drained() and drained
        steps = truth.read_steps(self._folder / "truth.jsonl")
        found = [] if drained else [f"not everything had arrived after {DRAIN_S_MAX:.0f} s"]
        found += agreement.differences(day, books, steps)
        accounts, meters = self._accounts(day, books), agreement.meters(day, books)
        self._tell_all([*telling.accounts(day.day, accounts), *telling.meters(meters)])
        readings = sum(meter.readings for meter in meters)
        assert self._services
        self.outcome = {
            "seed": self._seed,
            "day": day.day,
            "agrees": not found,
            "difference": found[0] if found else None,
            "members": [one._asdict() for one in accounts],
            "bags": msgspec.to_builtins(day.bags),
            "turned_away": day.turned_away,
            "meters": [one._asdict() for one in meters],
            "readings_checked": readings,
            "verify": books.verify,
            "restarts": {n: s.restarts for n, s in self._services.all.items() if s.restarts},
            "seconds": round(time.monotonic() - self._begin_s, 1),
        }
        if found:
            self.tell(f"The books and the truth disagree: {found[0]}")
            return 1
        self.tell(
            f"All agree to the last unit: {len(day.bags)} deposits once each, {readings} readings"
            f" as the meters showed them, {books.verify['records']} records verified.\n"
            f"{telling.HOW_CHECKED}"
        )
        return 0

    def _tell_all(self, sentences: list[str]) -> None:
        for one in sentences:
            self.tell(one)

    async def stop(self) -> None:
        if self._services:
            await self._services.stop()


async def _until_some(queue: "asyncio.Queue[truth.Day]") -> None:
    while queue.empty():
        await asyncio.sleep(LOOK_S)
