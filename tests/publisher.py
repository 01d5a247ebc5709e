"""A publisher on its bench: a journal, a link that loses what it is told to, and a hub by hand."""

import asyncio
from pathlib import Path

from gateway.community.bridgekey import BridgeKey
from gateway.community.publish import Publisher
from gateway.contract import receipt, record, signed
from gateway.contract.keys import SigningKey
from gateway.contract.link import Broker, LinkDown
from gateway.contract.receipt import Receipt
from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE, Chain, Journal
from gateway.quarter import Moment

KEY = SigningKey(bytes(32))
BRIDGE = SigningKey(bytes([1]) * 32)
NOON = Moment(1_780_308_000_000, 0, "synced")
ROOT = "mk/v1/z/home"


class FakeLink:
    """Keeps what is published; `drops` says for each record whether the broker loses it."""

    denied = False
    trouble = ""

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
        self.time_ms = 0

    def take(self, data: bytes) -> None:
        _, got = record.parse(data)
        chain = self.chains.setdefault(got.identity.chain, [])
        if got.identity.seq == len(chain) + 1:
            chain.append(data)

    def receipt(
        self, name: str, *, key: SigningKey = BRIDGE, community: str = "z", held: str = ""
    ) -> bytes:
        self.time_ms += 1
        chain = self.chains.get(name, [])
        digest = signed.digest(chain[-1]) if chain else record.GENESIS
        told = Receipt(community, "home", name, len(chain), digest, self.time_ms, held)
        return receipt.make(told, key=key)


class Bench:
    """`samples`: the member has consented."""

    def __init__(self, folder: Path, *, samples: bool = False) -> None:
        self.now_s = 0.0
        self.journal = Journal.open(folder, community="z", gateway="home", key=KEY, boot="b")
        self.bridge_key = BridgeKey(BRIDGE.public, community="z", folder=folder)
        self.hub = Hub()
        self._samples = samples
        self.start_again()

    def start_again(self) -> None:
        """As after another start of the program; what the link was given before is gone."""
        self.publisher = Publisher(
            self.journal,
            community="z",
            gateway="home",
            broker=Broker.parse("mqtt://127.0.0.1:1", where="broker"),
            bridge_key=self.bridge_key,
            samples_shared=self._samples,
            birth=dict,
            health=dict,
            moment=lambda: NOON,
            real_s=lambda: self.now_s,
        )
        self.link = FakeLink()
        self.publisher.link = self.link  # type: ignore[assignment]
        self.come_up(98.0)
        self.link.said.clear()
        self.now_s = 100.0

    def come_up(self, now_s: float) -> None:
        """There is a new connection."""
        self.now_s = now_s
        asyncio.run(self.publisher._on_up())

    def chain(self, kind: str = EVIDENCE) -> Chain:
        return next(c for c in self.journal.chains() if c.kind == kind and c.current)

    def put(self, count: int, *, kind: str = EVIDENCE) -> None:
        for _ in range(count):
            self.journal.append(kind, QUARTER, [], moment=NOON)
        self.journal.commit(NOON)

    def turn(self, now_s: float | None = None) -> None:
        """One turn of the publisher, at `now_s`; what a link that is down refuses is refused."""
        self.now_s = self.now_s if now_s is None else now_s
        asyncio.run(self.publisher._turn())

    def sent(self, kind: str = EVIDENCE) -> list[int]:
        """The numbers of the records that the broker has since the hub took any."""
        parsed = [record.parse(data)[1].identity for data in self.link.records]
        return [one.seq for one in parsed if one.chain == self.chain(kind).chain]

    def take(self) -> None:
        """The hub takes what the broker has."""
        for data in self.link.records:
            self.hub.take(data)
        self.link.records.clear()

    def hear(self, payload: bytes, leaf: str = "receipt") -> None:
        self.publisher._on_message(f"{ROOT}/{leaf}", payload)

    def answer(self, *, kind: str = EVIDENCE, held: str = "") -> None:
        """The hub takes what the broker has, and receipts the chain once."""
        self.take()
        self.hear(self.hub.receipt(self.chain(kind).chain, held=held))

    def hub_says(self, word: bytes) -> None:
        self.publisher._on_message("mk/v1/z/hub", word)
