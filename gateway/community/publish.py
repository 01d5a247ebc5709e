"""The community link: records out in a bounded window, receipts and what else the hub says in.

A broker's acknowledgement is only a hint; what has no receipt after a while is sent again. So a
record may arrive twice and out of order, and is lost only with the journal.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from math import inf
from types import MappingProxyType
from typing import NamedTuple

import structlog

from gateway.community.bridgekey import BridgeKey
from gateway.community.forgeries import Forgeries
from gateway.community.receipts import Receipts
from gateway.community.window import LEAST, WINDOW, Window, base_of
from gateway.contract import topics
from gateway.contract.link import Broker, Link, LinkDown, Will
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from gateway.journal import EVIDENCE, SAMPLES, Chain, Journal
from gateway.quarter import Moment

log = structlog.get_logger()

TURN_S = 1.0
HEALTH_S = 30.0
FAREWELL_S = 2.0
# A hub that is there says within this, of each chain that the birth names, how far it has it. A
# journal that is an older copy finds out before it says something else under a number.
GREETING_S = 2.0
# Birth is said again to a hub that is away: somebody may have said so falsely.
BIRTH_AGAIN_S = 60.0
# Records of a range that the hub asked for, per turn; a turn comes with each receipt.
ASKED_A_TURN = 16
ASKED_MAX = 8

ONLINE, OFFLINE = "online", "offline"


class Standing(NamedTuple):
    """How the community link fares.

    `hub` is what the hub last said of itself, "" for nothing. `overdue_s` tells since when a record
    waits for its receipt although the link is up, 0.0 where none does. `held` says why the hub
    takes no more of a chain, `refused` why the last receipt did not fit. `trouble` says why the
    link is down. `resent` counts probes, `heard_ms` is the hub's time in its newest receipt.
    """

    up: bool
    hub: str
    overdue_s: float
    held: dict[str, str]
    forged: int
    refused: str
    denied: bool
    trouble: str
    in_flight: int
    resent: int
    heard_ms: int | None


class _Asked(NamedTuple):
    chain: str
    first: int
    last: int


class Publisher:
    """Sends what the journal has committed, until the hub has receipted it."""

    def __init__(
        self,
        journal: Journal,
        *,
        community: str,
        gateway: str,
        broker: Broker,
        bridge_key: BridgeKey,
        samples_shared: bool,
        birth: Callable[[], dict[str, object]],
        health: Callable[[], dict[str, object]],
        moment: Callable[[], Moment],
        real_s: Callable[[], float],
        hears: Mapping[str, Callable[[bytes], None]] = MappingProxyType({}),
    ) -> None:
        """`birth` and `health` give what these topics say at the moment.

        `real_s` is the real monotonic clock. `hears` says who is told what comes on which topic,
        beside what is heard here.
        """
        self.turned_s = real_s()
        self.forgeries = Forgeries(real_s, is_early=self._is_early)
        self.receipts = Receipts(
            journal,
            owner=(community, gateway),
            bridge_key=bridge_key,
            forgeries=self.forgeries,
            moment=moment,
            real_s=real_s,
        )
        self._journal = journal
        self._community = community
        self._gateway = gateway
        self._bridge_key = bridge_key
        self._kinds = (EVIDENCE, SAMPLES) if samples_shared else (EVIDENCE,)
        self._birth = birth
        self._health = health
        self._moment = moment
        self._real_s = real_s
        self._hears = {
            self._topic("receipt"): self._on_receipt,
            topics.keys(community): self._on_keys,
            topics.hub(community): self._on_hub,
            **hears,
        }
        self._wake = asyncio.Event()
        self._window = Window(random.random)
        self._asked: list[_Asked] = []
        self._hub = ""
        self._up_s = inf
        self._birth_at_s = self._health_at_s = 0.0
        self.link = Link(
            broker,
            client_id=f"mk-{community}-{gateway}",
            subscriptions=list(self._hears),
            on_message=self._on_message,
            on_up=self._on_up,
            will=Will(self._topic("state"), b"offline"),
            echo=self._topic("state"),
        )

    def _topic(self, leaf: str) -> str:
        return topics.topic(self._community, self._gateway, leaf)

    def wake(self) -> None:
        """There is something new in the journal."""
        self._wake.set()

    def standing(self) -> Standing:
        now_s, chains = self._real_s(), self._leaving()
        is_up = self.link.up.is_set()
        overdue_s = max((self._window.overdue_s(chain, now_s) for chain in chains), default=0.0)
        return Standing(
            up=is_up,
            hub=self._hub,
            overdue_s=overdue_s if is_up else 0.0,
            held=dict(self.receipts.held),
            forged=self.forgeries.count,
            refused=next(reversed(self.receipts.refusals.values()), ""),
            denied=self.link.denied,
            trouble=self.link.trouble,
            in_flight=sum(self._window.under_way(chain) for chain in chains),
            resent=self._window.resent,
            heard_ms=self.receipts.heard_ms,
        )

    def _leaving(self) -> list[Chain]:
        """The chains that leave the house, evidence first."""
        chains = [c for c in self._journal.chains() if c.shared and c.kind in self._kinds]
        return sorted(chains, key=lambda chain: self._kinds.index(chain.kind))

    # Out

    async def run(self) -> None:
        """Publish for ever; ends only when cancelled."""
        while True:
            try:
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # look anyway: something may have to go again
            self._wake.clear()
            self.turned_s = self._real_s()
            if not self.link.up.is_set():
                self._up_s = inf
                continue
            try:
                await self._turn()
            except LinkDown:
                continue  # the link logs it; what was under way goes again

    async def _turn(self) -> None:
        """Send what may go now."""
        now_s = self._real_s()
        room = WINDOW
        for chain in self._leaving():
            if self._may_go(chain):
                is_quiet = self._hub == OFFLINE or chain.chain in self.receipts.held
                numbers = self._window.next(chain, now_s, room=max(room, LEAST), is_quiet=is_quiet)
                await self._send(chain, numbers)
            room -= self._window.under_way(chain)
        await self._send_asked()
        if now_s >= self._health_at_s:
            self._health_at_s = now_s + HEALTH_S
            payload = to_json(self._health())
            await self.link.publish(self._topic("health"), payload, qos=0, retain=True)
            # Whoever subscribes just after it was said may have missed it: NATS was seen to lose
            # retained words to those who come within a fraction of a second.
            await self.link.publish(self._topic("state"), b"online", qos=0, retain=True)
        if self._hub == OFFLINE and now_s >= self._birth_at_s:
            await self._say_birth(qos=0)

    def _may_go(self, chain: Chain) -> bool:
        """Whether the hub has said how far it has this chain, or has had the time to."""
        if chain.chain in self.receipts.met:
            return True
        return self._hub != OFFLINE and not self._is_early()

    def _is_early(self) -> bool:
        """Whether the link is so new that what the broker keeps for us may still be to come."""
        return self._real_s() - self._up_s < GREETING_S

    async def _send(self, chain: Chain, numbers: range) -> None:
        if not numbers:
            return
        held = self._journal.numbered(chain.chain, start=numbers.start, limit=len(numbers))
        records = [data for seq, data in held if seq in numbers]
        if numbers.start == base_of(chain) + 1:
            # Where something is gone the hub goes on once it knows why.
            records = [*self._journal.explaining(chain.chain), *records]
        await self._publish(records)

    async def _publish(self, records: list[bytes]) -> None:
        where = self._topic("record")
        await asyncio.gather(*(self.link.publish(where, data) for data in records))

    def ask(self, name: str, first: int, last: int) -> str:
        """The hub asks for records `first` to `last` of a chain once more; why not, "" where so.

        What is not held any more is said in a `lost` record.
        """
        chain = next((c for c in self._leaving() if c.chain == name), None)
        if chain is None:
            return f"no chain {name} leaves this house"
        if not 1 <= first <= min(last, chain.last):
            return f"{name} has records 1 to {chain.last}, and not {first} to {last}"
        if len(self._asked) == ASKED_MAX:
            return f"{ASKED_MAX} ranges are still to be sent"
        if first < chain.first:
            self._journal.no_longer_held(name, first, self._moment())
        if last >= chain.first:
            self._asked.append(_Asked(name, max(first, chain.first), min(last, chain.last)))
        self.wake()
        return ""

    async def _send_asked(self) -> None:
        """Some records of the range that was asked for first."""
        if not self._asked or self._hub == OFFLINE:
            return
        name, first, last = self._asked.pop(0)
        end = min(last, first + ASKED_A_TURN - 1)
        if end < last:
            self._asked.insert(0, _Asked(name, end + 1, last))
        await self._publish(self._journal.records(name, start=first, limit=end - first + 1))

    async def _say_birth(self, *, qos: int = 1) -> None:
        self._birth_at_s = self._real_s() + BIRTH_AGAIN_S
        payload = to_json(self._birth())
        await self.link.publish(self._topic("birth"), payload, qos=qos, retain=True)

    async def _on_up(self) -> None:
        """Say what the broker may have forgotten, and ask after what was under way."""
        self._up_s, self._health_at_s = self._real_s(), 0.0
        self._window.hurry(self._up_s)
        await self.link.publish(self._topic("state"), b"online", retain=True)
        await self._say_birth()
        self.wake()

    async def farewell(self) -> None:
        """Say `offline` before an orderly end, as far as there is a link."""
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.link.publish(self._topic("state"), b"offline", retain=True)
        except (LinkDown, TimeoutError):
            return

    # In

    def _on_message(self, where: str, payload: bytes) -> None:
        self._hears[where](payload)

    def _on_receipt(self, payload: bytes) -> None:
        is_news = self.receipts.heard_ms
        heard = self.receipts.take(payload)
        if heard:
            self._window.receipted(heard.chain, before=heard.before, now_s=self._real_s())
        if self._hub == OFFLINE and self.receipts.heard_ms != is_news:
            self._hub = ONLINE
        self.wake()

    def _on_keys(self, payload: bytes) -> None:
        try:
            self._bridge_key.take(payload)
        except Malformed as error:
            self.forgeries.note("keys", str(error))

    def _on_hub(self, payload: bytes) -> None:
        """Nobody signs this: it only says how patient to be."""
        self._hub = OFFLINE if payload == b"offline" else ONLINE
        if self._hub == ONLINE:
            self._window.hurry(self._real_s())
            self.wake()
