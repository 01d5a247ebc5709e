"""`meterkast capture DEVICE`: write down what goes over a line, for whoever looks into it."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from cyclopts import Parameter

from drivers import sdk
from drivers.reading import Message
from gateway import config as settings
from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.lines.lines import DeviceLine, Listener, Member
from gateway.lines.ports import Port
from gateway.tools.captures import Entry, Head, TappedPort
from gateway.tools.catalogue import line_text
from gateway.tools.decode import named_driver, open_session, read_settings

PERSONAL = "It tells of a household, its meters and its days: give it to nobody who need not know."
PROGRESS_S = 1.0
ConfigFile = Annotated[Path, Parameter(name="--config")]
Given = Annotated[tuple[str, ...], Parameter(name="--set", negative="")]


@dataclass(slots=True)
class Target:
    """What is captured: a port and who hangs on it; without a name where only the port is known."""

    name: str
    port: str
    members: list[Member]


def capture(
    device: str,
    /,
    *,
    out: Path | None = None,
    seconds: float | None = None,
    config: ConfigFile = Path("gateway.toml"),
    driver: str | None = None,
    line: str | None = None,
    own: Given = (),
) -> int:
    """Write down what goes over a line, with the time of each piece, until Ctrl-C.

    The gateway must not be running: a port has one reader.

    Parameters
    ----------
    device
        A device of gateway.toml, or a port, such as /dev/ttyUSB0, with --driver or --line.
    out
        The file to write, which must not be there yet; standard output where this is left out.
    seconds
        End after so many.
    config
        The gateway's settings.
    driver
        Who hangs on a port: gives its speed, and asks it where it must be asked.
    line
        Speed and frame, such as "9600 7E1"; without a driver the port is only listened to.
    own
        What the block of such a device would say, NAME=VALUE; may be given several times.
    """
    if "/" in device or ":" in device:
        target = _port(device, driver, line, own)
    else:
        target = _configured(device, config)
    try:
        with _opened(out) as file:
            asyncio.run(_capture(target, Writer(file), seconds))
    except BrokenPipeError:
        raise  # whoever read has seen enough
    except OSError as error:
        what = f"the capture cannot be written: {error.strerror}"
        raise Unreachable(Problem(what, str(out or "-"), "another folder")) from error
    count = sum(member.quality.bytes for member in target.members)
    if not count:
        if out:
            out.unlink()  # it holds nothing
        raise _silent(target)
    print(f"{count} bytes in {out or 'standard output'}. {PERSONAL}", file=sys.stderr)
    return 0


def _silent(target: Target) -> Unreachable:
    """Why nothing was heard: the port could not be had, or nobody spoke."""
    line = target.members[0].quality
    if line.why and not line.opened:
        look = "ls /dev/serial/by-id" if target.port.startswith("/") else "is it on, and there?"
        return Unreachable(Problem(line.why, target.port, line.try_ or look))
    what, about = f"nothing was heard on {target.port}", f"meterkast drivers {_driver(target)}"
    return Unreachable(Problem(what, target.name or target.port, about.rstrip()))


def _configured(name: str, path: Path) -> Target:
    """The device and all others on its line, for they are asked in turn."""
    loaded = settings.load(path)
    if name not in loaded.device:
        what, known = f"no device is called {name!r}", ", ".join(loaded.device)
        raise UsageError(Problem(what, str(path), f"devices here: {known}; or a port"))
    port = loaded.device[name].port
    sharing = [
        _member(one, sdk.load(block.driver), block.own, block.speed())
        for one, block in loaded.device.items()
        if block.port == port
    ]
    return Target(name, port, sharing)


def _port(port: str, driver: str | None, line: str | None, own: tuple[str, ...]) -> Target:
    where = f"meterkast capture {port}"
    try:
        speed = settings.line_of(line) if line else None
    except ValueError as error:
        what = f"{line!r} is not a speed and a frame"
        raise UsageError(Problem(what, where, '--line "9600 8N1"')) from error
    if driver is None and speed is None:
        what = "nobody says how to listen to this port"
        raise UsageError(Problem(what, where, 'add --driver p1, or --line "115200 8N1"'))
    known = _ANY if driver is None else named_driver(driver)
    open_session(known, own)  # tells what is wrong with a setting
    given = read_settings(known, own)
    return Target("", port, [_member(known.name, known, lambda: given, speed)])


class _Mute:
    """A device that is only listened to, whatever it is."""

    def feed(self, chunk: bytes) -> list[sdk.Step]:
        del chunk
        return []

    def timeout(self) -> list[sdk.Step]:
        return []


_ANY = sdk.Device(
    name="any",
    title="",
    line=sdk.Line(115200),
    wiring="",
    registers=(),
    examples=(),
    recognise=lambda _: False,
    open=lambda _: _Mute(),
)


def _member(
    name: str, device: sdk.Device, own: Callable[[], dict[str, str]], line: sdk.Line | None
) -> Member:
    return Member(name, device, own, Listener(_ignore, _nothing, _nothing), line)


def _ignore(message: Message) -> None:
    del message  # counted in the line's figures


def _nothing() -> None: ...


def _driver(target: Target) -> str:
    known = [member.device.name for member in target.members if member.device is not _ANY]
    return known[0] if known else ""


@contextlib.contextmanager
def _opened(out: Path | None) -> Iterator[BinaryIO]:
    """The file to write, for its owner's eyes only. Raises UsageError, OSError."""
    if out is None:
        yield sys.stdout.buffer
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise UsageError(Problem(f"there is a file {out} already", "--out", "another")) from error
    with os.fdopen(descriptor, "wb") as file:
        yield file


class Writer:
    """Writes entries as they come, each at once: what was captured stays, whatever happens."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._encode = msgspec.json.Encoder().encode
        self._began_s = 0.0

    def begin(self, target: Target) -> None:
        self._began_s = time.monotonic()
        began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._put(Head(1, target.name, _driver(target), began))

    def note(self, what: str, text: str) -> None:
        ms = round((time.monotonic() - self._began_s) * 1000)
        self._put(Entry(ms, **{what: text}))

    def _put(self, line: Head | Entry) -> None:
        self._file.write(self._encode(line) + b"\n")
        self._file.flush()


async def _capture(target: Target, writer: Writer, seconds: float | None) -> None:
    """Until the time is over, somebody says stop, or the port cannot be had. Raises OSError where
    nothing can be written.
    """
    first, *others = target.members
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)

    def lost() -> None:
        writer.note("lost", first.quality.why)
        if not first.quality.opened:
            ended.set()

    def tap(port: Port, line: sdk.Line) -> Port:
        writer.note("line", line_text(line))
        return TappedPort(port, writer.note)

    writer.begin(target)
    noted = replace(first, listener=Listener(_ignore, _nothing, lost))
    serving = asyncio.create_task(DeviceLine(target.port, [noted, *others], tap=tap).run())
    waiting = asyncio.create_task(ended.wait())
    telling = asyncio.create_task(_tell(target))
    await asyncio.wait([serving, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    tasks = serving, waiting, telling
    for task in tasks:
        task.cancel()
    for told in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(told, Exception):
            raise told


async def _tell(target: Target) -> None:
    """How it goes, for somebody who looks on."""
    while sys.stderr.isatty():
        told = ", ".join(
            f"{member.name}: {member.quality.bytes} bytes, {member.quality.telegrams} telegrams, "
            f"{sum(member.quality.faults.values())} faults"
            for member in target.members
        )
        print(f"{told}\033[K", end="\r", file=sys.stderr, flush=True)
        await asyncio.sleep(PROGRESS_S)
