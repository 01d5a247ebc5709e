"""Recompute the books from evidence to root and name the first thing that differs.

What is stored is compared with what follows from the signed evidence, the registry and the
policies, with the same pure functions that settled it; nothing that was derived is believed.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from gateway.contract.errors import PeopleError
from gateway.contract.keys import PublicKey
from gateway.contract.record import Record
from gateway.contract.signed import Malformed
from ledger_bridge.books.book import Claim
from ledger_bridge.books.community import load_policies, load_registry
from ledger_bridge.books.facts.containers import NOT_THERE, Balance, PutDown, balance, waits
from ledger_bridge.books.facts.deposits import (
    CORRECTIONS_WAITING,
    WAITING,
    Brought,
    DepositRow,
    judge,
)
from ledger_bridge.books.facts.derive import CounterRow, Meter, history
from ledger_bridge.books.facts.derive_waste import TABLES
from ledger_bridge.books.facts.evidence import Counter, facts
from ledger_bridge.books.facts.times import Times
from ledger_bridge.books.facts.waste import KG, ContainerEvent, Correction, Deposit, Fact
from ledger_bridge.books.policy.policy import Policies, check_start
from ledger_bridge.books.quantity import Amount
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned
from ledger_bridge.books.settle.settle import reckon
from ledger_bridge.books.verify.book import BookCheck, ClaimRow, Differs
from ledger_bridge.books.verify.records import RecordCheck

__all__ = ["Differs", "Verified", "verify"]

Progress = Callable[[str], None]


class Verified(NamedTuple):
    """How much was recomputed, and the tree head it ended in.

    `waiting` claims are being settled; `held` deposits, corrections and emptyings wait for people.
    """

    records: int
    claims: int
    waiting: int
    held: int
    bookings: int
    leaves: int
    root: str


class _Books:
    """One pass over the books of a community; each step keeps what the next ones need."""

    def __init__(self, db: sqlite3.Connection, community: str, log_key: PublicKey) -> None:
        self.db = db
        self.community = community
        self.log_key = log_key
        self.registry: Registry
        self.policies: Policies
        self.digests: dict[tuple[str, str, int], str] = {}
        self.passed: dict[tuple[str, str, int], str] = {}
        self.counters: dict[Meter, list[Counter]] = defaultdict(list)
        self.waste: list[Fact] = []
        self._times: dict[tuple[str, str], Times] = defaultdict(Times)
        self.measured: dict[tuple[str, str], dict[str | Brought, Amount]] = {}
        self.dues: dict[Claim, ClaimRow] = {}
        self.waiting: set[Claim] = set()
        self.claims: dict[Claim, ClaimRow] = {}
        self.held = 0

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement whose one parameter is the community."""
        return iter(self.db.execute(statement, (self.community,)))

    # Evidence.

    def check_registry(self) -> None:
        for seq, (number,) in enumerate(
            self.rows("SELECT seq FROM registry_edit WHERE community = ? ORDER BY seq"), start=1
        ):
            if number != seq:
                raise Differs(f"registry edit {seq} is missing", "registry_edit")
        try:
            self.registry = load_registry(self.db, self.community)
        except (Malformed, PeopleError) as error:
            raise Differs(f"an edit is not as it was signed: {error}", "registry_edit") from error
        if self.registry.founded is None:
            raise Differs("nobody founded this community", "registry_edit")
        if self.registry.founded.log != self.log_key.x:
            raise Differs("the log's key is not the one the founders named", "registry_edit 1")

    def check_policies(self) -> None:
        assert self.registry.founded
        try:
            self.policies = load_policies(self.db, self.community, self.registry.stewards)
        except (Malformed, PeopleError) as error:
            raise Differs(f"a policy is not as it was signed: {error}", "policy") from error
        days = self.rows("SELECT valid_from FROM policy WHERE community = ? ORDER BY valid_from")
        for (said,), in_force in zip(days, self.policies.in_order, strict=True):
            if said != in_force.policy.day:
                raise Differs(f"it is in force from {in_force.policy.day}", f"policy {said}")
        for old, new in pairwise(one.policy for one in self.policies.in_order):
            try:
                check_start(new, old.weeks | new.weeks, where="policy")
            except PeopleError as error:
                raise Differs(error.problems[0].what, f"policy {new.day}") from error

    def check_records(self) -> None:
        """Every signature and every link; what the chains' heads have passed becomes facts."""
        check = RecordCheck(self.db, self.registry)
        check.check(self._read)
        self.digests, self.passed = check.digests, check.passed

    def _read(self, record: Record) -> None:
        """What the next record of a chain says, and what those say whose time it settles."""
        who = record.identity
        for settled in self._times[who.gateway, who.chain].read(record):
            self._tell(settled)

    def _tell(self, record: Record) -> None:
        some_counters, some_waste = facts(record)
        for fact in some_counters:
            self.counters[fact[:4]].append(fact)
        self.waste += some_waste

    # Facts.

    def check_facts(self) -> None:
        for times in self._times.values():
            for one in times.open:
                self._tell(one.timed())
        zone = self.policies.zone
        rows = [
            row
            for meter in self.counters.values()
            for row in history(meter, registry=self.registry, zone=zone)
        ]
        self._compare("counter", [row.columns(self.community) for row in rows])
        for row in rows:
            self._measure(row)
        self._check_waste()

    def _check_waste(self) -> None:
        judged = judge(
            (fact for fact in self.waste if isinstance(fact, Deposit)),
            (fact for fact in self.waste if isinstance(fact, Correction)),
            registry=self.registry,
            policies=self.policies,
        )
        self._compare("deposit", [row.columns(self.community) for row in judged.deposits])
        self._compare("correction", [row.columns(self.community) for row in judged.corrections])
        for kind, table in TABLES.items():
            if kind not in {Deposit, Correction}:
                told = [fact for fact in self.waste if isinstance(fact, kind)]
                self._compare(table, [(self.community, *fact) for fact in told])
        timeless = self._check_times()
        for row in judged.deposits:
            if row.member and row.counted:
                key = Brought(row.counts_as, row.is_verified)
                day_of_member = self.measured.setdefault((row.member, row.day), {})
                day_of_member[key] = day_of_member.get(key, 0) + row.counted
        self.held = (
            timeless
            + sum(row.verdict in WAITING for row in judged.deposits)
            + sum(row.verdict in CORRECTIONS_WAITING for row in judged.corrections)
            + sum(waits(one, self.registry) for one in self._balance(judged.deposits).every)
        )

    def _check_times(self) -> int:
        """What the chains tell of unsure times; gives how many records say nothing without one."""
        synced, unsure, timeless = [], [], []
        for chain, times in self._times.items():
            key = (self.community, *chain)
            if times.synced_ms is not None:
                synced.append((*key, times.synced_ms))
            for record, *known in times.open:
                unsure.append((*key, record.identity.seq, *known))
            waited = [(one, 0) for one in times.open if one.is_waited_for()]
            waited += [(one, 1) for one in times.timeless]
            timeless += [(*key, one.record.identity.seq, is_over) for one, is_over in waited]
        self._compare("synced", synced)
        self._compare("unsure", unsure)
        self._compare("clockless", timeless)
        return len(timeless)

    def _balance(self, rows: list[DepositRow]) -> Balance:
        """Delivered against hauled: nothing is stored of it, it is reckoned where it is shown."""
        return balance(
            (fact for fact in self.waste if isinstance(fact, ContainerEvent)),
            (
                PutDown(fact.gateway, counts_as, fact.chain, fact.seq, fact.at_ms, fact.amount)
                for fact, _, _, counts_as, _, _, verdict in rows
                if fact.unit == KG and verdict not in NOT_THERE
            ),
        )

    def _measure(self, row: CounterRow) -> None:
        if row.member:
            day_of_member = self.measured.setdefault((row.member, row.day), {})
            register = row.fact.register
            day_of_member[register] = day_of_member.get(register, 0) + row.amount

    def _compare(self, table: str, expected: list[tuple[Any, ...]]) -> None:
        """Whether a table holds exactly these rows."""
        stored = set(self.rows(f"SELECT * FROM {table} WHERE community = ?"))
        for what, odd in (
            ("a row that the evidence does not give", stored.difference(expected)),
            ("a row that the evidence gives is missing", set(expected) - stored),
        ):
            if odd:
                row = min(odd, key=repr)
                raise Differs(what, f"{table} {' '.join(str(column) for column in row[1:])}")

    # Settlement.

    def check_dues(self) -> None:
        self.waiting = {
            Claim(*row)
            for row in self.rows("SELECT rule, member, period FROM dirty WHERE community = ?")
        }
        for claim, quantities in self._by_claim().items():
            reckoned = reckon(claim, quantities, self.policies)
            self.dues[claim] = ClaimRow(reckoned.asset, reckoned.due)
        self.claims = {
            Claim(rule, member, period): ClaimRow(asset, due)
            for rule, member, period, asset, due in self.rows(
                "SELECT rule, member, period, asset, due FROM claim WHERE community = ?"
            )
        }
        for claim in sorted({*self.claims, *self.dues}):
            self._check_due(claim)

    def _by_claim(self) -> dict[Claim, dict[str | Brought, Amount]]:
        """What was measured on all days of each claim's period."""
        found: dict[Claim, dict[str | Brought, Amount]] = defaultdict(dict)
        for (member, day), quantities in self.measured.items():
            for key, amount in quantities.items():
                reads, name = (
                    ("deposit", key.fraction) if isinstance(key, Brought) else ("counter", key)
                )
                for rule, period in concerned(self.policies, reads, name, day):
                    measured = found[Claim(rule, member, period)]
                    measured[key] = measured.get(key, 0) + amount
        return found

    def _check_due(self, claim: Claim) -> None:
        where = f"claim {claim.rule} {claim.member} {claim.period}"
        due, has = self.dues.get(claim), self.claims.get(claim)
        if due and has and due.asset != has.asset:
            raise Differs(f"{due.asset} is due, the books have {has.asset}", where)
        due_, has_ = due.due if due else 0, has.due if has else 0
        if due_ != has_ and claim not in self.waiting:
            raise Differs(f"{due_} is due by the evidence, the books have {has_}", where)


def verify(
    db: sqlite3.Connection, community: str, *, log_key: PublicKey, progress: Progress
) -> Verified:
    """Recompute everything. Raises Differs with the first thing that is not as it should be.

    `progress` is told each step by name. The connection sees one moment of the books throughout.
    """
    books = _Books(db, community, log_key)
    db.execute("BEGIN")
    try:
        for step in (
            books.check_registry,
            books.check_policies,
            books.check_records,
            books.check_facts,
            books.check_dues,
        ):
            progress(step.__name__.removeprefix("check_"))
            step()
        progress("bookings")
        book = BookCheck(db, books.registry, log_key)
        book.check_leaves()
        book.check_papers()
        book.check_heads({**books.passed, **books.digests})
        book.check_bookings()
        book.check_claims(books.claims)
    finally:
        db.execute("ROLLBACK")
    return Verified(
        records=len(books.digests),
        claims=len(books.dues),
        waiting=len(books.waiting),
        held=books.held,
        bookings=book.bookings,
        leaves=len(book.leaves),
        root=book.root.hex(),
    )
