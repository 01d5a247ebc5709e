"""A bridge in this process with its link to a real broker, for tests."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import aiomqtt

from gateway.contract import policy as papers
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import Edit, Edits
from ledger_bridge.bridge import Bridge
from ledger_bridge.commands.hub import init
from ledger_bridge.desk import Paper
from ledger_bridge.hub import Hub
from tests.street import ID, MIDNIGHT_MS


class Hands:
    """A clock that stands where it is put."""

    boot = "test"

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def utc_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms

    def bound_ms(self) -> int | None:
        return 0

    def quality(self) -> str:
        return "synced"


class Running:
    """A bridge with its link to a real broker, in this process."""

    def __init__(self, folder: Path, port: int, *policies: str) -> None:
        self.port = port
        init(folder, community=ID, broker=f"mqtt://127.0.0.1:{port}")
        self.hub = Hub.load(folder / "bridge.toml")
        self.clock = Hands(MIDNIGHT_MS - 3_600_000)
        self.bridge = Bridge(self.hub, self.hub.open_to_write(), self.clock)
        for toml in policies:
            self.activate(toml)

    def activate(self, toml: str) -> None:
        data = papers.make(toml, community=ID, key=self.hub.key("steward"))
        assert [] == self.bridge.answer(Paper("policy", data.decode())).problems

    def edit(self, *edits: Edit) -> None:
        made = registries.make(Edits(ID, 0, edits), key=self.hub.key("steward"))
        assert [] == self.bridge.answer(Paper("edits", made.decode())).problems

    def day_told(self, data: bytes) -> str:
        """From which day the policy is that a steward of this hub signed."""
        paper = papers.check(data, (self.hub.key("steward").public.x,))
        return parse(paper.toml, name="policy").day

    def listening(self, what: Callable[[aiomqtt.Client], Awaitable[None]]) -> None:
        """Run the bridge while a client of the broker does `what`; nothing is retained before."""

        async def run() -> None:
            async with aiomqtt.Client("127.0.0.1", self.port) as client:
                for leaf in ("policy", "keys", "hub"):
                    # Not QoS 0: the broker may come to it after others have subscribed.
                    await client.publish(f"mk/v1/straat/{leaf}", b"", qos=1, retain=True)
            tasks = [
                asyncio.create_task(self.bridge.link.run()),
                asyncio.create_task(self.bridge.tell()),
                asyncio.create_task(self.bridge.work()),
            ]
            try:
                async with asyncio.timeout(30):
                    await self.bridge.link.up.wait()
                    async with aiomqtt.Client("127.0.0.1", self.port) as client:
                        await what(client)
            finally:
                for task in tasks:
                    task.cancel()
                with suppress(asyncio.CancelledError):
                    await asyncio.gather(*tasks)

        asyncio.run(run())
