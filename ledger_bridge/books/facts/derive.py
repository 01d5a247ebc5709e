"""From facts to rows: whose they are, in which day they count, and how much of them is believed.

The columns that this file derives depend on evidence, registry and policy alone, never on the
order of arrival: a reading that comes late, or a changed registry, derives its meter anew.
"""

import sqlite3
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

from gateway.contract.record import Record
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.facts.believe import MOVES_ON, Tail
from ledger_bridge.books.facts.beside import Stored
from ledger_bridge.books.facts.counters import CounterRow, Judge, Meter, place_of
from ledger_bridge.books.facts.derive_attested import AttestedDerivation
from ledger_bridge.books.facts.derive_facts import FactsOfChains
from ledger_bridge.books.facts.derive_waste import WasteDerivation
from ledger_bridge.books.facts.evidence import NOTHING, Counter, Facts
from ledger_bridge.books.facts.grades import OFFICIAL
from ledger_bridge.books.facts.official import Series, Sight, columns, figures, total_of
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.facts.waste import Fact
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.changes import changes
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned
from ledger_bridge.books.settle.unshared import Unshared

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long

_ROWS = """
    SELECT gateway, device, register, serial, at_ms, chain, seq, value, unit, made_ms, doubt,
           day, quarter, member, delta, verdict, per_pulse, grade, substitute
    FROM counter
    WHERE community = ? AND gateway = ? AND device = ? AND register = ? AND serial = ?
"""

_INSERT = f"INSERT INTO counter VALUES ({', '.join('?' * 20)})"

# Of a row as _ROWS gives it, the first are the fact.
_FACT_COLUMNS = len(Counter._fields)

# Where a meter's history ends: the last row's time, chain and number, and the last believed count.
_Place = tuple[tuple[int, str, int], Tail | None]
_BEFORE_ALL = (-(2**62), "", 0)
_EVER = (-(2**62), 2**62)

_POINT = attrgetter("device")


