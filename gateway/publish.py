"""The community link: records out in a bounded window, receipts and what else the hub says in.

A broker's acknowledgement is only a hint; what has no receipt after a while is sent again. So a
record may arrive twice and out of order, and is lost only with the journal.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType

import structlog

from gateway.contract import receipt
from gateway.contract.keys import PublicKey
from gateway.contract.link import Broker, Link, LinkDown, Will
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from gateway.contract.topics import topic
from gateway.journal import EVIDENCE, SAMPLES, Chain, Journal, ReceiptRefused

log = structlog.get_logger()

# Un-receipted records under way per chain: bounds what the broker and the hub must hold.
WINDOW = 50
# A hub that lives receipts within this, by the real clock; else everything goes again.
RESEND_S = 5.0
HEALTH_S = 30.0
FAREWELL_S = 2.0


class Publisher:
    """Sends what the journal has committed, until the hub has receipted it."""

    def __init__(
        self,
        journal: Journal,
        *,
        community: str,
        gateway: str,
        broker: Broker,
        bridge_key: PublicKey,
        samples_shared: bool,
        birth: Callable[[], dict[str, object]],
        health: Callable[[], dict[str, object]],
        real_s: Callable[[], float],
        hears: Mapping[str, Callable[[bytes], None]] = MappingProxyType({}),
    ) -> None:
        """`birth` and `health` give what these topics say at the moment.

        `real_s` is the real monotonic clock. `hears` says who is told what comes on which topic,
        beside the receipts.
        """
        self.forged = 0
        self.refused = 0
        self.turned_s = real_s()
        self._journal = journal
        self._community = community
        self._gateway = gateway
        self._bridge_key = bridge_key
        self._kinds = {EVIDENCE, SAMPLES} if samples_shared else {EVIDENCE}
        self._birth = birth
        self._health = health
        self._real_s = real_s
        self._hears = hears
        self._wake = asyncio.Event()
        self._sent: dict[str, int] = {}
        self._progress_s: dict[str, float] = {}
        self.link = Link(
            broker,
            client_id=f"mk-{community}-{gateway}",
            subscriptions=[self._topic("receipt"), *hears],
            on_message=self._on_message,
            on_up=self._on_up,
            will=Will(self._topic("state"), b"offline"),
        )

    def _topic(self, leaf: str) -> str:
        return topic(self._community, self._gateway, leaf)

    def wake(self) -> None:
        """There is something new in the journal."""
        self._wake.set()

    async def run(self) -> None:
        """Publish for ever; ends only when cancelled."""
        health_at_s = 0.0
        while True:
            try:
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            except TimeoutError:
                pass  # look anyway: something may have to go again
            self._wake.clear()
            self.turned_s = self._real_s()
            if not self.link.up.is_set():
                continue
            try:
                for chain in self._journal.chains():
                    if chain.kind in self._kinds:
                        await self._send(chain)
                if self._real_s() >= health_at_s:
                    health_at_s = self._real_s() + HEALTH_S
                    payload = to_json(self._health())
                    await self.link.publish(self._topic("health"), payload, qos=0, retain=True)
            except LinkDown:
                continue  # the link logs it, and on_up goes back to the last receipt

    async def _send(self, chain: Chain) -> None:
        """Fill the window of one chain; go back to the last receipt when nothing came of it."""
        now_s = self._real_s()
        sent = max(self._sent.get(chain.chain, 0), chain.receipted)
        if sent > chain.receipted and now_s - self._progress_s[chain.chain] > RESEND_S:
            sent = chain.receipted
        start = max(sent + 1, chain.first)
        limit = chain.receipted + WINDOW - sent
        if limit <= 0 or start > chain.last:
            self._sent[chain.chain] = sent
            return
        records = self._journal.records(chain.chain, start=start, limit=limit)
        self._sent[chain.chain] = start + len(records) - 1
        if sent == chain.receipted:
            self._progress_s[chain.chain] = now_s
        where = self._topic("record")
        await asyncio.gather(*(self.link.publish(where, data) for data in records))

    def _on_message(self, where: str, payload: bytes) -> None:
        if where in self._hears:
            self._hears[where](payload)
        else:
            self._on_receipt(payload)

    def _on_receipt(self, payload: bytes) -> None:
        """A receipt; one that is not the bridge's own is counted and ignored."""
        try:
            got = receipt.check(payload, key=self._bridge_key)
        except Malformed as error:
            self.forged += 1
            log.warning("receipt_forged", reason=str(error), count=self.forged)
            return
        if (got.community, got.gateway) != (self._community, self._gateway):
            self.forged += 1
            log.warning("receipt_of_another", gateway=got.gateway, count=self.forged)
            return
        before = {chain.chain: chain.receipted for chain in self._journal.chains()}
        if got.chain not in before:
            # Said to a journal that was here before this one, and kept by the broker.
            log.info("receipt_of_old_journal", chain=got.chain)
            return
        try:
            chain = self._journal.receipt(got.chain, got.up_to, got.hash)
        except ReceiptRefused as error:
            self.refused += 1
            log.error(
                "receipt_refused",
                reason=str(error),
                count=self.refused,
                try_="nothing was deleted; ask the co-op to compare both journals",
            )
            return
        if chain.receipted < before[chain.chain]:
            log.warning("hub_went_back", chain=chain.chain, from_seq=chain.receipted + 1)
            self._sent[chain.chain] = chain.receipted
        if chain.receipted != before[chain.chain]:
            self._progress_s[chain.chain] = self._real_s()
            self._wake.set()

    async def _on_up(self) -> None:
        """Say what the broker may have forgotten, and start again after the last receipt."""
        self._sent.clear()
        await self.link.publish(self._topic("state"), b"online", retain=True)
        await self.link.publish(self._topic("birth"), to_json(self._birth()), retain=True)
        self._wake.set()

    async def farewell(self) -> None:
        """Say `offline` before an orderly end, as far as there is a link."""
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.link.publish(self._topic("state"), b"offline", retain=True)
        except (LinkDown, TimeoutError):
            return
