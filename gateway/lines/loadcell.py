"""A load cell on an HX711 as a line: each conversion is a frame of bytes, `FRAME`.

Either the kernel reads the chip, `iio:/sys/bus/iio/devices/iio:device0`, or this program does
through two pins, `hx711:5,6` (data and clock by their BCM numbers), which is held up now and then:
the frame says for how long the clock was high, and the driver judges.

Spec: Linux drivers/iio/adc/hx711.c (the raw value has its highest bit turned round) and
Documentation/ABI/testing/sysfs-bus-iio; Avia Semiconductor, HX711 data sheet.
"""

import contextlib
import errno
import fcntl
import os
import re
import struct
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import pins
from gateway.lines.holders import held

KERNEL, PINS = "iio:", "hx711:"

# Mark, nanoseconds since the machine started, the 24 bits as the chip gave them, gain, the longest
# that the clock was high in microseconds (0: the kernel saw to it), whether this is the first after
# a reset, and a zero. Little-endian. The kernel's gain is its scale in billionths.
FRAME = struct.Struct("<4sQIIHBx")
MARK = b"\xb1HX\x8e"
FRAMES_READ_MAX = 64

BITS = 24
TURNED = 1 << BITS - 1
GAIN = 128  # channel A; one clock more than there are bits
US_MAX = 0xFFFF
# The clock is high for longer than this, and the chip is switched off.
RESET_S = 0.000_1
LOOK_S = 0.001  # between two looks whether a conversion is done
# The chip converts 10 or 80 times a second; a file that answers at once is none of the kernel's.
PAUSE_S = 0.01
SILENT_S = 2.0
FAILURES_MAX = 3  # in a row: the kernel gives up on a chip that is busy with something else

_PINS = re.compile(r"hx711:(\d{1,2}),(\d{1,2})")
_WIRES = "look at the wires to DT and SCK and at the chip's power"


def refuse_kernel(port: str) -> tuple[str, str] | None:
    """What is wrong with the name of such a port, and what to try."""
    if port.startswith(KERNEL + "/"):
        return None
    return f"{port!r} names no device of the kernel", "iio:/sys/bus/iio/devices/iio:device0"


def refuse_pins(port: str) -> tuple[str, str] | None:
    match = _PINS.fullmatch(port)
    if match and match[1] != match[2] and max(int(match[1]), int(match[2])) <= pins.PIN_MAX:
        return None
    what = f"{port!r} names no two pins of the header"
    return what, f"hx711:5,6, data and clock, each a BCM number from 0 to {pins.PIN_MAX}"


