"""The program `bridge`: takes records from the broker, stores, receipts, settles, and shows.

One task takes batches from the link's queue; the inbox commit comes before the receipts, and
settlement after both. Another tells the gateways what came of it, and which policy is in force.
Everything that writes runs in this one event loop, so there is one writer.
"""

import asyncio
import contextlib
import signal
import threading
from pathlib import Path

import structlog

from gateway.contract import command as commands
from gateway.contract import credit as credits_
from gateway.contract import receipt as receipts
from gateway.contract import rotation, schema, topics, watchdog
from gateway.contract.clock import Clock, domain_clock
from gateway.contract.errors import ConfigError, PeopleError, Problem
from gateway.contract.keys import SigningKey
from gateway.contract.link import Link, LinkDown, Will
from gateway.contract.notify import notify
from gateway.contract.receipt import Receipt
from gateway.contract.signed import SIGNED_BYTES_MAX
from ledger_bridge.arriving import Arrival, Arriving
from ledger_bridge.asking import Asking
from ledger_bridge.books import store
from ledger_bridge.books.changed import turn
from ledger_bridge.books.closing.erase import scrub
from ledger_bridge.books.community import Community
from ledger_bridge.commands.common import CONFIG, Config
from ledger_bridge.desk import Answer, Paper, serve, take
from ledger_bridge.gateways import Alarms, silent
from ledger_bridge.heard import LEAVES, Heard, chains_of
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox, spare_the_collector
from ledger_bridge.orders import Orders
from ledger_bridge.page.app import serve_page
from ledger_bridge.publishing import Publishing
from ledger_bridge.renewing import Renewing
from ledger_bridge.timeseries.delivered import Delivered
from ledger_bridge.told import credits_of, policy_in_force

log = structlog.get_logger()

# Deliveries in one commit: the disk's flush is shared, and a reader waits a tenth of a second.
BATCH_MAX = 1_000

# How often the bridge looks whether midnight, or a steward, has put another policy in force, and
# what gateways are to be told again.
LOOK_S = 1.0
# What the bridge listens to of each gateway.
HEARD = ("record", "renew", *LEAVES)
# What gateways say of themselves goes to the disk this often.
HEARD_S = 10.0
FAREWELL_S = 2.0
# No update is on trial for so long.
TRIED_S = 3_600.0


