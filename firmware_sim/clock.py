"""The village's clock: a file that every process of the village reads."""

import ctypes
import os
from pathlib import Path

_HERE = -100  # AT_FDCWD of open(2)
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_WIDTH = 80  # each time that is shown has as many bytes: none of the one before is left behind it
_libc = ctypes.CDLL(None)


class Clock:
    """The file that is the time of the village for every process of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(path.name + ".new")

    def show(self, at_ms: int, *machine: str | int) -> None:
        """What time it is; `machine` has the quality, the boot and the milliseconds since that,
        where the clock is that of one machine and may be wrong.

        Nobody ever reads half a number: it is written beside, and the two change places.

        A file that replaces another one waits for the disk (ext4: auto_da_alloc), which on a busy
        machine costs more than all else in a step; one that changes places with it does not.
        """
        file = os.open(self._beside, os.O_WRONLY | os.O_CREAT, 0o644)
        shown = " ".join(map(str, (at_ms, *machine))).ljust(_WIDTH)
        try:
            os.write(file, shown.encode("ascii"))
        finally:
            os.close(file)
        paths = _HERE, bytes(self._beside), _HERE, bytes(self._path)
        if _libc.renameat2(*paths, _EXCHANGE) != 0:  # the first time, and on other file systems
            self._beside.replace(self._path)