class CellPort:
    """Frames that a thread writes into a pipe. It ends when it fails, and says why."""

    def __init__(self, conversions: Iterator[bytes], close: Callable[[], None]) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._conversions = conversions
        self._close = close
        self._ends = threading.Event()
        self._reason = LineLost("the load cell is read no more")
        self._thread = threading.Thread(target=self._run, name="loadcell", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for frame in self._conversions:
                if self._ends.is_set():
                    break
                # Where nobody reads, conversions are lost, as on a wire.
                with contextlib.suppress(BlockingIOError):
                    os.write(self._writer, frame)
        except LineLost as lost:
            self._reason = lost
        except OSError as error:
            self._reason = LineLost(error.strerror or str(error))
        finally:
            os.close(self._writer)

    def fileno(self) -> int:
        return self._reader

    def read(self) -> bytes:
        try:
            chunk = os.read(self._reader, FRAMES_READ_MAX * FRAME.size)
        except BlockingIOError:
            return b""
        if not chunk:
            raise self._reason
        return chunk

    def write(self, data: bytes) -> None:
        del data  # a cell does not listen

    def set_line(self, line: Line) -> None:
        del line

    def close(self) -> None:
        self._ends.set()
        self._thread.join(SILENT_S + 1)
        os.close(self._reader)
        self._close()


def _frame(bits: int, *, gain: int, clock_ns: int, is_first: bool) -> bytes:
    """A conversion as a frame; the microseconds are rounded up."""
    clock_us = min(-(-clock_ns // 1000), US_MAX)
    return FRAME.pack(MARK, time.monotonic_ns(), bits, gain, clock_us, is_first)


def open_kernel(port: str) -> CellPort:
    """The chip as the kernel reads it, for us alone. Raises LineLost."""
    folder = Path(port.removeprefix(KERNEL))
    raw = folder / "in_voltage0_raw"
    try:
        gain = _billionths((folder / "in_voltage0_scale").read_text("ascii"))
        lock = os.open(raw, os.O_RDONLY)
    except (OSError, ValueError, InvalidOperation) as error:
        raise _no_kernel(folder, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise held(str(raw)) from error
    return CellPort(_from_kernel(raw, gain), lambda: os.close(lock))


def _billionths(text: str) -> int:
    """The kernel's scale as a whole number; it prints nine places."""
    number = int(Decimal(text.strip()) * 10**9)
    if not 0 < number < 1 << 32:
        raise ValueError(text)
    return number


def _no_kernel(folder: Path, error: Exception) -> LineLost:
    number = error.errno if isinstance(error, OSError) else 0
    if number in {errno.EACCES, errno.EPERM}:
        return LineLost(f"this user may not read {folder}", "a udev rule, or another user")
    if number in {errno.ENOENT, errno.ENOTDIR}:
        what = f"{folder} is no channel of a load cell"
        return LineLost(what, "a device-tree overlay for avia,hx711, then ls /sys/bus/iio/devices")
    return LineLost(f"{folder} cannot be read: {error}")


def _from_kernel(raw: Path, gain: int) -> Iterator[bytes]:
    """Conversions, each of which the kernel waits for."""
    is_first = True
    failures = 0
    while True:
        time.sleep(PAUSE_S)
        try:
            bits = int(raw.read_text("ascii")) ^ TURNED
        except (OSError, ValueError) as error:
            failures += 1
            if failures >= FAILURES_MAX:
                raise LineLost(f"the kernel cannot read the chip: {error}", _WIRES) from error
            continue
        failures = 0
        if not 0 <= bits < 1 << BITS:
            raise LineLost(f"{raw} gives numbers of more than {BITS} bits: another chip")
        yield _frame(bits, gain=gain, clock_ns=0, is_first=is_first)
        is_first = False


def open_pins(port: str) -> CellPort:
    """The chip at two pins, set and read by this program through gpiozero. Raises LineLost."""
    match = _PINS.fullmatch(port)
    assert match, port
    try:
        from gpiozero import DigitalInputDevice, DigitalOutputDevice  # noqa: PLC0415 - on a Pi
        from gpiozero.exc import GPIOZeroError  # noqa: PLC0415
    except ImportError as error:
        raise LineLost("pins need a package that is not installed", pins.PACKAGE) from error
    opened: list[Any] = []

    def close() -> None:
        for device in opened:
            device.close()

    try:
        opened.append(DigitalInputDevice(int(match[1]), pull_up=None, active_state=True))
        opened.append(DigitalOutputDevice(int(match[2])))
    except GPIOZeroError as error:
        close()
        raise LineLost(str(error), f"{pins.PACKAGE}; {pins.GROUP}") from error
    return CellPort(_from_pins(opened[0].pin, opened[1].pin), close)


def _from_pins(data: Any, clock: Any) -> Iterator[bytes]:
    """Conversions of a chip that is switched off and on first."""
    clock.state = 1
    time.sleep(RESET_S)
    clock.state = 0
    is_first = True
    while True:
        _wait(data)
        bits = longest_ns = 0
        for n in range(BITS + 1):  # the last one chooses channel and gain of the next conversion
            begun_ns = time.monotonic_ns()
            clock.state = 1
            clock.state = 0
            longest_ns = max(longest_ns, time.monotonic_ns() - begun_ns)
            if n < BITS:  # a bit stays until the clock rises again
                bits = bits << 1 | bool(data.state)
        yield _frame(bits, gain=GAIN, clock_ns=longest_ns, is_first=is_first)
        is_first = False


def _wait(data: Any) -> None:
    """Until the chip pulls its data pin down. Raises LineLost."""
    until_s = time.monotonic() + SILENT_S
    while data.state:
        if time.monotonic() > until_s:
            raise LineLost(f"the chip has converted nothing for {SILENT_S:.0f} s", _WIRES)
        time.sleep(LOOK_S)
