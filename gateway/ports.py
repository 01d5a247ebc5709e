"""What a line can be opened on: a serial port, a TCP address, a pin. Open it, read, write, close.

`/dev/…` is a serial port, `tcp://HOST:PORT` a serial port at the far end of a network (ser2net) or
a Modbus TCP device, `gpio:N` pin N by its BCM number. `KINDS` are ports made for one driver each.
"""

import asyncio
import errno
import os
import socket
import termios
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import serial

from drivers.sdk import Line
from gateway import inputs, loadcell, pins
from gateway.contract.errors import LineLost
from gateway.holders import HELD, holder

CHUNK_BYTES = 4096
TCP = "tcp://"
# Somebody who answers at all does so within this; a line that stays away is tried again.
CONNECT_S_MAX = 5.0
# A peer that lost its power says nothing: the kernel asks, and gives up after a minute.
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
UNSENT_MS_MAX = 30_000
GONE = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF}
GROUP = "sudo usermod --append --groups dialout, with the user's name; then log in again"
# Linux: Documentation/admin-guide/devices.txt, Unix98 pseudo-terminals.
PTY_MAJORS = range(136, 144)


class Port(Protocol):
    """An open line. Everything but `close` may raise LineLost."""

    def fileno(self) -> int:
        """Readable when `read` would give something."""
        ...

    def read(self) -> bytes:
        """What has come, at most `CHUNK_BYTES`; b"" where nothing has."""
        ...

    def write(self, data: bytes) -> None: ...

    def set_line(self, line: Line) -> None:
        """Another speed or frame, once what was written has left."""
        ...

    def close(self) -> None: ...


class Kind(NamedTuple):
    """A kind of port that no line is: `open` raises LineLost; `refuse` gives what is wrong with
    such a name and what to try, None for one that can be.
    """

    open: Callable[[str], Port]
    refuse: Callable[[str], tuple[str, str] | None]


# By what the port begins with. Only drivers that name such a one in `Device.ports` hang there.
KINDS = {
    inputs.PREFIX: Kind(inputs.open_input, inputs.refuse),
    loadcell.KERNEL: Kind(loadcell.open_kernel, loadcell.refuse_kernel),
    loadcell.PINS: Kind(loadcell.open_pins, loadcell.refuse_pins),
}


def kind_of(port: str) -> str:
    """Which of `KINDS` a port is, "" for a line or a pin."""
    return next((prefix for prefix in KINDS if port.startswith(prefix)), "")


def address(port: str) -> tuple[str, int]:
    """Host and port of `tcp://HOST:PORT`. Raises ValueError."""
    parts = urlsplit(port)
    if port[:6] != TCP or not parts.hostname or not parts.port or parts.path not in {"", "/"}:
        raise ValueError(port)
    return parts.hostname, parts.port


def is_absent(port: str) -> bool:
    """Whether the port is a file under /dev that is not there: unplugged. False for all others."""
    path = port.removeprefix(inputs.PREFIX)
    return path.startswith("/") and not Path(path).exists()


async def open_port(name: str, line: Line) -> Port:
    """The port, opened for us alone. Raises LineLost with a reason that a person can use."""
    if name.startswith(TCP):
        return await _open_tcp(name)
    if name.startswith(pins.PREFIX):
        return pins.open_pin(name)
    if prefix := kind_of(name):
        return KINDS[prefix].open(name)
    return SerialPort(name, line)


class SerialPort:
    """A serial port or a pseudo-terminal."""

    def __init__(self, path: str, line: Line) -> None:
        self._path = path
        try:
            bits, parity, stops = self._frame(line)
            self._serial = serial.Serial(
                path,
                baudrate=line.baud,
                bytesize=bits,
                parity=parity,
                stopbits=stops,
                timeout=0,
                exclusive=True,
            )
        except (termios.error, ValueError) as error:
            raise _unfit(line, error) from error
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EBUSY} or "exclusively lock" in str(error):
                raise LineLost(f"held by {holder(path)}", HELD) from error
            raise _lost(error) from error

    def fileno(self) -> int:
        return int(self._serial.fileno())

    def read(self) -> bytes:
        try:
            chunk = os.read(self._serial.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise _lost(error) from error
        if not chunk:
            raise LineLost("the other end hung up")
        return chunk

    def write(self, data: bytes) -> None:
        """Requests are shorter than any kernel buffer: one that does not fit means nobody reads."""
        try:
            written = os.write(self._serial.fileno(), data)
        except OSError as error:
            raise _lost(error) from error
        if written != len(data):
            raise LineLost("the line takes no more bytes")

    def set_line(self, line: Line) -> None:
        try:
            self._serial.flush()
            self._serial.baudrate = line.baud
            bits, parity, stops = self._frame(line)
            self._serial.bytesize, self._serial.parity, self._serial.stopbits = bits, parity, stops
        except (termios.error, ValueError) as error:
            raise _unfit(line, error) from error
        except OSError as error:
            raise _lost(error) from error

    def close(self) -> None:
        self._serial.close()

    def _frame(self, line: Line) -> tuple[int, str, int]:
        """Data bits, parity, stop bits. A pseudo-terminal has bytes, no frame; refuses others."""
        if os.major(Path(self._path).stat().st_rdev) in PTY_MAJORS:
            return 8, "N", 1
        return int(line.frame[0]), line.frame[1], int(line.frame[2])


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
            raise LineLost(error.strerror or str(error)) from error
        if not chunk:
            raise LineLost("the other end hung up")
        return chunk

    def write(self, data: bytes) -> None:
        try:
            written = self._connection.send(data)
        except OSError as error:
            raise LineLost(error.strerror or str(error)) from error
        if written != len(data):
            raise LineLost("the line takes no more bytes")

    def set_line(self, line: Line) -> None:
        del line

    def close(self) -> None:
        self._connection.close()


async def _open_tcp(name: str) -> TcpPort:
    host, number = address(name)
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            return TcpPort(await _connect(host, number))
    except TimeoutError as error:
        raise LineLost(f"nobody answers within {CONNECT_S_MAX:.0f} s") from error
    except ConnectionRefusedError as error:
        raise LineLost("nobody listens there") from error
    except OSError as error:
        raise LineLost(error.strerror or str(error)) from error


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
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE.items():
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS_MAX)
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


def _unfit(line: Line, error: Exception) -> LineLost:
    """Why the port cannot be set to this line: it is gone, or its chip is too simple."""
    if isinstance(error, termios.error) and error.args[0] in GONE:
        return LineLost("unplugged")
    return LineLost(f"it cannot do {line.baud} baud {line.frame}", "another cable")


def _lost(error: OSError) -> LineLost:
    match error.errno:
        case errno.ENOENT:
            return LineLost("there is no such port")
        case errno.EACCES | errno.EPERM:
            return LineLost("this user may not open it", GROUP)
        case number if number in GONE:
            return LineLost("unplugged")
        case _:
            return LineLost(error.strerror or str(error))
