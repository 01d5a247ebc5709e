"""Serial ports: gone, held, not ours to open, and at no speed that they cannot have."""

import asyncio
import contextlib
import errno
import fcntl
import grp
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import lines, serialport
from gateway.lines.lines import DeviceLine
from gateway.lines.serialport import SerialPort
from tests.lines import DEVICE, Heard, Lines, Pty, member


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
