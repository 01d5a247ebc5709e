"""What has come from the broker and waits to be stored: bounded, for a broker takes no breath.

What is dropped has no receipt, so its gateway sends it again.
"""

import asyncio
from collections import deque
from typing import NamedTuple

import structlog

log = structlog.get_logger()

# What waits to be stored: a flood beyond it is dropped.
WAITING_MAX = 20_000
WAITING_BYTES_MAX = 64 * 1024 * 1024


class Arrival(NamedTuple):
    """Bytes that came on a gateway's topic."""

    gateway: str
    leaf: str
    data: bytes


class Arriving:
    """Put in as it comes, taken out in batches by one task."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Arrival] = deque()
        self._bytes = 0
        self._some = asyncio.Event()
        self._is_flooded = False

    def put(self, one: Arrival) -> None:
        if len(self._waiting) >= WAITING_MAX or self._bytes + len(one.data) > WAITING_BYTES_MAX:
            self.dropped += 1
            if not self._is_flooded:
                self._is_flooded = True
                log.warning("flooded", waiting=len(self._waiting), bytes=self._bytes)
            return
        self._waiting.append(one)
        self._bytes += len(one.data)
        self._some.set()

    async def take(self, count: int) -> list[Arrival]:
        """The oldest, at most so many; waits for the first."""
        await self._some.wait()
        batch = [self._waiting.popleft() for _ in range(min(count, len(self._waiting)))]
        self._bytes -= sum(len(one.data) for one in batch)
        if not self._waiting:
            self._some.clear()
            if self._is_flooded:
                self._is_flooded = False
                log.info("flood_over", dropped=self.dropped)
        return batch
