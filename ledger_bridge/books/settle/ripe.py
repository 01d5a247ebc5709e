"""Whether a day's counts are there, so that its energy can be shared. Evidence and registry decide,
never the clock or the order of arrival.

A day is ripe when every meter has been heard of since; or when some meter was heard of three days
later, for no house makes the others wait longer; or when the day is closed. What is missing then
counts as nothing, and what comes later is reckoned anew.
"""

import sqlite3
from functools import cached_property

from gateway.contract.record import to_json
from ledger_bridge.books.calendar import bounds_ms
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
        if day <= self._closed_until:
            return True
        _, end_ms = bounds_ms(day, self._zone)
        return not self._is_waited_for(end_ms, registers) or any(
            (reach := self._reach(place, registers)) is not None and reach >= end_ms + WAIT_MS_MAX
            for place in self._registry.fits
        )

    def _is_waited_for(self, end_ms: int, registers: tuple[str, ...]) -> bool:
        """Whether a meter that hangs at the end of the day was heard of once, and not since."""
        for place, fits in self._registry.fits.items():
            if any(fit.covers(end_ms - 1) for fit in fits):
                reach = self._reach(place, registers)
                if reach is not None and reach < end_ms:
                    return True
        return False

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
