"""Two gateways from one card: a journal is copied, and both go on at the books of one street."""

import asyncio
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from drivers.reading import Reading
from gateway.community.bridgekey import BridgeKey
from gateway.community.publish import GREETING_S, Publisher
from gateway.community.window import PATIENCE_S_MAX
from gateway.contract import receipt
from gateway.contract import record as records
from gateway.contract.cards import token
from gateway.contract.link import Broker
from gateway.contract.receipt import Receipt
from gateway.contract.record import DEPOSIT, Element
from gateway.journal import EVIDENCE, Chain, Journal
from gateway.quarter import Moment
from ledger_bridge.inbox import Delivery
from tests.publisher import FakeLink
from tests.street import CARD_KEY, ID, NOON_MS, Street, key

GATEWAY = "point"
GRAMS = 1_000


class Copy:
    """A gateway that runs from the journal in `folder`, which it calls its own."""

    def __init__(self, folder: Path, boot: str) -> None:
        self.now_s = 0.0
        self._boot = boot
        self._brought = 0
        self.brought: list[str] = []
        self.journal = Journal.open(
            folder, community=ID, gateway=GATEWAY, key=key(GATEWAY), boot=boot
        )
        self.publisher = Publisher(
            self.journal,
            community=ID,
            gateway=GATEWAY,
            broker=Broker.parse("mqtt://127.0.0.1:1", where="broker"),
            bridge_key=BridgeKey(key("bridge").public, community=ID, folder=folder),
            samples_shared=False,
            birth=dict,
            health=dict,
            moment=self.moment,
            real_s=lambda: self.now_s,
        )
        self.link = FakeLink()
        self.publisher.link = self.link  # type: ignore[assignment]
        self.come_up()
        self.now_s += GREETING_S

    def moment(self) -> Moment:
        return Moment(NOON_MS + self._brought, self._brought, "synced")

    def chain(self) -> Chain:
        return next(c for c in self.journal.chains() if c.kind == EVIDENCE and c.current)

    def bring(self) -> None:
        """Somebody brings a kilogram of glass, and is told that it is kept."""
        self._brought += 1
        self.brought.append(f"{self._boot}-{self._brought}")
        said = [
            records.element("scale", Reading("net", GRAMS * 1000, "mg"), base_ms=0),
            Element(n="kiosk/deposit", vs=self.brought[-1]),
            Element(n="kiosk/fraction", vs="glass"),
            Element(n="kiosk/card", vs=token("A", CARD_KEY)),
        ]
        with self.journal.at_once(self.moment()):
            self.journal.append(EVIDENCE, DEPOSIT, said, moment=self.moment())

    def come_up(self) -> None:
        asyncio.run(self.publisher._on_up())

    def turn(self) -> None:
        """The publisher sends what may go; what nobody answered goes again, so late it is."""
        self.now_s += 2 * PATIENCE_S_MAX
        asyncio.run(self.publisher._turn())

    def lose(self) -> None:
        """The broker loses what it was given first."""
        del self.link.records[:1]

    def hear(self, *said: Receipt) -> None:
        for one in said:
            data = receipt.make(one, key=key("bridge"))
            self.publisher._on_message(f"mk/v1/{ID}/{GATEWAY}/receipt", data)


class Copies:
    """The street with its hub, and one gateway until `copy` makes two of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.street = Street(folder / "books")
        self.both = [Copy(folder / "card", "first")]

    def close(self) -> None:
        for one in self.both:
            one.journal.close()

    def copy(self) -> None:
        shutil.copytree(self._folder / "card", self._folder / "copy")
        self.both.append(Copy(self._folder / "copy", "second"))

    def take(self) -> Delivery:
        """The hub takes what both have sent, and both hear what it says."""
        sent = [data for one in self.both for data in one.link.records]
        for one in self.both:
            one.link.records.clear()
        delivery = self.street.take(GATEWAY, *sent)
        for one in self.both:
            one.hear(*delivery.receipts)
        return delivery

    def greet(self, one: Copy) -> None:
        """A new connection, and the hub answers the birth."""
        one.come_up()
        names = [chain.chain for chain in one.journal.chains()]
        one.hear(*self.street.inbox.receipts(GATEWAY, names, now_ms=NOON_MS))

    def walk(self, steps: Iterable[tuple[str, int]]) -> None:
        """What happens, and to which of the two; the hub takes what it takes of both."""
        for what, which in steps:
            one = self.both[which]
            deeds: dict[str, Callable[[], object]] = {
                "bring": one.bring,
                "turn": one.turn,
                "lose": one.lose,
                "greet": partial(self.greet, one),
                "take": self.take,
            }
            deeds[what]()

    def brought(self) -> list[str]:
        """The deposits that either of them accepted."""
        return sorted(name for one in self.both for name in one.brought)

    def settle(self) -> None:
        """All goes on until nothing waits any more, for so long that it must."""
        for _ in range(6):
            for one in self.both:
                self.greet(one)
                one.turn()
            self.take()

    def credited(self) -> list[str]:
        """The deposits that count, each as often as it does."""
        rows = self.street.community.db.execute(
            "SELECT id FROM deposit WHERE counted != 0 ORDER BY id"
        )
        return [name for (name,) in rows]

    def held(self) -> list[str]:
        rows = self.street.community.db.execute("SELECT held FROM chain WHERE held != ''")
        return [why for (why,) in rows]
