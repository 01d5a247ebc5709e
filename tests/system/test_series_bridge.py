"""A real bridge beside a real InfluxDB that goes away, is killed, refuses and hangs: records are
receipted and settled all the time, and in the end the database has each of them, once.
"""

import asyncio
import json
import sqlite3
import time
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path

import aiomqtt
import pytest

from gateway.contract import receipt as receipts
from gateway.contract import topics
from ledger_bridge.books.registry.edits import GatewayAdmitted, MemberAdded, MeterFitted
from ledger_bridge.hub import Hub
from ledger_bridge.timeseries.engines import WRITE_S
from tests.answers import Answers
from tests.influx import Answer, Influx
from tests.running import Running
from tests.street import ID, MIDNIGHT_MS, POLICY, QUARTER_MS, Chain, key
from tests.system.programs import Program, free_port, meterkast, running, until

pytestmark = pytest.mark.system

GATEWAYS = {"home": "acc-noor", "away": "acc-bram"}
# 96 times 30 Wh are 2.88 kWh, 0.96 credit each.
CREDITS = [("acc-bram", 960_000), ("acc-noor", 960_000)]
# In one day's worth of records of a gateway, 30 Wh in each quarter-hour.
QUARTERS = 96


class Village:
    """A hub with two homes that send what they are told to, until it is receipted."""

    def __init__(self, folder: Path, url: str) -> None:
        port, self.page = free_port(), f"127.0.0.1:{free_port()}"
        self._port = port
        self.broker = Program(
            "broker", folder, "broker", "--dir", folder / "broker", "--port", port
        )
        hub = Running(folder / "hub", port, POLICY)
        hub.edit(
            *(MemberAdded(account[4:], account) for account in GATEWAYS.values()),
            *(GatewayAdmitted(name, key(name).public.x) for name in GATEWAYS),
            *(MeterFitted(name, "hall", "", one[4:], 0) for name, one in GATEWAYS.items()),
        )
        self._bridge_key = hub.hub.key("bridge").public
        hub.bridge.community.db.close()
        self.config = hub.hub.config
        text = self.config.read_text().replace("127.0.0.1:7080", self.page)
        token = self.config.with_name("series.token")
        token.write_text("user:password")
        token.chmod(0o600)
        series = f'series_url = "{url}"\nseries_engine = "influxdb1"\n'
        self.config.write_text(f'{text}{series}series_token_file = "series.token"\n')
        self.hub = Hub.load(self.config)
        self._chains = {name: Chain(name) for name in GATEWAYS}
        self._counted = 0
        self.bridge = Program("bridge", folder, "bridge", "--config", self.config)

    def send(self, quarters: int) -> float:
        """Send so many more quarter-hours of each home; gives after how many seconds the last one
        was receipted.
        """
        made = [
            (name, chain.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=1_000 + n * 30))
            for n in range(self._counted, self._counted + quarters)
            for name, chain in self._chains.items()
        ]
        self._counted += quarters
        began = time.monotonic()
        asyncio.run(self._send(made))
        return time.monotonic() - began

    async def _send(self, made: list[tuple[str, bytes]]) -> None:
        left = dict.fromkeys(GATEWAYS, self._counted)
        async with asyncio.timeout(30), aiomqtt.Client("127.0.0.1", self._port) as client:
            await client.subscribe(f"mk/v1/{ID}/+/receipt", qos=1)
            await client.subscribe(topics.hub(ID), qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                if str(message.topic) == topics.hub(ID):
                    for name, data in made if message.payload == b"online" else ():
                        await client.publish(f"mk/v1/{ID}/{name}/record", data, qos=1)
                    continue
                told = receipts.check(message.payload, key=self._bridge_key)
                if told.up_to == left.get(told.gateway):
                    del left[told.gateway]
                if not left:
                    return

    def series(self) -> dict[str, object]:
        with urllib.request.urlopen(f"http://{self.page}/api/status", timeout=10) as answer:
            told: dict[str, object] = json.load(answer)["series"]
        return told

    def first_page(self) -> str:
        """What it says of time series."""
        with urllib.request.urlopen(f"http://{self.page}/", timeout=10) as answer:
            said: str = answer.read().decode().partition("time series:")[2].partition("</span>")[0]
        return " ".join(said.split())

    def is_written(self) -> bool:
        told = self.series()
        return (told["behind"], told["away"], told["quarantined"]) == (0, "", 0)

    def settled(self) -> list[tuple[str, int]]:
        with closing(sqlite3.connect(f"file:{self.hub.books}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT account, amount FROM balance WHERE account LIKE 'acc-%' ORDER BY account"
            )
            return rows.fetchall()

    def events(self) -> Counter[str]:
        """How often the bridge's log tells of each thing about time series."""
        words = ("series_away", "series_back", "points_refused", "series_begun_anew")
        text = self.bridge.log.read_text()
        return Counter({word: text.count(word) for word in words if word in text})

    def command(self, *args: str) -> tuple[int, str]:
        done = meterkast("hub", "series", *args, "--config", self.config)
        return done.returncode, done.stdout


def test_nothing_is_lost_or_double_whatever_the_database_does(tmp_path, influx: Influx) -> None:
    """An increase of 30 Wh is 30,000 mWh; a day of them 2,880,000 mWh, and 0.96 credit. The first
    count of a meter gains nothing.
    """
    influx.kill()
    village = Village(tmp_path, influx.url)
    with running(village.broker, village.bridge):
        # It is away from the beginning.
        assert village.send(1 + QUARTERS) < WRITE_S
        until("it is settled", lambda: village.settled() == CREDITS)
        until("it is told", lambda: village.series()["away"])
        assert (1, True) == (village.command()[0], "away for" in village.command()[1])
        assert village.first_page().startswith("away since 2")
        influx.start()
        until("all is written", village.is_written)
        assert "up to date" == village.first_page()
        assert {"series_begun_anew": 1, "series_away": 1, "series_back": 1} == village.events()
        assert _points(influx) == {"count": 194, "quarter": 192, "day": 2}

        # Killed in the middle, and the bridge too.
        village.send(QUARTERS)
        influx.kill()
        village.send(QUARTERS)
        village.bridge.kill()
        village.bridge.start()
        influx.start()
        until("all is written", village.is_written)
        assert _points(influx) == {"count": 2 * 289, "quarter": 2 * 288, "day": 6}
        assert {2_880_000} == {one["gained"] for one in influx.points("day")}
        assert {30_000} == {one["gained"] for one in influx.points("quarter")}

        # The token is revoked; another is put in its place.
        influx.front.token = "user:another"
        village.send(1)
        until("it is told", lambda: "401" in str(village.series()["away"]))
        influx.front.token = "user:password"
        village.bridge.kill()  # else it looks again within a minute
        village.bridge.start()
        until("all is written", village.is_written)
        assert _points(influx)["count"] == 2 * 290
        assert 0 == village.command()[0]

        # It asks for less, has no room, and refuses what another program spoiled.
        influx.front.instead += [
            Answer(413),
            Answer(503, b'{"error":"no space left on device"}'),
            Answer(429, b"", (("Retry-After", "1"),)),
        ]
        influx.write("quarter,community=straat gained=0.5 1", database="meterkast")
        village.send(1)
        until("all is written", village.is_written)
        assert _points(influx)["count"] == 2 * 291


def _points(influx: Influx) -> dict[str, int]:
    """How many points of the community there are."""
    return {
        name: len([one for one in influx.points(name) if one.get("account")])
        for name in ("count", "quarter", "day")
    }


def test_the_bridge_receipts_and_ends_beside_a_database_that_never_answers(tmp_path) -> None:
    answers = Answers()
    answers.always = lambda _: None
    village = Village(tmp_path, answers.url)
    try:
        with running(village.broker, village.bridge):
            until("it is asked", lambda: bool(answers.asked))
            # Before the first answer is given up.
            assert village.send(1 + QUARTERS) < WRITE_S
            until("settled", lambda: village.settled() == CREDITS)
            village.bridge.end()
            # Who waits for an answer is killed.
            assert 0 == village.bridge.process.returncode
    finally:
        answers.close()
