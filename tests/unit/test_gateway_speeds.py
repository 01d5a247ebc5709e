"""Another speed is tried where nothing is understood, and only where it is ours to set."""

import asyncio
import os

import pytest
import structlog

from drivers.sdk import Line
from gateway.lines import lines
from gateway.lines.lines import DeviceLine
from tests.lines import DEVICE, Deaf, Heard, Lines, asking, member


def test_a_meter_that_is_not_understood_is_tried_at_its_other_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "SEARCH_S", 0.0)
    port = Lines()

    async def opened(name: str, line: Line) -> Lines:
        port.set.append(line)
        return port

    monkeypatch.setattr(lines, "open_port", opened)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False, other_lines=(Line(2400, "8E1"),))

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(DeviceLine("/dev/x", [member("m", device, heard)]).run())
        await heard.until(["open"], [])
        os.write(port.writer, b"?" * 63)
        await heard.until(["open"], [b""])
        assert port.set == [Line(9600)]
        os.write(port.writer, b"?")
        await heard.until(["open"], [b"", b""])
        assert port.set == [Line(9600), Line(2400, "8E1")]
        os.write(port.writer, b"+" + b"!" * 200)
        await heard.until(["open"], [b"", b"", b"+" + b"!" * 200])
        assert port.set == [Line(9600), Line(2400, "8E1")]
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_each_speed_that_is_tried_in_vain_is_logged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SEARCH_S", 0.0)
    port = Lines()

    async def opened(name: str, line: Line) -> Lines:
        return port

    monkeypatch.setattr(lines, "open_port", opened)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False, other_lines=(Line(2400, "8E1"),))

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(DeviceLine("/dev/x", [member("m", device, heard)]).run())
        await heard.until(["open"], [])
        for count in range(1, 8):
            os.write(port.writer, b"?" * 100)
            await heard.until(["open"], [b""] * count)
        task.cancel()
        await asyncio.wait([task])

    with structlog.testing.capture_logs() as logged:
        asyncio.run(asyncio.wait_for(scenario(), 10))
    assert port.set == [Line(2400, "8E1"), Line(9600)] * 3 + [Line(2400, "8E1")]
    tried = [entry["baud"] for entry in logged if entry["event"] == "line_tried"]
    assert tried == [2400, 9600]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("tcp://x:1", []),
        ("http://x/telegram", []),
        ("rfc2217://x:1", [Line(2400, "8E1")]),
        ("/dev/x", [Line(2400, "8E1")]),
    ],
)
def test_no_other_speed_is_tried_where_it_is_not_ours_to_set(
    monkeypatch: pytest.MonkeyPatch, port: str, expected: list[Line]
) -> None:
    monkeypatch.setattr(lines, "SEARCH_S", 0.0)
    wire = Lines()

    async def opened(name: str, line: Line) -> Lines:
        return wire

    monkeypatch.setattr(lines, "open_port", opened)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False, other_lines=(Line(2400, "8E1"),))

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(DeviceLine(port, [member("m", device, heard)]).run())
        await heard.until(["open"], [])
        os.write(wire.writer, b"?" * 100)
        await heard.until(["open"], [b""])
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert wire.set == expected


def test_a_speed_that_the_user_gave_is_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SEARCH_S", 0.0)
    port = Lines()

    async def opened(name: str, line: Line) -> Lines:
        port.set.append(line)
        return port

    monkeypatch.setattr(lines, "open_port", opened)
    device = DEVICE._replace(open=lambda _: Deaf(), polled=False, other_lines=(Line(2400, "8E1"),))

    async def scenario() -> None:
        heard = Heard()
        own = member("m", device, heard, Line(4800))
        task = asyncio.create_task(DeviceLine("/dev/x", [own]).run())
        await heard.until(["open"], [])
        for count in range(1, 4):
            os.write(port.writer, b"?" * 100)
            await heard.until(["open"], [b""] * count)
        assert port.set == [Line(4800)]
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_each_device_of_a_line_is_asked_at_its_own_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Lines()
    asked: list[tuple[Line, bytes]] = []

    async def opened(name: str, line: Line) -> Lines:
        port.set.append(line)
        return port

    def answer(data: bytes) -> None:
        asked.append((port.set[-1], data))
        os.write(port.writer, b"!")

    monkeypatch.setattr(lines, "open_port", opened)
    monkeypatch.setattr(port, "write", answer)
    slow = asking(b"b")._replace(line=Line(300, "7E1"))

    async def scenario() -> None:
        heard = Heard()
        members = [
            member("a", asking(b"a"), heard),
            member("b", slow, heard),
            member("c", asking(b"c"), heard, Line(2400, "8E1")),
        ]
        task = asyncio.create_task(DeviceLine("/dev/x", members).run())
        while len(asked) < 12:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert set(asked) == {
        (Line(9600), b"a"),
        (Line(300, "7E1"), b"b"),
        (Line(2400, "8E1"), b"c"),
    }
