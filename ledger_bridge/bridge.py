"""The program `bridge`: takes records from the broker, stores, receipts, settles, and shows.

One task takes batches from the link's queue; the inbox commit comes before the receipts, and
settlement after both. Another tells the gateways what came of it, and which policy is in force.
Everything that writes runs in this one event loop, so there is one writer.
"""

import asyncio
import contextlib
import signal
from pathlib import Path

import structlog

from gateway.contract import credit as credits_
from gateway.contract import receipt as receipts
from gateway.contract import topics
from gateway.contract.clock import Clock, domain_clock
from gateway.contract.errors import ConfigError, PeopleError, Problem
from gateway.contract.link import Link, LinkDown
from gateway.contract.notify import notify
from gateway.contract.receipt import Receipt
from gateway.contract.signed import SIGNED_BYTES_MAX
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.commands.common import CONFIG, Config
from ledger_bridge.desk import Answer, Paper, serve, take
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import FORKED, HELD, Delivery, Inbox, spare_the_collector
from ledger_bridge.page.app import serve_page
from ledger_bridge.told import credits_of, policy_in_force

log = structlog.get_logger()

# Deliveries in one commit: the disk's flush is shared, and a reader waits a tenth of a second.
BATCH_MAX = 1_000

# How often the bridge looks whether midnight, or a steward, has put another policy in force.
POLICY_LOOK_S = 1.0


class Bridge:
    """The running parts that share the books: inbox, desk and page."""

    def __init__(self, hub: Hub, community: Community, clock: Clock) -> None:
        self.hub = hub
        self.community = community
        self.version = 0
        self._clock = clock
        self._inbox = Inbox(community)
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._bridge_key = hub.key("bridge")
        self._alarmed: set[tuple[str, str]] = set()
        self._settled = asyncio.Event()
        self._policy_told = ""
        self.link = Link(
            hub.broker,
            client_id=f"bridge-{hub.community}",
            subscriptions=[topics.topic(hub.community, "+", "record")],
            on_message=self._arrived,
            on_up=self._tell_policy,
        )

    def _arrived(self, topic: str, payload: bytes) -> None:
        place = topics.split(topic)
        if place and place[2] == "record":
            self._queue.put_nowait((place[1], payload[: SIGNED_BYTES_MAX + 1]))

    async def work(self) -> None:
        """Take what has come, for ever: store, receipt, settle."""
        self.settle()
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH_MAX and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            delivery = self._inbox.take(batch, now_ms=self._clock.utc_ms())
            self._alarm(delivery)
            await self._send(delivery.receipts)
            self.settle()

    def settle(self) -> None:
        """Settle whatever is dirty."""
        while self.community.settle(self._clock.utc_ms()):
            pass
        self.version += 1
        self._settled.set()

    async def tell(self) -> None:
        """Say what is new, for ever: another policy in force, and what became of deposits."""
        while True:
            # Not `wait_for`: that of Python 3.11 forgets a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLICY_LOOK_S):
                    await self._settled.wait()
            self._settled.clear()
            paper = policy_in_force(self.community, self._clock.utc_ms())
            with contextlib.suppress(LinkDown):
                if paper and paper.hash != self._policy_told:
                    await self._tell_policy()
                await self._tell_credits()

    async def _tell_policy(self) -> None:
        """Publish the policy in force, retained; also when the link is up again."""
        paper = policy_in_force(self.community, self._clock.utc_ms())
        if paper:
            await self.link.publish(topics.policy(self.hub.community), paper.data, retain=True)
            self._policy_told = paper.hash

    async def _tell_credits(self) -> None:
        changed = self.community.derivation.waste.take_changed()
        for credit in credits_of(self.community, changed):
            data = credits_.make(credit, key=self._bridge_key)
            await self.link.publish(topics.topic(credit.community, credit.gateway, "credit"), data)

    def answer(self, paper: Paper) -> Answer:
        """What the desk does with a paper."""
        answer = take(self.community, paper, now_ms=self._clock.utc_ms())
        self.settle()
        return answer

    def _alarm(self, delivery: Delivery) -> None:
        for gateway, reason in delivery.refused:
            if (gateway, reason) not in self._alarmed:
                self._alarmed.add((gateway, reason))
                level = log.error if reason in {FORKED, HELD} else log.warning
                level("record_refused", gateway=gateway, reason=reason)

    async def _send(self, made: list[Receipt]) -> None:
        """Receipts go out after the commit; one that is lost is asked for again."""
        for receipt in made:
            data = receipts.make(receipt, key=self._bridge_key)
            topic = topics.topic(receipt.community, receipt.gateway, "receipt")
            with contextlib.suppress(LinkDown):
                await self.link.publish(topic, data)


async def _run(hub: Hub, community: Community, clock: Clock) -> None:
    bridge = Bridge(hub, community, clock)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(bridge.link.run()),
            tasks.create_task(bridge.work()),
            tasks.create_task(bridge.tell()),
            tasks.create_task(serve(hub, bridge.answer)),
            tasks.create_task(serve_page(hub, lambda: bridge.version)),
        ]
        await stop.wait()
        notify(STOPPING="1")
        for task in running:
            task.cancel()


def bridge(*, config: Config = CONFIG) -> None:
    """Run the bridge: records in, receipts out, credits into the books, a page to look at."""
    hub = Hub.load(Path(config))
    spare_the_collector()
    lock = store.WriterLock(hub.books)
    try:
        community = hub.open_to_write()
        if community.registry.founded is None:
            what = f"nobody founded {hub.community} in these books"
            where = f"{hub.config}: community, {hub.books}"
            raise ConfigError(Problem(what, where, "mend bridge.toml, or meterkast hub init DIR"))
        asyncio.run(_run(hub, community, domain_clock()))
    except ExceptionGroup as group:
        # What a person can mend is told as it is, whichever task met it.
        for error in group.exceptions:
            if isinstance(error, PeopleError):
                raise error from None
        raise
    finally:
        lock.release()