class Bridge:
    """The running parts that share the books: inbox, desk and page."""

    def __init__(self, hub: Hub, community: Community, clock: Clock) -> None:
        self.hub = hub
        self.community = community
        self.version = 0
        self._clock = clock
        self._inbox = Inbox(community)
        self._heard = Heard(community)
        self._asking = Asking()
        self._orders = Orders(community.db, community.id)
        self._renewing = Renewing(hub, community)
        self._arriving = Arriving()
        self._alarms = Alarms()
        self._settled = asyncio.Event()
        self._policy_told = ""
        self._is_scrubbed = True
        self.delivered = Delivered()
        # Set while nothing is being stored or settled.
        self.is_quiet = threading.Event()
        self.is_quiet.set()
        self._key: SigningKey | None = None
        self.link = Link(
            hub.broker,
            client_id=f"bridge-{hub.community}",
            subscriptions=[topics.topic(hub.community, "+", leaf) for leaf in HEARD],
            on_message=self._arrived,
            on_up=self._on_up,
            will=Will(topics.hub(hub.community), b"offline"),
            echo=topics.hub(hub.community),
        )

    def _arrived(self, topic: str, payload: bytes) -> None:
        place = topics.split(topic)
        if place is None:
            return
        _, gateway, leaf = place
        if leaf in LEAVES:
            self._heard.note(gateway, leaf, payload, now_ms=self._clock.utc_ms())
        if leaf in {"record", "birth", "renew"}:
            self._arriving.put(Arrival(gateway, leaf, payload[: SIGNED_BYTES_MAX + 1]))

    async def work(self) -> None:
        """Take what has come, for ever: store, receipt, settle."""
        self.settle()
        while True:
            self.is_quiet.set()
            batch = await self._arriving.take(BATCH_MAX)
            self.is_quiet.clear()
            now_ms = self._clock.utc_ms()
            delivery = self._inbox.take(
                ((one.gateway, one.data) for one in batch if one.leaf == "record"), now_ms=now_ms
            )
            self.delivered = self.delivered.more(
                stored=delivery.stored,
                repeated=delivery.repeated,
                refused=len(delivery.refused),
            )
            self._alarms.refused(delivery.refused)
            self._asking.answered(delivery.answered)
            # Who has just come back asks how far the hub is.
            births = {one.gateway: one.data for one in batch if one.leaf == "birth"}
            made = [
                receipt
                for gateway, data in births.items()
                for receipt in self._inbox.receipts(gateway, chains_of(data), now_ms=now_ms)
            ]
            await self._send(delivery.receipts + made)
            for one in batch:
                if one.leaf == "renew":
                    await self._renew(one)
            self.settle()

    async def _renew(self, asked: Arrival) -> None:
        """Give a gateway its next certificate; who is not answered asks again."""
        if certificate := self._renewing.answer(asked.gateway, asked.data):
            topic = topics.topic(self.hub.community, asked.gateway, "certificate")
            with contextlib.suppress(LinkDown):
                await self.link.publish(topic, certificate)

    def settle(self) -> None:
        """Settle whatever is dirty."""
        while self.community.settle(self._clock.utc_ms()):
            pass
        self.version += 1
        self._settled.set()

    async def tell(self) -> None:
        """Say what is new, for ever: another policy in force, what became of deposits, and what
        gateways are to do. What was reserved until now goes back.
        """
        loop = asyncio.get_running_loop()
        began_s = written_s = loop.time()
        while True:
            # Not `wait_for`: that of Python 3.11 forgets a cancellation that comes with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._settled.wait()
            self._settled.clear()
            self.version += self.community.expire(self._clock.utc_ms())
            if loop.time() - written_s >= HEARD_S:
                written_s = loop.time()
                self._heard.write()
                self._scrub()
                self._renewing.renew_own()
                if written_s - began_s >= TRIED_S:
                    schema.grow_old(self.community.db, self.hub.books)
                now_ms = self._clock.utc_ms()
                self._alarms.broker(self.link.broker_ends_ms, now_ms)
                self._alarms.silent(silent(self.community.db, self.community.registry, now_ms))
            paper = policy_in_force(self.community, self._clock.utc_ms())
            with contextlib.suppress(LinkDown):
                if paper and paper.hash != self._policy_told:
                    await self._tell_policy()
                await self._key_in_use()
                await self._tell_credits()
                await self._tell_commands()

    def _scrub(self) -> None:
        """See that no erased byte is left in the file, and say so once when it cannot be yet."""
        is_scrubbed = scrub(self.community.db)
        if self._is_scrubbed and not is_scrubbed:
            log.warning("erased_bytes_remain", books=str(self.hub.books), try_="make room there")
        self._is_scrubbed = is_scrubbed

    async def _on_up(self) -> None:
        """Say what the broker may have forgotten."""
        await self._tell_keys()
        await self._tell_policy()
        await self.link.publish(topics.hub(self.hub.community), b"online", retain=True)

    async def farewell(self) -> None:
        """Say `offline` before an orderly end, as far as there is a link."""
        self._heard.write()
        with contextlib.suppress(LinkDown, TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.link.publish(topics.hub(self.hub.community), b"offline", retain=True)

    async def _tell_keys(self) -> None:
        """Publish how the bridge's key in use follows from the first one, retained."""
        registry = self.community.registry
        if registry.rotations:
            said = rotation.join(one.encode() for one in registry.rotations)
            await self.link.publish(topics.keys(self.hub.community), said, retain=True)
        self._key = self.hub.key_in_use("bridge", registry.bridge)

    async def _key_in_use(self) -> SigningKey:
        """What signs now: never a key that gateways were not told of."""
        if self._key is None or self._key.public.x != self.community.registry.bridge:
            await self._tell_keys()
        assert self._key is not None
        return self._key

    async def _tell_policy(self) -> None:
        """Publish the policy in force, retained; also when the link is up again."""
        paper = policy_in_force(self.community, self._clock.utc_ms())
        if paper:
            self._policy_told = paper.hash  # where the link breaks now, `_on_up` says it again
            await self.link.publish(topics.policy(self.hub.community), paper.data, retain=True)

    async def _tell_credits(self) -> None:
        changed = self.community.derivation.waste.take_changed()
        for credit in credits_of(self.community, changed):
            data = credits_.make(credit, key=await self._key_in_use())
            await self.link.publish(topics.topic(credit.community, credit.gateway, "credit"), data)

    async def _tell_commands(self) -> None:
        """Ask for what is missing, and say on what stewards order."""
        if not self.link.up.is_set():
            return
        now_s, now_ms = asyncio.get_running_loop().time(), self._clock.utc_ms()
        gaps = self._asking.due_gaps(
            self._inbox.gaps, community=self.hub.community, now_s=now_s, now_ms=now_ms
        )
        self._inbox.asked((one.gateway, one.chain) for one in gaps)
        orders = self._asking.due_orders(self._orders.open(now_ms), now_s=now_s)
        for command in [*gaps, *orders]:
            data = commands.make(command, key=await self._key_in_use())
            topic = topics.topic(command.community, command.gateway, "command")
            await self.link.publish(topic, data)
            log.info("command_told", gateway=command.gateway, word=command.word, command=command.id)

    def answer(self, paper: Paper) -> Answer:
        """What the desk does with a paper."""
        answer = take(self.community, paper, now_ms=self._clock.utc_ms())
        if paper.kind == "edits":  # with a member who is erased, records may have gone
            self._inbox.forget()
        self.settle()
        return answer

    async def _send(self, made: list[Receipt]) -> None:
        """Receipts go out after the commit; one that is lost is asked for again."""
        with contextlib.suppress(LinkDown):
            for receipt in made:
                data = receipts.make(receipt, key=await self._key_in_use())
                topic = topics.topic(receipt.community, receipt.gateway, "receipt")
                await self.link.publish(topic, data)
                self.delivered = self.delivered.more(receipts=1)


async def _run(hub: Hub, community: Community, clock: Clock) -> None:
    bridge = Bridge(hub, community, clock)
    publishing = Publishing(hub, lambda: community.registry.handovers)
    has_series = hub.series is not None
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
            tasks.create_task(publishing.run(lambda: bridge.version)),
        ]
        if has_series:
            running.append(tasks.create_task(_follow(hub, bridge, clock)))
        if every_s := watchdog.interval_s():
            running.append(tasks.create_task(watchdog.run({}, every_s)))
        await stop.wait()
        notify(STOPPING="1")
        await bridge.farewell()
        for task in running:
            task.cancel()


async def _follow(hub: Hub, bridge: Bridge, clock: Clock) -> None:
    """Keep a database of time series as the books are, for ever."""
    # Here, for it takes 15 MB that a hub without time series need not have.
    from ledger_bridge.timeseries.following import Following  # noqa: PLC0415

    following = Following(
        hub,
        clock,
        turn=lambda: turn(bridge.community.db, hub.community),
        delivered=lambda: bridge.delivered,
        is_linked=bridge.link.up.is_set,
        is_quiet=bridge.is_quiet,
    )
    await following.run()


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
