"""A serial port at the far end of a network whose speed and frame are set from here,
`rfc2217://HOST:PORT`.

Spec: RFC 2217; the protocol is pyserial's.
"""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from serial import SerialException
from serial.rfc2217 import Serial

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import tcpport

PREFIX = "rfc2217://"
# How long the thread that reads waits for a byte before it looks whether the port is closed.
READ_S = 1.0
# Some servers do not answer where DTR and RTS are set; what matters is that speed and frame are.
OPTIONS = "?ign_set_control"
BITS_PER_BYTE = 11  # start, eight, parity, stop: no frame takes longer


class Rfc2217Port:
    """pyserial's port, which blocks, with a thread that reads and one that writes and sets."""

    def __init__(self, port: Serial) -> None:
        self._port = port
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)  # noqa: FBT003 - its only way
        self._why = LineLost("the other end hung up")
        self._sent_s = 0.0  # when what was written has left the far end
        self._writer = ThreadPoolExecutor(1, "rfc2217")
        threading.Thread(target=self._carry, name="rfc2217", daemon=True).start()

    def fileno(self) -> int:
        return self._ours.fileno()

    def read(self) -> bytes:
        try:
            chunk = self._ours.recv(tcpport.CHUNK_BYTES)
        except BlockingIOError:
            return b""
        if not chunk:
            raise self._why
        return chunk

    def write(self, data: bytes) -> None:
        self._writer.submit(self._try, partial(self._write, data))

    def set_line(self, line: Line) -> None:
        self._writer.submit(self._try, partial(self._set_line, line))

    def close(self) -> None:
        """At once; the far end is told by the thread that writes."""
        self._ours.close()
        self._writer.submit(self._port.close)
        self._writer.shutdown(wait=False)

    def _carry(self) -> None:
        """Carry what comes to where the event loop waits for it, until the port is lost."""
        try:
            while True:
                self._theirs.sendall(self._port.read(max(1, self._port.in_waiting)))
        except (SerialException, OSError):
            self._theirs.close()

    def _try(self, act: Callable[[], None]) -> None:
        """Write or set; where that fails the line is lost for this reason."""
        try:
            act()
        except LineLost as lost:
            self._lose(lost)
        except (SerialException, OSError) as error:
            self._lose(LineLost(str(error)))

    def _lose(self, why: LineLost) -> None:
        self._why = why
        with contextlib.suppress(OSError):  # the other thread has noticed something as well
            self._theirs.shutdown(socket.SHUT_WR)

    def _write(self, data: bytes) -> None:
        self._port.write(data)
        begins_s = max(self._sent_s, time.monotonic())
        self._sent_s = begins_s + len(data) * BITS_PER_BYTE / self._port.baudrate

    def _set_line(self, line: Line) -> None:
        time.sleep(max(0.0, self._sent_s - time.monotonic()))
        try:
            self._port.apply_settings(_settings(line))
        except (SerialException, ValueError) as error:
            raise _unfit(line) from error


async def open_rfc2217(name: str, line: Line) -> Rfc2217Port:
    """The port, set to this line. Raises LineLost."""
    opening = asyncio.get_running_loop().run_in_executor(None, _open, name, line)
    try:
        return Rfc2217Port(await asyncio.shield(opening))
    except asyncio.CancelledError:
        # The thread goes on, and the far end lets nobody else in while it thinks that we are there.
        opening.add_done_callback(_close)
        raise


def _close(opening: asyncio.Future[Serial]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        threading.Thread(target=opening.result().close).start()  # takes its time


def _open(name: str, line: Line) -> Serial:
    host, number = tcpport.address(name)
    try:
        port = Serial(name + OPTIONS, timeout=READ_S, **_settings(line))
    except ValueError as error:
        raise _unfit(line) from error
    except SerialException as error:
        if isinstance(error.__context__, OSError):
            raise tcpport.lost(error.__context__) from error
        if "parameter change" in str(error):
            raise _unfit(line) from error
        if "support RFC2217" not in str(error):
            raise LineLost(str(error)) from error
        at = f"[{host}]" if ":" in host else host
        what, try_ = "it does not speak RFC 2217", f'port = "{tcpport.PREFIX}{at}:{number}"'
        raise LineLost(what, try_) from error
    tcpport.stay_alert(port._socket)  # type: ignore[attr-defined] # noqa: SLF001 - no other way
    return port


def _settings(line: Line) -> dict[str, Any]:
    """As pyserial names them."""
    return {
        "baudrate": line.baud,
        "bytesize": int(line.frame[0]),
        "parity": line.frame[1],
        "stopbits": int(line.frame[2]),
    }


def _unfit(line: Line) -> LineLost:
    return LineLost(f"it cannot do {line.baud} baud {line.frame}", "another cable")
