"""Serial lines: open exclusively, read, speak for the driver's session, come back when lost."""

import asyncio
import errno
import os
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import serial
import structlog

from drivers import sdk
from drivers.reading import Message
from gateway.contract.errors import LineLost

log = structlog.get_logger()

CHUNK_BYTES = 4096
# A stick that was pulled is back within seconds; a line that stays away is asked twice a minute.
BACKOFF_S_MIN = 0.5
BACKOFF_S_MAX = 30.0
# Linux: Documentation/admin-guide/devices.txt, Unix98 pseudo-terminals.
PTY_MAJORS = range(136, 144)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens on a line; called from the event loop, must not block."""

    message: Callable[[Message], None]
    opened: Callable[[], None]
    lost: Callable[[], None]


class SerialLine:
    """The line of one device; `run` keeps it open for ever."""

    def __init__(
        self, name: str, port: str, device: sdk.Device, own: dict[str, str], listener: Listener
    ) -> None:
        self._name = name
        self._port = port
        self._device = device
        self._own = own
        self._listener = listener
        self._is_lost = False
        self._heard = False
        self._timeout_at_s: float | None = None

    async def run(self) -> None:
        """Serve the line, open it again when it is lost; ends only when cancelled."""
        backoff_s = BACKOFF_S_MIN
        while True:
            self._heard = False
            try:
                await self._serve()
            except LineLost as lost:
                self._listener.lost()
                if not self._is_lost:
                    log.warning("line_lost", line=self._name, port=self._port, reason=str(lost))
                self._is_lost = True
            backoff_s = BACKOFF_S_MIN if self._heard else min(backoff_s * 2, BACKOFF_S_MAX)
            await asyncio.sleep(backoff_s)

    async def _serve(self) -> None:
        """One life of the line. Raises LineLost."""
        port = open_port(self._port, self._device.line)
        try:
            log.info("line_back" if self._is_lost else "line_open", line=self._name)
            self._is_lost = False
            self._listener.opened()
            self._timeout_at_s = None
            session = self._device.open(self._own)
            steps = session.timeout()
            while True:
                for step in steps:
                    self._take(port, step)
                chunk = await self._read(port)
                steps = session.timeout() if chunk is None else session.feed(chunk)
        finally:
            port.close()

    def _take(self, port: serial.Serial, step: sdk.Step) -> None:
        match step:
            case Message():
                self._listener.message(step)
            case sdk.Send(data):
                _write(port, data)
            case sdk.Wait(seconds):
                self._timeout_at_s = asyncio.get_running_loop().time() + seconds
            case sdk.SetLine(line):
                port.flush()
                port.baudrate = line.baud
                port.bytesize, port.parity, port.stopbits = _frame(self._port, line)

    async def _read(self, port: serial.Serial) -> bytes | None:
        """The next bytes, None when the driver's last Wait has run out. Raises LineLost."""
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        descriptor = port.fileno()
        loop.add_reader(descriptor, _wake, readable)
        try:
            async with asyncio.timeout_at(self._timeout_at_s):
                await readable
        except TimeoutError:
            self._timeout_at_s = None
            return None
        finally:
            loop.remove_reader(descriptor)
        try:
            chunk = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(_reason(error)) from error
        if not chunk:
            raise LineLost("the other end hung up")
        self._heard = True
        return chunk


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


def _write(port: serial.Serial, data: bytes) -> None:
    """Requests are shorter than any kernel buffer: one that does not fit means nobody reads."""
    try:
        written = os.write(port.fileno(), data)
    except OSError as error:
        raise LineLost(_reason(error)) from error
    if written != len(data):
        raise LineLost("the line takes no more bytes")


def open_port(path: str, line: sdk.Line) -> serial.Serial:
    """The port, opened for us alone. Raises LineLost with a reason that a person can use."""
    try:
        bits, parity, stops = _frame(path, line)
        return serial.Serial(
            path,
            baudrate=line.baud,
            bytesize=bits,
            parity=parity,
            stopbits=stops,
            timeout=0,
            exclusive=True,
        )
    except termios.error as error:
        raise LineLost(f"it cannot do {line.baud} baud {line.frame}") from error
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EBUSY} or "exclusively lock" in str(error):
            raise LineLost(f"held by {_holder(path)}; stop it there") from error
        raise LineLost(_reason(error)) from error


def _frame(path: str, line: sdk.Line) -> tuple[int, str, int]:
    """Data bits, parity, stop bits. A pseudo-terminal has bytes, no frame, and refuses others."""
    if os.major(Path(path).stat().st_rdev) in PTY_MAJORS:
        return 8, "N", 1
    return int(line.frame[0]), line.frame[1], int(line.frame[2])


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.ENOENT:
            return "there is no such port"
        case errno.EACCES | errno.EPERM:
            return "this user may not open it; add it to the group dialout"
        case errno.EIO | errno.ENXIO | errno.ENODEV:
            return "unplugged"
        case _:
            return str(error)


def _holder(path: str) -> str:
    """Which other program has the port open, as far as /proc tells."""
    port = os.path.realpath(path)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            held = any(str(fd.readlink()) == port for fd in (process / "fd").iterdir())
            if held:
                program = (process / "comm").read_text("utf-8", "replace").strip()
                return f"{program} (process {process.name})"
        except OSError:
            continue  # gone meanwhile, or not ours to look into
    return "another program"
