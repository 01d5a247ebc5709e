"""What meters counted and showed, by sheet: a meter's day, and a member's.

A count is told at the time of its reading, and what was gained by it in the quarter-hour that it
ends. Power, voltage and the like come out of the records of these counts, at the time that the
books believe; what a meter keeps of another day is left out. Only what is in the tables now is
told, so that a sheet written again is the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gateway.contract.record import Element, milli
from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.changed import Sheet
from ledger_bridge.books.facts import believe
from ledger_bridge.books.facts.evidence import COUNTER_UNITS
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.counted import (
    TELEGRAMS_MAX,
    Count,
    KindOf,
    elements_of,
    gains,
    kinds_at,
    members_of,
    of_place,
    places_of,
    span_of,
)
from ledger_bridge.timeseries.flows import kind_in
from ledger_bridge.timeseries.names import account_of, digest, place_of
from ledger_bridge.timeseries.schema import (
    COUNT,
    DAY,
    GAUGE,
    NONE,
    QUARTER,
    REFUSAL,
    Forget,
    Written,
    line,
)
from ledger_bridge.timeseries.shown import clock_of, stamp_of, value_of

# What these counts gained is credited, counts elsewhere, or nobody knows: no member is told of it.
_NO_REFUSALS = {
    *("", believe.FIRST, believe.OUTRANKED, believe.CORRECTED),
    *(believe.WITHIN, believe.BEHIND, believe.PRODUCED),
}

_RECORD = "SELECT data FROM record WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?"


@dataclass(frozen=True, slots=True)
class _Meter:
    """A meter's day: its counts, and by chain and number what the records say that have one.

    `place` is community, gateway and device as tags; `read_ms` in which span it was read. Whose
    counts these are is in `accounts`, by member.
    """

    device: str
    place: tuple[str, str, str]
    accounts: dict[str | None, str]
    counts: list[Count]
    records: dict[tuple[str, int], list[Element]]
    kind_of: KindOf
    read_ms: tuple[int, int]


def meter_sheet(reader: Reader, sheet: Sheet) -> Written:
    """COUNT, GAUGE, QUARTER and REFUSAL of a meter on a local day, a sheet of kind "meter"."""
    registry, policies = reader.papers()
    counts = of_place(reader, sheet.a, sheet.b, sheet.day, policies.zone)
    records = _records(reader, sheet.a, counts)
    place = reader.community, *place_of(reader.community, sheet.a, sheet.b)
    kind_of = _kinds(counts, records, sheet.b)
    read_ms = span_of(sheet.day, policies.zone)
    accounts = {member: account_of(registry, member) for member in {one.member for one in counts}}
    meter = _Meter(sheet.b, place, accounts, counts, records, kind_of, read_ms)
    years = (*_counts(meter), *_quarters(meter), *_refusals(meter), *_gauges(meter))
    if not sheet.is_gone:
        return Written((), years)
    tags = dict(zip(("community", "gateway", "device"), place, strict=True))
    began_ms = bounds_ms(sheet.day, policies.zone)
    forget = (
        Forget(COUNT, tags, read_ms),
        Forget(GAUGE, tags, read_ms),
        Forget(QUARTER, tags, began_ms),
        Forget(REFUSAL, {**tags, "what": "meter"}, began_ms),
    )
    return Written(forget, years)


def days_of(reader: Reader, sheet: Sheet) -> set[tuple[str, str]]:
    """The members' days that a sheet of kind "meter" has a part in: member, day."""
    _, policies = reader.papers()
    return {(member, sheet.day) for member in members_of(reader, sheet, policies.zone)}


def day_sheet(reader: Reader, member: str, day: str, *, is_gone: bool) -> Written:
    """DAY of a member. `is_gone` as of the sheets that it is made of."""
    registry, policies = reader.papers()
    begin_ms, end_ms = bounds_ms(day, policies.zone)
    tags = {"community": reader.community, "account": registry.accounts.get(member, NONE)}
    forget = (Forget(DAY, tags, (begin_ms, end_ms)),) if is_gone else ()
    account = account_of(registry, member)
    if account == NONE:
        return Written(forget)
    sums: dict[str, int] = defaultdict(int)
    for place in places_of(reader, member, day):
        where = *place, day, policies.zone
        for one, flow in gains(of_place(reader, *where), kinds_at(reader, *where)):
            if one.member == member:
                sums[flow.name] += flow.amount(one.delta, one.per_pulse)
    years = (
        line(DAY.key(reader.community, account, flow), [("gained", total)], begin_ms)
        for flow, total in sums.items()
    )
    return Written(forget, tuple(years))


