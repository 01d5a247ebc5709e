"""The domain's clock: UTC with its quality, and a monotonic anchor that outlives clock steps.

`METERKAST_CLOCK` names a file whose one number, UTC milliseconds, is the time of a simulated
village: every process of the village reads it there. Network and device time-outs stay real.
"""

import ctypes
import os
import time
from pathlib import Path
from typing import Protocol

# adjtimex(2): kernel status bit that says nobody disciplines this clock.
_STA_UNSYNC = 0x40
# Before this instant the clock was never set: it is older than the program.
_EPOCH_OF_REASON_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class Clock(Protocol):
    """What time it is in the domain, and how far to believe it."""

    boot: str

    def utc_ms(self) -> int: ...

    def mono_ms(self) -> int: ...

    def quality(self) -> str:
        """synced (disciplined now), held (was set, free running), or unset."""
        ...


class SystemClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        self._libc = ctypes.CDLL(None)

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def quality(self) -> str:
        if self.utc_ms() < _EPOCH_OF_REASON_MS:
            return "unset"
        # struct timex is 208 bytes on every 64-bit Linux; modes (its first member) 0 only reads.
        timex = ctypes.create_string_buffer(208)
        state = self._libc.adjtimex(timex)
        status = int.from_bytes(timex.raw[40:44], "little")
        return "held" if state < 0 or status & _STA_UNSYNC else "synced"


class VillageClock:
    """The clock of a simulated village: a file with one number, moved on by the village."""

    def __init__(self, path: Path) -> None:
        self.boot = "village"
        self._path = path

    def utc_ms(self) -> int:
        return int(self._path.read_bytes())

    def mono_ms(self) -> int:
        return self.utc_ms()

    def quality(self) -> str:
        return "synced"


def domain_clock() -> Clock:
    """The village's clock where METERKAST_CLOCK names one, else the machine's."""
    path = os.environ.get("METERKAST_CLOCK")
    return VillageClock(Path(path)) if path else SystemClock()
