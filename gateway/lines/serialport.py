"""A serial port of this machine, or a pseudo-terminal, opened for us alone."""

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import stat
import termios
from pathlib import Path

import serial

from drivers.sdk import Line
from gateway.contract.errors import LineLost
from gateway.lines import holders

CHUNK_BYTES = 4096
GONE = {errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF}
# Linux: Documentation/admin-guide/devices.txt, Unix98 pseudo-terminals.
PTY_MAJORS = range(136, 144)
MEMORY_MAJOR = 1


class SerialPort:
    """A serial port or a pseudo-terminal."""

    def __init__(self, path: str, line: Line) -> None:
        self._path = path
        try:
            self._is_pty = is_pseudo(path)
            bits, parity, stops = self._frame(line)
            self._serial = serial.Serial(
                path,
                baudrate=line.baud,
                bytesize=bits,
                parity=parity,
                stopbits=stops,
                timeout=0,
                exclusive=True,
            )
        except (termios.error, ValueError) as error:
            raise _unfit(line, error) from error
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EBUSY} or "exclusively lock" in str(error):
                raise holders.held(path) from error
            raise _lost(error, self._path) from error
        if not self._is_pty:
            self._claim()

    def _claim(self) -> None:
        """Keep others out, and see that none is in: most lock nothing, and two readers of one line
        get half of each telegram. A pseudo-terminal is held open by whoever plays the device.
        """
        fcntl.ioctl(self._serial.fileno(), termios.TIOCEXCL)
        if holders.holder(self._path):
            self.close()
            raise holders.held(self._path)

    def fileno(self) -> int:
        return int(self._serial.fileno())

    def read(self) -> bytes:
        try:
            chunk = os.read(self._serial.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise _lost(error, self._path) from error
        if not chunk:
            is_there = Path(self._path).exists()
            raise LineLost("the other end hung up" if is_there else "unplugged")
        return chunk

    def write(self, data: bytes) -> None:
        """Requests are shorter than any kernel buffer: one that does not fit means nobody reads."""
        try:
            written = os.write(self._serial.fileno(), data)
        except OSError as error:
            raise _lost(error, self._path) from error
        if written != len(data):
            raise LineLost("the line takes no more bytes")

    def set_line(self, line: Line) -> None:
        try:
            self._serial.flush()
            self._serial.baudrate = line.baud
            bits, parity, stops = self._frame(line)
            self._serial.bytesize, self._serial.parity, self._serial.stopbits = bits, parity, stops
        except (termios.error, ValueError) as error:
            raise _unfit(line, error) from error
        except OSError as error:
            raise _lost(error, self._path) from error

    def close(self) -> None:
        if self._serial.is_open and not self._is_pty:
            with contextlib.suppress(OSError):  # unplugged
                fcntl.ioctl(self._serial.fileno(), termios.TIOCNXCL)
        self._serial.close()

    def _frame(self, line: Line) -> tuple[int, str, int]:
        """Data bits, parity, stop bits. A pseudo-terminal has bytes, no frame; refuses others."""
        if self._is_pty:
            return 8, "N", 1
        return int(line.frame[0]), line.frame[1], int(line.frame[2])


def is_serial(path: str) -> bool:
    """Whether this may be a serial port: no file or folder, and no /dev/null. Raises OSError."""
    found = Path(path).stat()
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) != MEMORY_MAJOR


def is_pseudo(path: str) -> bool:
    """Whether this is a pseudo-terminal, which has bytes and no speed. Raises OSError."""
    return os.major(Path(path).stat().st_rdev) in PTY_MAJORS


def _unfit(line: Line, error: Exception) -> LineLost:
    """Why the port cannot be set to this line: it is gone, or its chip is too simple."""
    if isinstance(error, termios.error) and error.args[0] in GONE:
        return LineLost("unplugged")
    return LineLost(f"it cannot do {line.baud} baud {line.frame}", "another cable")


def may_open(path: str) -> str:
    """How this user is let open the port: by the group that may, where there is one."""
    try:
        group = grp.getgrgid(Path(path).stat().st_gid).gr_name
        user = pwd.getpwuid(os.geteuid()).pw_name
    except (OSError, KeyError):
        return f"ls -l {path}"
    if group == "root":
        return f"ls -l {path}: no group may open it"
    return f"sudo usermod --append --groups {group} {user}; then log in again"


def _lost(error: OSError, path: str) -> LineLost:
    cause = error.__context__  # pyserial tells what termios says as text only
    number = cause.args[0] if isinstance(cause, termios.error) else error.errno
    match number:
        case errno.ENOTTY | errno.EISDIR:
            return LineLost("this is no serial port", "ls /dev/serial/by-id")
        case errno.ENOENT:
            return LineLost("there is no such port")
        case errno.EACCES | errno.EPERM:
            return LineLost("this user may not open it", may_open(path))
        case _ if number in GONE:
            return LineLost("unplugged")
        case _:
            return LineLost(error.strerror or str(error))
