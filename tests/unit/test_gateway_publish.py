"""The publisher: whatever the broker loses, doubles or reorders, the hub gets all."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.contract import receipt, record, signed
from gateway.contract.keys import SigningKey
from gateway.contract.link import Broker, LinkDown
from gateway.contract.receipt import Receipt
from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE, PRIVATE, Journal, Tally
from gateway.publish import RESEND_S, WINDOW, Publisher
from gateway.quarter import Moment

KEY = SigningKey(bytes(32))
BRIDGE = SigningKey(bytes([1]) * 32)
NOON = Moment(1_780_308_000_000, 0, "synced")


class FakeLink:
    """Keeps what is published; `drops` says for each message whether the broker loses it."""

    def __init__(self) -> None:
        self.up = asyncio.Event()
        self.up.set()
        self.records: list[bytes] = []
        self.said: dict[str, bytes] = {}
        self.drops: list[bool] = []
        self.down = False

    async def publish(self, topic: str, payload: bytes, **_: object) -> None:
        if self.down:
            raise LinkDown
        if not topic.endswith("/record"):
            self.said[topic] = payload
        elif not (self.drops and self.drops.pop()):
            self.records.append(payload)


class Hub:
    """Stores each chain without a gap, as a bridge would, and receipts."""

    def __init__(self) -> None:
        self.chains: dict[str, list[bytes]] = {}

    def take(self, data: bytes) -> bytes:
        _, got = record.parse(data)
        chain = self.chains.setdefault(got.identity.chain, [])
        if got.identity.seq == len(chain) + 1:
            chain.append(data)
        return self.receipt(got.identity.chain)

    def receipt(self, name: str, *, key: SigningKey = BRIDGE, community: str = "z") -> bytes:
        chain = self.chains.get(name, [])
        digest = signed.digest(chain[-1]) if chain else record.GENESIS
        told = Receipt(community, "home", name, len(chain), digest, 0)
        return receipt.make(told, key=key)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        self.journal = Journal.open(folder, community="z", gateway="home", key=KEY, boot="b")
        self.publisher = Publisher(
            self.journal,
            community="z",
            gateway="home",
            broker=Broker("127.0.0.1", 1, tls=False, user=None, password=None),
            bridge_key=BRIDGE.public,
            samples_shared=False,
            birth=dict,
            health=dict,
            real_s=lambda: self.now_s,
        )
        self.link = FakeLink()
        self.publisher.link = self.link  # type: ignore[assignment]
        (self.chain,) = [c for c in self.journal.chains() if c.kind == EVIDENCE]
        self.hub = Hub()

    def put(self, count: int) -> None:
        for _ in range(count):
            self.journal.append(EVIDENCE, QUARTER, [], moment=NOON)
        self.journal.commit(NOON)

    async def send(self, now_s: float) -> None:
        self.now_s = now_s
        await self.publisher._send(self.chain)

    def answer(self, *, payload: bytes | None = None) -> None:
        """The hub takes what has come and receipts the chain once."""
        for data in self.link.records:
            self.hub.take(data)
        self.link.records.clear()
        self.publisher._on_message("", payload or self.hub.receipt(self.chain.chain))

    def numbers(self) -> list[int]:
        return [record.parse(data)[1].identity.seq for data in self.link.records]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize("count", [WINDOW + 7])
def test_no_more_than_the_window_is_under_way(bench: Bench, count: int) -> None:
    async def scenario() -> None:
        bench.put(count)
        await bench.send(0)
        await bench.send(1)
        assert bench.numbers() == list(range(1, 51))
        bench.answer()
        await bench.send(2)
        assert bench.numbers() == list(range(51, 58))

    asyncio.run(scenario())


def test_what_has_no_receipt_goes_again_after_five_seconds(bench: Bench) -> None:
    async def scenario() -> None:
        bench.put(2)
        await bench.send(0)
        bench.link.records.clear()
        await bench.send(RESEND_S)
        assert bench.numbers() == []
        await bench.send(RESEND_S + 0.1)
        assert bench.numbers() == [1, 2]

    asyncio.run(scenario())


def test_a_restored_hub_gets_the_old_records_again(bench: Bench) -> None:
    async def scenario() -> None:
        bench.put(5)
        await bench.send(0)
        bench.answer()
        assert bench.journal.tally() == Tally(5, 5, 0, 0)
        bench.hub.chains[bench.chain.chain] = bench.hub.chains[bench.chain.chain][:2]
        bench.answer()
        assert bench.journal.tally() == Tally(5, 2, 3, 0)
        await bench.send(1)
        assert bench.numbers() == [3, 4, 5]

    asyncio.run(scenario())


def test_a_forged_receipt_is_counted_and_deletes_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        bench.put(2)
        await bench.send(0)
        for data in bench.link.records:
            bench.hub.take(data)
        name = bench.chain.chain
        bench.answer(payload=bench.hub.receipt(name, key=KEY))
        bench.answer(payload=bench.hub.receipt(name, community="other"))
        bench.answer(payload=b"nonsense")
        assert bench.publisher.forged == 3
        assert bench.journal.tally() == Tally(2, 0, 2, 0)

    asyncio.run(scenario())


def test_a_receipt_for_other_bytes_is_an_alarm_and_deletes_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        bench.put(2)
        told = Receipt("z", "home", bench.chain.chain, 2, "0" * 64, 0)
        bench.answer(payload=receipt.make(told, key=BRIDGE))
        assert bench.publisher.refused == 1
        assert bench.journal.tally() == Tally(2, 0, 2, 0)

    asyncio.run(scenario())


def test_what_else_the_hub_says_goes_to_who_hears_it_and_is_no_receipt(tmp_path: Path) -> None:
    heard: list[bytes] = []

    async def scenario() -> None:
        bench = Bench(tmp_path)
        publisher = Publisher(
            bench.journal,
            community="z",
            gateway="home",
            broker=Broker("127.0.0.1", 1, tls=False, user=None, password=None),
            bridge_key=BRIDGE.public,
            samples_shared=False,
            birth=dict,
            health=dict,
            real_s=lambda: 0.0,
            hears={"mk/v1/z/policy": heard.append},
        )
        assert publisher.link._subscriptions == ["mk/v1/z/home/receipt", "mk/v1/z/policy"]
        publisher._on_message("mk/v1/z/policy", b"paper")
        publisher._on_message("mk/v1/z/home/receipt", b"nonsense")
        assert (heard, publisher.forged) == ([b"paper"], 1)
        bench.journal.close()

    asyncio.run(scenario())


def test_samples_without_consent_are_never_sent(bench: Bench) -> None:
    async def scenario() -> None:
        bench.journal.append(PRIVATE, QUARTER, [], moment=NOON)
        bench.journal.commit(NOON)
        bench.publisher.wake()
        task = asyncio.create_task(bench.publisher.run())
        while "mk/v1/z/home/health" not in bench.link.said:
            await asyncio.sleep(0)
        task.cancel()
        assert bench.link.records == []

    asyncio.run(scenario())


def test_everything_is_said_again_when_the_link_is_up(bench: Bench) -> None:
    async def scenario() -> None:
        bench.put(1)
        await bench.send(0)
        bench.link.records.clear()
        await bench.publisher._on_up()
        await bench.send(0)
        assert bench.numbers() == [1]
        assert bench.link.said["mk/v1/z/home/state"] == b"online"
        assert bench.link.said["mk/v1/z/home/birth"] == b"{}"

    asyncio.run(scenario())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(1, 120),
    drops=st.lists(st.booleans(), max_size=200),
    lost_receipts=st.lists(st.booleans(), max_size=10),
)
def test_any_pattern_of_loss_ends_with_everything_once_at_the_hub(
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    drops: list[bool],
    lost_receipts: list[bool],
) -> None:
    bench = Bench(tmp_path_factory.mktemp("journal"))
    bench.link.drops = drops

    async def scenario() -> None:
        bench.put(count)
        for turn in range(250):
            await bench.send(turn * (RESEND_S + 1))
            for data in bench.link.records:
                bench.hub.take(data)
            bench.link.records.clear()
            if not (lost_receipts and lost_receipts.pop()):
                bench.answer()
            if not bench.journal.tally().pending:
                return
        raise AssertionError("never delivered")

    asyncio.run(scenario())
    at_the_hub = bench.hub.chains[bench.chain.chain]
    assert at_the_hub == bench.journal.records(bench.chain.chain, start=1, limit=10**6)
    assert bench.journal.tally() == Tally(count, count, 0, 0)
    bench.journal.close()
