"""Devices that share a line take turns on it, and commands wait for theirs."""

import asyncio
import contextlib
import os

import pytest

from drivers import sdk
from drivers.sdk import Send, Step, Wait
from gateway.lines.lines import DeviceLine
from tests.lines import DEVICE, Heard, Pty, Turn, asking, member


def test_two_devices_on_one_line_never_speak_at_once(pty: Pty) -> None:
    async def scenario() -> None:
        a, b = Heard(), Heard()
        members = [member("a", asking(b"a"), a), member("b", asking(b"b"), b)]
        task = asyncio.create_task(DeviceLine(str(pty.link), members).run())
        answered = 0
        while answered < 20:
            await asyncio.sleep(0.002)
            try:
                asked = os.read(pty.ours, 100)
            except BlockingIOError:
                continue
            assert asked in {b"a", b"b"}  # one question, and no other before its answer
            os.write(pty.ours, asked.upper())
            answered += 1
        await asyncio.sleep(0.01)
        task.cancel()
        assert set(a.messages) == {b"A"}
        assert set(b.messages) == {b"B"}
        assert abs(len(a.messages) - len(b.messages)) <= 1

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_device_that_does_not_answer_does_not_hold_up_the_other(pty: Pty) -> None:
    async def scenario() -> None:
        dead, alive = Heard(), Heard()
        members = [member("a", asking(b"a"), dead), member("b", asking(b"b"), alive)]
        task = asyncio.create_task(DeviceLine(str(pty.link), members).run())
        while alive.messages.count(b"B") < 2 or dead.messages.count(b"silent") < 2:
            await asyncio.sleep(0.002)
            with contextlib.suppress(BlockingIOError):
                if os.read(pty.ours, 100) == b"b":
                    os.write(pty.ours, b"B")
        task.cancel()
        assert set(dead.messages) == {b"silent"}

    asyncio.run(asyncio.wait_for(scenario(), 10))


class Commanded(Turn):
    """As Turn, and says a command at once, or after the answer that is due."""

    def command(self, word: str) -> list[Step]:
        self._asked = True
        return [Send(word.encode()), Wait(5)]


def _commanded(letter: bytes, silent_s: float = 0.2) -> sdk.Device:
    return DEVICE._replace(
        open=lambda _: Commanded(letter, silent_s), commands=("zero", "tare"), polled=True
    )


async def _says(pty: Pty) -> bytes:
    """The next that is written to the line."""
    while True:
        with contextlib.suppress(BlockingIOError):
            return os.read(pty.ours, 100)
        await asyncio.sleep(0.002)


def test_a_command_goes_out_at_once_while_the_line_only_waits_for_bytes(pty: Pty) -> None:
    async def scenario() -> None:
        heard = Heard()
        line = DeviceLine(str(pty.link), [member("scale", _commanded(b"?", 60), heard)])
        task = asyncio.create_task(line.run())
        assert await _says(pty) == b"?"
        await asyncio.sleep(0.02)
        assert line.command("scale", "zero")
        assert await _says(pty) == b"zero"
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_command_waits_until_the_other_device_has_its_answer(pty: Pty) -> None:
    async def scenario() -> None:
        a, b = Heard(), Heard()
        slow = DEVICE._replace(open=lambda _: Turn(b"a", silent_s=60))
        members = [member("a", slow, a), member("b", _commanded(b"b"), b)]
        line = DeviceLine(str(pty.link), members)
        task = asyncio.create_task(line.run())
        assert await _says(pty) == b"a"
        assert line.command("b", "tare")
        await asyncio.sleep(0.02)
        with pytest.raises(BlockingIOError):
            os.read(pty.ours, 100)
        os.write(pty.ours, b"A")
        assert await _says(pty) == b"tare"
        os.write(pty.ours, b"done")
        await b.until(["open"], [b"done"])
        assert a.messages == [b"A"]
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_command_that_already_waits_is_sent_once(pty: Pty) -> None:
    async def scenario() -> None:
        heard = Heard()
        line = DeviceLine(str(pty.link), [member("scale", _commanded(b"?"), heard)])
        task = asyncio.create_task(line.run())
        assert await _says(pty) == b"?"
        for _ in range(50):
            assert line.command("scale", "zero")
        assert line.command("scale", "tare")
        await asyncio.sleep(0.02)
        assert await _says(pty) == b"zerotare"
        task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_command_to_a_lost_line_is_not_kept_for_later(pty: Pty) -> None:
    async def scenario() -> None:
        heard = Heard()
        line = DeviceLine(str(pty.link), [member("scale", _commanded(b"?"), heard)])
        assert not line.command("scale", "zero")
        task = asyncio.create_task(line.run())
        assert await _says(pty) == b"?"
        assert not line.command("another", "zero")
        pty.unplug()
        while "lost" not in heard.states:
            await asyncio.sleep(0.005)
        assert not line.command("scale", "zero")
        task.cancel()
        pty.plug()

    asyncio.run(asyncio.wait_for(scenario(), 10))
