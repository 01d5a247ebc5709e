"""Every simulated device as a process of its own, and one real gateway that reads them all.

None is named here: a driver that has a simulator is found. One gateway also reads a device through
TCP, as behind ser2net, and one whose stick is pulled and comes back under another system name.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest

from drivers import sdk
from firmware_sim import device
from tests.system.programs import Program, free_port, running, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

NAMES = list(device.names())
# What is read through TCP: one that listens and one that is asked.
OVER_TCP = [
    next(name for name in NAMES if sdk.load(name).polled is asked) for asked in (False, True)
]
PULLED = "pulled"
PULLED_OUT = re.compile(
    rf'event=line_lost line={PULLED} [^\n]*reason=(unplugged|"the other end hung)'
)
PULLED_AND_BACK = re.compile(
    rf"{PULLED_OUT.pattern}.*event=line_back line={PULLED}$", re.DOTALL | re.MULTILINE
)
# On a busy machine an answer may come too late, and the next question must not wait for long.
OFTEN_S = 5
WAIT_S = 60.0


class Sim:
    """`meterkast sim`, and the block of gateway.toml that it told."""

    def __init__(self, folder: Path, block: str, name: str, *args: str) -> None:
        self.block, self.driver = block, name
        self._port = folder / f"{block}.port"
        self._told = folder / f"{block}.sim"
        with self._told.open("wb") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "sim", name, "--port", str(self._port), *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=told,
            )

    def settings(self) -> dict[str, str]:
        """As the simulator told them once its port was there.

        Nothing where it never began: the gateway then lacks this device only.
        """
        assert self._process.stdout
        if self._process.stdout.readline().decode().strip() != str(self._port):
            return {}
        until(f"{self.block} told its settings", self._has_told)
        settings = tomllib.loads(self._told.read_text())
        for setting in sdk.load(self.driver).settings:
            if setting.name == "interval" and float(setting.default) > OFTEN_S:
                settings.setdefault("interval", str(OFTEN_S))
        return settings

    def _has_told(self) -> bool:
        needed = next(iter(device.load(self.driver).variants.values()))
        return self._told.read_text().count("\n") >= 2 + len(needed)

    def tell_to_end(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        self._process.wait(timeout=10)


class Ser2net:
    """A serial port that is offered by TCP, to one caller after another."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ended, self._end = os.pipe()
        self.port = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        wire = os.open(self._path, os.O_RDWR | os.O_NOCTTY)
        while self._ended not in select.select([self._listener, self._ended], [], [])[0]:
            caller, _ = self._listener.accept()
            with caller, contextlib.suppress(ConnectionError):
                self._join(caller, wire)
        os.close(wire)

    def _join(self, caller: socket.socket, wire: int) -> None:
        """Carry bytes both ways until the caller hangs up."""
        while True:
            ready, _, _ = select.select([caller, wire, self._ended], [], [])
            if self._ended in ready:
                return
            if wire in ready:
                caller.sendall(os.read(wire, 4096))
            if caller in ready:
                asked = caller.recv(4096)
                if not asked:
                    return
                os.write(wire, asked)

    def end(self) -> None:
        os.write(self._end, b".")
        self._thread.join()
        self._listener.close()


def _sims(folder: Path) -> list[Sim]:
    sims = [Sim(folder, PULLED, OVER_TCP[0], "--fault", "unplug")]
    sims += [Sim(folder, name, name) for name in NAMES]
    return sims + [Sim(folder, f"tcp-{name}", name) for name in OVER_TCP]


def _config(folder: Path, page: int, blocks: dict[str, dict[str, str]]) -> Path:
    text = f'gateway = "home"\npage = "127.0.0.1:{page}"\n'
    for name, settings in blocks.items():
        text += f"\n[device.{name}]\n"
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def _devices(page: int) -> dict:
    with urllib.request.urlopen(f"http://127.0.0.1:{page}/api/now", timeout=10) as answer:
        return json.loads(answer.read())["devices"]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """What the page said of each device once all had been read, and the gateway's log."""
    folder, page = tmp_path_factory.mktemp("house"), free_port()
    sims = _sims(folder)
    bridges = []
    try:
        blocks = {sim.block: told for sim in sims if (told := sim.settings())}
        for name, told in blocks.items():
            if name.startswith("tcp-"):
                bridges.append(Ser2net(told["port"]))
                told["port"] = bridges[-1].port
        gateway = Program("gateway", folder, "gateway", "--config", _config(folder, page, blocks))
        with running(gateway):
            yield _read(page, gateway.log), gateway.log.read_text()
    finally:
        for sim in sims:
            sim.tell_to_end()
        for part in [*bridges, *sims]:
            part.end()


def _read(page: int, log: Path) -> dict:
    """Wait until each has been read, and the pulled one once more; gives each as it was then."""
    seen: dict = {}
    before = 0  # messages of the pulled one, as long as it is away
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        now = _devices(page)
        is_back = PULLED_AND_BACK.search(log.read_text())
        if not is_back:
            before = now[PULLED]["messages"]
        for name, state in now.items():
            if state["messages"] > before if name == PULLED else state["messages"]:
                seen.setdefault(name, state)
        if len(seen) == len(now):
            break
        time.sleep(0.1)
    return seen


def test_all_simulated_devices_are_covered(capsys):
    with capsys.disabled():
        print(f"\nat a real gateway: {len(NAMES)} devices, {OVER_TCP} over TCP as well")
    assert set(NAMES) == set(sdk.names())


@pytest.mark.parametrize("name", [*NAMES, *(f"tcp-{name}" for name in OVER_TCP)])
def test_a_device_on_a_line_is_read_by_a_real_gateway(house, name):
    seen, log = house
    assert name in seen, log[-4000:]
    assert seen[name]["state"] == "ok"
    registers = {register.code for register in sdk.load(seen[name]["driver"]).registers}
    assert bool(seen[name]["readings"]) is (registers != {"card"})  # a card's number is not shown
    assert f"event=line_lost line={name} " not in log


def test_a_stick_that_was_pulled_is_lost_once_and_back_once_and_read_again(house):
    seen, log = house
    assert PULLED in seen, log[-4000:]
    assert PULLED_OUT.search(log)
    told = re.findall(rf"event=line_(lost|back) line={PULLED}\b", log)
    assert told == (["lost", "back"] * len(told))[: len(told)]
