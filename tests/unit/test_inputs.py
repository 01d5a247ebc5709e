"""A keyboard as a line. No machine that tests has one: a FIFO stands for it, and the kernel's
answer to the grab is played.
"""

import asyncio
import errno
import fcntl
import os
from pathlib import Path

import pytest

from drivers.sdk import Line
from firmware_sim.devices.wedge import event
from gateway import config
from gateway.contract.errors import ConfigError, LineLost
from gateway.lines import inputs, ports

EVENT = event(1_795_600_000_000, 1, 28, 1)


class Kernel:
    """Answers EVIOCGRAB; `error` is what it says instead."""

    def __init__(self):
        self.grabbed = []
        self.error = 0

    def __call__(self, descriptor, request, value):
        assert request == 0x40044590  # direction write, 4 bytes, 'E', 0x90
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        self.grabbed.append((descriptor, value))


@pytest.fixture
def kernel(monkeypatch):
    played = Kernel()
    monkeypatch.setattr(fcntl, "ioctl", played)
    return played


@pytest.fixture
def keyboard(tmp_path):
    path = tmp_path / "event-kbd"
    os.mkfifo(path)
    return path


def _open(path):
    return asyncio.run(ports.open_port(f"input:{path}", Line(9600)))


def test_a_keyboard_is_taken_away_from_all_others(kernel, keyboard):
    port = _open(keyboard)
    assert kernel.grabbed == [(port.fileno(), 1)]
    port.close()


def test_events_come_as_the_kernel_writes_them(kernel, keyboard):
    port = _open(keyboard)
    with keyboard.open("wb") as other:
        assert port.read() == b""
        other.write(EVENT * 3)
        other.flush()
        assert port.read() == EVENT * 3
        assert port.read() == b""
        port.write(b"nothing listens")
        port.set_line(Line(115200))
    with pytest.raises(LineLost, match="unplugged"):
        port.read()
    port.close()


@pytest.mark.parametrize("number", [errno.ENODEV, errno.EIO], ids=errno.errorcode.get)
def test_a_keyboard_that_is_pulled_out_is_lost(kernel, keyboard, monkeypatch, number):
    port = _open(keyboard)

    def read(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "read", read)
    with pytest.raises(LineLost, match="unplugged"):
        port.read()


@pytest.mark.parametrize(
    ("number", "what", "tries"),
    [
        (errno.EBUSY, "held by", "sudo fuser --verbose"),
        (errno.ENOTTY, "no keyboard", "by-id"),
        (errno.EINVAL, "no keyboard", "by-id"),
        (errno.ENODEV, "unplugged", ""),
    ],
)
def test_why_a_keyboard_cannot_be_had_is_said(kernel, keyboard, number, what, tries):
    kernel.error = number
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(LineLost, match=what) as lost:
        _open(keyboard)
    assert tries in lost.value.try_
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_keyboard_that_is_not_there_is_looked_for_by_name(tmp_path):
    with pytest.raises(LineLost, match="no such keyboard") as lost:
        _open(tmp_path / "none")
    assert lost.value.try_ == "ls /dev/input/by-id"


def test_who_may_not_open_it_is_told_the_group(keyboard, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LineLost, match="may not open it") as lost:
        inputs.open_input(f"input:{keyboard}")
    assert "--groups input" in lost.value.try_


def test_a_file_that_is_no_device_is_no_keyboard(tmp_path):
    (tmp_path / "file").write_bytes(EVENT)
    with pytest.raises(LineLost, match="no keyboard"):
        _open(tmp_path / "file")


def test_a_32_bit_system_is_refused(keyboard, monkeypatch):
    monkeypatch.setattr(inputs, "EVENT", inputs.struct.Struct("=llHHi"))
    with pytest.raises(LineLost, match="32-bit"):
        _open(keyboard)


def _mistakes(tmp_path, driver, port):
    path = tmp_path / "gateway.toml"
    path.write_text(f'gateway = "g"\n[device.qr]\ndriver = "{driver}"\nport = "{port}"\n')
    try:
        config.load(path)
    except ConfigError as error:
        return [(problem.what, problem.try_) for problem in error.problems]
    return []


@pytest.fixture
def linked(tmp_path, monkeypatch):
    """A machine with one keyboard, event4."""
    folder = tmp_path / "input"
    (folder / "by-id").mkdir(parents=True)
    (folder / "event4").touch()
    (folder / "by-id" / "usb-QR-event-kbd").symlink_to("../event4")
    monkeypatch.setattr(inputs, "FOLDER", folder)
    return folder


def test_a_stable_name_is_taken(tmp_path, linked):
    assert _mistakes(tmp_path, "wedge", f"input:{linked}/by-id/usb-QR-event-kbd") == []


def test_a_name_that_changes_with_plugging_is_refused_with_the_stable_one(tmp_path, linked):
    assert _mistakes(tmp_path, "wedge", f"input:{linked}/event4") == [
        (
            f"{linked}/event4 may be another device after the next restart",
            f'port = "input:{linked}/by-id/usb-QR-event-kbd"',
        )
    ]


@pytest.mark.parametrize("name", ["event4", "by-id/usb-QR-event-kbd"])
def test_a_forgotten_prefix_is_given(tmp_path, linked, name):
    assert _mistakes(tmp_path, "wedge", f"{linked}/{name}") == [
        (f"{linked}/{name} is no serial port", f'port = "input:{linked}/by-id/usb-QR-event-kbd"')
    ]


def test_another_device_may_not_hang_on_a_keyboard(tmp_path, linked):
    (mistake,) = _mistakes(tmp_path, "rdm6300", f"input:{linked}/by-id/usb-QR-event-kbd")
    assert "this device speaks on one" in mistake[0]


@pytest.mark.parametrize("port", ["input:", "input:kbd", "input:/dev/ttyS0"])
def test_a_port_that_names_no_keyboard_is_refused(tmp_path, port):
    ((what, tries),) = _mistakes(tmp_path, "wedge", port)
    assert what == f"{port!r} names no keyboard"
    assert tries == 'port = "input:/dev/input/by-id/…-event-kbd"'


def test_a_pin_is_no_keyboard(tmp_path):
    assert len(_mistakes(tmp_path, "wedge", "gpio:17")) == 1
