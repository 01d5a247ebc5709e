"""Whether a day's counts are there, so that its energy can be shared. Evidence and registry decide,
never the clock or the order of arrival.

A day is ripe when every meter has been heard of since; or when some meter was heard of three days
later, for no house makes the others wait longer; or when the day is closed. What is missing then
counts as nothing, and what comes later is reckoned anew.
"""

import sqlite3
from functools import cached_property

from gateway.contract.record import to_json
from ledger_bridge.books.calendar import bounds_ms, day_counted
from ledger_bridge.books.closing.closed import closed_until
from ledger_bridge.books.facts.believe import AHEAD
from ledger_bridge.books.registry.registry import Registry

# Nobody is waited for longer: a gateway without a line catches up within a week-end.
WAIT_MS_MAX = 3 * 86_400_000

# The newest count of some registers at a place. A meter's numbers are skipped through one by one:
# there are few of them, and many counts of each.
_REACH = """
    WITH RECURSIVE meter(register, serial) AS (
        SELECT wanted.value, (
            SELECT min(serial) FROM counter WHERE community = :community
            AND gateway = :gateway AND device = :device AND register = wanted.value
        ) FROM json_each(:registers) AS wanted
        UNION ALL
        SELECT register, (
            SELECT min(serial) FROM counter WHERE community = :community
            AND gateway = :gateway AND device = :device AND register = meter.register
            AND serial > meter.serial
        ) FROM meter WHERE serial IS NOT NULL
    )
    SELECT max((
        SELECT at_ms FROM counter WHERE community = :community
        AND gateway = :gateway AND device = :device AND register = meter.register
        AND serial = meter.serial AND verdict != :ahead ORDER BY at_ms DESC LIMIT 1
    )) FROM meter WHERE serial IS NOT NULL
"""

# Counts are kept in mind by member and day; those of nobody as well.
_NEWEST_DAY = """
    SELECT max((
        SELECT day FROM counter INDEXED BY counter_of_member
        WHERE community = :community AND member IS one.value ORDER BY day DESC LIMIT 1
    )) FROM (SELECT value FROM json_each(:members) UNION ALL SELECT NULL) AS one
"""

Place = tuple[str, str]  # gateway, device


class Ripeness:
    """Which days are ripe, as the books stand: make it anew after every change."""

    def __init__(
        self, db: sqlite3.Connection, community: str, registry: Registry, zone: str
    ) -> None:
        self._db = db
        self._community = community
        self._registry = registry
        self._zone = zone
        self._reached: dict[tuple[Place, tuple[str, ...]], int | None] = {}

    @cached_property
    def _closed_until(self) -> str:
        return closed_until(self._db, self._community)

    def is_ripe(self, day: str, registers: tuple[str, ...]) -> bool:
        """Whether the energy that these registers counted on a local day can be shared."""
        return self.waits_for(day, registers) == ""

    def waits_for(self, day: str, registers: tuple[str, ...], *, hint: str = "") -> str:
        """A meter for which a day waits, as GATEWAY/DEVICE; "" where it is ripe.

        `hint` is the one that it waited for when somebody asked before: it is looked at first, so
        that a day which waits for one house does not look at all of them each time.
        """
        if day <= self._closed_until:
            return ""
        _, end_ms = bounds_ms(day, self._zone)
        hinted = tuple(hint.split("/"))
        places = sorted(self._registry.fits, key=lambda place: place != hinted)
        late = next((one for one in places if self._is_late(one, end_ms, registers)), None)
        if late is None or self._is_over(end_ms + WAIT_MS_MAX, registers):
            return ""
        return "/".join(late)

    def _is_late(self, place: Place, end_ms: int, registers: tuple[str, ...]) -> bool:
        """Whether a meter hangs here at the end of the day, was heard of once, and not since."""
        if not any(fit.covers(end_ms - 1) for fit in self._registry.fits[place]):
            return False
        reach = self._reach(place, registers)
        return reach is not None and reach < end_ms

    def _is_over(self, until_ms: int, registers: tuple[str, ...]) -> bool:
        """Whether some meter was heard of at or after this time."""
        if day_counted(until_ms, self._zone) > self._newest_day:
            return False  # by far the most: it spares looking at every meter
        reaches = (self._reach(place, registers) for place in self._registry.fits)
        return any(reach is not None and reach >= until_ms for reach in reaches)

    @cached_property
    def _newest_day(self) -> str:
        """The last day in which anything counts."""
        (day,) = self._db.execute(
            _NEWEST_DAY,
            {
                "community": self._community,
                "members": to_json(list(self._registry.accounts)).decode(),
            },
        ).fetchone()
        return day or ""

    def _reach(self, place: Place, registers: tuple[str, ...]) -> int | None:
        """When a place was last heard of, itself or by official figures of its meter point."""
        key = (place, registers)
        if key not in self._reached:
            points = {("", fit.point) for fit in self._registry.fits[place] if fit.point}
            heard = (self._newest(one, registers) for one in {place, *points})
            self._reached[key] = max((at_ms for at_ms in heard if at_ms is not None), default=None)
        return self._reached[key]

    def _newest(self, place: Place, registers: tuple[str, ...]) -> int | None:
        gateway, device = place
        which = {
            "community": self._community,
            "gateway": gateway,
            "device": device,
            "registers": to_json(registers).decode(),
            "ahead": AHEAD,
        }
        (at_ms,) = self._db.execute(_REACH, which).fetchone()
        assert at_ms is None or isinstance(at_ms, int)
        return at_ms
