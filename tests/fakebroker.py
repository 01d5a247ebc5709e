"""A broker of MQTT 3.1.1 that does as it is told: right, or wrong in one way.

It speaks bytes of its own, so that nothing of ours or of a library judges itself.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

CONNACK = bytes.fromhex("20020000")
CONNECT, PUBLISH, SUBSCRIBE, PINGREQ = 1, 3, 8, 12


def packet(first: int, body: bytes) -> bytes:
    """A packet with its length in front."""
    length, left = bytearray(), len(body)
    while True:
        left, seven = divmod(left, 128)
        length.append(seven | (128 if left else 0))
        if not left:
            return bytes([first]) + bytes(length) + body


def text(said: str | bytes) -> bytes:
    data = said.encode() if isinstance(said, str) else said
    return len(data).to_bytes(2, "big") + data


def publish(topic: str | bytes, payload: bytes, *, qos: int = 0, mid: int = 1) -> bytes:
    number = mid.to_bytes(2, "big") if qos else b""
    return packet(0x30 | qos << 1, text(topic) + number + payload)


class Client:
    """One client that came: `packets` are what it sent, as (kind, body)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.packets: list[tuple[int, bytes]] = []

    async def next(self) -> tuple[int, bytes]:
        """The next packet. Raises IncompleteReadError where the client went."""
        first = (await self.reader.readexactly(1))[0]
        length, shift = 0, 0
        while True:
            seven = (await self.reader.readexactly(1))[0]
            length |= (seven & 127) << shift
            shift += 7
            if seven < 128:
                break
        got = first >> 4, await self.reader.readexactly(length)
        self.packets.append(got)
        return got

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def connected(self) -> None:
        """Take the CONNECT and say yes."""
        kind, _ = await self.next()
        assert kind == CONNECT
        self.send(CONNACK)

    async def serve(self, *, acks: bool = True, echoes: bool = True, granted: int = 1) -> None:
        """As a broker does once it has said yes, until the client goes."""
        while True:
            kind, body = await self.next()
            if kind == SUBSCRIBE:
                count = _filters(body[2:])
                self.send(packet(0x90, body[:2] + bytes([granted]) * count))
            elif kind == PUBLISH:
                length = int.from_bytes(body[:2], "big")
                topic, mid = body[2 : 2 + length], body[2 + length : 4 + length]
                if acks:
                    self.send(packet(0x40, mid))
                if echoes:
                    self.send(publish(topic, body[4 + length :]))
            elif kind == PINGREQ:
                self.send(bytes.fromhex("d000"))


def _filters(body: bytes) -> int:
    count = 0
    while body:
        body = body[2 + int.from_bytes(body[:2], "big") + 1 :]
        count += 1
    return count


Behaviour = Callable[[Client], Awaitable[None]]


class FakeBroker:
    """Listens on loopback; the clients that came, in order."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def has_heard(self, wanted: int) -> bool:
        """Whether any client sent a packet of this kind."""
        return any(kind == wanted for client in self.clients for kind, _ in client.packets)


@asynccontextmanager
async def broker(behaviour: Behaviour) -> AsyncIterator[FakeBroker]:
    """`behaviour` is asked for each client, and the connection ends with it."""
    fake = FakeBroker()

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(reader, writer)
        fake.clients.append(client)
        task = asyncio.current_task()
        assert task
        fake.tasks.add(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await behaviour(client)
        writer.close()

    server = await asyncio.start_server(come, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        server.close()
        for task in fake.tasks:
            task.cancel()
        await asyncio.gather(*fake.tasks, return_exceptions=True)
