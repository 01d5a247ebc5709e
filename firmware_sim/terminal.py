"""A pseudo-terminal that stays: the serial port at whose far end a simulated device sits.

The village keeps the program's end open itself, so the port survives a program that goes and
comes back. What the program has not read yet can be asked, so a device never runs ahead of it.
"""

import fcntl
import os
import select
import struct
import termios
import tty
from pathlib import Path


class Terminal:
    """One port; `link` is the path that the program opens."""

    def __init__(self, link: Path | None = None) -> None:
        self._link = link
        self._open()
        self._show()

    def _open(self) -> None:
        self.device_end, self._program_end = os.openpty()
        tty.setraw(self._program_end)
        os.set_blocking(self.device_end, False)
        self._target = os.ttyname(self._program_end)
        self.path = self._link or Path(self._target)

    def _show(self) -> None:
        if link := self._link:
            link.parent.mkdir(parents=True, exist_ok=True)
            # Beside it and renamed, so that a program never finds the path missing.
            beside = link.with_name(link.name + ".new")
            beside.unlink(missing_ok=True)
            beside.symlink_to(self._target)
            beside.replace(link)

    def unplug(self) -> None:
        """Pull the stick: the program's end hangs up, and the link is gone until `plug_in`."""
        if self._link:
            self._link.unlink(missing_ok=True)
        ends = self.device_end, self._program_end
        self._open()  # while the old ones are still held, so that the system's name is another
        for end in ends:
            os.close(end)

    def plug_in(self) -> None:
        """The stick is back: under its link, and under another name of the system's."""
        self.forget()
        self._show()

    def unread(self) -> int:
        """Bytes that the program has not read yet."""
        # The system carries bytes over when it comes to it; asking whether there are any makes it
        # come to it now (n_tty_poll).
        select.select([self._program_end], [], [], 0)
        answer = fcntl.ioctl(self._program_end, termios.FIONREAD, b"\0" * 4)
        return int(struct.unpack("i", answer)[0])

    def write(self, data: bytes) -> int:
        """How many of these bytes the line took: fewer than all once it is full, 0 at worst."""
        try:
            return os.write(self.device_end, data)
        except BlockingIOError:
            return 0

    def read(self) -> bytes:
        """What the program has sent, b"" where it sent nothing."""
        try:
            return os.read(self.device_end, 4096)
        except BlockingIOError:
            return b""

    def forget(self) -> None:
        """Drop what nobody has read, as a wire without a listener does."""
        termios.tcflush(self._program_end, termios.TCIFLUSH)

    def close(self) -> None:
        os.close(self.device_end)
        os.close(self._program_end)
        if self.path.is_symlink():
            self.path.unlink()
