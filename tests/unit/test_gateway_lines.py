"""Lines over a pseudo-terminal: read, ask, take turns, lose, come back, and stay alone."""

import asyncio
import contextlib
import errno
import fcntl
import grp
import os
import pwd
import socket
import subprocess
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from drivers import sdk
from drivers.reading import Fault, Message, Reading
from drivers.sdk import Line, Rest, Send, SetLine, Step, Wait
from gateway.contract.errors import LineLost
from gateway.lines import lines, ports, serialport, tcpport
from gateway.lines.lines import DeviceLine, Listener, Member
from gateway.lines.serialport import SerialPort


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


def member(name: str, device: sdk.Device, heard: Heard, line: Line | None = None) -> Member:
    return Member(name, device, dict, heard.listener, line)


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


def test_what_to_try_stands_with_a_lost_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuse(name: str, line: Line) -> Lines:
        raise LineLost("this user may not open it", "another user")

    monkeypatch.setattr(lines, "open_port", refuse)

    async def scenario() -> None:
        heard = Heard()
        task = asyncio.create_task(DeviceLine("/dev/x", [member("m", DEVICE, heard)]).run())
        await heard.until(["lost"], [])
        task.cancel()

    with structlog.testing.capture_logs() as logged:
        asyncio.run(scenario())
    assert logged == [
        {
            "event": "line_lost",
            "log_level": "warning",
            "line": "m",
            "port": "/dev/x",
            "reason": "this user may not open it",
            "try_": "another user",
        }
    ]


def test_a_port_that_is_unplugged_while_its_speed_is_set_is_lost(pty: Pty) -> None:
    port = SerialPort(str(pty.link), Line(9600))
    pty.unplug()
    with pytest.raises(LineLost, match="unplugged"):
        port.set_line(Line(300))
    port.close()
    pty.plug()


def test_a_speed_that_no_port_has_is_refused_in_words(pty: Pty) -> None:
    with pytest.raises(LineLost, match="it cannot do -1 baud 8N1") as lost:
        SerialPort(str(pty.link), Line(-1))
    assert lost.value.try_ == "another cable"


def test_a_port_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LineLost, match="there is no such port"):
        SerialPort(str(tmp_path / "port"), Line(9600))


def test_a_port_has_one_owner_and_the_other_is_named(pty: Pty) -> None:
    first = SerialPort(str(pty.link), Line(9600))
    with pytest.raises(LineLost, match="held by "):
        SerialPort(str(pty.link), Line(9600))
    first.close()


@contextlib.contextmanager
def _held(port: str) -> Iterator[int]:
    """Another program that has the port open and locks nothing, as most."""
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    with subprocess.Popen(["sleep", "60"], stdin=descriptor) as other:
        os.close(descriptor)
        yield other.pid
        other.kill()


def test_a_port_that_another_program_reads_is_not_read_as_well(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serialport, "PTY_MAJORS", range(0))
    with (
        _held(str(pty.link)) as process,
        pytest.raises(LineLost, match=rf"held by sleep \(process {process}\)"),
    ):
        SerialPort(str(pty.link), Line(9600))
    SerialPort(str(pty.link), Line(9600)).close()


def test_a_port_that_we_read_is_nobody_elses(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialport, "PTY_MAJORS", range(0))
    get_exclusive = 0x80045440  # TIOCGEXCL; only who may do everything could open it still

    def is_ours() -> bool:
        return any(fcntl.ioctl(pty.theirs, get_exclusive, b"\0" * 4))

    port = SerialPort(str(pty.link), Line(9600))
    assert is_ours()
    port.close()
    assert not is_ours()


@pytest.mark.parametrize("path", ["/dev/null", "/etc/hostname", "/tmp"])
def test_what_is_no_serial_port_is_said_so(path: str) -> None:
    with pytest.raises(LineLost, match="this is no serial port"):
        SerialPort(path, Line(9600))


