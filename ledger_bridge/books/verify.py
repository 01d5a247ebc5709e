"""Recompute the books from evidence to root and name the first thing that differs.

What is stored is compared with what follows from the signed evidence, the registry and the
policies, with the same pure functions that settled it; nothing that was derived is believed.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.errors import PeopleError
from gateway.contract.keys import PublicKey
from gateway.contract.record import GENESIS, Record
from gateway.contract.signed import Malformed
from ledger_bridge.books import log
from ledger_bridge.books.acts import Transfer
from ledger_bridge.books.acts import read as read_act
from ledger_bridge.books.book import Claim
from ledger_bridge.books.community import load_policies, load_registry
from ledger_bridge.books.derive import CounterRow, Meter, deposit_row, history
from ledger_bridge.books.due import concerned
from ledger_bridge.books.evidence import Counter, Deposit, facts
from ledger_bridge.books.log import Checkpoint, Tree
from ledger_bridge.books.policy import Policies
from ledger_bridge.books.registry import Registry
from ledger_bridge.books.settle import reckon

Progress = Callable[[str], None]


class Differs(Exception):
    """The first thing that differs: what, and where it stands."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} ({where})")
        self.what = what
        self.where = where


class Verified(NamedTuple):
    """How much was recomputed, and the tree head it ended in."""

    records: int
    claims: int
    waiting: int
    bookings: int
    leaves: int
    root: str


class _Leaf(NamedTuple):
    kind: str
    body: dict[str, Any]


