"""One meter's counts as rows: whose they are, in which day they count, how much is believed. Pure.

What counts beside a meter is asked of `Beside`: official figures of its point, whether it also
counts all tariffs together, what somebody read off it, and what panels behind it produced.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ledger_bridge.books.calendar import QUARTER_MS, day_counted, quarter_between
from ledger_bridge.books.facts.believe import (
    AHEAD,
    BATTERY,
    BEHIND,
    CORRECTED,
    MOVES_ON,
    NIGHT,
    NOBODY,
    OUTRANKED,
    PRODUCED,
    RATING,
    REFUSED,
    REVOKED,
    SIGHT,
    WITHIN,
    Tail,
    amount_of,
    believe,
    most_mwh,
    per_count_of,
)
from ledger_bridge.books.facts.evidence import Counter
from ledger_bridge.books.facts.grades import CHECKED, OFFICIAL, SELF_REPORTED
from ledger_bridge.books.facts.official import SUBSTITUTED_DOUBT, total_of
from ledger_bridge.books.facts.sun import is_night
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import Amount, worth
from ledger_bridge.books.registry.meters import BATTERY as A_BATTERY
from ledger_bridge.books.registry.meters import SOLAR
from ledger_bridge.books.registry.registry import Fit, Registry
from ledger_bridge.books.settle.due import concerned

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long

# gateway, device, register, serial: one meter's one register.
Meter = tuple[str, str, str, str]

# A longer interval has some daylight in it, near enough.
_DARK_QUARTERS_MAX = 96


class Sighted(NamedTuple):
    """Somebody read this off a meter: the true count was in [value, value + step)."""

    at_ms: int
    paper: int
    value: int
    step: int


class Beside(Protocol):
    """What there is beside the counts of a meter."""

    def official(self, point: str, register: str, first: int, last: int) -> tuple[int, int]:
        """mWh of believed official figures in these quarter-hours, and how many there are."""

    def tariffs(self, point: str, total: str, first: int, last: int) -> int:
        """mWh of believed official figures by tariff where they are not in a total."""

    def given(self, gateway: str, device: str, first: int, last: int) -> Mapping[str, Amount]:
        """mWh by register that a device counted as given in these quarter-hours, not more."""

    def counts(self, meter: Meter) -> bool:
        """Whether this meter has a count at all."""

    def sights(self, meter: Meter) -> Sequence[Sighted]:
        """What was read off it, in the order of time."""


class CounterRow(NamedTuple):
    """A counter fact with what is derived of it; in the order of the table's columns.

    `delta` is in thousandths of the fact's unit, or in counts of which each is worth `per_pulse`.
    `quarter` is the quarter-hour since 1970 in which all of it was measured, None where it was in
    several. `grade` is one of GRADES, `substitute` 1 where nobody measured it.
    """

    fact: Counter
    day: str
    quarter: int | None
    member: str | None
    delta: int
    verdict: str
    per_pulse: str
    grade: str
    substitute: int

    def columns(self, community: str) -> tuple[Any, ...]:
        return (community, *self.fact, *self[1:])

    @property
    def amount(self) -> Amount:
        """The believed increase in thousandths of its base unit, exactly."""
        return amount_of(self.delta, self.per_pulse)


def place_of(fact: Counter, *, registry: Registry, zone: str) -> tuple[Fit | None, str]:
    """The meter fit that a reading counts under, and the day in which."""
    # A reading at the very moment of a new fit still ends the interval of the old one.
    fit = registry.fit(fact.gateway, fact.device, fact.serial, fact.at_ms - 1)
    return fit, day_counted(fact.at_ms, zone)


class Judge:
    """Derives rows by registry and policies, and by what there is beside the meter."""

    def __init__(self, registry: Registry, policies: Policies, beside: Beside) -> None:
        self.registry = registry
        self.policies = policies
        self._beside = beside
        self.zone = policies.zone

    def row(
        self, fact: Counter, fit: Fit | None, day: str, tail: Tail | None
    ) -> tuple[CounterRow, Tail | None]:
        """One count derived, and the meter's state after it."""
        before = tail
        if self.registry.barred and self.registry.bars(fact.gateway, fact.chain, fact.seq):
            decided = None
            delta, verdict = 0, REVOKED
        elif self.registry.counts:
            decided = self.registry.decided(*fact[:5])
            delta, verdict, tail = believe(fact, fit, before, decided=decided)
        else:
            decided = None
            delta, verdict, tail = believe(fact, fit, before)
        if verdict or before is None or fit is None:
            quarter = None
        else:
            quarter = quarter_between(before[0], fact.at_ms)
            if delta:
                delta, verdict = self._weighed(
                    fact, fit, delta, day=day, since_ms=before[0], is_decided=decided is not None
                )
                quarter = quarter if not verdict else None
        is_plain = fact.unit != "pulse" and not (fit and fit.share)
        per_count = "" if is_plain else per_count_of(fact, fit)
        member = fit.member if fit else None
        return _new(
            CounterRow,
            (fact, day, quarter, member, delta, verdict, per_count, SELF_REPORTED, 0),
        ), tail

    def _weighed(
        self, fact: Counter, fit: Fit, delta: int, *, day: str, since_ms: int, is_decided: bool
    ) -> tuple[int, str]:
        """How much of a believed increase counts here, and why not all of it."""
        total = total_of(fact.register)
        if not total:
            return delta, ""
        is_tariff = total != fact.register and self._is_rewarded(total, day)
        if is_tariff and self._beside.counts((fact.gateway, fact.device, total, fact.serial)):
            return 0, WITHIN
        if fit.behind and _kind(fact.register) == "1.8.":
            return 0, BEHIND
        last = fact.at_ms // QUARTER_MS - 1
        first = min(since_ms // QUARTER_MS, last)
        if fit.point:
            delta = self._left(fact, fit, delta, day=day, span=(first, last))
            if not delta:
                return 0, OUTRANKED
        if is_decided or _kind(fact.register) != "2.8.":
            return delta, ""
        return self._of_sources(fact, fit, delta, day=day, span=(first, last))

    def _of_sources(
        self, fact: Counter, fit: Fit, delta: int, *, day: str, span: tuple[int, int]
    ) -> tuple[int, str]:
        """How much of this can be credited as given to the grid, by what produces there."""
        if self.registry.productions and self.registry.is_production(
            fact.gateway, fact.device, fact.at_ms - 1
        ):
            return 0, PRODUCED
        if fit.sources == {SOLAR} and self._is_dark(*span, day):
            return 0, NIGHT
        if A_BATTERY in fit.sources:
            delta = min(delta, self._produced(fact, fit, span))
            return delta, "" if delta else BATTERY
        return delta, ""

    def _produced(self, fact: Counter, fit: Fit, span: tuple[int, int]) -> int:
        """What a production meter leaves to this register: what it measured in the time, less what
        was given by the tariffs before this one. Rounded down.
        """
        if not fit.production or fact.unit != "Wh":
            return 0
        gateway, _, device = fit.production.partition("/")
        produced = self._beside.given(gateway, device, *span)
        whole = [mwh for code, mwh in produced.items() if total_of(code) == code]
        most = sum(whole or produced.values())
        total = total_of(fact.register)
        if total != fact.register:
            others = self._beside.given(fact.gateway, fact.device, *span)
            most -= sum(
                mwh
                for code, mwh in others.items()
                if total_of(code) == total and total < code < fact.register
            )
        return max(0, int(most // 1))

    def _left(self, fact: Counter, fit: Fit, delta: int, *, day: str, span: tuple[int, int]) -> int:
        """What official figures leave of an increase: nothing where there is one for each quarter,
        else what is more than they say. Of pulses whole ones, rounded down.
        """
        inside, known = self._beside.official(fit.point, fact.register, *span)
        total = total_of(fact.register)
        if self._is_rewarded(total, day):
            if total == fact.register:
                inside += self._beside.tariffs(fit.point, total, *span)
            else:
                more, of = self._beside.official(fit.point, total, *span)
                inside, known = inside + more, known + of
        if known > span[1] - span[0]:
            return 0
        one = worth(fit.per_pulse).amount if fact.unit == "pulse" else 1
        return max(0, int((delta * one - inside) // one)) if inside else delta

    def official(self, facts: Iterable[Counter]) -> list[CounterRow]:
        """All rows of one register of a meter point: of several figures for a quarter the one of
        the last paper is the one.
        """
        rows: list[CounterRow] = []
        for fact in sorted(facts, key=lambda f: (f.at_ms, f.seq)):
            if rows and rows[-1].fact.at_ms == fact.at_ms:
                corrected = rows[-1]._replace(delta=0, verdict=CORRECTED, quarter=None)
                rows[-1] = corrected
            rows.append(self._figure(fact))
        return rows

    def _figure(self, fact: Counter) -> CounterRow:
        fit = self.registry.fit_of_point(fact.device, fact.at_ms - 1)
        day = day_counted(fact.at_ms, self.zone)
        verdict = self._of_figure(fact, fit, day)
        delta = 0 if verdict else fact.value
        if delta and fit and A_BATTERY in fit.sources and _kind(fact.register) == "2.8.":
            delta, verdict = self._with_battery(fact, fit, delta)
        return CounterRow(
            fact=fact,
            day=day,
            quarter=None if verdict else fact.at_ms // QUARTER_MS - 1,
            member=fit.member if fit else None,
            delta=delta,
            verdict=verdict,
            per_pulse=per_count_of(fact, fit),
            grade=OFFICIAL,
            substitute=int(fact.doubt == SUBSTITUTED_DOUBT),
        )

    def _of_figure(self, fact: Counter, fit: Fit | None, day: str) -> str:
        """Why an official figure does not count."""
        if fit is None:
            return NOBODY
        decided = self.registry.decided(*fact[:5])
        if decided is False:
            return REFUSED
        if decided is None and fact.at_ms > fact.made_ms:
            return AHEAD
        if decided is None and fact.value > most_mwh(fit.rated_w, QUARTER_MS):
            return RATING
        quarter = fact.at_ms // QUARTER_MS - 1
        total = total_of(fact.register)
        is_tariff = total != fact.register and self._is_rewarded(total, day)
        if is_tariff and self._beside.official(fact.device, total, quarter, quarter)[1]:
            return OUTRANKED
        # No night for them: who measures officially is believed about that.
        return ""

    def _with_battery(self, fact: Counter, fit: Fit, delta: int) -> tuple[int, str]:
        """As for a gateway's count; of one tariff nobody can tell whether panels produced it."""
        if self.registry.decided(*fact[:5]) is not None:
            return delta, ""
        quarter = fact.at_ms // QUARTER_MS - 1
        is_whole = total_of(fact.register) == fact.register
        delta = min(delta, self._produced(fact, fit, (quarter, quarter)) if is_whole else 0)
        return delta, "" if delta else BATTERY

    def _is_rewarded(self, register: str, day: str) -> bool:
        """Whether a rule of this day looks at a register."""
        # Asked for nearly every count: spelled out, for a generator would take twice the time.
        counted = concerned(self.policies, "counter", register, day)
        return bool(counted or concerned(self.policies, "shared", register, day))

    def _is_dark(self, first: int, last: int, day: str) -> bool:
        in_force = self.policies.on(day)
        if in_force is None or last - first >= _DARK_QUARTERS_MAX:
            return False
        return is_night(first, last, in_force.policy.place)

    def history(self, facts: Iterable[Counter], tail: Tail | None = None) -> list[CounterRow]:
        """All rows of one meter from all its facts, or from those that come after `tail`, whatever
        order they came in.
        """
        in_order = sorted(facts, key=lambda f: (f.at_ms, f.chain, f.seq))
        if in_order and not in_order[0].gateway:
            return self.official(in_order)
        rows = []
        for fact in in_order:
            place = place_of(fact, registry=self.registry, zone=self.zone)
            row, tail = self.row(fact, *place, tail)
            rows.append(row)
        sights = self._beside.sights(in_order[0][:4]) if in_order else ()
        return self._sighted(rows, sights) if sights else rows

    def _sighted(self, rows: list[CounterRow], sights: Sequence[Sighted]) -> list[CounterRow]:
        """The rows with what was read off the meter: between two readings that agree with its
        counts, or from its first count to one that does, they are checked. Counts since then up to
        one that does not agree wait for a steward.
        """
        at = [row.fact.at_ms for row in rows]
        agreed = contradicted = 0  # so many rows are before it
        for one in sights:
            before = bisect_right(at, one.at_ms)
            agrees = _agrees(one, rows)
            if agrees:
                for n in range(agreed, before):
                    rows[n] = _checked(rows[n])
                agreed = before
            elif agrees is False:
                contradicted = before
        for n in range(agreed, contradicted):
            row = rows[n]
            if row.delta and self.registry.decided(*row.fact[:5]) is None:
                rows[n] = row._replace(delta=0, verdict=SIGHT, quarter=None)
        return rows


def _kind(register: str) -> str:
    """What a register of electric energy counts: "1.8." is taken from the grid, "2.8." given."""
    return register.partition(":")[2][:4]


def _checked(row: CounterRow) -> CounterRow:
    return row._replace(grade=CHECKED) if row.verdict in MOVES_ON else row


def _agrees(sight: Sighted, rows: Sequence[CounterRow]) -> bool | None:
    """Whether the counts a quarter-hour before and after a sight-reading enclose it: nobody's watch
    is better. None where there are none yet, or where the meter began again in between.
    """
    believed = [row.fact for row in rows if row.verdict in MOVES_ON]
    at = [fact.at_ms for fact in believed]
    before = bisect_right(at, sight.at_ms - QUARTER_MS) - 1
    after = bisect_left(at, sight.at_ms + QUARTER_MS)
    if before < 0 or after == len(believed):
        return None
    low, high = believed[before].value, believed[after].value
    if low > high:
        return None
    return sight.value <= high and low < sight.value + sight.step