def _records(
    reader: Reader, gateway: str, counts: Iterable[Count]
) -> dict[tuple[str, int], list[Element]]:
    if not gateway:  # official figures come from papers
        return {}
    found = {}
    for key in sorted({(one.chain, one.seq) for one in counts}):
        row = reader.db.execute(_RECORD, (reader.community, gateway, *key)).fetchone()
        if row and row[0]:
            found[key] = elements_of(row[0])
    return found


def _kinds(
    counts: Sequence[Count], records: Mapping[tuple[str, int], list[Element]], device: str
) -> KindOf:
    """Asks these records what a meter measures."""
    known: dict[tuple[str, str], str] = {}

    def kind_of(register: str, serial: str) -> str:
        meter = (register, serial)
        if meter not in known:
            keys = ((one.chain, one.seq) for one in counts if one[:2] == meter)
            some = islice(keys, TELEGRAMS_MAX)
            told = (kind_in(records.get(key, []), device, *meter) for key in some)
            known[meter] = next(filter(None, told), "")
        return known[meter]

    return kind_of


def _counts(meter: _Meter) -> Iterator[str]:
    community, gateway, device = meter.place
    clocks = {key: clock_of(elements[0]) for key, elements in meter.records.items()}
    keys: dict[tuple[str | None, ...], str] = {}
    for one in meter.counts:
        clock = clocks.get((one.chain, one.seq), NONE)
        series = one.register, one.serial, one.unit, one.per_pulse, one.member, clock
        key = keys.get(series)
        if key is None:
            flow = one.flow(meter.kind_of)
            key = keys[series] = COUNT.key(
                *(community, meter.accounts[one.member], gateway, device),
                *(digest(community, one.serial), one.register, one.unit),
                *(flow.name if flow else NONE, clock),
            )
        yield f"{key} value={one.value}i {one.at_ms}"


def _quarters(meter: _Meter) -> Iterator[str]:
    community, gateway, device = meter.place
    # By account and flow, by the begin of the quarter-hour: gained in it, and over several.
    sums: dict[tuple[str, str], dict[int, list[int]]] = {}
    for one, flow in gains(meter.counts, meter.kind_of):
        of_flow = sums.setdefault((meter.accounts[one.member], flow.name), {})
        gained = of_flow.setdefault(one.began_ms, [0, 0])
        gained[one.quarter is None] += flow.amount(one.delta, one.per_pulse)
    for (account, name), of_flow in sums.items():
        key = QUARTER.key(community, account, gateway, device, name)
        for began_ms, (inside, spanned) in of_flow.items():
            yield f"{key} gained={inside}i,spanned={spanned}i {began_ms}"


def _refusals(meter: _Meter) -> Iterator[str]:
    times = Counter((one.verdict, one.began_ms) for one in meter.counts)
    for (reason, began_ms), number in times.items():
        if reason not in _NO_REFUSALS:
            key = REFUSAL.key(*meter.place, "meter", reason)
            yield line(key, [("times", number)], began_ms)


def _gauges(meter: _Meter) -> Iterator[str]:
    community, gateway, device = meter.place
    since_ms, until_ms = meter.read_ms
    of_record: dict[tuple[str, int], list[Count]] = defaultdict(list)
    for one in meter.counts:
        of_record[one.chain, one.seq].append(one)
    keys: dict[tuple[str, ...], str] = {}
    prefix = f"{meter.device}/"
    for record, elements in meter.records.items():
        counts = of_record[record]
        accounts = {one.serial: meter.accounts[one.member] for one in reversed(counts)}
        main = meter.accounts[counts[0].member]
        clock = clock_of(elements[0])
        made_ms, base_ms = _made_ms(counts[0], elements)
        t, at_ms = None, 0
        for e in elements:
            if not e.u or e.u in COUNTER_UNITS or not e.n.startswith(prefix):
                continue
            if e.t != t:  # most elements of a telegram share their time
                t, stamp_ms = e.t, stamp_of(e)
                at_ms = base_ms + stamp_ms if stamp_ms else made_ms
            if not since_ms <= at_ms < until_ms or (v := value_of(e)) is None:
                continue
            series = e.n, e.u, accounts.get(e.serial, main), clock
            key = keys.get(series)
            if key is None:
                register, account = e.n.removeprefix(prefix), series[2]
                key = keys[series] = GAUGE.key(
                    community, account, gateway, device, register, e.u, clock
                )
            yield f"{key} value={v}i {at_ms}"


def _made_ms(count: Count, elements: Sequence[Element]) -> tuple[int, int]:
    """When the record of a count was made as far as the books know, and what the stamps of its
    elements count from. 0 for never: that is in no day.

    Where nothing tells the time of a record, its count has a stamp of its own, which stands for the
    time of the record too.
    """
    said = elements[0].bt
    if not said and count.made_ms in map(stamp_of, elements):
        return 0, 0
    return count.made_ms, milli(said) if said else 0
