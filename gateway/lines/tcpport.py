"""A serial port at the far end of a network, `tcp://HOST:PORT`: its bytes and nothing else."""

import asyncio
import socket
from urllib.parse import urlsplit

from drivers.sdk import Line
from gateway.contract.errors import LineLost

PREFIX = "tcp://"
CHUNK_BYTES = 4096
# Somebody who answers at all does so within this; a line that stays away is tried again.
CONNECT_S_MAX = 5.0
# A peer that lost its power says nothing: the kernel asks, and gives up after a minute.
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
UNSENT_MS_MAX = 30_000


class TcpPort:
    """Bytes over TCP; speed and frame are the business of whoever holds the wire."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fileno(self) -> int:
        return self._connection.fileno()

    def read(self) -> bytes:
        try:
            chunk = self._connection.recv(CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise lost(error) from error
        if not chunk:
            raise LineLost("the other end hung up")
        return chunk

    def write(self, data: bytes) -> None:
        try:
            written = self._connection.send(data)
        except OSError as error:
            raise lost(error) from error
        if written != len(data):
            raise LineLost("the line takes no more bytes")

    def set_line(self, line: Line) -> None:
        del line

    def close(self) -> None:
        self._connection.close()


def address(port: str) -> tuple[str, int]:
    """Host and port of `…://HOST:PORT`. Raises ValueError."""
    parts = urlsplit(port)
    if not parts.port or "@" in port or parts.path not in {"", "/"}:
        raise ValueError(port)
    return host_of(port), parts.port


def host_of(port: str) -> str:
    """The host of an address, one that can be looked up. Raises ValueError."""
    host = urlsplit(port).hostname
    if not host or not host.isprintable() or " " in host:
        raise ValueError(port)
    host.encode("idna")  # as whoever looks it up will; no label is empty or too long
    return host


async def open_tcp(host: str, number: int) -> TcpPort:
    """A connection with the first of the host's addresses that answers. Raises LineLost."""
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            return TcpPort(await _connect(host, number))
    except OSError as error:
        raise lost(error) from error


def lost(error: OSError) -> LineLost:
    """Why nobody is there any more, or never was."""
    match error:
        case TimeoutError(errno=None):
            return LineLost(f"nobody answers within {CONNECT_S_MAX:.0f} s")
        case ConnectionRefusedError():
            return LineLost("nobody listens there")
        case _:
            return LineLost(error.strerror or str(error))


def stay_alert(connection: socket.socket) -> None:
    """Have the kernel notice within a minute that the peer is gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS_MAX)


async def _connect(host: str, number: int) -> socket.socket:
    """The first of the host's addresses that answers. Raises OSError."""
    loop = asyncio.get_running_loop()
    refused = OSError("the name has no address")
    for family, kind, protocol, _, where in await loop.getaddrinfo(
        host, number, type=socket.SOCK_STREAM
    ):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)  # noqa: FBT003 - its only way
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stay_alert(connection)
            await loop.sock_connect(connection, where)
        except OSError as error:
            connection.close()
            refused = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise refused
