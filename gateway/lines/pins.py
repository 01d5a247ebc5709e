"""A pin of the Pi as a line: its edges as the kernel writes them, `struct gpio_v2_line_event`.

Spec: Linux include/uapi/linux/gpio.h. With gpiod the bytes are the kernel's own, with its stamps
and its sequence number; through gpiozero the same bytes are made here, as late as a thread runs,
and an edge that was missed leaves no gap to be seen.
"""

import contextlib
import errno
import os
import struct
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from drivers.sdk import Line
from gateway.contract.errors import LineLost

PREFIX = "gpio:"
PIN_MAX = 27  # BCM numbers on the 40-pin header

EVENT = struct.Struct("=QIIII24x")
RISING, FALLING = 1, 2
EVENTS_READ_MAX = 64
EVENTS_HELD = 1024  # the most that the kernel agrees to; it throws away the oldest beyond
# IEC 62053-31, 4.1.3.4: bounce ends within 5 ms. The shortest pulse lasts 30 ms.
DEBOUNCE = timedelta(milliseconds=5)

DEV = Path("/dev")
PACKAGE = "pip install 'meterkast[pi]'"
GROUP = "sudo usermod --append --groups gpio, with the user's name; then log in again"


def pin_number(port: str) -> int:
    """The BCM number of `gpio:N`. Raises ValueError."""
    number = int(port.removeprefix(PREFIX))
    if not port.startswith(PREFIX) or not 0 <= number <= PIN_MAX:
        raise ValueError(port)
    return number


class PinPort:
    """An input with its pull-up on: a closed contact pulls it down, a pulse begins by falling."""

    def __init__(self, descriptor: int, close: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self.close = close

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        try:
            return os.read(self._descriptor, EVENTS_READ_MAX * EVENT.size)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LineLost(error.strerror or str(error)) from error

    def write(self, data: bytes) -> None:
        del data  # a pin is only looked at

    def set_line(self, line: Line) -> None:
        del line


def open_pin(port: str) -> PinPort:
    """The pin, with the kernel's own events where gpiod is installed. Raises LineLost."""
    number = pin_number(port)
    try:
        import gpiod  # noqa: PLC0415 - an extra that only a Pi has
    except ImportError:
        return _through_gpiozero(number)
    if not hasattr(gpiod, "LineSettings"):  # version 1, as Debian 12 packs it, gives no numbers
        return _through_gpiozero(number)
    return _through_gpiod(gpiod, number)


def _through_gpiod(gpiod: Any, number: int) -> PinPort:
    wanted = gpiod.LineSettings(
        direction=gpiod.line.Direction.INPUT,
        edge_detection=gpiod.line.Edge.BOTH,
        bias=gpiod.line.Bias.PULL_UP,
        debounce_period=DEBOUNCE,
        event_clock=gpiod.line.Clock.MONOTONIC,
    )
    chip = _header_chip(gpiod)
    try:
        request = gpiod.request_lines(
            str(chip),
            consumer="meterkast",
            config={number: wanted},
            event_buffer_size=EVENTS_HELD,
        )
    except PermissionError as error:
        raise LineLost(f"this user may not open {chip}", GROUP) from error
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise LineLost("another program holds this pin", f"gpioinfo --chip {chip}") from error
        raise LineLost(error.strerror or str(error)) from error
    except (ValueError, NotImplementedError) as error:  # so gpiod says EINVAL and EOPNOTSUPP
        raise LineLost(f"{chip} cannot watch this pin: {error}", "another pin") from error
    os.set_blocking(request.fd, False)
    return PinPort(request.fd, request.release)


def _header_chip(gpiod: Any) -> Path:
    """The chip behind the 40-pin header: its number differs between models, its label does not."""
    forbidden = None
    for path in sorted(DEV.glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                if chip.get_info().label.startswith("pinctrl-"):
                    return path
        except PermissionError:
            forbidden = path
        except OSError:
            continue
    if forbidden:
        raise LineLost(f"this user may not open {forbidden}", GROUP)
    raise LineLost("this machine has no header with pins", "a Raspberry Pi, or another port")


def _through_gpiozero(number: int) -> PinPort:
    try:
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - an extra that only a Pi has
        from gpiozero.exc import GPIOZeroError  # noqa: PLC0415
    except ImportError as error:
        raise LineLost("pins need a package that is not installed", PACKAGE) from error
    try:
        pin = DigitalInputDevice(number, pull_up=True)
    except GPIOZeroError as error:
        raise LineLost(str(error), f"{PACKAGE}; {GROUP}") from error
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    edges = 0

    def tell(kind: int) -> None:
        """Called from a thread of gpiozero. Where nobody reads, the gap in the numbers tells."""
        nonlocal edges
        edges += 1
        with contextlib.suppress(BlockingIOError):
            os.write(writer, EVENT.pack(time.monotonic_ns(), kind, number, edges, edges))

    pin.when_activated = lambda: tell(FALLING)
    pin.when_deactivated = lambda: tell(RISING)

    def close() -> None:
        pin.close()
        os.close(reader)
        os.close(writer)

    return PinPort(reader, close)
