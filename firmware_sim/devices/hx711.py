"""A load cell on an HX711, as the frames in which a gateway's port passes its conversions on.

Spec: Avia Semiconductor, HX711 data sheet: 10 conversions a second, 24 bits in two's complement,
highest first; a clock that stays high for more than 60 us switches the chip off, and ones follow;
four conversions to settle after that. Frames: gateway/lines/loadcell.py.
"""

import struct
from fractions import Fraction
from random import Random
from typing import NamedTuple

from firmware_sim.bags import bags
from firmware_sim.device import Shown, Simulator, Source
from firmware_sim.scale import Plate, Scale

MARK = b"\xb1HX\x8e"
FRAME = struct.Struct("<4sQIIHBB")
GAIN = 128
CONVERSION_MS = 100
SETTLING = 4
RUN = 5
NOISE = 20  # counts to either side
CLOCK_US, SLOW_US = 21, 140
SLOW_ONCE_IN = 23  # conversions
# The cell as it was calibrated.
EMPTY, LOADED = -83_215, 1_716_785
LOADED_MG = 20_000_000
DIVISION_MG = 5_000
CALIBRATION = f"""\
scale = "simulated"
date = 2026-06-01
gain = {GAIN}
empty = {EMPTY}
mass = "20 kg"
loaded = {LOADED}
"""


class Make(NamedTuple):
    """How a cell is read."""

    is_calibrated: bool = True
    is_slow: bool = False  # a program that is held up now and then sets the clock


MAKES = {
    "calibrated": Make(),
    "slow clock": Make(is_slow=True),
    "not calibrated": Make(is_calibrated=False),
}


class Cell:
    """Converts ten times a second what the plate feels."""

    def __init__(self, make: Make, source: Source, seed: int, now_ms: int) -> None:
        self._make = make
        self._chance = Random(seed)  # noqa: S311 - a play, no secret
        self._source = source
        self._plate = Plate(Scale(division_mg=DIVISION_MG))
        self._lies_mg: int | str = 0
        self._due_ms = now_ms
        self._is_reset = True
        self._settling = SETTLING
        self._good: list[int] = []

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        """A chip does not listen."""
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        self._lay(now_ms)
        if now_ms < self._due_ms:
            return b""
        self._due_ms = now_ms + CONVERSION_MS
        counts = self._counts(now_ms)
        if self._make.is_slow and not self._chance.randrange(SLOW_ONCE_IN):
            return self._spoilt(counts, now_ms)
        if self._settling:
            self._settling -= 1
        else:
            self._good = [*self._good, counts][-RUN:]
        return self._frame(counts, CLOCK_US, now_ms)

    def _lay(self, now_ms: int) -> None:
        lies_mg = self._source(now_ms)["gross"]
        if lies_mg != self._lies_mg:
            self._lies_mg = lies_mg
            self._plate.put(int(lies_mg), now_ms=now_ms)

    def _counts(self, now_ms: int) -> int:
        bent = Fraction(self._plate.feels(now_ms).mg * (LOADED - EMPTY), LOADED_MG)
        return EMPTY + round(bent) + self._chance.randint(-NOISE, NOISE)

    def _spoilt(self, counts: int, now_ms: int) -> bytes:
        """The clock was high for too long at some bit: from there on there are ones only."""
        self._good, self._settling = [], SETTLING
        return self._frame(counts | (1 << self._chance.randint(1, 24)) - 1, SLOW_US, now_ms)

    def _frame(self, counts: int, clock_us: int, now_ms: int) -> bytes:
        reset, self._is_reset = self._is_reset, False
        bits = counts % (1 << 24)
        return FRAME.pack(MARK, now_ms * 1_000_000, bits, GAIN, clock_us, reset, 0)

    def truth(self) -> Shown:
        """The median of the last conversions in a row, to the nearest division, halves upward."""
        if len(self._good) < RUN:
            return {}
        median = sorted(self._good)[RUN // 2]
        if not self._make.is_calibrated:
            return {"raw": median}
        exact = Fraction((median - EMPTY) * LOADED_MG, LOADED - EMPTY)
        return {"gross": int((exact / DIVISION_MG + Fraction(1, 2)) // 1) * DIVISION_MG}


SIMULATOR = Simulator(
    variants={
        name: {"calibration": CALIBRATION} if make.is_calibrated else {}
        for name, make in MAKES.items()
    },
    begin=lambda variant, source, seed, at_ms: Cell(MAKES[variant], source, seed, at_ms),
    source=bags,
)
