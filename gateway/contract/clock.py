"""The domain's clock: UTC with its quality, and a monotonic anchor that outlives clock steps.

A clock record tells what time it was at a moment of a boot, so that whoever reads the chain can
work out when records before it were made; what is signed is never re-timed.

`METERKAST_CLOCK` names a file whose first number, UTC milliseconds, is the time of a simulated
village: every process of the village reads it there. Network and device time-outs stay real.
"""

import ctypes
import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol

from gateway.contract.record import Element, Record, decimal, milli
from gateway.contract.signed import Malformed

# How far a clock is to be believed, the least first: it was never set; it was set and runs freely;
# a meter's own stamp stands for it; it is kept right all the time.
UNSET, HELD, METER, SYNCED = QUALITIES = ("unset", "held", "meter", "synced")

# The elements of a clock record, in seconds: how far off at most, and by how much it was set.
BOUND, STEP = "clock/bound", "clock/step"

# The kernel calls a clock unsynchronised that may be further off than this.
BOUND_MS_MAX = 16_000

# struct timex is so long on every 64-bit Linux; modes (its first member) 0 only reads.
TIMEX_BYTES = 208
# A clock that somebody begins or ceases to keep right is known so soon.
KERNEL_S = 1.0
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

    def bound_ms(self) -> int | None:
        """How far off it is at most by the kernel's reckoning, None while nobody disciplines it."""
        ...


class Kernel(NamedTuple):
    """What the kernel says of its clock."""

    is_synced: bool
    bound_ms: int


def kernel_of(timex: bytes) -> Kernel:
    """What a `struct timex` of a 64-bit Linux says; the bound is rounded up."""
    error_us = int.from_bytes(timex[24:32], "little", signed=True)
    status = int.from_bytes(timex[40:44], "little")
    return Kernel(not status & _STA_UNSYNC, -(-error_us // 1000))


class SystemClock:
    """The machine's own clock."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        self._libc = ctypes.CDLL(None)
        self._timex = ctypes.create_string_buffer(TIMEX_BYTES)
        self._kernel_said = Kernel(is_synced=False, bound_ms=BOUND_MS_MAX)
        self._asked_s = float("-inf")

    def utc_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def quality(self) -> str:
        if self.utc_ms() < _EPOCH_OF_REASON_MS:
            return UNSET
        return SYNCED if self._kernel().is_synced else HELD

    def bound_ms(self) -> int | None:
        kernel = self._kernel()
        return kernel.bound_ms if kernel.is_synced else None

    def _kernel(self) -> Kernel:
        """What it said within the last second: every message asks."""
        now_s = time.monotonic()
        if now_s - self._asked_s >= KERNEL_S:
            self._asked_s = now_s
            failed = self._libc.adjtimex(self._timex) < 0
            self._kernel_said = (
                Kernel(is_synced=False, bound_ms=BOUND_MS_MAX)
                if failed
                else kernel_of(self._timex.raw)
            )
        return self._kernel_said


class VillageClock:
    """The clock of a simulated village: a file, moved on by the village.

    It is right where the file has one number. Three more words make it the clock of a machine that
    may be wrong: its quality, its boot, and the milliseconds since that.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        _, _, self.boot, _ = self._read()

    def utc_ms(self) -> int:
        return self._read()[0]

    def mono_ms(self) -> int:
        return self._read()[3]

    def quality(self) -> str:
        return self._read()[1]

    def bound_ms(self) -> int | None:
        return 0 if self.quality() == SYNCED else None

    def _read(self) -> tuple[int, str, str, int]:
        utc, *machine = self._path.read_text("ascii").split()
        quality, boot, mono = machine or (SYNCED, "village", utc)
        return int(utc), quality, boot, int(mono)


def domain_clock() -> Clock:
    """The village's clock where METERKAST_CLOCK names one, else the machine's."""
    path = os.environ.get("METERKAST_CLOCK")
    return VillageClock(Path(path)) if path else SystemClock()


def clock_elements(*, bound_ms: int | None, step_ms: int) -> list[Element]:
    """What a clock record says beside its identity, which bears the time."""
    said = {BOUND: bound_ms, STEP: step_ms or None}
    return [Element(n=name, u="s", v=decimal(ms)) for name, ms in said.items() if ms is not None]


def bound_of(record: Record) -> int | None:
    """How far off a record says that its clock is at most, in ms; None where it does not say."""
    for one in record.elements:
        if one.n == BOUND and one.u == "s":
            try:
                return milli(one.v)
            except Malformed:
                return None
    return None
