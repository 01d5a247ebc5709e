"""From facts to rows: whose they are, in which day they count, and how much of them is believed.

The columns that this file derives depend on evidence, registry and policy alone, never on the
order of arrival: a reading that comes late, or a changed registry, derives its meter anew.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from gateway.contract.record import Record
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import day_counted, quarter_between
from ledger_bridge.books.facts.believe import (
    MOVES_ON,
    Tail,
    amount_of,
    believe,
    per_pulse_of,
)
from ledger_bridge.books.facts.derive_facts import FactsOfChains
from ledger_bridge.books.facts.derive_papers import PaperDerivation
from ledger_bridge.books.facts.derive_waste import WasteDerivation
from ledger_bridge.books.facts.evidence import NOTHING, Counter, Facts
from ledger_bridge.books.facts.grades import SELF_REPORTED
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.facts.waste import Fact
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import Amount
from ledger_bridge.books.registry.registry import Fit, Registry
from ledger_bridge.books.settle.due import concerned

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long

# gateway, device, register, serial: one meter's one register.
Meter = tuple[str, str, str, str]

_ROWS = """
    SELECT gateway, device, register, serial, at_ms, chain, seq, value, unit, made_ms, doubt,
           day, quarter, member, delta, verdict, per_pulse, grade
    FROM counter
    WHERE community = ? AND gateway = ? AND device = ? AND register = ? AND serial = ?
"""


class CounterRow(NamedTuple):
    """A counter fact with what is derived of it; in the order of the table's columns.

    `delta` is in thousandths of the fact's unit, or in pulses of which each is worth `per_pulse`.
    `quarter` is the quarter-hour since 1970 in which all of it was measured, None where it was in
    several. `grade` is one of GRADES.
    """

    fact: Counter
    day: str
    quarter: int | None
    member: str | None
    delta: int
    verdict: str
    per_pulse: str
    grade: str

    def columns(self, community: str) -> tuple[Any, ...]:
        return (community, *self.fact, *self[1:])

    @property
    def amount(self) -> Amount:
        """The believed increase in thousandths of its base unit, exactly."""
        return amount_of(self.delta, self.per_pulse)


# Of a row as _ROWS gives it, the first are the fact.
_FACT_COLUMNS = len(Counter._fields)

# Where a meter's history ends: the last row's time, chain and number, and the last believed count.
_Place = tuple[tuple[int, str, int], Tail | None]
_BEFORE_ALL = (-(2**62), "", 0)


def place_of(fact: Counter, *, registry: Registry, zone: str) -> tuple[Fit | None, str]:
    """The meter fit that a reading counts under, and the day in which."""
    # A reading at the very moment of a new fit still ends the interval of the old one.
    fit = registry.fit(fact.gateway, fact.device, fact.serial, fact.at_ms - 1)
    return fit, day_counted(fact.at_ms, zone)


def counter_row(
    fact: Counter, fit: Fit | None, day: str, tail: Tail | None
) -> tuple[CounterRow, Tail | None]:
    """One fact derived, and the meter's state after it."""
    before = tail
    delta, verdict, tail = believe(fact, fit, before)
    member = fit.member if fit else None
    per_pulse = per_pulse_of(fact, fit) if fact.unit == "pulse" else ""
    quarter = None if verdict or before is None else quarter_between(before[0], fact.at_ms)
    return _new(
        CounterRow, (fact, day, quarter, member, delta, verdict, per_pulse, SELF_REPORTED)
    ), tail


def history(facts: Iterable[Counter], *, registry: Registry, zone: str) -> list[CounterRow]:
    """All rows of one meter from all its facts, whatever order they came in."""
    tail: Tail | None = None
    rows = []
    for fact in sorted(facts, key=lambda f: (f.at_ms, f.chain, f.seq)):
        row, tail = counter_row(fact, *place_of(fact, registry=registry, zone=zone), tail)
        rows.append(row)
    return rows


