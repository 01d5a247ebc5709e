"""Two gateways from one card, as whole programs: both go on, and nothing is credited twice."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import aiomqtt
import pytest

from drivers.wire import crc
from gateway import config
from gateway.contract.link import Broker
from tests.bench.gateway import Street, command, moved
from tests.bench.journal import MIDNIGHT_MS
from tests.system.programs import Program, meterkast, running, until

pytestmark = pytest.mark.system

QUARTER_MS = 900_000
CHANCE = random.Random(1)


def telegram(quarter: int) -> bytes:
    """What the meter says at a quarter of the day: 300 Wh more were delivered in each."""
    body = moved(MIDNIGHT_MS + quarter * QUARTER_MS, CHANCE).rpartition(b"!")[0] + b"!"
    body = body.replace(b"2.8.1(000244.400", b"2.8.1(%010.3f" % (244.4 + quarter * 0.3))
    return body + f"{crc.arc(body):04X}\r\n".encode()


class Gateway:
    """A gateway in `folder` with a meter at the other end of its line."""

    def __init__(self, folder: Path, toml: str) -> None:
        self._wire, self._line = os.openpty()
        self._folder = folder
        self.toml = folder / "gateway.toml"
        self.port = os.ttyname(self._line)
        self.toml.write_text(toml.replace("/dev/pts/9999", self.port))

    @contextmanager
    def running(self) -> Iterator[None]:
        before = self._opened()
        with running(Program("gateway", self._folder, "gateway", "--config", self.toml)):
            until("the line is open", lambda: self._opened() > before)
            yield

    def _opened(self) -> int:
        return self.log().count("line_open")

    def log(self) -> str:
        path = self._folder / "gateway.log"
        return path.read_text() if path.exists() else ""

    def hear(self, quarter: int) -> None:
        os.write(self._wire, telegram(quarter))

    def pending(self) -> int:
        path = self._folder / "data" / "journal.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return int(db.execute("SELECT SUM(pending) FROM tally").fetchone()[0])

    def close(self) -> None:
        os.close(self._wire)
        os.close(self._line)


class Copies(Street):
    """A street with one gateway, whose card is copied."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.hub = folder / "hub" / "bridge.toml"
        self.first = Gateway(folder, self.toml.read_text())
        self.bridge: Program

    @contextmanager
    def running(self) -> Iterator[None]:
        with running(Program(*self._broker)):
            self.bridge = Program(*self._bridge)
            with running(self.bridge):
                yield

    def copy(self) -> Gateway:
        copy = self.folder / "copy"
        copy.mkdir()
        shutil.copytree(self.folder / "data", copy / "data")
        shutil.copy(self.folder / "gateway.key", copy)
        toml = self.first.toml.read_text()
        return Gateway(copy, toml.replace(self.first.port, "/dev/pts/9999"))

    @contextmanager
    def deaf_hub(self) -> Iterator[None]:
        """The bridge is there and does nothing, so that nobody hears how far it is."""
        os.kill(self.bridge.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.bridge.process.pid, signal.SIGCONT)

    def sends(self, gateway: Gateway, quarter: int) -> None:
        """The gateway runs, hears its meter, and sends a record."""
        broker = Broker.parse(config.load(self.toml).broker or "", where="broker")

        async def run() -> None:
            async with asyncio.timeout(20), aiomqtt.Client(broker.host, broker.port) as client:
                await client.subscribe("mk/v1/zonstraat/home/record", qos=0)
                gateway.hear(quarter)
                await anext(aiter(client.messages))

        with gateway.running():
            asyncio.run(run())

    def rows(self, question: str) -> list[tuple[object, ...]]:
        path = self.folder / "hub" / "books.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(question).fetchall()

    def gateways(self) -> str:
        """What a steward sees; the command ends with 1 where something is held."""
        told = meterkast("hub", "gateways", "--config", self.hub)
        assert 1 == told.returncode
        return told.stdout

    def boundaries(self) -> list[int]:
        """The quarters of the day that are in the books."""
        rows = self.rows("SELECT DISTINCT at_ms FROM counter WHERE register = '1-0:2.8.1'")
        return sorted((at_ms - MIDNIGHT_MS) // QUARTER_MS for (at_ms,) in rows)


def test_two_gateways_from_one_card_both_go_on_and_nothing_is_credited_twice(tmp_path):
    street = Copies(tmp_path)
    with street.running(), ExitStack() as ends:
        first = ends.enter_context(closing(street.first))
        with first.running():
            first.hear(0)
            until("all is receipted", lambda: first.pending() == 0 and street.boundaries() == [0])
        second = ends.enter_context(closing(street.copy()))
        with street.deaf_hub():
            street.sends(first, 1)
            street.sends(second, 2)
        until(
            "the hub holds the chain", lambda: street.rows("SELECT 1 FROM chain WHERE held != ''")
        )
        with first.running(), second.running():
            first.hear(3)
            second.hear(4)
            until("both are heard", lambda: street.boundaries() == [0, 1, 2, 3, 4], seconds=60)
            until("all is receipted", lambda: [0, 0] == [first.pending(), second.pending()])
        # 300 Wh in each of four quarters, in thousandths.
        assert [(1_200_000,)] == street.rows(
            "SELECT sum(delta) FROM counter WHERE register = '1-0:2.8.1'"
        )
        command("verify", "--config", street.hub)
        assert "held: two records under number" in street.gateways()
    begun = "event=chain_begun_again kind=evidence"
    assert [1, 1] == [first.log().count(begun), second.log().count(begun)]
