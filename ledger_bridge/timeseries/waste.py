"""What was brought to recycling points, what was turned away there, and what became of it.

A sheet has all of a point and a day of UTC but for containers: what lies in one depends on all that
was put in before. So a sheet tells of them on its own day, and anew on days whose sheets have not
changed since, as far as what happened there comes after something of its own day; where something
is gone, nobody knows what came after it, and all these days are told anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from ledger_bridge.books.calendar import QUARTER_MS, bounds_ms
from ledger_bridge.books.changed import Sheet
from ledger_bridge.books.facts.containers import (
    DIVISION_MG_DEFAULT,
    NOT_THERE,
    PutDown,
    Step,
    course,
    error_mg,
    told,
)
from ledger_bridge.books.facts.deposits import AGAIN, WITHDRAWN
from ledger_bridge.books.facts.waste import EMPTIED, ContainerEvent
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
_EMPTYINGS = f"SELECT emptying FROM container_event WHERE {_SPAN}"
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

    @property
    def number(self) -> int:
        return self.begin_ms // _DAY_MS

    @property
    def tags(self) -> dict[str, str]:
        return {"community": self.community, "gateway": self.gateway}


def waste_sheet(reader: Reader, sheet: Sheet) -> Written:
    """DEPOSIT, REFUSAL, CONTAINER, EMPTYING and WEIGHT of a sheet of kind "waste"."""
    day = _Day(reader.community, sheet.a, *bounds_ms(sheet.day, "UTC"))
    brought = [_Brought(*row) for row in reader.db.execute(_DEPOSITS, day)]
    containers = _containers(reader, day, sheet)
    years = (
        *_deposits(reader, day, brought),
        *_refusals(reader, day, brought),
        *containers.years,
        *_weights(reader, day),
    )
    if not sheet.is_gone:
        return Written(containers.forget, years)
    tags, span_ms = day.tags, (day.begin_ms, day.end_ms)
    forget = (
        *(Forget(one, tags, span_ms) for one in (DEPOSIT, CONTAINER, EMPTYING, WEIGHT)),
        *(Forget(REFUSAL, {**tags, "what": what}, span_ms) for what in ("deposit", "kiosk")),
    )
    return Written((*containers.forget, *forget), years)


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


def _containers(reader: Reader, day: _Day, sheet: Sheet) -> Written:
    (version,) = reader.db.execute("PRAGMA data_version").fetchone()
    history = _history(reader, day.gateway, version)
    rows = reader.db.execute(_OLDER, (day.community, day.gateway, sheet.day))
    days = {day.number, *(bounds_ms(other, "UTC")[0] // _DAY_MS for (other,) in rows)}
    names = [name for (name,) in reader.db.execute(_EMPTYINGS, day)]
    # Of an emptying that was told again the other word may have been written.
    again = [one for name in names for one in history.again.get(name, ())]
    days.update(one.at_ms // _DAY_MS for one in again)
    is_all = sheet.is_gone or bool(again)
    told = history.after(0 if is_all else history.first.get(day.number), days)
    named = [history.emptied[name] for name in names if name in history.emptied]
    years = (*_levels(day, told), *_emptyings(day, history, (*named, *told)))
    elsewhere = (one for one in again if not _is_at(history.emptied[one.emptying].fact, one))
    return Written(tuple(_forget(day, elsewhere)), years)


def _is_at(one: ContainerEvent | PutDown, other: ContainerEvent) -> bool:
    return (one.fraction, one.at_ms) == (other.fraction, other.at_ms)


def _forget(day: _Day, events: Iterable[ContainerEvent]) -> Iterator[Forget]:
    for one in events:
        tags, began_ms = {**day.tags, "fraction": one.fraction or NONE}, _quarter(one.at_ms)
        yield Forget(EMPTYING, tags, (one.at_ms, one.at_ms + 1))
        yield Forget(CONTAINER, tags, (began_ms, began_ms + QUARTER_MS))


def _levels(day: _Day, steps: Iterable[Step]) -> Iterator[str]:
    inside = {(one.fact.fraction, _quarter(one.fact.at_ms)): one.after_mg for one in steps}
    for (fraction, began_ms), mg in inside.items():
        key = CONTAINER.key(day.community, day.gateway, fraction)
        yield line(key, [("inside", mg)], began_ms)


def _emptyings(day: _Day, history: "_History", steps: Iterable[Step]) -> Iterator[str]:
    for fact, delivered in dict.fromkeys(steps):
        if isinstance(fact, ContainerEvent):
            fields = [("delivered", delivered)]
            if (weighed := history.hauled.get((fact.gateway, fact.emptying))) is not None:
                fields.append(("hauled", weighed))
            yield line(EMPTYING.key(day.community, day.gateway, fact.fraction), fields, fact.at_ms)


class _History(NamedTuple):
    """What happened at the containers of a point: `steps` in order, emptyings by name, and `again`
    what else was said of one; and by day where its first and its last step are. Where a chain
    begins another day than before, all of it has another place among the chains: its first step is
    one of the day.
    """

    steps: list[Step]
    emptied: dict[str, Step]
    again: dict[str, list[ContainerEvent]]
    hauled: dict[tuple[str, str], int]
    first: dict[int, int]
    last: dict[int, int]

    def after(self, start: int | None, days: set[int]) -> list[Step]:
        """The steps of these days that are not before one; none where there is no such one."""
        if start is None:
            return []
        end = 1 + max((self.last[day] for day in days if day in self.last), default=-1)
        return [one for one in self.steps[start:end] if one.fact.at_ms // _DAY_MS in days]


@lru_cache(maxsize=1)
def _history(reader: Reader, gateway: str, version: int) -> _History:
    """As the books have it in this version. The sheets of a point come one after the other."""
    del version
    events, put_down = told(reader.db, reader.community, gateway)
    steps, hauled, begins = course(events, put_down)
    emptied: dict[str, Step] = {}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for n, step in enumerate(steps):
        fact = step.fact
        if isinstance(fact, ContainerEvent):
            emptied[fact.emptying] = step
        day = fact.at_ms // _DAY_MS
        last[day] = n
        first.setdefault(day, n)
        first.setdefault(begins[fact.gateway, fact.chain] // _DAY_MS, n)
    again: dict[str, list[ContainerEvent]] = defaultdict(list)
    for event in events:
        if event.event == EMPTIED and event != emptied[event.emptying].fact:
            again[event.emptying].append(event)
    return _History(steps, emptied, again, hauled, first, last)


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
