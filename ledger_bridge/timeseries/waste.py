"""What was brought to recycling points, what was turned away there, and what became of it.

A sheet has all of a point and a day of UTC but for containers: what lies in one depends on all that
was put in before. So a sheet tells of them on its own day, and anew on days whose sheets have not
changed since, as far as what happened there comes after something of its own day; where something
is gone, nobody knows what came after it, and all these days are told anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ledger_bridge.books.calendar import QUARTER_MS, bounds_ms
from ledger_bridge.books.changed import Sheet
from ledger_bridge.books.facts.containers import (
    DIVISION_MG_DEFAULT,
    NOT_THERE,
    course,
    error_mg,
    told,
)
from ledger_bridge.books.facts.deposits import AGAIN, WITHDRAWN
from ledger_bridge.books.facts.waste import ContainerEvent
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.names import account_of
from ledger_bridge.timeseries.schema import (
    CONTAINER,
    DEPOSIT,
    EMPTYING,
    NONE,
    REFUSAL,
    WEIGHT,
    Forget,
    Written,
    line,
)

_DAY_MS = 86_400_000

# What counts, what its bringer took back, and what is told twice, nobody refused.
_NO_REFUSALS = ("", AGAIN, WITHDRAWN)

_SPAN = "community = ? AND gateway = ? AND at_ms >= ? AND at_ms < ?"
_DEPOSITS = f"""
    SELECT at_ms, member, device, counts_as, unit, amount, counted, verdict FROM deposit
    WHERE {_SPAN}
"""
# What a point carried into another chain is there twice.
_TURNED = f"SELECT DISTINCT at_ms, reason, fraction, gross_mg FROM turned WHERE {_SPAN}"
_WEIGHTS = f"""
    SELECT at_ms, device, serial, nominal_mg, shown_mg, division_mg FROM known_weight
    WHERE {_SPAN} ORDER BY chain, seq
"""
_OLDER = """
    SELECT day FROM changed WHERE community = ?1 AND (kind, a, b) = ('waste', ?2, '') AND n < (
        SELECT n FROM changed
        WHERE community = ?1 AND (kind, a, b, day) = ('waste', ?2, '', ?3)
    )
"""


class _Brought(NamedTuple):
    at_ms: int
    member: str | None
    device: str
    fraction: str
    unit: str
    amount: int
    counted: int
    verdict: str


class _Day(NamedTuple):
    """A point's day, [begin_ms, end_ms)."""

    community: str
    gateway: str
    begin_ms: int
    end_ms: int

    def has(self, at_ms: int) -> bool:
        return self.begin_ms <= at_ms < self.end_ms


def waste_sheet(reader: Reader, sheet: Sheet) -> Written:
    """DEPOSIT, REFUSAL, CONTAINER, EMPTYING and WEIGHT of a sheet of kind "waste"."""
    day = _Day(reader.community, sheet.a, *bounds_ms(sheet.day, "UTC"))
    brought = [_Brought(*row) for row in reader.db.execute(_DEPOSITS, day)]
    years = (
        *_deposits(reader, day, brought),
        *_refusals(reader, day, brought),
        *_containers(reader, day, sheet),
        *_weights(reader, day),
    )
    if not sheet.is_gone:
        return Written((), years)
    tags, span_ms = {"community": day.community, "gateway": day.gateway}, (day.begin_ms, day.end_ms)
    forget = (
        *(Forget(one, tags, span_ms) for one in (DEPOSIT, CONTAINER, EMPTYING, WEIGHT)),
        *(Forget(REFUSAL, {**tags, "what": what}, span_ms) for what in ("deposit", "kiosk")),
    )
    return Written(forget, years)


def _deposits(reader: Reader, day: _Day, brought: Iterable[_Brought]) -> Iterator[str]:
    registry, _ = reader.papers()
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    for one in brought:
        if one.verdict not in NOT_THERE:
            account = account_of(registry, one.member)
            key = DEPOSIT.key(day.community, account, day.gateway, one.fraction, one.unit)
            of_quarter = sums[key, _quarter(one.at_ms)]
            of_quarter[0] += one.amount
            of_quarter[1] += one.counted
            of_quarter[2] += 1
    for (key, began_ms), (amount, counted, bags) in sums.items():
        yield line(key, [("brought", amount), ("counted", counted), ("bags", bags)], began_ms)


def _refusals(reader: Reader, day: _Day, brought: Iterable[_Brought]) -> Iterator[str]:
    times = Counter(
        (one.device, "deposit", one.verdict, _quarter(one.at_ms))
        for one in brought
        if one.verdict not in _NO_REFUSALS
    )
    for at_ms, reason, *_ in reader.db.execute(_TURNED, day):
        times[NONE, "kiosk", reason, _quarter(at_ms)] += 1
    for (*tags, began_ms), number in times.items():
        yield line(REFUSAL.key(day.community, day.gateway, *tags), [("times", number)], began_ms)


def _containers(reader: Reader, day: _Day, sheet: Sheet) -> Iterator[str]:
    events, put_down = told(reader.db, day.community, day.gateway)
    steps, hauled, begins = course(events, put_down)
    rows = reader.db.execute(_OLDER, (day.community, day.gateway, sheet.day))
    older = {bounds_ms(other, "UTC")[0] // _DAY_MS for (other,) in rows}
    named = {one.emptying for one in events if day.has(one.at_ms)}
    inside: dict[tuple[str, int], int] = {}
    is_after = sheet.is_gone
    for step in steps:
        fact = step.fact
        is_here = day.has(fact.at_ms)
        # Where a chain begins another day than before, it stands elsewhere among the chains.
        is_after = is_after or is_here or day.has(begins[fact.gateway, fact.chain])
        is_told = is_here or (is_after and fact.at_ms // _DAY_MS in older)
        if is_told:
            inside[fact.fraction, _quarter(fact.at_ms)] = step.after_mg
        if isinstance(fact, ContainerEvent) and (is_told or fact.emptying in named):
            fields = [("delivered", step.before_mg)]
            if (weighed := hauled.get((fact.gateway, fact.emptying))) is not None:
                fields.append(("hauled", weighed))
            key = EMPTYING.key(day.community, day.gateway, fact.fraction)
            yield line(key, fields, fact.at_ms)
    for (fraction, began_ms), mg in inside.items():
        key = CONTAINER.key(day.community, day.gateway, fraction)
        yield line(key, [("inside", mg)], began_ms)


def _weights(reader: Reader, day: _Day) -> Iterator[str]:
    registry, _ = reader.papers()
    found: dict[tuple[str, int], str] = {}
    for at_ms, device, serial, nominal, shown, division in reader.db.execute(_WEIGHTS, day):
        scale = registry.verified(day.gateway, device, serial, at_ms)
        allowed = error_mg(nominal, scale, division or DIVISION_MG_DEFAULT)
        error = shown - nominal
        fields = ("nominal", nominal), ("shown", shown), ("error", error), ("allowed", allowed)
        key = WEIGHT.key(day.community, day.gateway, device)
        found[key, at_ms] = line(key, fields, at_ms)
    yield from found.values()


def _quarter(at_ms: int) -> int:
    """When the quarter-hour of a moment began."""
    return at_ms // QUARTER_MS * QUARTER_MS
