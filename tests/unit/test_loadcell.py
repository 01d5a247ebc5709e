"""A load cell as a port: conversions by the kernel's files, or by a chip at two pins.

No chip hangs on the machine of the tests: the kernel's files are files of a folder, the pins those
of gpiozero's mock, at which a chip that is not there clocks its bits out.
"""

import asyncio
import select
import struct
import subprocess
import sys
from pathlib import Path

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory

from drivers import sdk
from drivers.reading import Message
from drivers.sdk import Line
from firmware_sim.devices import hx711 as simulated
from gateway import config
from gateway.contract.errors import ConfigError, LineLost
from gateway.lines import loadcell, ports
from tests.docs.test_pages import blocks

FRAME = struct.Struct("<4sQIIHBB")


def _open(port):
    return asyncio.run(ports.open_port(port, Line(9600)))


def _frames(port, number):
    """So many conversions of a port."""
    told = b""
    while len(told) < number * FRAME.size:
        assert select.select([port.fileno()], [], [], 10)[0]
        told += port.read()
    return [FRAME.unpack(told[at : at + FRAME.size]) for at in range(0, len(told), FRAME.size)]


def test_port_driver_and_simulator_agree_on_the_frame():
    assert FRAME.size == loadcell.FRAME.size == sdk.load("hx711").buffer_max // (99 + 4)
    assert loadcell.MARK == simulated.MARK
    raw = loadcell._frame(0x123456, gain=128, clock_ns=20_001, is_first=True)
    mark, _, bits, gain, clock_us, reset, zero = FRAME.unpack(raw)
    assert (mark, bits, gain, clock_us, reset, zero) == (b"\xb1HX\x8e", 0x123456, 128, 21, 1, 0)
    assert sdk.load("hx711").recognise(raw)


@pytest.fixture
def sysfs(tmp_path):
    folder = tmp_path / "iio:device0"
    folder.mkdir()
    (folder / "name").write_text("hx711\n")
    (folder / "in_voltage0_raw").write_text("8388608\n")
    (folder / "in_voltage0_scale").write_text("0.000000149\n")
    return folder


def test_the_kernels_count_has_its_highest_bit_turned_back(sysfs):
    # 8388608 is what the kernel makes of no voltage at all: 0 in two's complement.
    (sysfs / "in_voltage0_raw").write_text(str(8_388_608 - 83_215))
    port = _open(f"iio:{sysfs}")
    try:
        first, second = _frames(port, 2)[:2]
    finally:
        port.close()
    assert (2**24 - 83_215, 149, 0) == first[2:5]
    assert (1, 0) == (first[5], second[5])
    assert first[1] < second[1]


def test_a_conversion_that_fails_once_is_passed_over_and_three_in_a_row_lose_the_line(
    sysfs, monkeypatch
):
    monkeypatch.setattr(loadcell.time, "sleep", lambda _s: None)
    raw = sysfs / "in_voltage0_raw"
    conversions = loadcell._from_kernel(raw, 149)
    next(conversions)
    raw.write_text("")
    with pytest.raises(LineLost, match="cannot read the chip") as lost:
        next(conversions)
    assert "wires" in lost.value.try_


@pytest.mark.parametrize("text", ["16777216", "-8388609"])
def test_a_count_of_more_than_24_bits_is_another_chip(sysfs, text):
    (sysfs / "in_voltage0_raw").write_text(text)
    with pytest.raises(LineLost, match="another chip"):
        next(loadcell._from_kernel(sysfs / "in_voltage0_raw", 149))


def test_a_device_that_the_kernel_does_not_have_says_how_to_get_it(tmp_path):
    with pytest.raises(LineLost, match="no channel of a load cell") as lost:
        _open(f"iio:{tmp_path}/iio:device9")
    assert "avia,hx711" in lost.value.try_


