"""What stands outside the arm64 system: the time, a meter, Mosquitto, and a hub."""

import json
import os
import re
import threading
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware_sim import device
from firmware_sim.clock import Clock
from firmware_sim.terminal import Terminal
from ledger_bridge.certificates import Authority
from tests.system.brokers import Mosquitto
from tests.system.programs import Program, done, free_port, running

# So many seconds of the village in one of ours: a quarter-hour in half a minute.
SPEED = 30
TICK_S = 0.1
# What a serial adapter keeps for a program that is not there yet.
UNREAD_MAX = 2048
# The sun has to shine: there is nothing to be credited at night.
BEGIN_HOUR = 11
DIALOUT = 20


class Meter:
    """A smart meter with a roof full of panels, and the clock that the whole village has."""

    def __init__(self, clock: Path) -> None:
        today = datetime.now(UTC).replace(hour=BEGIN_HOUR, minute=0, second=0, microsecond=0)
        self._begin_ms = int(today.timestamp()) * 1000
        self._begin_s = time.monotonic()
        self._clock = Clock(clock)
        simulator = device.load("p1")
        variant = next(iter(simulator.variants))
        self._meter = simulator.begin(variant, simulator.source(7), 7, self._begin_ms)
        self._terminal = Terminal()
        self.port = str(self._terminal.path)
        # As a serial port on a Pi belongs.
        os.chown(self.port, 0, DIALOUT)
        Path(self.port).chmod(0o660)
        self.telegrams = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._tick()
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(TICK_S):
            self._tick()

    def _tick(self) -> None:
        now_ms = self._begin_ms + int((time.monotonic() - self._begin_s) * SPEED * 1000)
        self._clock.show(now_ms)
        if self._terminal.unread() > UNREAD_MAX:
            self._terminal.forget()
        if said := self._meter.ticks(now_ms):
            self.telegrams += self._terminal.write(said) > 0

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()
        self._terminal.close()


class Hub:
    """A hub with Mosquitto as it is shipped: TLS 1.3, certificates, rights by their names."""

    def __init__(self, folder: Path, mosquitto: str, stack: ExitStack) -> None:
        self._config = folder / "hub/bridge.toml"
        self.url = f"http://127.0.0.1:{free_port()}"
        page = self.url.removeprefix("http://")
        done("hub", "init", folder / "hub", "--community", "zonstraat", "--page", page)
        self.do("policy", "activate", folder / "hub/policy.toml")
        self.do("hub", "certificate", "--broker", "127.0.0.1")
        broker = Mosquitto(folder, Authority(folder / "hub/tls"), mosquitto)
        stack.enter_context(running(broker))
        tls = '{ ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem" }'
        link = f'broker = "mqtts://127.0.0.1:{broker.port}"\nbroker_tls = {tls}\n'
        text = re.sub(r"^broker = .*\n", link, self._config.read_text(), flags=re.MULTILINE)
        self._config.write_text(f'{text}enrol = "{self.url}"\n')
        stack.enter_context(running(Program("bridge", folder, "bridge", "--config", self._config)))

    def do(self, *words: object) -> str:
        return done(*words, "--config", self._config)

    def ask(self, *words: object) -> Any:
        return json.loads(self.do(*words, "--json"))

    @property
    def has_request(self) -> bool:
        return (self._config.parent / "enrolment/home-noor.request").exists()

    def minted_kwh(self) -> str:
        """What home-noor's member has been credited, "" where there is nothing yet."""
        holders = {one["holder"]: one["balances"] for one in self.ask("ledger", "balance")}
        credit: str = holders["noor"].get("KWH", "")
        return credit if credit.strip("0.") else ""
