"""Lines over a pseudo-terminal: read, ask, lose, come back, and tell how well they are heard."""

import asyncio
import os

import pytest
import structlog

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import lines
from gateway.lines.lines import DeviceLine
from tests.lines import DEVICE, Deaf, Heard, Lines, Pty, member


def test_a_line_is_read_and_the_device_is_asked(pty: Pty) -> None:
    async def scenario() -> bytes:
        heard = Heard()
        task = asyncio.create_task(
            DeviceLine(str(pty.link), [member("scale", DEVICE, heard)]).run()
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
            DeviceLine(str(pty.link), [member("scale", DEVICE, heard)]).run()
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


def test_a_port_that_opens_and_hangs_up_is_lost_once_and_back_once_it_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports_opened: list[Lines] = []

    async def opened(name: str, line: Line) -> Lines:
        ports_opened.append(Lines())
        if len(ports_opened) == 3:
            os.write(ports_opened[-1].writer, b"+")
        os.close(ports_opened[-1].writer)
        return ports_opened[-1]

    monkeypatch.setattr(lines, "BACKOFF_S_MIN", 0.001)
    monkeypatch.setattr(lines, "open_port", opened)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False)

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(DeviceLine("tcp://x:1", [member("m", device, heard)]).run())
        while len(ports_opened) < 6:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert heard.messages == [b"+"]

    with structlog.testing.capture_logs() as logged:
        asyncio.run(asyncio.wait_for(scenario(), 10))
    events = [entry["event"] for entry in logged]
    assert events == ["line_open", "line_lost", "line_back", "line_lost"]
    assert logged[1]["reason"] == "the other end hung up"


def test_a_line_that_stays_away_is_tried_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    pause = asyncio.sleep

    async def refuse(name: str, line: Line) -> Lines:
        raise LineLost("there is no such port")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await pause(0)

    monkeypatch.setattr(lines, "open_port", refuse)

    async def scenario() -> None:
        task = asyncio.create_task(DeviceLine("tcp://x:1", [member("m", DEVICE, Heard())]).run())
        while len(slept) < 8:
            await pause(0)
        task.cancel()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(scenario())
    assert slept[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(("stayed_s", "expected"), [(0.0, [0.5, 0.5, 0.5]), (5.0, [1.0, 2.0, 4.0])])
def test_a_line_that_comes_and_goes_is_tried_ever_more_seldom_and_one_that_stayed_at_once(
    monkeypatch: pytest.MonkeyPatch, stayed_s: float, expected: list[float]
) -> None:
    slept: list[float] = []
    pause = asyncio.sleep

    async def opened(name: str, line: Line) -> Lines:
        port = Lines()
        os.write(port.writer, b"+")
        os.close(port.writer)
        return port

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await pause(0)

    monkeypatch.setattr(lines, "open_port", opened)
    monkeypatch.setattr(lines, "STAYED_S", stayed_s)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False)

    async def scenario() -> None:
        task = asyncio.create_task(DeviceLine("tcp://x:1", [member("m", device, Heard())]).run())
        while len(slept) < 3:
            await pause(0)
        task.cancel()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    asyncio.run(scenario())
    assert slept[:3] == expected


def test_a_stick_that_is_plugged_in_is_had_within_a_second_however_long_it_was_away(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    pty.unplug()
    slept: list[float] = []
    pause = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1000:
            pty.plug()
        await pause(0)

    async def scenario() -> None:
        heard = Heard()
        line = DeviceLine(str(pty.link), [member("m", DEVICE, heard)])
        task = asyncio.create_task(line.run())
        while "open" not in heard.states:
            await pause(0)
        assert heard.states == ["lost", "open"]
        task.cancel()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with structlog.testing.capture_logs() as logged:
        asyncio.run(asyncio.wait_for(scenario(), 10))
    assert slept == [1.0, *[0.5] * 999]
    assert [entry["event"] for entry in logged] == ["line_lost"]


def test_how_well_a_line_is_heard_is_noted(pty: Pty) -> None:
    async def scenario() -> None:
        heard = Heard()
        scale = member("scale", DEVICE, heard)
        task = asyncio.create_task(DeviceLine(str(pty.link), [scale]).run())
        await heard.until(["open"], [])
        os.write(pty.ours, b"one\ntwo\nthr")
        await heard.until(["open"], [b"one", b"two"])
        line = scale.quality
        assert (line.bytes, line.telegrams, line.opened, line.why) == (11, 2, 1, "")
        pty.unplug()
        while line.lost_since_s is None:
            await asyncio.sleep(0.005)
        assert line.why in {"unplugged", "the other end hung up"}
        task.cancel()
        pty.plug()

    asyncio.run(asyncio.wait_for(scenario(), 10))