class Derivation:
    """Writes facts into the tables and marks the claims they touch, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._facts = FactsOfChains(db, community)
        self.waste = WasteDerivation(db, community)
        self._papers = PaperDerivation(db, community)
        self._places: dict[Meter, _Place] = {}

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._places.clear()
        self._facts.forget()

    def add(
        self,
        records: Iterable[Record],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        """Store the facts of new records, each of which follows the one before it in its chain.

        A counter that is older than what its meter has derives that meter anew; so does one that
        is another by now, because a later record tells when it was read.
        """
        zone = policies.zone
        rows: list[tuple[Any, ...]] = []
        touched: set[Claim] = set()
        late: set[Meter] = set()
        waste: list[Fact] = []
        for (counters, some_waste), gone in self._facts.read(records):
            if gone is not NOTHING:
                late |= self._take_out(gone, touched, policies)
            waste += some_waste
            where = None  # the registers of one telegram share their meter and their time
            for fact in counters:
                if (here := (fact.device, fact.serial, fact.at_ms)) != where:
                    where = here
                    fit, day = place_of(fact, registry=registry, zone=zone)
                meter: Meter = fact[:4]
                last, tail = self._places.get(meter) or self._load_place(
                    meter, registry=registry, zone=zone
                )
                key = fact[4:7]  # at_ms, chain, seq
                row, tail = counter_row(fact, fit, day, tail)
                rows.append((self._community, *fact, *row[1:]))
                if key <= last:
                    late.add(meter)
                else:
                    self._places[meter] = (key, tail)
                    self._touch(touched, row, policies)
        self._db.executemany(
            "INSERT INTO counter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for meter in late:
            self._again(meter, touched, registry=registry, policies=policies)
        self.waste.add(waste, touched, registry=registry, policies=policies)
        self._mark(touched)

    def add_paper(self, seq: int, paper: Paper, *, registry: Registry, policies: Policies) -> None:
        """Store the facts of a paper that is stored under this number."""
        touched: set[Claim] = set()
        self._papers.add(seq, paper, touched, registry=registry, policies=policies)
        self._mark(touched)

    def _take_out(self, gone: Facts, touched: set[Claim], policies: Policies) -> set[Meter]:
        """Remove facts that hold no longer; gives the meters that are to be derived anew."""
        for fact in gone.counters:
            for derived in self._db.execute(
                "DELETE FROM counter WHERE community = ? AND gateway = ? AND device = ?"
                " AND register = ? AND serial = ? AND at_ms = ? AND chain = ? AND seq = ?"
                " RETURNING day, quarter, member, delta, verdict, per_pulse, grade",
                (self._community, *fact[:7]),
            ).fetchall():
                self._touch(touched, CounterRow(fact, *derived), policies)
        self.waste.take_out(gone.waste, touched, policies)
        return {fact[:4] for fact in gone.counters}

    def _touch(self, touched: set[Claim], row: CounterRow, policies: Policies) -> None:
        if row.delta and row.member:
            for rule, period in concerned(policies, "counter", row.fact.register, row.day):
                touched.add(_new(Claim, (rule, row.member, period)))

    def _mark(self, touched: set[Claim]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO dirty VALUES (?, ?, ?, ?)",
            [(self._community, *claim) for claim in touched],
        )

    def _load_place(self, meter: Meter, *, registry: Registry, zone: str) -> _Place:
        """Where this meter's history ends, read from the table; from then on kept in mind.

        What was not believed since the last count that was is judged once more: it may be a leap.
        """
        key = _BEFORE_ALL
        tail: Tail | None = None
        believed = self._db.execute(
            f"SELECT at_ms, chain, seq, value FROM ({_ROWS}) WHERE verdict IN {MOVES_ON}"
            " ORDER BY at_ms DESC, chain DESC, seq DESC LIMIT 1",
            (self._community, *meter),
        ).fetchone()
        if believed:
            key, tail = believed[:3], (believed[0], believed[3], None)
        for row in self._db.execute(
            f"SELECT * FROM ({_ROWS}) WHERE (at_ms, chain, seq) > (?, ?, ?)"
            " ORDER BY at_ms, chain, seq",
            (self._community, *meter, *key),
        ):
            fact = Counter(*row[:_FACT_COLUMNS])
            key = (fact.at_ms, fact.chain, fact.seq)
            _, tail = counter_row(fact, *place_of(fact, registry=registry, zone=zone), tail)
        place: _Place = (key, tail)
        self._places[meter] = place
        return place

    def _again(
        self, meter: Meter, touched: set[Claim], *, registry: Registry, policies: Policies
    ) -> None:
        """Derive a whole meter anew and mark every claim whose share of it changed."""
        before = [
            CounterRow(Counter(*row[:_FACT_COLUMNS]), *row[_FACT_COLUMNS:])
            for row in self._db.execute(_ROWS, (self._community, *meter))
        ]
        after = history((row.fact for row in before), registry=registry, zone=policies.zone)
        old = {(r.fact.at_ms, r.fact.chain, r.fact.seq): r for r in before}
        for row in after:
            key = (row.fact.at_ms, row.fact.chain, row.fact.seq)
            self._touch(touched, row, policies)
            self._touch(touched, old[key], policies)
            if row != old[key]:
                self._db.execute(
                    "UPDATE counter SET day = ?, quarter = ?, member = ?, delta = ?, verdict = ?,"
                    " per_pulse = ?, grade = ?"
                    " WHERE community = ? AND gateway = ? AND device = ? AND register = ?"
                    " AND serial = ? AND at_ms = ? AND chain = ? AND seq = ?",
                    (*row[1:], self._community, *meter, *key),
                )
        self._places.pop(meter, None)

    def again(self, *, registry: Registry, policies: Policies) -> None:
        """Derive everything anew: the registry or the policies have changed."""
        touched: set[Claim] = set()
        meters = self._db.execute(
            "SELECT DISTINCT gateway, device, register, serial FROM counter WHERE community = ?",
            (self._community,),
        ).fetchall()
        for meter in meters:
            self._again(meter, touched, registry=registry, policies=policies)
        self.waste.again(touched, registry=registry, policies=policies)
        self._papers.again(touched, registry=registry, policies=policies)
        self._mark(touched)