def test_a_port_that_this_user_may_not_open_is_told_the_group_that_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "port"
    port.touch()

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(serialport.serial, "Serial", refuse)
    monkeypatch.setattr(
        serialport.grp, "getgrgid", lambda _: grp.struct_group(("dialout", "x", 20, []))
    )
    monkeypatch.setattr(
        serialport.pwd,
        "getpwuid",
        lambda _: pwd.struct_passwd(("noor", "x", 1000, 1000, "", "", "")),
    )
    with pytest.raises(LineLost, match="this user may not open it") as lost:
        SerialPort(str(port), Line(9600))
    assert lost.value.try_ == "sudo usermod --append --groups dialout noor; then log in again"


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


def _asking(letter: bytes) -> sdk.Device:
    return DEVICE._replace(open=lambda _: Turn(letter))


def test_two_devices_on_one_line_never_speak_at_once(pty: Pty) -> None:
    async def scenario() -> None:
        a, b = Heard(), Heard()
        members = [member("a", _asking(b"a"), a), member("b", _asking(b"b"), b)]
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
        members = [member("a", _asking(b"a"), dead), member("b", _asking(b"b"), alive)]
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
    slow = _asking(b"b")._replace(line=Line(300, "7E1"))

    async def scenario() -> None:
        heard = Heard()
        members = [
            member("a", _asking(b"a"), heard),
            member("b", slow, heard),
            member("c", _asking(b"c"), heard, Line(2400, "8E1")),
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


def test_a_line_over_tcp_is_read_asked_and_lost() -> None:
    async def scenario() -> None:
        heard = Heard()
        asked = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read(1) == b"?"
            writer.write(b"one\n")
            asked.set()
            await asyncio.sleep(0.05)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            number = server.sockets[0].getsockname()[1]
            scale = member("scale", DEVICE, heard)
            task = asyncio.create_task(DeviceLine(f"tcp://127.0.0.1:{number}", [scale]).run())
            await asked.wait()
            await heard.until(["open", "lost"], [b"one"])
            task.cancel()

    asyncio.run(asyncio.wait_for(scenario(), 10))


def test_a_peer_that_lost_its_power_is_noticed_within_a_minute() -> None:
    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = await ports.open_port(f"tcp://127.0.0.1:{server.getsockname()[1]}", Line(9600))
            with socket.socket(fileno=os.dup(port.fileno())) as same:
                level = socket.IPPROTO_TCP
                assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                idle_s = same.getsockopt(level, socket.TCP_KEEPIDLE)
                tries_s = same.getsockopt(level, socket.TCP_KEEPINTVL) * same.getsockopt(
                    level, socket.TCP_KEEPCNT
                )
                assert idle_s + tries_s == 60
                assert same.getsockopt(level, socket.TCP_USER_TIMEOUT) == 30_000
            port.close()

    asyncio.run(scenario())


def test_an_address_where_nobody_listens_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(LineLost, match="nobody listens there"):
            asyncio.run(ports.open_port(port, Line(9600)))


def test_every_address_of_a_host_is_tried() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        stream = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            found = [(*stream, unused.getsockname()), (*stream, server.getsockname())]

            async def resolved(*_: object, **__: object) -> list[object]:
                return list(found)

            loop.getaddrinfo = resolved  # type: ignore[assignment]
            (await ports.open_port("tcp://meters:3001", Line(9600))).close()
            found.pop()
            with pytest.raises(LineLost, match="nobody listens there"):
                await ports.open_port("tcp://meters:3001", Line(9600))

    asyncio.run(scenario())


def test_a_host_that_nobody_knows_says_so() -> None:
    async def scenario() -> None:
        async def unknown(*_: object, **__: object) -> list[object]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        asyncio.get_running_loop().getaddrinfo = unknown  # type: ignore[assignment]
        with pytest.raises(LineLost, match="Name or service not known"):
            await ports.open_port("tcp://meters:3001", Line(9600))

    asyncio.run(scenario())


def test_a_host_that_does_not_answer_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcpport, "CONNECT_S_MAX", 0.0)
    with pytest.raises(LineLost, match="nobody answers within 0 s"):
        asyncio.run(ports.open_port("tcp://127.0.0.1:9", Line(9600)))
