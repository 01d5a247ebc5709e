"""A pin as a line: the kernel's events through gpiod, the same bytes through gpiozero."""

import asyncio
import errno
import inspect
import os
import struct
import sys
import types
from datetime import timedelta

import gpiod
import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from drivers import sdk
from drivers.reading import Message, Reading
from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import pins, ports
from gateway.lines.lines import DeviceLine, Listener, Member

EVENT = struct.Struct("<QIIII24x")
# As read from a Pi's request for pin 17: closed at 12 s, opened 40 ms later.
CLOSES = EVENT.pack(12_000_000_000, 2, 17, 1, 1)
OPENS = EVENT.pack(12_040_000_000, 1, 17, 2, 2)


class Kernel(types.ModuleType):
    """gpiod with chips that are not there; `writer` is where the kernel puts its events."""

    LineSettings, line = gpiod.LineSettings, gpiod.line

    def __init__(self, labels, refusal=None):
        super().__init__("gpiod")
        self.labels, self.refusal = labels, refusal
        self.asked = None
        self.released = False

    def Chip(self, path):  # noqa: N802 - its name in gpiod
        label = self.labels[path.rpartition("/")[2]]
        if isinstance(label, Exception):
            raise label
        return Chip(label)

    def request_lines(self, path, *, consumer, config, event_buffer_size):
        if self.refusal:
            raise self.refusal
        self.asked = (path, consumer, config, event_buffer_size)
        reader, self.writer = os.pipe()
        return types.SimpleNamespace(fd=reader, release=lambda: self.release(reader))

    def release(self, reader):
        self.released = True
        os.close(reader)


class Chip:
    def __init__(self, label):
        self.label = label

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def get_info(self):
        return self


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """Put gpiod aside for one with these chips, and /dev for a folder with their names."""

    def make(labels, refusal=None):
        made = Kernel(labels, refusal)
        for name in labels:
            (tmp_path / name).touch()
        monkeypatch.setattr(pins, "DEV", tmp_path)
        monkeypatch.setitem(sys.modules, "gpiod", made)
        return made

    return make


def _open(port="gpio:17"):
    return asyncio.run(ports.open_port(port, Line(9600)))


def test_gpiod_has_what_is_asked_of_it_here():
    asked = inspect.signature(gpiod.request_lines)
    asked.bind("/dev/gpiochip0", consumer="", config={}, event_buffer_size=1024)
    assert {"fd", "release"} <= set(dir(gpiod.LineRequest))
    assert "get_info" in dir(gpiod.Chip)
    assert "label" in gpiod.ChipInfo.__annotations__
    assert pins.EVENT.size == EVENT.size == 48


def test_the_kernels_events_are_read_as_they_are(kernel, tmp_path):
    fake = kernel({"gpiochip0": "brcmvirt-gpio", "gpiochip4": "pinctrl-rp1"})
    port = _open()
    assert port.read() == b""
    os.write(fake.writer, CLOSES + OPENS)
    assert port.read() == CLOSES + OPENS
    port.write(b"x")
    port.set_line(Line(300))
    port.close()
    assert fake.released


def test_the_pin_is_asked_for_with_pull_up_debounce_and_both_edges(kernel, tmp_path):
    fake = kernel({"gpiochip0": "pinctrl-bcm2711"})
    _open().close()
    path, consumer, config, held = fake.asked
    settings = config[17]
    assert (path, consumer, held) == (f"{tmp_path}/gpiochip0", "meterkast", 1024)
    assert settings.direction == gpiod.line.Direction.INPUT
    assert settings.edge_detection == gpiod.line.Edge.BOTH
    assert settings.bias == gpiod.line.Bias.PULL_UP
    assert settings.event_clock == gpiod.line.Clock.MONOTONIC
    assert settings.debounce_period == timedelta(milliseconds=5)
    assert not settings.active_low