class _Books:
    """One pass over the books of a community; each step keeps what the next ones need."""

    def __init__(self, db: sqlite3.Connection, community: str, log_key: PublicKey) -> None:
        self.db = db
        self.community = community
        self.log_key = log_key
        self.registry: Registry
        self.policies: Policies
        self.digests: dict[tuple[str, str, int], str] = {}
        self.counters: dict[Meter, list[Counter]] = defaultdict(list)
        self.deposits: list[Deposit] = []
        self.measured: dict[tuple[str, str], dict[str, int]] = {}
        self.dues: dict[Claim, int] = {}
        self.waiting: set[Claim] = set()
        self.leaves: list[_Leaf] = []
        self.bookings = 0
        self.root = b""

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
            self.policies = load_policies(self.db, self.community, self.registry.founded.stewards)
        except (Malformed, PeopleError) as error:
            raise Differs(f"a policy is not as it was signed: {error}", "policy") from error

    def check_records(self) -> None:
        """Every signature and every link; what the chains' heads have passed becomes facts."""
        heads = {
            (gateway, chain): (up_to, digest)
            for gateway, chain, up_to, digest in self.rows(
                "SELECT gateway, chain, up_to, digest FROM chain WHERE community = ?"
            )
        }
        at: dict[tuple[str, str], tuple[int, str]] = {}
        for gateway, chain, seq, digest, data in self.rows(
            "SELECT gateway, chain, seq, digest, data FROM record WHERE community = ?"
            " ORDER BY gateway, chain, seq"
        ):
            where = f"record {gateway}/{chain}/{seq}"
            record = self._record(data, digest, (gateway, chain, seq), where)
            self.digests[gateway, chain, seq] = digest
            up_to, last = at.get((gateway, chain), (0, GENESIS))
            if seq != up_to + 1 or record.identity.prev != last:
                if seq <= heads.get((gateway, chain), (0, ""))[0]:
                    raise Differs("it does not follow the record before it", where)
                continue
            at[gateway, chain] = (seq, digest)
            some_counters, some_deposits = facts(record)
            for fact in some_counters:
                self.counters[fact[:4]].append(fact)
            self.deposits += some_deposits
        for key, head in heads.items():
            if at.get(key, (0, GENESIS)) != head:
                where = f"chain {key[0]}/{key[1]}"
                raise Differs(f"stored up to {at.get(key, (0, ''))[0]}, said {head[0]}", where)

    def _record(self, data: bytes, digest: str, key: tuple[str, str, int], where: str) -> Record:
        try:
            document, record = records.parse(data)
        except Malformed as error:
            raise Differs(f"it cannot be read any more: {error}", where) from error
        public = self.registry.keys.get(key[0])
        if public is None or not document.by(public):
            raise Differs("its signature is not its gateway's", where)
        who = record.identity
        if (who.community, who.gateway, who.chain, who.seq) != (self.community, *key):
            raise Differs("it stands under another's number", where)
        if signed.digest(data) != digest:
            raise Differs("its digest is not that of its bytes", where)
        return record

    # Facts.

    def check_facts(self) -> None:
        zone = self.policies.zone
        rows = [
            row
            for meter in self.counters.values()
            for row in history(meter, registry=self.registry, zone=zone)
        ]
        self._compare("counter", [row.columns(self.community) for row in rows])
        for row in rows:
            self._measure(row)
        deposits = [
            deposit_row(fact, community=self.community, registry=self.registry, zone=zone)
            for fact in self.deposits
        ]
        self._compare("deposit", deposits)
        for fact, (*_, day, member, _verdict) in zip(self.deposits, deposits, strict=True):
            if member:
                day_of_member = self.measured.setdefault((member, day), {})
                day_of_member[fact.fraction] = day_of_member.get(fact.fraction, 0) + fact.net_mg

    def _measure(self, row: CounterRow) -> None:
        if row.member:
            day_of_member = self.measured.setdefault((row.member, row.day), {})
            register = row.fact.register
            day_of_member[register] = day_of_member.get(register, 0) + row.delta

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
        for (member, day), quantities in self.measured.items():
            touched = {
                rule
                for reads in ("counter", "deposit")
                for key in quantities
                for rule in concerned(self.policies, reads, key, day)
            }
            for rule in touched:
                claim = Claim(rule, member, day)
                self.dues[claim] = reckon(claim, quantities, self.policies).due
        stored = {
            Claim(rule, member, period): amount
            for rule, member, period, amount in self.rows(
                "SELECT rule, member, period, due FROM claim WHERE community = ?"
            )
        }
        self._same_amounts(stored, "claim")

    def _same_amounts(self, stored: dict[Claim, int], table: str) -> None:
        for claim in sorted({*stored, *self.dues} - self.waiting):
            due, has = self.dues.get(claim, 0), stored.get(claim, 0)
            if due != has:
                where = f"{table} {claim.rule} {claim.member} {claim.period}"
                raise Differs(f"{due} is due by the evidence, the books have {has}", where)

    # The book.

    def check_leaves(self) -> None:
        """Rebuild the tree; every checkpoint must be a head that it had."""
        notes = iter(
            self.db.execute(
                "SELECT size, note FROM checkpoint WHERE community = ? ORDER BY size",
                (self.community,),
            ).fetchall()
        )
        tree, note = Tree(), next(notes, None)
        for idx, kind, salt, body in self.rows(
            "SELECT idx, kind, salt, body FROM leaf WHERE community = ? ORDER BY idx"
        ):
            if idx != tree.size:
                raise Differs(f"leaf {tree.size} is missing", "leaf")
            try:
                self.leaves.append(_Leaf(kind, msgspec.json.decode(body)))
            except msgspec.MsgspecError as error:
                raise Differs("it cannot be read any more", f"leaf {idx}") from error
            tree.append(log.commitment(salt, kind, body))
            if note and note[0] == tree.size:
                self._check_note(note[1], tree)
                note = next(notes, None)
        if note:
            raise Differs(f"a checkpoint of {note[0]} leaves, there are {tree.size}", "checkpoint")
        self.root = tree.root()

    def _check_note(self, note: str, tree: Tree) -> None:
        where = f"checkpoint {tree.size}"
        try:
            head = log.read_note(note, key=self.log_key)
        except Malformed as error:
            raise Differs(str(error), where) from error
        if head != Checkpoint(log.origin(self.community), tree.size, tree.root()):
            raise Differs("the leaves before it are not those that were signed", where)

    def check_heads(self) -> None:
        """Every head that the log names is a stored record."""
        for index, leaf in enumerate(self.leaves):
            for gateway, chain, up_to, digest in leaf.body.get("heads", ()):
                if self.digests.get((gateway, chain, up_to)) != digest:
                    where = f"leaf {index}, record {gateway}/{chain}/{up_to}"
                    raise Differs("the log names another record than is stored", where)

    def check_bookings(self) -> None:
        """Every booking balances, says what its leaf says, and follows the one before."""
        lines: dict[int, list[list[Any]]] = defaultdict(list)
        for booking, account, asset, amount in self.rows(
            "SELECT booking, account, asset, amount FROM posting WHERE community = ?"
            " ORDER BY booking, line"
        ):
            lines[booking].append([account, asset, amount])
        balances: dict[tuple[str, str], int] = defaultdict(int)
        posted: dict[Claim, int] = defaultdict(int)
        for seq, kind, booked_ms, rule, member, period, leaf in self.rows(
            "SELECT seq, kind, booked_ms, rule, member, period, leaf FROM booking"
            " WHERE community = ? ORDER BY seq"
        ):
            self.bookings += 1
            where = f"booking {seq}"
            if seq != self.bookings:
                raise Differs(f"booking {self.bookings} is missing", "booking")
            postings = lines.pop(seq, [])
            said = self.leaves[leaf].body if leaf < len(self.leaves) else {}
            head = {"kind": kind, "booking": seq, "booked_ms": booked_ms, "postings": postings}
            _check_said(said, head, where)
            for account, asset, amount in postings:
                balances[account, asset] += amount
            if rule is not None:
                claim = Claim(rule, member, period)
                if said.get("claim") != list(claim):
                    raise Differs(f"its claim is {claim}, the log says {said.get('claim')}", where)
                posted[claim] += postings[0][2]
            elif kind == "transfer":
                self._check_transfer(said, postings, balances, where)
        if lines:
            raise Differs("postings without a booking", f"posting {min(lines)}")
        self._same_amounts(posted, "posting")
        self._check_balances(balances)

    def _check_transfer(
        self,
        said: dict[str, Any],
        postings: list[list[Any]],
        balances: dict[tuple[str, str], int],
        where: str,
    ) -> None:
        """The act as it was asked for, and nobody below zero by it."""
        try:
            act = read_act(said["request"].encode(), self.registry).act
        except (KeyError, Malformed) as error:
            raise Differs(f"its request is not signed by a steward: {error}", where) from error
        if not isinstance(act, Transfer):
            raise Differs("its request asks for another act", where)
        giver, receiver = (self.registry.accounts[m] for m in (act.giver, act.receiver))
        asked = [[receiver, act.asset, act.amount], [giver, act.asset, -act.amount]]
        if postings != asked:
            raise Differs(f"it posts {postings}, asked was {asked}", where)
        if balances[giver, act.asset] < 0:
            raise Differs(f"{act.giver} gave more than they had", where)

    def _check_balances(self, balances: dict[tuple[str, str], int]) -> None:
        stored = {
            (account, asset): amount
            for account, asset, amount in self.rows(
                "SELECT account, asset, amount FROM balance WHERE community = ?"
            )
        }
        for key in sorted({*stored, *balances}):
            if stored.get(key, 0) != balances.get(key, 0):
                what = f"it holds {stored.get(key, 0)}, its postings add up to {balances[key]}"
                raise Differs(what, f"balance {' '.join(key)}")


def _check_said(said: dict[str, Any], head: dict[str, Any], where: str) -> None:
    """Whether a booking's rows are what its leaf says, and balance."""
    postings = head["postings"]
    for line, (row, logged) in enumerate(zip(postings, said.get("postings", ()), strict=False)):
        if row != logged:
            raise Differs(f"posting {line} is {row}, the log says {logged}", where)
    if head != {key: said.get(key) for key in head}:
        raise Differs("it is not what the log says of it", where)
    sums: dict[str, int] = defaultdict(int)
    for _, asset, amount in postings:
        sums[asset] += amount
    if any(sums.values()):
        raise Differs(f"it does not balance: {dict(sums)}", where)


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
            books.check_leaves,
            books.check_heads,
            books.check_bookings,
        ):
            progress(step.__name__.removeprefix("check_"))
            step()
    finally:
        db.execute("ROLLBACK")
    return Verified(
        records=len(books.digests),
        claims=len(books.dues),
        waiting=len(books.waiting),
        bookings=books.bookings,
        leaves=len(books.leaves),
        root=books.root.hex(),
    )
