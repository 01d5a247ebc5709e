"""A bridge that is killed again and again while gateways send everything more than once: nothing is
lost, nothing is double, and `verify` finds no difference.

Invariants 2 and 7 (DESIGN); 7, 8 and 9 (ledger). `make soak` kills it a thousand times.
"""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import aiomqtt
import pytest

from gateway.contract import receipt as receipts
from gateway.contract.errors import PeopleError
from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Request, Transfer, make
from ledger_bridge.books.registry.edits import CardGiven, GatewayAdmitted, MemberAdded, MeterFitted
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.desk import Paper, hand_in
from ledger_bridge.hub import Hub
from tests.running import Running
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, key, token
from tests.system.programs import Program, end, free_port, running, until

pytestmark = pytest.mark.system

BAGS = 60
ACTS = 20
# So many records of each gateway are under way at once.
WINDOW = 20


def evidence(quarters: int) -> dict[tuple[str, int], bytes]:
    """All records of two homes and a recycling point, by gateway and number.

    Each home gives back 30 Wh in each quarter-hour; a bag of glass is 100 g.
    """
    found = {}
    for gateway in ("home", "away"):
        chain = Chain(gateway)
        for n in range(quarters + 1):
            data = chain.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=1_000 + n * 30)
            found[gateway, chain.seq] = data
    point = Chain("point")
    for n in range(BAGS):
        data = point.deposit(NOON_MS + n * 60_000, grams=100)
        found["point", point.seq] = data
    return found


