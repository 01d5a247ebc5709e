"""A house as it stands for years: three meters at a telegram a second, the page open in a browser.

The gateway is the real program with all it can have: its page, the community link with a hub at
its other end, the home link, and a journal on a real disk. A browser is whoever got the page once
and then reads its events.
"""

import json
import os
import re
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

from tests.bench import Ratio
from tests.bench.gateway import DISK, Street
from tests.system.programs import Program, free_port, running, simulated

METERS = ("hall", "annex", "barn")
WATCHED_S = 60.0
MB_MAX = 90.0
CORE_MAX = 0.02
START_S_MAX = 2.0
STARTS = 5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class House:
    """A gateway with meters that speak once a second, in a street with broker and hub."""

    def __init__(self, folder: Path, ports: list[Path]) -> None:
        self.folder = folder
        self.page = free_port()
        self.street = Street(folder, port=str(ports[0]))
        config = self.street.toml.read_text()
        (broker,) = re.findall(r'broker = ".+"', config)
        others = "".join(
            f'\n[device.{port.name}]\ndriver = "p1"\nport = "{port}"\n' for port in ports[1:]
        )
        own = f'home_{broker}\npage = "127.0.0.1:{self.page}"\n'
        self.street.toml.write_text(f"{own}{config}{others}")

    def start(self) -> Program:
        return Program("gateway", self.folder, "gateway", "--config", self.street.toml)

    def readings(self) -> dict[str, int]:
        """How many readings each device has."""
        with urlopen(f"http://127.0.0.1:{self.page}/api/now") as answer:
            devices = json.loads(answer.read())["devices"]
        return {name: len(said["readings"]) for name, said in devices.items()}

    @contextmanager
    def watched(self) -> Iterator[list[int]]:
        """A browser has the page open; gives how many bytes of events it got."""
        heard = [0]
        with urlopen(f"http://127.0.0.1:{self.page}/") as page:
            page.read()
        with socket.create_connection(("127.0.0.1", self.page)) as line:
            line.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % self.page)

            def read() -> None:
                while data := line.recv(65_536):
                    heard[0] += len(data)

            threading.Thread(target=read, daemon=True).start()
            yield heard
            line.shutdown(socket.SHUT_RDWR)


def spent_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def resident_mb(pid: int) -> float:
    """The most memory that a process has held at a time."""
    status = Path(f"/proc/{pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(peak) * 1024 / 1e6


def steady(house: House) -> tuple[float, float]:
    """Its share of one core, and the megabytes that it holds at most."""
    gateway = house.start()
    with running(gateway), house.watched() as heard:
        time.sleep(5.0)  # what is done once after a start is not the steady state
        begun, before_s = time.perf_counter(), spent_s(gateway.process.pid)
        time.sleep(WATCHED_S)
        share = (spent_s(gateway.process.pid) - before_s) / (time.perf_counter() - begun)
        assert set(METERS) == {name for name, count in house.readings().items() if count > 20}
        assert heard[0] > WATCHED_S * 1_000, "the browser heard nothing"
        return share, resident_mb(gateway.process.pid)


def first_reading_s(house: House) -> float:
    """From the start of the program to the first reading on its page: the best of some."""
    spent = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        gateway = house.start()
        with running(gateway):
            while not any(house.readings().values()):
                time.sleep(0.01)
            spent.append(time.perf_counter() - begun)
    return min(spent)


def run() -> list[Ratio]:
    """Megabytes, share of a core, and seconds to the first reading: limit / measured."""
    with tempfile.TemporaryDirectory(dir=DISK) as name, ExitStack() as meters:
        ports = [Path(name) / meter for meter in METERS]
        for seed, port in enumerate(ports):
            meters.enter_context(simulated("p1", port, "--seed", seed))
        house = House(Path(name), ports)
        with house.street.running():
            start_s = first_reading_s(house)
            share, mb = steady(house)
    return [
        Ratio("house: processes in a GB", 1000 / mb, 1000 / MB_MAX, MB_MAX / mb, 1.0),
        Ratio("house: such houses on a core", 1 / share, 1 / CORE_MAX, CORE_MAX / share, 1.0),
        Ratio("house: first readings a minute", 60 / start_s, 30, START_S_MAX / start_s, 1.0),
    ]