@pytest.mark.parametrize(
    ("labels", "refusal", "what", "try_"),
    [
        ({}, None, "this machine has no header with pins", "Raspberry Pi"),
        ({"gpiochip0": "brcmvirt-gpio"}, None, "this machine has no header with pins", "Pi"),
        ({"gpiochip0": OSError(errno.ENODEV, "gone")}, None, "no header with pins", "Pi"),
        ({"gpiochip0": PermissionError()}, None, "may not open .*/gpiochip0", "--groups gpio"),
        ({"gpiochip0": "pinctrl-x"}, PermissionError(), "may not open .*/gpiochip0", "gpio"),
        ({"gpiochip0": "pinctrl-x"}, OSError(errno.EBUSY, "busy"), "another program", "gpioinfo"),
        ({"gpiochip0": "pinctrl-x"}, OSError(errno.EIO, "I/O error"), "I/O error", ""),
        ({"gpiochip0": "pinctrl-x"}, ValueError("bias"), "cannot watch this pin: bias", "another"),
    ],
)
def test_a_pin_that_cannot_be_had_says_why_and_what_to_try(kernel, labels, refusal, what, try_):
    kernel(labels, refusal)
    with pytest.raises(LineLost, match=what) as lost:
        _open()
    assert try_ in lost.value.try_


def test_events_that_cannot_be_read_lose_the_line(kernel):
    kernel({"gpiochip0": "pinctrl-x"})
    port = _open()
    os.close(port.fileno())
    with pytest.raises(LineLost, match="Bad file descriptor"):
        port.read()


def test_without_any_package_it_is_said_which_one_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(LineLost, match="not installed") as lost:
        _open()
    assert lost.value.try_ == "pip install 'meterkast[pi]'"


@pytest.fixture
def mock(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", None)
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    return factory


def test_gpiozero_gives_the_kernels_events_too(mock):
    port = _open()
    pin = mock.pin(17)
    assert pin.pull == "up"
    pin.drive_low()
    pin.drive_high()
    closes, opens = EVENT.iter_unpack(port.read())
    assert (closes[1:], opens[1:]) == ((2, 17, 1, 1), (1, 17, 2, 2))
    assert closes[0] <= opens[0]
    pin.drive_low()
    assert EVENT.unpack(port.read())[1:] == (2, 17, 3, 3)
    port.close()


def test_an_old_gpiod_is_passed_over_for_gpiozero(mock, monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiod", types.ModuleType("gpiod"))
    port = _open()
    mock.pin(17).drive_low()
    assert EVENT.unpack(port.read())[1:] == (2, 17, 1, 1)
    port.close()


def test_edges_that_nobody_read_through_gpiozero_leave_a_gap_in_the_numbers(mock):
    port = _open()
    pin = mock.pin(17)
    fits = 65_536 // EVENT.size  # the pipe takes no more
    for _ in range(fits):
        pin.drive_low()
        pin.drive_high()
    told = b""
    while chunk := port.read():
        told += chunk
    pin.drive_low()
    numbers = [event[4] for event in EVENT.iter_unpack(told + port.read())]
    assert numbers[0] == 1
    assert numbers[-1] == 2 * fits + 1
    assert len(numbers) < 2 * fits
    port.close()


def test_a_pin_that_is_closed_tells_no_more(mock):
    port = _open()
    port.close()
    mock.pin(17).drive_low()  # raises if it still wrote into the closed pipe


def test_a_pin_in_use_says_so(mock):
    first = _open()
    with pytest.raises(LineLost, match="GPIO17"):
        _open()
    first.close()


def test_a_contact_at_a_pin_is_counted_on_from_the_last_count(kernel):
    fake = kernel({"gpiochip0": "pinctrl-rp1"})
    readings: list[Reading] = []

    def message(said: Message) -> None:
        readings.extend(said.readings)

    async def scenario() -> None:
        listener = Listener(message=message, opened=lambda: None, lost=lambda: None)
        contact = Member("roof", sdk.load("s0"), lambda: {"count": "41"}, listener)
        task = asyncio.create_task(DeviceLine("gpio:17", [contact]).run())
        while not readings:
            await asyncio.sleep(0.005)
        os.write(fake.writer, CLOSES + OPENS)
        while len(readings) < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(scenario(), 10))
    assert [reading.value for reading in readings] == [41, 42]