@pytest.mark.parametrize("scale", ["", "nought", "0", "-1", "5"])
def test_a_scale_that_is_none_loses_the_line(sysfs, scale):
    (sysfs / "in_voltage0_scale").write_text(scale)
    with pytest.raises(LineLost, match="cannot be read"):
        _open(f"iio:{sysfs}")


def test_a_cell_that_another_program_reads_says_which(sysfs):
    code = (
        "import fcntl, os, sys; f = os.open(sys.argv[1], os.O_RDONLY);"
        "fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, sysfs / "in_voltage0_raw"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        other.stdout.readline()
        with pytest.raises(LineLost, match=rf"held by \S+ \(process {other.pid}\)"):
            _open(f"iio:{sysfs}")
        other.stdin.close()


def test_a_closed_port_gives_the_cell_free(sysfs):
    _open(f"iio:{sysfs}").close()
    _open(f"iio:{sysfs}").close()


class Chip:
    """An HX711 at two mock pins: shifts a bit out whenever the clock rises."""

    def __init__(self, data, clock, conversions):
        self._data, self._conversions = data, list(conversions)
        self._left: list[int] = []
        self.pulses = 0
        self.resets = 0
        clock._change_state, self._changed = self._change, clock._change_state
        self._ready()

    def _ready(self):
        self._left = []
        if self._conversions:
            bits = self._conversions.pop(0)
            self._left = [bits >> n & 1 for n in reversed(range(24))]
            self._data.drive_low()

    def _change(self, value):
        changed = self._changed(value)
        if changed and value and self.resets:
            self.pulses += 1
            if self._left:
                bit = self._left.pop(0)
                self._data.drive_high() if bit else self._data.drive_low()
            elif self.pulses % 25 == 0:
                self._data.drive_high()
                self._ready()
        elif changed and not value and not self.resets:
            self.resets += 1
        return changed


class Clock:
    """A time of its own: each look at it takes so long."""

    def __init__(self, step_ns):
        self.step_ns, self.now_ns = step_ns, 10**12

    def monotonic_ns(self):
        self.now_ns += self.step_ns
        return self.now_ns

    def monotonic(self):
        return self.monotonic_ns() / 10**9

    def sleep(self, seconds):
        self.now_ns += int(seconds * 10**9)


@pytest.fixture
def mock(monkeypatch):
    factory = MockFactory()
    monkeypatch.setattr(gpiozero.Device, "pin_factory", factory)
    return factory


@pytest.mark.parametrize(
    "bits", [0x000000, 0x123456, 0xFEBAF1, 0x7FFFFF, 0x800000, 0xFFFFFF], ids=hex
)
def test_bits_that_a_chip_clocks_out_are_read_highest_first(mock, monkeypatch, bits):
    monkeypatch.setattr(loadcell, "time", Clock(10_000))
    data, clock = mock.pin(5), mock.pin(6)
    clock.function = "output"
    chip = Chip(data, clock, [bits, 0x000001])
    conversions = loadcell._from_pins(data, clock)
    first, second = (FRAME.unpack(next(conversions)) for _ in range(2))
    assert (bits, 128, 10, 1) == first[2:6]
    assert (1, 128, 10, 0) == second[2:6]
    assert (1, 50) == (chip.resets, chip.pulses)


def test_a_clock_that_was_high_for_too_long_is_told_to_the_microsecond(mock, monkeypatch):
    monkeypatch.setattr(loadcell, "time", Clock(140_001))
    data, clock = mock.pin(5), mock.pin(6)
    clock.function = "output"
    Chip(data, clock, [0x123456])
    frame = FRAME.unpack(next(loadcell._from_pins(data, clock)))
    assert 141 == frame[4]


def test_a_chip_that_never_converts_loses_the_line(mock, monkeypatch):
    monkeypatch.setattr(loadcell, "time", Clock(10_000))
    data, clock = mock.pin(5), mock.pin(6)
    clock.function = "output"
    data.drive_high()
    with pytest.raises(LineLost, match="converted nothing for 2 s") as lost:
        next(loadcell._from_pins(data, clock))
    assert "DT and SCK" in lost.value.try_


def test_a_port_of_two_pins_is_opened_through_gpiozero_and_read_by_the_driver(mock):
    data = mock.pin(5)
    chip = Chip(data, mock.pin(6), [0x000064] * 400)
    port = _open("hx711:5,6")
    try:
        raw = b"".join(FRAME.pack(*frame) for frame in _frames(port, 3))
    finally:
        port.close()
    assert 1 == chip.resets
    assert 100 == FRAME.unpack(raw[: FRAME.size])[2]
    session = sdk.load("hx711").open({})
    assert all(isinstance(step, Message) for step in session.feed(raw))


def test_a_chip_that_falls_silent_is_a_lost_line(mock, monkeypatch):
    monkeypatch.setattr(loadcell, "SILENT_S", 0.05)
    Chip(mock.pin(5), mock.pin(6), [0x000064])
    port = _open("hx711:5,6")
    try:
        _frames(port, 1)
        assert select.select([port.fileno()], [], [], 10)[0]
        with pytest.raises(LineLost, match="converted nothing"):
            port.read()
    finally:
        port.close()


def test_a_pin_in_use_says_so(mock):
    Chip(mock.pin(5), mock.pin(6), [0x000064] * 40)
    first = _open("hx711:5,6")
    with pytest.raises(LineLost, match="GPIO5"):
        _open("hx711:5,7")
    first.close()


def test_without_the_package_it_is_said_which_one_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpiozero", None)
    with pytest.raises(LineLost, match="not installed") as lost:
        _open("hx711:5,6")
    assert lost.value.try_ == "pip install 'meterkast[pi]'"


def test_conversions_that_nobody_reads_are_lost_and_hold_nobody_up():
    full = [b"x" * FRAME.size] * 4_000 + [b"y" * FRAME.size]
    port = loadcell.CellPort(iter(full), lambda: None)
    port._thread.join(10)
    assert not port._thread.is_alive()
    told = b""
    while True:
        try:
            told += port.read()
        except LineLost:
            break
    assert len(told) <= 65_536
    port.close()


@pytest.mark.parametrize(
    ("driver", "port", "what"),
    [
        ("hx711", "iio:device0", "names no device of the kernel"),
        ("hx711", "hx711:5", "names no two pins"),
        ("hx711", "hx711:5,5", "names no two pins"),
        ("hx711", "hx711:5,28", "names no two pins"),
        ("mtsics", "hx711:5,6", "is no line, and this device speaks on one"),
        ("mtsics", "iio:/sys/bus/iio/devices/iio:device0", "is no line"),
        ("hx711", "gpio:5", "is a pin"),
    ],
)
def test_a_port_that_does_not_fit_its_driver_is_a_mistake(tmp_path, driver, port, what):
    path = tmp_path / "gateway.toml"
    path.write_text(f'gateway = "point"\n[device.scale]\ndriver = "{driver}"\nport = "{port}"\n')
    with pytest.raises(ConfigError, match=what):
        config.load(path)


@pytest.mark.parametrize(
    "port", ["iio:/sys/bus/iio/devices/iio:device0", "hx711:5,6", "/dev/pts/4"]
)
def test_a_load_cell_hangs_on_a_port_of_its_own_kind(tmp_path, port):
    path = tmp_path / "gateway.toml"
    path.write_text(f'gateway = "point"\n[device.scale]\ndriver = "hx711"\nport = "{port}"\n')
    assert port == config.load(path).device["scale"].port


def test_the_block_of_the_page_about_load_cells_is_read(tmp_path):
    (block,) = blocks(Path(__file__).parents[2] / "docs" / "load-cell.md", "toml")
    (tmp_path / "gateway.toml").write_text(block, "utf-8")
    platform = config.load(tmp_path / "gateway.toml").device["platform"]
    assert {"division": "10 g", "capacity": "60 kg"} == platform.own()
