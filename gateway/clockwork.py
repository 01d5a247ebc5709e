"""When a clock record is due, and whether our clock goes before a meter's. Pure.

One is made soon after a boot begins, when its clock is synced for the first time, when the clock is
set, and once a day while it is synced.
"""

from typing import NamedTuple

from gateway.contract.clock import HELD, SYNCED, UNSET, clock_elements
from gateway.contract.record import Element, Identity
from gateway.quarter import Moment

# UTC and the time since the boot run alike; once they part by more than this the clock was set.
STEP_MS = 1_000
DAY_MS = 24 * 3_600_000
# Two programs that fight over the clock set it every second; nobody needs a record of each time.
STEP_WAIT_MS = 60_000


class ClockStanding(NamedTuple):
    """What is known of the clock, for people.

    `is_sure`: it was synced in this boot, and not set since by anybody else. `step_ms` is the last
    step that this process saw, 0 for none, and `step_ago_s` how long ago it was.
    """

    quality: str
    bound_ms: int | None
    is_sure: bool
    step_ms: int
    step_ago_s: int | None


class Due(NamedTuple):
    """A clock record to be made; `is_set` where the clock shows another time than before."""

    elements: list[Element]
    is_set: bool


class _Told(NamedTuple):
    """The last clock record: its time since the boot, UTC less that (None without UTC), quality."""

    mono_ms: int
    offset_ms: int | None
    clock: str


def _told(moment: Moment) -> _Told:
    offset_ms = None if moment.utc_ms is None else moment.utc_ms - moment.mono_ms
    return _Told(moment.mono_ms, offset_ms, moment.clock)


def _step_ms(before: _Told, now: _Told) -> int:
    """By how much the clock was set between the two, 0 where one of them has none."""
    if before.offset_ms is None or now.offset_ms is None:
        return 0
    return now.offset_ms - before.offset_ms


class Clockwork:
    """Remembers what the last clock record of this boot told."""

    def __init__(self, boot: str, last: Identity | None) -> None:
        """`last` is the newest clock record that the journal has."""
        self._told: _Told | None = None
        if last is not None and last.boot == boot:
            self._told = _told(Moment(last.made_ms, last.mono_ms, last.clock))
        self._now = Moment(None, 0, UNSET)
        self._bound_ms: int | None = None
        self._step = (0, 0)  # by how much, and when by the time since the boot

    def is_sure(self, moment: Moment) -> bool:
        """Whether the clock is kept right, or was in this boot: if not, a meter may know better.

        The last record says so: one that is not synced began the boot, or told that the clock was
        set by somebody else.
        """
        if moment.clock == SYNCED:
            return True
        return moment.clock == HELD and self._told is not None and self._told.clock == SYNCED

    def look(self, moment: Moment, bound_ms: int | None) -> Due | None:
        """The clock record that is due at this moment, None where none is."""
        self._now, self._bound_ms = moment, bound_ms
        before, now = self._told, _told(moment)
        if before is None:
            self._told = now
            return Due(clock_elements(bound_ms=bound_ms, step_ms=0), is_set=False)
        waited_ms = now.mono_ms - before.mono_ms
        step_ms = _step_ms(before, now)
        is_set = abs(step_ms) > STEP_MS or (before.clock == UNSET != now.clock)
        is_first = moment.clock == SYNCED != before.clock
        is_daily = moment.clock == SYNCED and waited_ms >= DAY_MS
        if not (is_first or is_daily or (is_set and waited_ms >= STEP_WAIT_MS)):
            return None
        if abs(step_ms) > STEP_MS:
            self._step = (step_ms, now.mono_ms)
        else:
            step_ms = 0
        self._told = now
        return Due(clock_elements(bound_ms=bound_ms, step_ms=step_ms), is_set)

    def standing(self) -> ClockStanding:
        step_ms, at_ms = self._step
        ago_s = (self._now.mono_ms - at_ms) // 1000 if step_ms else None
        return ClockStanding(
            self._now.clock, self._bound_ms, self.is_sure(self._now), step_ms, ago_s
        )
