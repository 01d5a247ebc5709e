"""Serial lines over a pseudo-terminal: read, ask, lose, come back, and stay alone."""

import asyncio
import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers import sdk
from drivers.reading import Message, Reading
from drivers.sdk import Line, Send, SetLine, Step, Wait
from gateway import lines
from gateway.contract.errors import LineLost
from gateway.lines import Listener, SerialLine, open_port


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


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    plugged = Pty(tmp_path / "port")
    yield plugged
    plugged.unplug()


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


def test_a_line_is_read_and_the_device_is_asked(pty: Pty) -> None:
    async def scenario() -> bytes:
        heard = Heard()
        task = asyncio.create_task(
            SerialLine("scale", str(pty.link), DEVICE, {}, heard.listener).run()
        )
        await heard.until(["open"], [])
        os.write(pty.ours, b"one\ntw")
        os.write(pty.ours, b"o\n")
        await heard.until(["open"], [b"one", b"two"])
        task.cancel()
        return os.read(pty.ours, 100)

    asked = asyncio.run(scenario())
    assert set(asked) == {ord("?")}


def test_a_lost_line_comes_back_under_its_name(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BACKOFF_S_MIN", 0.01)

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(
            SerialLine("scale", str(pty.link), DEVICE, {}, heard.listener).run()
        )
        await heard.until(["open"], [])
        os.write(pty.ours, b"one\n")
        await heard.until(["open"], [b"one"])
        pty.unplug()
        while "lost" not in heard.states:
            await asyncio.sleep(0.005)
        pty.plug()
        while heard.states[-1] != "open":
            await asyncio.sleep(0.005)
        os.write(pty.ours, b"two\n")
        while heard.messages != [b"one", b"two"]:
            await asyncio.sleep(0.005)
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_port_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LineLost, match="there is no such port"):
        open_port(str(tmp_path / "port"), Line(9600))


def test_a_port_has_one_owner_and_the_other_is_named(pty: Pty) -> None:
    first = open_port(str(pty.link), Line(9600))
    with pytest.raises(LineLost, match="held by "):
        open_port(str(pty.link), Line(9600))
    first.close()


def test_the_program_that_holds_a_port_is_named(pty: Pty) -> None:
    import subprocess

    with subprocess.Popen(
        ["sleep", "60"], stdin=os.open(str(pty.link), os.O_RDWR | os.O_NOCTTY)
    ) as holder:
        assert lines._holder(str(pty.link)) == f"sleep (process {holder.pid})"
        holder.kill()
