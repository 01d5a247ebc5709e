"""A pin of the Pi as a line: its edges as the kernel writes them, `struct gpio_v2_line_event`.

Spec: Linux include/uapi/linux/gpio.h. With gpiod the bytes are the kernel's own, with its stamps
and its sequence number; through gpiozero the same bytes are made here, as late as a thread runs,
and an edge that was missed leaves no gap to be seen.
"""

import contextlib
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
# Contact bounce of a relay output ends within 1 ms; the shortest pulse of IEC 62053-31 is 30 ms.
DEBOUNCE = timedelta(milliseconds=2)


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
    return _through_gpiod(gpiod, number)


def _through_gpiod(gpiod: Any, number: int) -> PinPort:
    line = gpiod.line
    wanted = gpiod.LineSettings(
        edge_detection=line.Edge.BOTH,
        bias=line.Bias.PULL_UP,
        debounce_period=DEBOUNCE,
        event_clock=line.Clock.MONOTONIC,
    )
    try:
        request = gpiod.request_lines(
            str(_header_chip(gpiod)), consumer="meterkast", config={number: wanted}
        )
    except PermissionError as error:
        raise LineLost("this user may not open it; add it to the group gpio") from error
    except OSError as error:
        raise LineLost(error.strerror or str(error)) from error
    os.set_blocking(request.fd, False)
    return PinPort(request.fd, request.release)


def _header_chip(gpiod: Any) -> Path:
    """The chip behind the 40-pin header: its number differs between models, its label does not."""
    for path in sorted(Path("/dev").glob("gpiochip*")):
        try:
            with gpiod.Chip(str(path)) as chip:
                if chip.get_info().label.startswith("pinctrl-"):
                    return path
        except OSError:
            continue
    raise LineLost("this machine has no pins that the user may open")


def _through_gpiozero(number: int) -> PinPort:
    try:
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - an extra that only a Pi has
        from gpiozero.exc import GPIOZeroError  # noqa: PLC0415
    except ImportError as error:
        raise LineLost("pins need a package: pip install 'meterkast[pi]'") from error
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    edges = 0

    def tell(kind: int) -> None:
        nonlocal edges
        edges += 1
        with contextlib.suppress(BlockingIOError):  # nobody reads: the gap in the numbers tells
            os.write(writer, EVENT.pack(time.monotonic_ns(), kind, number, edges, edges))

    try:
        pin = DigitalInputDevice(number, pull_up=True)
    except GPIOZeroError as error:
        os.close(reader)
        os.close(writer)
        raise LineLost(str(error)) from error
    pin.when_activated = lambda: tell(FALLING)
    pin.when_deactivated = lambda: tell(RISING)

    def close() -> None:
        pin.close()
        os.close(reader)
        os.close(writer)

    return PinPort(reader, close)