class Siege:
    """The hub, its gateways and whoever kills it."""

    def __init__(self, folder, seed: int, quarters: int) -> None:
        self.chance = random.Random(seed)
        self.quarters = quarters
        self.port = free_port()
        self.broker = Program(
            "broker", folder, "broker", "--dir", folder / "broker", "--port", self.port
        )
        hub = Running(folder / "hub", self.port, POLICY)
        hub.edit(
            MemberAdded("noor", "acc-noor"),
            MemberAdded("bram", "acc-bram"),
            *(GatewayAdmitted(name, key(name).public.x) for name in ("home", "away", "point")),
            MeterFitted("home", "hall", "", "noor", 0),
            MeterFitted("away", "hall", "", "bram", 0),
            CardGiven(token("A", CARD_KEY), "noor"),
        )
        self.bridge_key = hub.hub.key("bridge").public
        hub.bridge.community.db.close()
        config = hub.hub.config
        config.write_text(config.read_text().replace("127.0.0.1:7080", f"127.0.0.1:{free_port()}"))
        self.hub = Hub.load(config)
        self.records = evidence(quarters)
        self.receipted = dict.fromkeys(("home", "away", "point"), 0)
        self.kills = 0
        self.is_over = False
        self.nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.system.nursery", str(self.hub.config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "bridge.log").open("wb"),
        )
        self.pid = self.born()

    def born(self) -> int:
        assert self.nursery.stdin
        assert self.nursery.stdout
        self.nursery.stdin.write(b"\n")
        self.nursery.stdin.flush()
        return int(self.nursery.stdout.readline())

    def is_alive(self) -> bool:
        with suppress(ProcessLookupError):
            os.kill(self.pid, 0)
            return True
        return False

    def stored(self) -> dict[str, int]:
        """How far each chain is stored, as the file says."""
        with closing(sqlite3.connect(f"file:{self.hub.books}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT gateway, up_to FROM chain").fetchall()
        return {**dict.fromkeys(self.receipted, 0), **dict(rows)}

    async def gateways(self) -> None:
        """Send what has no receipt, out of order and more than once, and some that has one.

        Ends by a flag: aiomqtt waits in a way that on Python 3.11 may forget to be cancelled.
        """
        while not self.is_over:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client("127.0.0.1", self.port) as client:
                    await client.subscribe(f"mk/v1/{ID}/+/receipt", qos=1)
                    hearing = asyncio.create_task(self._hear(client))
                    try:
                        await self._send(client)
                    finally:
                        hearing.cancel()

    async def _send(self, client: aiomqtt.Client) -> None:
        names = list(self.records)
        while not self.is_over:
            some = self.chance.sample(names, 5)
            for gateway, up_to in self.receipted.items():
                numbers = range(up_to + 1, up_to + 1 + WINDOW)
                some += [one for seq in numbers if (one := (gateway, seq)) in self.records]
            self.chance.shuffle(some)
            for gateway, seq in some:
                topic = f"mk/v1/{ID}/{gateway}/record"
                await client.publish(topic, self.records[gateway, seq], qos=1)
            await asyncio.sleep(self.chance.uniform(0.02, 0.1))

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            told = receipts.check(message.payload, key=self.bridge_key)
            self.receipted[told.gateway] = max(self.receipted[told.gateway], told.up_to)

    async def killer(self, kills: int) -> None:
        """End the bridge as a power cut does, at any moment, and let another be born."""
        while self.kills < kills:
            await asyncio.sleep(self.chance.choice((0.02, 0.2, 0.5)) * self.chance.random())
            before = dict(self.receipted)
            if self.is_alive():
                os.kill(self.pid, signal.SIGKILL)
                self.kills += 1
                if self.kills % 25 == 0:
                    print(f"{self.kills} kills, receipted {before}", file=sys.stderr)
            stored = self.stored()
            assert all(stored[name] >= up_to for name, up_to in before.items()), (stored, before)
            self.pid = self.born()

    async def steward(self) -> None:
        """Give noor's credit to bram, bit by bit, and ask again until there is an answer."""
        for n in range(ACTS):
            request = Request(ID, f"gift-{n}", Transfer("noor", "bram", "WASTE", 1))
            paper = Paper("act", make(request, key=self.hub.key("steward")).decode())
            while not await asyncio.to_thread(self._hand_in, paper):
                await asyncio.sleep(0.05)

    def _hand_in(self, paper: Paper) -> bool:
        with suppress(PeopleError, OSError):
            hand_in(self.hub, paper)
            return True
        return False

    def is_all_receipted(self) -> bool:
        if not self.is_alive():
            self.pid = self.born()
        all_ = self.quarters + 1
        return {"home": all_, "away": all_, "point": BAGS} == self.receipted

    async def rage(self, kills: int) -> None:
        begin_s = time.monotonic()
        sending = asyncio.create_task(self.gateways())
        try:
            await asyncio.gather(self.killer(kills), self.steward())
            await asyncio.to_thread(until, "all is receipted", self.is_all_receipted, seconds=600)
        finally:
            self.is_over = True
            await sending
        print(f"{self.kills} kills in {time.monotonic() - begin_s:.0f} s", file=sys.stderr)

    def end(self) -> None:
        if self.is_alive():
            os.kill(self.pid, signal.SIGTERM)
            until("the last one has gone", lambda: not self.is_alive())
        assert self.nursery.stdin
        self.nursery.stdin.close()
        end(self.nursery)


@pytest.mark.parametrize(
    ("kills", "quarters"), [(20, 400), pytest.param(1_000, 20_000, marks=pytest.mark.soak)]
)
def test_no_kill_of_the_bridge_loses_or_doubles_anything(tmp_path, kills, quarters):
    """A quarter-hour of 30 Wh at a third of a credit per kWh is 0.01 credit, on whatever day. 60
    bags are 6 kg of glass, 0.3 credit.
    """
    siege = Siege(tmp_path, seed=kills, quarters=quarters)
    with running(siege.broker):
        try:
            asyncio.run(siege.rage(kills))
        finally:
            siege.end()
    assert kills == siege.kills
    db = store.open_to_read(siege.hub.books)
    records = 2 * (quarters + 1) + BAGS
    assert [(records,)] == db.execute("SELECT count(*) FROM record").fetchall()
    assert [(ACTS,)] == db.execute(
        "SELECT count(*) FROM booking WHERE kind = 'transfer'"
    ).fetchall()
    expected = {
        ("acc-noor", "ENERGY"): 10_000 * quarters,
        ("acc-bram", "ENERGY"): 10_000 * quarters,
        ("acc-noor", "WASTE"): 300_000 - ACTS,
        ("acc-bram", "WASTE"): ACTS,
    }
    rows = db.execute("SELECT account, asset, amount FROM balance WHERE account LIKE 'acc-%'")
    assert expected == {(account, asset): amount for account, asset, amount in rows}
    verified = verify(db, ID, log_key=siege.hub.key("log").public, progress=str)
    assert (records, 0) == (verified.records, verified.waiting)
