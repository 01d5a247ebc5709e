"""A keyboard of the machine's as a line, `input:/dev/input/by-id/…-event-kbd`: its events as the
kernel writes them, taken away from every other program.

Spec: Linux include/uapi/linux/input.h (`struct input_event`, EVIOCGRAB).
"""

import errno
import fcntl
import os
import struct
from pathlib import Path

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines.holders import held

PREFIX = "input:"
FOLDER = Path("/dev/input")
# Names that stay the same after a restart; /dev/input/eventN is given out as things are plugged in.
STABLE = ("by-id", "by-path")

# A whole number of events is read at a time, as the kernel demands.
EVENT = struct.Struct("@llHHi")
EVENT_BYTES = 24  # on a 64-bit system
EVENTS_READ_MAX = 128
GRAB = 0x40044590  # EVIOCGRAB: _IOW('E', 0x90, int)

GROUP = "sudo usermod --append --groups input, with the user's name; then log in again"


def refuse(port: str) -> tuple[str, str] | None:
    """What is wrong with the name of such a port, and what to try."""
    path = Path(port.removeprefix(PREFIX))
    if path.parent in {FOLDER / name for name in STABLE}:
        return None
    if path.parent == FOLDER:
        return f"{path} may be another device after the next restart", stable_name(path)
    return f"{port!r} names no keyboard", f'port = "{PREFIX}{FOLDER}/by-id/…-event-kbd"'


def stable_name(path: Path) -> str:
    """Which link leads to a device under /dev/input, as a line to copy."""
    for folder in STABLE:
        links = sorted((FOLDER / folder).iterdir()) if (FOLDER / folder).is_dir() else []
        for link in links:
            if link == path or os.path.realpath(link) == os.path.realpath(path):
                return f'port = "{PREFIX}{link}"'
    return f"its name under {FOLDER}/by-id, after {PREFIX}"


class InputPort:
    """A keyboard that types for us alone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        try:
            chunk = os.read(self._descriptor, EVENTS_READ_MAX * EVENT_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise _lost(error) from error
        if not chunk:
            raise LineLost("unplugged")
        return chunk

    def write(self, data: bytes) -> None:
        del data  # a keyboard is only listened to

    def set_line(self, line: Line) -> None:
        del line

    def close(self) -> None:
        """Gives the keyboard back as well."""
        os.close(self._descriptor)


def open_input(port: str) -> InputPort:
    """The keyboard, grabbed. Raises LineLost."""
    if EVENT.size != EVENT_BYTES:
        raise LineLost("a 32-bit system writes other events", "64-bit Raspberry Pi OS")
    path = port.removeprefix(PREFIX)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _lost(error) from error
    try:
        fcntl.ioctl(descriptor, GRAB, 1)
    except OSError as error:
        os.close(descriptor)
        match error.errno:
            case errno.EBUSY:
                raise held(path) from error
            case errno.ENOTTY | errno.EINVAL:
                raise LineLost("this is no keyboard", stable_name(Path(path))) from error
            case _:
                raise _lost(error) from error
    return InputPort(descriptor)


def _lost(error: OSError) -> LineLost:
    match error.errno:
        case errno.ENOENT:
            return LineLost("there is no such keyboard", f"ls {FOLDER}/by-id")
        case errno.EACCES | errno.EPERM:
            return LineLost("this user may not open it", GROUP)
        case errno.ENODEV | errno.ENXIO | errno.EIO:
            return LineLost("unplugged")
        case _:
            return LineLost(error.strerror or str(error))
