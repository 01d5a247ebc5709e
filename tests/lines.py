"""A line for tests: a pseudo-terminal with a stable name, a device that asks, and who listens."""

import asyncio
import os
import tty
from pathlib import Path

from drivers import sdk
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Line, Rest, Send, SetLine, Step, Wait
from gateway.contract.errors import LineLost
from gateway.lines.lines import Listener, Member


class Asking:
    """Asks with `?` and answers each line that ends in a newline with one message."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> list[Step]:
        *whole, self._held = (self._held + chunk).split(b"\n")
        return [Message(0, line, (Reading("net", len(line), "mg"),)) for line in whole]

    def timeout(self) -> list[Step]:
        return [Send(b"?"), SetLine(Line(4800, "7E1")), Wait(0.01)]


DEVICE = sdk.Device(
    name="asking",
    title="",
    line=Line(9600),
    wiring="",
    registers=(),
    examples=(),
    recognise=lambda _: False,
    open=lambda _: Asking(),
    polled=True,
)


class Pty:
    """A pseudo-terminal whose stable name is a link, as under /dev/serial/by-id."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.plug()

    def plug(self) -> None:
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        os.set_blocking(self.ours, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.theirs))

    def unplug(self) -> None:
        self.link.unlink()
        os.close(self.ours)
        os.close(self.theirs)


class Heard:
    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.states: list[str] = []
        self.listener = Listener(
            message=lambda message: self.messages.append(message.raw),
            opened=lambda: self.states.append("open"),
            lost=lambda: self.states.append("lost"),
        )

    async def until(self, states: list[str], messages: list[bytes]) -> None:
        async with asyncio.timeout(10):
            while self.states != states or self.messages != messages:
                await asyncio.sleep(0.005)


def member(name: str, device: sdk.Device, heard: Heard, line: Line | None = None) -> Member:
    return Member(name, device, dict, heard.listener, line)


class Turn:
    """Asks with its letter and owns the line until its answer has come, or was long due."""

    def __init__(self, letter: bytes, silent_s: float = 0.2) -> None:
        self._letter = letter
        self._silent_s = silent_s
        self._asked = False

    def feed(self, chunk: bytes) -> list[Step]:
        self._asked = False
        return [Message(0, chunk, (Reading("net", 1, "mg"),)), Rest(0.001)] if chunk else []

    def timeout(self) -> list[Step]:
        if self._asked:
            self._asked = False
            return [Message(0, b"silent"), Rest(0.001)]
        self._asked = True
        return [Send(self._letter), Wait(self._silent_s)]


def asking(letter: bytes) -> sdk.Device:
    return DEVICE._replace(open=lambda _: Turn(letter))


class Lines:
    """A port that notes what was done to it, and gives nothing."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.set: list[Line] = []

    def fileno(self) -> int:
        return self.reader

    def read(self) -> bytes:
        chunk = os.read(self.reader, 4096)
        if not chunk:
            raise LineLost("the other end hung up")
        return chunk

    def write(self, data: bytes) -> None:
        del data

    def set_line(self, line: Line) -> None:
        self.set.append(line)

    def close(self) -> None:
        os.close(self.reader)


class Deaf:
    """Understands only what begins with `+`."""

    def feed(self, chunk: bytes) -> list[Step]:
        if chunk.startswith(b"+"):
            return [Message(0, chunk, (Reading("net", 1, "mg"),))]
        return [Message(0, b"", (), (Fault("noise", 0, len(chunk)),))]

    def timeout(self) -> list[Step]:
        return []
