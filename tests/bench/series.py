"""From stored records into InfluxDB 1.6.7, as the bridge does it, against posting lines that are
ready and nothing else.

Both take the same way through the translator of the tests, in the same run; the second ratio is to
posting past it. A day of 100 homes: a record each quarter-hour with 4 counters and 15 gauges. What
is due of members and of the street is part of it.
"""

import logging
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import structlog

from firmware_sim.premises import free_ports, is_free
from ledger_bridge.books import changed
from ledger_bridge.inbox import spare_the_collector
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.engines import Database
from ledger_bridge.timeseries.place import Notebook
from ledger_bridge.timeseries.posting import Post
from ledger_bridge.timeseries.sink import Sink
from ledger_bridge.timeseries.standing import Standing, standing
from ledger_bridge.timeseries.target import Target
from tests.bench import Ratio
from tests.bench.bridge import homes, quarter
from tests.influx import MONTHS, YEARS, Influx
from tests.street import ID, MIDNIGHT_MS, Chain, Street
from tests.system.programs import end

HOMES = 100
# From midnight to midnight.
QUARTERS = 97
NOW_MS = MIDNIGHT_MS + 86_400_000
ROUNDS = 5
# What is asked of the bridge on any machine; the ratio to beat is 0.5.
GOAL_PER_S = 100_000


class Quiet:
    """A program around a sink that has nothing else to do."""

    def now_ms(self) -> int:
        return NOW_MS

    def give_way(self) -> None:
        """There is time."""

    def taken(self) -> None:
        """Nobody wants to know."""

    def minute(self, _: Standing) -> list[str]:
        return []


def a_day(folder: Path) -> Street:
    street = homes(folder, HOMES)
    chains = [Chain(f"g{n}") for n in range(HOMES)]
    for number in range(QUARTERS):
        batch = [(chain.gateway, quarter(chain, number)) for chain in chains]
        street.inbox.take(batch, now_ms=NOW_MS)
    street.community.settle(NOW_MS)
    return street


def write(street: Street, url: str, place: Path, *, until: int) -> float:
    """Seconds in which a sink that has written nothing yet writes everything."""
    target = Target("influxdb1", url, "", YEARS, MONTHS, "")
    reader, notebook = Reader(street.path, ID), Notebook(place)
    sink = Sink(reader, notebook, Post(Database(target)), target=target.name, world=Quiet())
    begin = time.perf_counter()
    sink.round(until)
    seconds = time.perf_counter() - begin
    assert standing(reader, notebook)[:1] == (0,), "something is left"
    notebook.close()
    return seconds


def post(bodies: list[tuple[str, bytes]], url: str) -> float:
    """Seconds for posting these bodies, each to the address of its bucket."""
    begin = time.perf_counter()
    for bucket, body in bodies:
        urllib.request.urlopen(url.format(bucket), body).close()
    return time.perf_counter() - begin


@contextmanager
def apart(influx: Influx) -> Iterator[str]:
    """The address of a translator in a process of its own, which takes no time of ours."""
    (port,) = free_ports(1)
    words = ["-m", "tests.influx", str(port), str(influx.port)]
    process = subprocess.Popen([sys.executable, *words])
    try:
        while is_free(port):
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def run() -> list[Ratio]:
    """Medians over the rounds, each of which measures all in turn."""
    spare_the_collector()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    times: list[tuple[float, float, float]] = []
    with (
        tempfile.TemporaryDirectory(dir=".") as name,
        Influx(Path(name).resolve() / "influx") as influx,
        apart(influx) as url,
    ):
        street = a_day(Path(name) / "books")
        until = changed.turn(street.community.db, ID)
        influx.front.kept = bodies = []
        write(street, influx.url, Path(name) / "first.db", until=until)
        points = sum(body.count(b"\n") + 1 for _, body in bodies)
        for number in range(ROUNDS):
            influx.renew()
            written = write(street, url, Path(name) / f"{number}.db", until=until)
            influx.renew()
            posted = post(bodies, f"{url}/api/v2/write?bucket={{}}&precision=ms")
            influx.renew()
            past = post(bodies, f"{influx.straight}/write?db={{}}&precision=ms")
            times.append((written, posted, past))
    ours, ready, straight = (points / median(column) for column in zip(*times, strict=True))
    of_ready = median(posted / written for written, posted, _ in times)
    of_straight = median(past / written for written, _, past in times)
    of_goal = ours / GOAL_PER_S
    return [
        Ratio("time series / 100,000 points a second", ours, GOAL_PER_S, of_goal, 1.0),
        Ratio("time series / posting ready lines", ours, ready, of_ready, 0.50),
        Ratio("time series / the same past the translator", ours, straight, of_straight, 0.45),
    ]