class Derivation:
    """Writes facts into the tables and marks the claims they touch, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._facts = FactsOfChains(db, community)
        self.waste = WasteDerivation(db, community)
        self._attested = AttestedDerivation(db, community)
        self._beside = Stored(db, community)
        self._unshared = Unshared(db, community)
        self._places: dict[Meter, _Place] = {}

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._places.clear()
        self._beside.forget()
        self._unshared.forget()
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
        judge = Judge(registry, policies, self._beside)
        zone = policies.zone
        rows: list[tuple[Any, ...]] = []
        touched: set[Claim] = set()
        late: set[Meter] = set()
        begun: set[Meter] = set()
        waste: list[Fact] = []
        counted: list[tuple[str, str, int]] = []
        for (counters, some_waste), gone in self._facts.read(records):
            if gone is not NOTHING:
                late |= self._take_out(gone, touched, policies)
                counted += [(fact.gateway, fact.device, fact.at_ms) for fact in gone.counters]
            waste += some_waste
            where = None  # the registers of one telegram share their meter and their time
            for fact in counters:
                if (here := (fact.device, fact.serial, fact.at_ms)) != where:
                    where = here
                    fit, day = place_of(fact, registry=registry, zone=zone)
                meter: Meter = fact[:4]
                last, tail = self._places.get(meter) or self._load_place(meter, judge)
                if last is _BEFORE_ALL:
                    begun.add(meter)
                key = fact[4:7]  # at_ms, chain, seq
                believed_ms = tail[0] if tail else _BEFORE_ALL[0]
                row, tail = judge.row(fact, fit, day, tail)
                rows.append((self._community, *fact, *row[1:]))
                self._touch(touched, row, policies)
                if key <= last or self._beside.is_open(meter, believed_ms):
                    late.add(meter)
                else:
                    self._places[meter] = (key, tail)
        self._db.executemany(_INSERT, rows)
        self._beside.saw(begun)
        if begun:
            self._unshared.shake()
        for meter in late | self._tariffs(begun):
            self._again(meter, touched, judge)
        if registry.productions:
            counted += [(row[1], row[2], row[5]) for row in rows]
            self._produced(counted, touched, judge)
        self.waste.add(waste, touched, registry=registry, policies=policies)
        self._mark(touched)
        self._unshared.mark(registry, policies)

    def add_paper(self, seq: int, paper: Paper, *, registry: Registry, policies: Policies) -> None:
        """Store the facts of a paper that is stored under this number."""
        touched: set[Claim] = set()
        judge = Judge(registry, policies, self._beside)
        self._add_figures(seq, paper, touched, judge)
        self._add_sights(seq, paper, touched, judge)
        self._attested.add(seq, paper, touched, registry=registry, policies=policies)
        self._mark(touched)
        self._unshared.mark(registry, policies)

    def share_again(self) -> None:
        """Every day that was shared out is reckoned anew, but for sealed ones."""
        self._unshared.mark_all()

    def _add_figures(self, seq: int, paper: Paper, touched: set[Claim], judge: Judge) -> None:
        """Official figures: they outrank earlier ones, and what gateways measured."""
        series = [one for one in paper.said if isinstance(one, Series)]
        facts = list(figures(seq, paper.time_ms, series))
        blank = ("", None, None, 0, "", "", OFFICIAL, 0)
        self._db.executemany(_INSERT, [(self._community, *fact, *blank) for fact in facts])
        self._beside.forget()
        if facts:
            self._unshared.shake()
        for point, some in groupby(sorted(facts, key=_POINT), key=_POINT):
            of_point = list(some)
            span = min(f.at_ms for f in of_point), max(f.at_ms for f in of_point)
            totals = {total_of(fact.register) for fact in of_point}
            for place in (("", point), *judge.registry.points.get(point, ())):
                for meter in self._meters(*place):
                    if total_of(meter[2]) in totals:
                        self._again(meter, touched, judge, span=span)

    def _add_sights(self, seq: int, paper: Paper, touched: set[Claim], judge: Judge) -> None:
        """Sight-readings: counts that agree with them are checked."""
        sights = [one for one in paper.said if isinstance(one, Sight)]
        self._db.executemany(
            "INSERT INTO sight VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._community, *columns(seq, sight)) for sight in sights],
        )
        if sights:
            self._beside.forget()
        for meter in {(s.gateway, s.device, s.register, s.serial) for s in sights}:
            self._again(meter, touched, judge)

    def _take_out(self, gone: Facts, touched: set[Claim], policies: Policies) -> set[Meter]:
        """Remove facts that hold no longer; gives the meters that are to be derived anew."""
        for fact in gone.counters:
            for derived in self._db.execute(
                "DELETE FROM counter WHERE community = ? AND gateway = ? AND device = ?"
                " AND register = ? AND serial = ? AND at_ms = ? AND chain = ? AND seq = ?"
                " RETURNING day, quarter, member, delta, verdict, per_pulse, grade, substitute",
                (self._community, *fact[:7]),
            ).fetchall():
                self._touch(touched, CounterRow(fact, *derived), policies)
        self.waste.take_out(gone.waste, touched, policies)
        meters: set[Meter] = {fact[:4] for fact in gone.counters}
        self._beside.forget()
        self._unshared.shake()
        return meters | self._tariffs(meters)

    def _tariffs(self, meters: Iterable[Meter]) -> set[Meter]:
        """The meters by tariff beside those of them that count all tariffs together."""
        return {
            other
            for meter in meters
            if total_of(meter[2]) == meter[2]
            for other in self._meters(*meter[:2])
            if other[3] == meter[3] and other != meter and total_of(other[2]) == meter[2]
        }

    def _produced(
        self, counted: Iterable[tuple[str, str, int]], touched: set[Claim], judge: Judge
    ) -> None:
        """Places with a battery credit what panels behind them produced: whatever is counted there,
        or there, or is no longer, has its part in it from its quarter-hour on. `counted`: gateway,
        device, time.
        """
        productions = judge.registry.productions
        mains = {main for places in productions.values() for main in places}
        since: dict[tuple[str, str], int] = {}
        for gateway, device, at_ms in counted:
            place = (gateway, device)
            for main in (*productions.get(place, ()), *({place} & mains)):
                since[main] = min(since.get(main, at_ms), at_ms)
        for main, at_ms in since.items():
            span = (at_ms // QUARTER_MS * QUARTER_MS, _EVER[1])
            points = {fit.point for fit in judge.registry.fits.get(main, ()) if fit.point}
            for place in (*(("", point) for point in sorted(points)), main):
                for meter in self._meters(*place):
                    self._again(meter, touched, judge, span=span)

    def _meters(self, gateway: str, device: str) -> list[Meter]:
        """What is counted at a place; all tariffs together before each of them."""
        return self._db.execute(
            "SELECT DISTINCT gateway, device, register, serial FROM counter"
            " WHERE community = ? AND gateway = ? AND device = ? ORDER BY register, serial",
            (self._community, gateway, device),
        ).fetchall()

    def _touch(self, touched: set[Claim], row: CounterRow, policies: Policies) -> None:
        if row.delta and row.member:
            for rule, period in concerned(policies, "counter", row.fact.register, row.day):
                touched.add(_new(Claim, (rule, row.member, period)))
            self._unshared.touch(row.fact.register, row.day, policies)

    def _mark(self, touched: set[Claim]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO dirty VALUES (?, ?, ?, ?)",
            [(self._community, *claim) for claim in touched],
        )

    def _load_place(self, meter: Meter, judge: Judge) -> _Place:
        """Where this meter's history ends, read from the table; from then on kept in mind.

        What was not believed since the last count that was is judged once more: it may be a leap.
        """
        key, tail = self._believed(meter)
        for row in self._db.execute(
            f"{_ROWS} AND (at_ms, chain, seq) > (?, ?, ?) ORDER BY at_ms, chain, seq",
            (self._community, *meter, *key),
        ):
            fact = Counter(*row[:_FACT_COLUMNS])
            key = (fact.at_ms, fact.chain, fact.seq)
            fit, day = place_of(fact, registry=judge.registry, zone=judge.zone)
            _, tail = judge.row(fact, fit, day, tail)
        place: _Place = (key, tail)
        self._places[meter] = place
        return place

    def _believed(self, meter: Meter, before_ms: int = _EVER[1]) -> _Place:
        """The last count of a meter before a time from which the next is measured."""
        found = self._db.execute(
            f"SELECT at_ms, chain, seq, value FROM ({_ROWS})"
            f" WHERE at_ms < ? AND verdict IN {MOVES_ON}"
            " ORDER BY at_ms DESC, chain DESC, seq DESC LIMIT 1",
            (self._community, *meter, before_ms),
        ).fetchone()
        return (found[:3], (found[0], found[3], None)) if found else (_BEFORE_ALL, None)

    def _again(
        self,
        meter: Meter,
        touched: set[Claim],
        judge: Judge,
        *,
        span: tuple[int, int] = _EVER,
        is_all: bool = False,
    ) -> None:
        """Derive a meter anew and mark every claim whose share of it changed; with `is_all` every
        claim it has a share in. `span`: only official figures that end then have changed.
        """
        since, tail = _BEFORE_ALL, None
        until_ms = _EVER[1]
        if not meter[0]:
            since, until_ms = (span[0], "", 0), span[1]
        elif span != _EVER and not self._beside.sights(meter):
            since, tail = self._believed(meter, span[0])
        rows = self._db.execute(
            f"{_ROWS} AND (at_ms, chain, seq) > (?, ?, ?) AND at_ms <= ?",
            (self._community, *meter, *since, until_ms),
        )
        old = {
            row[4:7]: CounterRow(Counter(*row[:_FACT_COLUMNS]), *row[_FACT_COLUMNS:])
            for row in rows
        }
        changed = []
        for row in judge.history((row.fact for row in old.values()), tail):
            before = old[row.fact[4:7]]
            if is_all or row != before:
                self._touch(touched, row, judge.policies)
                self._touch(touched, before, judge.policies)
            if row != before:
                changed.append((*row[1:], self._community, *row.fact[:7]))
        self._db.executemany(
            "UPDATE counter SET day = ?, quarter = ?, member = ?, delta = ?, verdict = ?,"
            " per_pulse = ?, grade = ?, substitute = ?"
            " WHERE community = ? AND gateway = ? AND device = ? AND register = ?"
            " AND serial = ? AND at_ms = ? AND chain = ? AND seq = ?",
            changed,
        )
        self._places.pop(meter, None)

    def again(
        self, *, registry: Registry, policies: Policies, before: Registry | None = None
    ) -> None:
        """Derive anew what may count otherwise than by the registry `before`; without one, because
        the policies have changed, everything.

        Official figures come first, and all tariffs together before each of them.
        """
        judge = Judge(registry, policies, self._beside)
        touched: set[Claim] = set()
        changed = changes(before, registry) if before else None
        for meter in self._db.execute(
            "SELECT DISTINCT gateway, device, register, serial FROM counter WHERE community = ?"
            " ORDER BY gateway, device, register, serial",
            (self._community,),
        ).fetchall():
            gateway, device, *_ = meter
            if changed is None or gateway in changed.gateways or device in changed.points:
                self._again(meter, touched, judge, is_all=changed is None)
        mains = {main for places in registry.productions.values() for main in places}
        self._produced(((*main, 0) for main in mains), touched, judge)
        if changed is None or changed.people:
            self.waste.again(touched, registry=registry, policies=policies)
            self._attested.again(touched, registry=registry, policies=policies)
        self._mark(touched)
        if changed is None or changed.shared:
            self._unshared.mark_all()
        elif changed.gateways or changed.points:
            self._unshared.shake()
        self._unshared.mark(registry, policies)
