"""Counters that never fall by mistake: a dip is held back until it has stayed. Pure.

A meter that starts up may say 0 for a moment, and whoever adds up what it counted books its whole
life at once. So a count that is lower than before, or comes from another meter, is not shown until
it has stayed; then it either corrects the count or begins another one.
"""

import re
from collections.abc import Mapping

import msgspec

from drivers.reading import Reading

# Meters say 0 for some telegrams after a power cut; who only glances at them may hit two of these.
READINGS_MIN = 3
STAYED_S_MIN = 600.0
# A count this many times smaller is no correction of the old one: the meter began anew.
ANEW = 10

# Units that a lifetime is counted in; `*` marks what is of another time.
_COUNTED = {"mWh", "mvarh", "mVAh", "mJ", "mL", "pulse"}
# Taken less given back: these may fall. Spec: IEC 62056-6-1, C 16 and that of each phase.
_NET = re.compile(r"1-\d+:(16|36|56|76)\.8\.\d+")


def is_counter(register: str, unit: str) -> bool:
    """Whether a register counts for the life of its meter, and so never falls."""
    return unit in _COUNTED and "*" not in register and not _NET.fullmatch(register)


class Count(msgspec.Struct, frozen=True):
    """How far a counter is. `life` is how many counts were shown under this register.

    `anew` is how many of them this same meter began; `serial` is "" where it has no number.
    """

    serial: str
    value: int
    life: int = 1
    anew: int = 1


class _Held:
    """What is not believed yet."""

    def __init__(self, reading: Reading, value: int, now_s: float) -> None:
        self.serial, self.value = reading.serial, value
        self.since_s, self.readings = now_s, 0

    def goes_on(self, reading: Reading, value: int) -> bool:
        return reading.serial == self.serial and value >= self.value


class Counters:
    """The counters of one device: what they show, whatever it says."""

    def __init__(self, counts: Mapping[str, Count]) -> None:
        """`counts`: where each register's counter stood."""
        self.counts = dict(counts)
        self._held: dict[str, _Held] = {}

    def believe(self, register: str, reading: Reading, now_s: float) -> Reading:
        """The reading to show for this one, new, heard at `now_s` of the real clock."""
        value = reading.value
        if isinstance(value, str) or not is_counter(register, reading.unit):
            return reading
        before = self.counts.get(register)
        if before is None:
            self.counts[register] = Count(reading.serial, value)
            return reading
        if not _is_other(before, reading) and value >= before.value:
            self._held.pop(register, None)
        elif not self._stays(register, reading, value, now_s):
            return reading._replace(value=before.value, serial=before.serial)
        self.counts[register] = _next(before, reading, value)
        return reading._replace(serial=self.counts[register].serial)

    def _stays(self, register: str, reading: Reading, value: int, now_s: float) -> bool:
        held = self._held.get(register)
        if held is None or not held.goes_on(reading, value):
            held = self._held[register] = _Held(reading, value, now_s)
        held.value = value
        held.readings += 1
        if held.readings < READINGS_MIN or now_s - held.since_s < STAYED_S_MIN:
            return False
        del self._held[register]
        return True


def _is_other(before: Count, reading: Reading) -> bool:
    """Whether another meter counts now. One that leaves its number out may be the same."""
    return "" not in {before.serial, reading.serial} and before.serial != reading.serial


def _next(before: Count, reading: Reading, value: int) -> Count:
    if _is_other(before, reading):
        return Count(reading.serial, value, life=before.life + 1)
    began = value * ANEW < before.value
    return Count(
        reading.serial or before.serial,
        value,
        life=before.life + began,
        anew=before.anew + began,
    )
