"""What the page draws: the counts at the quarter-hours of a day, and at the beginning of each day.

Quarter-hours are the journal's own records of the last day. Days outlive those: the first count
of each local day is kept in a table beside them.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from drivers.reading import Reading
from gateway.channels import by_kind
from gateway.contract import record, signed
from gateway.contract.record import QUARTER
from gateway.days import local_day
from gateway.devices import total
from gateway.journal import Journal
from gateway.quarter import QUARTER_MS

ON_TIME_MS = 60_000
HISTORY_MS = 26 * 3_600_000  # a day of 25 hours and one quarter before it
# A year and a month: this month can be seen beside that of last year.
DAYS_KEPT = 400

TAKEN, GIVEN = "taken", "given"
# What is counted besides electricity, by the register of a meter that stands alone.
REGISTERS = {
    "7-0:3.0.0": "gas",
    "8-0:1.0.0": "water",
    "9-0:1.0.0": "hot water",
    "6-0:1.0.0": "heat",
    "5-0:1.0.0": "cold",
}
# What one of these is counted in: thousandths of a litre, or of a joule.
UNITS = {"mL", "mJ"}


class Counters(NamedTuple):
    """Energy taken and given back, as counted at a boundary, mWh; None where not measured."""

    import_mwh: int | None
    export_mwh: int | None


class First(NamedTuple):
    """The first count of a day, and when it was read."""

    at_ms: int
    value: int


def counters(readings: Mapping[str, Reading]) -> Counters:
    return Counters(total(readings, "1.8"), total(readings, "2.8"))


def counts(readings: Mapping[str, Reading]) -> dict[str, int]:
    """All that a device counts, by what it is; electricity in mWh, gas in mL, heat in mJ."""
    found = dict(zip((TAKEN, GIVEN), counters(readings), strict=True))
    counted = {kind: value for kind, value in found.items() if value is not None}
    behind = by_kind(readings)
    own = {REGISTERS[name]: one for name, one in readings.items() if name in REGISTERS}
    for kind, reading in (behind | own).items():
        if reading.unit in UNITS and isinstance(reading.value, int):
            counted[kind] = reading.value
    return counted


class History:
    """Remembers the counts of each device; the journal keeps them."""

    def __init__(self, journal: Journal, devices: Iterable[str], *, now_ms: int | None) -> None:
        self.quarters: dict[str, dict[int, Counters]] = {name: {} for name in devices}
        self._days: dict[str, dict[str, dict[date, First]]] = {name: {} for name in self.quarters}
        self._journal = journal
        if now_ms is not None:
            self._load_quarters(now_ms)
        self._load_days()

    def _load_quarters(self, now_ms: int) -> None:
        """The boundaries of the last day, as the journal has them."""
        for data in self._journal.since(QUARTER, now_ms - HISTORY_MS):
            pack = record.read(signed.parse(data))
            made_ms = pack.identity.made_ms or 0
            readings: dict[str, Reading] = {}
            device, at_ms = "", made_ms
            for one in pack.elements:
                device, _, register = one.n.partition("/")
                if one.u == "Wh":
                    readings[register] = Reading(register, record.milli(one.v), "mWh")
                    at_ms = made_ms + record.milli(one.t)
            if device in self.quarters and readings and at_ms <= now_ms:
                self._remember_quarter(device, at_ms, readings)

    def _load_days(self) -> None:
        rows = self._journal.ask(
            "SELECT device, kind, day, at_ms, count FROM day"
            " WHERE community = :community AND gateway = :gateway"
        )
        for device, kind, day, at_ms, count in rows:
            if device in self._days:
                days = self._days[device].setdefault(kind, {})
                days[date.fromisoformat(day)] = First(at_ms, count)

    def remember(self, device: str, at_ms: int, readings: Mapping[str, Reading]) -> None:
        """The reading of a boundary."""
        self._remember_quarter(device, at_ms, readings)
        day = local_day(at_ms)
        for kind, count in counts(readings).items():
            days = self._days[device].setdefault(kind, {})
            if day not in days:
                days[day] = First(at_ms, count)
                self._keep(device, kind, day, days[day])

    def _remember_quarter(self, device: str, at_ms: int, readings: Mapping[str, Reading]) -> None:
        """A reading long after its boundary tells nothing of a quarter-hour."""
        boundary_ms = at_ms // QUARTER_MS * QUARTER_MS
        if at_ms - boundary_ms > ON_TIME_MS:
            return
        history = self.quarters[device]
        history[boundary_ms] = counters(readings)
        for old in [at for at in history if at < boundary_ms - HISTORY_MS]:
            del history[old]

    def _keep(self, device: str, kind: str, day: date, first: First) -> None:
        oldest = day - timedelta(days=DAYS_KEPT)
        for old in [one for one in self._days[device][kind] if one < oldest]:
            del self._days[device][kind][old]
        self._journal.beside(
            "INSERT OR IGNORE INTO day VALUES"
            " (:community, :gateway, :device, :day, :kind, :at_ms, :count)",
            device=device,
            day=f"{day}",
            kind=kind,
            at_ms=first.at_ms,
            count=first.value,
        )
        self._journal.beside(
            "DELETE FROM day WHERE community = :community AND gateway = :gateway"
            " AND device = :device AND day < :oldest",
            device=device,
            oldest=f"{oldest}",
        )

    def forget_after(self, now_ms: int) -> None:
        """The clock has been set: what it put into the future never was.

        Only now is it known which quarter-hours are of today.
        """
        self._load_quarters(now_ms)
        for history in self.quarters.values():
            for ahead in [at for at in history if at > now_ms]:
                del history[ahead]
        today = local_day(now_ms)
        for kinds in self._days.values():
            for days in kinds.values():
                for ahead_day in [day for day in days if day > today or days[day].at_ms > now_ms]:
                    del days[ahead_day]
        self._journal.beside(
            "DELETE FROM day WHERE community = :community AND gateway = :gateway"
            " AND at_ms > :now_ms",
            now_ms=now_ms,
        )

    def kinds(self, device: str) -> list[str]:
        """What this device counts, in the order in which it was first told."""
        return list(self._days[device])

    def firsts(self, device: str, kind: str) -> Mapping[date, First]:
        """The first count of each day."""
        return self._days[device].get(kind, {})
