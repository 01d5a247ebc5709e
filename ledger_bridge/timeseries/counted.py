"""The counts of a sheet out of the tables, and what was gained by them, by what flows."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from gateway.contract.record import Element
from ledger_bridge.books.calendar import QUARTER_MS, bounds_ms
from ledger_bridge.books.changed import Sheet
from ledger_bridge.books.facts.believe import base_of
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.flows import Flow, flow_of, is_on_channel, kind_in

_COLUMNS = (
    "register, serial, at_ms, chain, seq, value, unit, made_ms, quarter, member, delta, verdict,"
    " per_pulse"
)
OF_PLACE = "community = :community AND gateway = :gateway AND device = :device"
# The meters that were ever at a place, as `meter`: register and number. They are skipped through
# one by one: there are few of them, and years of counts of each.
METERS = f"""
    WITH RECURSIVE counted(code) AS (
        SELECT min(register) FROM counter WHERE {OF_PLACE}
        UNION ALL
        SELECT (SELECT min(register) FROM counter WHERE {OF_PLACE} AND register > code)
        FROM counted WHERE code IS NOT NULL
    ), meter(code, number) AS (
        SELECT code, (SELECT min(serial) FROM counter WHERE {OF_PLACE} AND register = code)
        FROM counted WHERE code IS NOT NULL
        UNION ALL
        SELECT code, (
            SELECT min(serial) FROM counter
            WHERE {OF_PLACE} AND register = code AND serial > number
        ) FROM meter WHERE number IS NOT NULL
    )
"""
# The counts of a place in a span.
_OF_SHEET = f"""{METERS}
    SELECT {{}} FROM meter CROSS JOIN counter ON {OF_PLACE}
        AND register = code AND serial = number AND at_ms >= :since_ms AND at_ms < :until_ms
    WHERE number IS NOT NULL
"""
_ROWS = _OF_SHEET.format(_COLUMNS)
_MEMBERS = _OF_SHEET.format("DISTINCT member")
_PLACES = """
    SELECT DISTINCT gateway, device FROM counter INDEXED BY counter_of_member
    WHERE community = ? AND member = ? AND day = ?
"""
# The first records of a meter's counts in a span, in the order of these.
_RECORDS = f"""
    SELECT data FROM counter JOIN record USING (community, gateway, chain, seq)
    WHERE {OF_PLACE} AND register = :register AND serial = :serial
        AND at_ms >= :since_ms AND at_ms < :until_ms ORDER BY at_ms, chain, seq LIMIT :most
"""
# What a meter measures stands in each of its telegrams; a broken one may lack it.
TELEGRAMS_MAX = 4

_pack = msgspec.json.Decoder(list[Element])

# What a meter on an M-Bus channel measures, by its register and serial number; see `kind_in`.
KindOf = Callable[[str, str], str]


class Count(NamedTuple):
    """A row of the table, as far as it is told. Rows sort by meter and time."""

    register: str
    serial: str
    at_ms: int
    chain: str
    seq: int
    value: int
    unit: str
    made_ms: int
    quarter: int | None
    member: str | None
    delta: int
    verdict: str
    per_pulse: str

    @property
    def began_ms(self) -> int:
        """When the quarter-hour began that it ends."""
        return (self.at_ms // QUARTER_MS - 1) * QUARTER_MS

    @property
    def series(self) -> tuple[str, str, str, str]:
        """What tells what flows."""
        return self.register, self.serial, self.unit, self.per_pulse

    def flow(self, kind_of: KindOf) -> Flow | None:
        register = self.register
        kind = kind_of(register, self.serial) if is_on_channel(register) else ""
        return flow_of(register, base_of(self.unit, self.per_pulse), kind)


def span_of(day: str, zone: str) -> tuple[int, int]:
    """Within which the counts of a local day were read: each ends a quarter-hour of it."""
    begin_ms, end_ms = bounds_ms(day, zone)
    return begin_ms + QUARTER_MS, end_ms + QUARTER_MS


def of_place(reader: Reader, gateway: str, device: str, day: str, zone: str) -> list[Count]:
    """The counts of a meter's day."""
    rows = reader.db.execute(_ROWS, _which(reader, gateway, device, day, zone))
    return sorted(map(Count._make, rows))


def members_of(reader: Reader, sheet: Sheet, zone: str) -> set[str]:
    """Whose counts these are."""
    rows = reader.db.execute(_MEMBERS, _which(reader, sheet.a, sheet.b, sheet.day, zone))
    return {member for (member,) in rows if member is not None}


def places_of(reader: Reader, member: str, day: str) -> list[tuple[str, str]]:
    """Gateways and devices with counts of a member's day."""
    return reader.db.execute(_PLACES, (reader.community, member, day)).fetchall()


def elements_of(data: bytes) -> list[Element]:
    """What a stored record says, its identity first."""
    return _pack.decode(data[: data.index(b"\n")])


def kinds_at(reader: Reader, gateway: str, device: str, day: str, zone: str) -> KindOf:
    """Asks the records of a day what a meter measures."""
    which = _which(reader, gateway, device, day, zone)
    known: dict[tuple[str, str], str] = {}

    def kind_of(register: str, serial: str) -> str:
        if (register, serial) not in known:
            more = {"register": register, "serial": serial, "most": TELEGRAMS_MAX}
            rows = reader.db.execute(_RECORDS, {**which, **more})
            told = (kind_in(elements_of(data), device, register, serial) for (data,) in rows)
            known[register, serial] = next(filter(None, told), "")
        return known[register, serial]

    return kind_of


def gains(counts: Iterable[Count], kind_of: KindOf) -> Iterator[tuple[Count, Flow]]:
    """The counts of a place, in their order, that say what was gained, and of what.

    A tariff is left out where the whole was counted at the same time: it is part of it.
    """
    wholes: set[tuple[str, str, int]] = set()
    flows: dict[tuple[str, str, str, str], Flow | None] = {}
    for one in counts:
        series = one.series
        if series not in flows:
            flows[series] = one.flow(kind_of)
        flow = flows[series]
        if flow is None or one.verdict:
            continue
        key = (flow.head, one.serial, one.at_ms)
        if flow.is_whole:
            wholes.add(key)
        elif key in wholes:
            continue
        yield one, flow


def _which(reader: Reader, gateway: str, device: str, day: str, zone: str) -> dict[str, str | int]:
    since_ms, until_ms = span_of(day, zone)
    return {
        "community": reader.community,
        "gateway": gateway,
        "device": device,
        "since_ms": since_ms,
        "until_ms": until_ms,
    }
