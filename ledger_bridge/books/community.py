"""One community's books, opened to write: registry, policies and book kept in mind together."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey
from gateway.contract.policy import hash_of
from ledger_bridge.books.acts import acts
from ledger_bridge.books.book import Batch, Book
from ledger_bridge.books.changed import note_gateways, note_policy, note_scales
from ledger_bridge.books.closing import erase, prune
from ledger_bridge.books.closing.closed import closed_until
from ledger_bridge.books.facts import papers as papers_
from ledger_bridge.books.facts.derive import Derivation
from ledger_bridge.books.facts.keyring import chains_begun
from ledger_bridge.books.policy import key_files
from ledger_bridge.books.policy import policy as policies_
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.policy.start import problems
from ledger_bridge.books.registry import holders, papers
from ledger_bridge.books.registry.changes import changes
from ledger_bridge.books.registry.edits import (
    EvidencePruned,
    GatewayRekeyed,
    LogBegunAgain,
    MemberErased,
    ScaleVerified,
)
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.settle import settle
from ledger_bridge.books.store import commit

# So many records are read at a time when facts are taken out of them anew.
RECORDS_READ = 1_000


def load_registry(db: sqlite3.Connection, community: str) -> Registry:
    """The registry folded from its stored edits, signatures checked."""
    registry = Registry(community)
    for document in papers.stored(db, community):
        registry = apply(registry, papers.opened(document, registry).edits)
    return registry


def load_policies(db: sqlite3.Connection, community: str, registry: Registry) -> Policies:
    """All policies in the order of their days, each signed by whoever is a steward or was one.

    Whether they were enough at the time, the log tells: `verify` looks there.
    """
    stewards = (*registry.stewards, *registry.past_stewards)
    rows = db.execute(
        "SELECT data FROM policy WHERE community = ? ORDER BY valid_from", (community,)
    )
    return Policies(
        [InForce(policies_.read(data, stewards, is_stored=True), hash_of(data)) for (data,) in rows]
    )


def _only(key: SigningKey) -> Callable[[str], SigningKey]:
    """The log's key where there is but one."""

    def log_keys(x: str) -> SigningKey:
        if x != key.public.x:
            what = "the log has another key than the one that is here"
            raise PeopleError(Problem(what, f"key {x}", "restore it from your backup"))
        return key

    return log_keys


class Community:
    """The one writer of a community's books."""

    def __init__(
        self,
        db: sqlite3.Connection,
        community: str,
        *,
        log_key: SigningKey,
        log_keys: Callable[[str], SigningKey] | None = None,
    ) -> None:
        """`log_keys` gives the log's key that has this JWK member `x`, when another one is in use;
        it raises PeopleError where it is not here.
        """
        self.db = db
        self._log_keys = log_keys or _only(log_key)
        self.id = community
        self.registry = load_registry(db, community)
        with commit(db):
            holders.write(db, self.registry)
        self.policies = load_policies(db, community, self.registry)
        if self.registry.founded and self.registry.log != log_key.public.x:
            log_key = self._log_keys(self.registry.log)
        self.book = Book(db, community, log_key=log_key)
        self.derivation = Derivation(db, community)
        self._read_facts()
        erase.scrub(db)

    def _read_facts(self) -> None:
        """Take the facts out of the records once more where an older program did it before."""
        unread = "SELECT 1 FROM unread WHERE community = ?"
        if self.db.execute(unread, (self.id,)).fetchone() is None:
            return
        with commit(self.db):
            self._read_papers()
            self.derivation.share_again()
            rows = self.db.execute(
                "SELECT data FROM record AS r JOIN chain USING (community, gateway, chain)"
                " WHERE community = ? AND seq <= up_to AND data != x''"
                " AND NOT EXISTS (SELECT 1 FROM lost AS l WHERE"
                " (l.community, l.gateway, l.chain) = (r.community, r.gateway, r.chain)"
                " AND seq BETWEEN passed_from AND last) ORDER BY gateway, chain, seq",
                (self.id,),
            )
            while some := rows.fetchmany(RECORDS_READ):
                self.derivation.add(
                    [records.parse(data)[1] for (data,) in some],
                    registry=self.registry,
                    policies=self.policies,
                )
            self.db.execute(
                "INSERT OR IGNORE INTO dirty"
                " SELECT community, rule, member, period FROM claim WHERE community = ?",
                (self.id,),
            )
            self.db.execute("DELETE FROM unread WHERE community = ?", (self.id,))

    def _read_papers(self) -> None:
        rows = self.db.execute(
            "SELECT seq, data FROM paper WHERE community = ? AND data != x'' ORDER BY seq",
            (self.id,),
        )
        for seq, data in rows.fetchall():
            paper = papers_.read(data, self.registry)
            self.derivation.add_paper(seq, paper, registry=self.registry, policies=self.policies)

    @contextmanager
    def _deriving(self) -> Iterator[None]:
        """A commit in which facts are derived anew: what was kept in mind of them is read again,
        whether it stands or is undone.
        """
        try:
            with commit(self.db):
                yield
        finally:
            self.derivation.forget()

    def hand_in_edits(
        self, data: bytes, people: dict[str, tuple[str, str]], *, now_ms: int
    ) -> None:
        """Append a registry document. `people` gives (name, external id) of members, as of now.

        Raises Malformed or PeopleError, and then nothing has changed.
        """
        edits = papers.read(data, self.registry)
        after = apply(self.registry, edits.edits)
        erased = [edit.member for edit in edits.edits if isinstance(edit, MemberErased)]
        pruned = [edit.until for edit in edits.edits if isinstance(edit, EvidencePruned)]
        for edit in edits.edits:
            if isinstance(edit, GatewayRekeyed):
                self._check_rekeying(edit)
        if sum(isinstance(edit, LogBegunAgain) for edit in edits.edits) > 1:
            raise PeopleError(Problem("the log begins again twice", "the edits", "hand in one"))
        while (erased or pruned) and self.settle(now_ms):
            pass
        for member in erased:
            erase.check(self.db, after, self.policies, member)
        for until in pruned:
            prune.check(self.db, self.id, until)
        self._check_people(people, after)
        batch = self.book.batch(now_ms)
        self._follow_log(after, batch)
        with self._deriving():
            self._append(papers.split(data), batch)
            self.db.executemany(
                "INSERT INTO person VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET name = excluded.name, external_id = excluded.external_id",
                [(self.id, member, *who) for member, who in people.items()],
            )
            going: list[erase.Erasure | prune.Pruning] = [
                *(erase.Erasure(self.db, self.registry, self.policies, one) for one in erased),
                *(prune.Pruning(self.db, self.id, until, self.policies) for until in pruned),
            ]
            for one in going:
                one.run(batch)
            if erased:
                after = load_registry(self.db, self.id)
            holders.write(self.db, after)
            note_gateways(self.db, self.id, changes(self.registry, after).gateways)
            scales = {edit.gateway for edit in edits.edits if isinstance(edit, ScaleVerified)}
            note_scales(self.db, self.id, scales)
            # What was pruned goes from the middle of every meter's history.
            before = None if pruned else self.registry
            self.derivation.again(before=before, registry=after, policies=self.policies)
            for one in going:
                one.check_others()
            batch.write()
        batch.done()
        self.registry = after
        erase.scrub(self.db)

    def _follow_log(self, after: Registry, batch: Batch) -> None:
        """Sign with another key from now on, or begin the log again, where the edits say so."""
        if after.epoch > self.registry.epoch:
            batch.begin_epoch(after.epoch, key=self._log_keys(after.log))
        elif self.registry.founded and after.log != self.registry.log:
            batch.hand_over(self._log_keys(after.log))

    def _append(self, document: papers.Stored, batch: Batch) -> None:
        """Store a registry document as the next one."""
        (seq,) = self.db.execute(
            "SELECT coalesce(max(seq), 0) + 1 FROM registry_edit WHERE community = ?", (self.id,)
        ).fetchone()
        self.db.execute("INSERT INTO registry_edit VALUES (?, ?, ?)", (self.id, seq, document.data))
        self.db.executemany(
            "INSERT INTO opening VALUES (?, ?, ?, ?)",
            [(self.id, seq, *opening) for opening in document.openings.items()],
        )
        batch.leaf("registry", {"seq": seq, "digest": signed.digest(document.data)})

    def _check_people(self, people: dict[str, tuple[str, str]], registry: Registry) -> None:
        """They are members, and no two of them have one number elsewhere."""
        stored = self.db.execute(
            "SELECT member, external_id FROM person WHERE community = ?", (self.id,)
        )
        numbers = dict(stored.fetchall()) | {member: who[1] for member, who in people.items()}
        whose: dict[str, str] = {}
        for member, number in sorted(numbers.items()):
            if number and whose.setdefault(number, member) != member:
                what = f"external_id {number!r} is {whose[number]}'s"
                raise PeopleError(Problem(what, f"member {member}", "another number, or none"))
        for member in people:
            registry.must_know(member, f"member {member}")

    def _check_rekeying(self, edit: GatewayRekeyed) -> None:
        """What is stored was signed by the old key, and stays so."""
        named = dict(edit.chains)
        for chain, first in chains_begun(self.db, self.id, edit.gateway).items():
            if named.get(chain, 0) < first:
                what = f"records of {chain} are stored up to {first - 1} under the old key"
                where = f"gateway {edit.gateway}, {chain} from {named.get(chain, 'nowhere')}"
                raise PeopleError(Problem(what, where, f"{chain}={first}, or ask again"))

    def hand_in_evidence(self, data: bytes, *, now_ms: int) -> int:
        """Append a paper; gives its number. Raises Malformed or PeopleError.

        One that was handed in before under its name is not stored again.
        """
        paper = papers_.read(data, self.registry)
        papers_.must_be_signed(data, self.registry)
        kept = self.db.execute(
            "SELECT seq, data FROM paper WHERE community = ? AND name = ?", (self.id, paper.name)
        ).fetchone()
        if kept:
            if papers_.read(kept[1], self.registry).said != paper.said:
                what = "this name was used for other evidence"
                raise PeopleError(Problem(what, f"paper {kept[0]}", "use a new name"))
            seq: int = kept[0]
            return seq
        batch = self.book.batch(now_ms)
        with self._deriving():
            (seq,) = self.db.execute(
                "SELECT coalesce(max(seq), 0) + 1 FROM paper WHERE community = ?", (self.id,)
            ).fetchone()
            row = (self.id, seq, paper.name, data)
            self.db.execute("INSERT INTO paper VALUES (?, ?, ?, ?)", row)
            batch.leaf("evidence", {"paper": seq, "digest": signed.digest(data)})
            self.derivation.add_paper(seq, paper, registry=self.registry, policies=self.policies)
            batch.write()
        batch.done()
        return seq

    def hand_in_policy(self, data: bytes, *, now_ms: int) -> InForce:
        """Put a signed policy in force from its day on. Raises Malformed or PeopleError."""
        policy = policies_.read(data, self.registry.stewards, asked=self.registry.asked)
        new = InForce(policy, hash_of(data))
        self._check_start(new, now_ms)
        after = Policies([*self.policies.in_order, new])
        batch = self.book.batch(now_ms)
        with self._deriving():
            self.db.execute(
                "INSERT INTO policy VALUES (?, ?, ?, ?)", (self.id, new.policy.day, new.hash, data)
            )
            batch.leaf("policy", {"hash": new.hash, "valid_from": new.policy.day})
            # Evidence may be dated ahead: what it got by the rules of before is reckoned anew.
            note_policy(self.db, self.id, new.policy.day)
            self.db.execute(
                "INSERT OR IGNORE INTO dirty SELECT community, rule, member, period FROM claim"
                " WHERE community = ? AND period >= ?",
                (self.id, new.policy.day),
            )
            self.derivation.again(registry=self.registry, policies=after)
            batch.write()
        batch.done()
        self.policies = after
        return new

    def _check_start(self, new: InForce, now_ms: int) -> None:
        where = f"policy of {new.policy.community!r}, valid_from = {new.policy.day}"
        if new.policy.community != self.id:
            what = f"a policy of another community than {self.id!r}"
            raise PeopleError(Problem(what, where, "change community = …"))
        until = closed_until(self.db, self.id)
        if found := list(
            problems(new.policy, self.policies, closed_until=until, now_ms=now_ms, where=where)
        ):
            raise PeopleError(*found)
        files = key_files.stored(self.db, self.id, new.policy, self.registry)
        if found := list(key_files.problems(new.policy, self.registry, files, where=where)):
            raise PeopleError(*found)

    def settle(self, now_ms: int) -> int:
        """Settle dirty claims; gives how many there were."""
        return settle(self.book, registry=self.registry, policies=self.policies, now_ms=now_ms)

    def decide(self, data: bytes, *, now_ms: int) -> int:
        """Carry out the act in a document; gives its booking. Raises Malformed or PeopleError."""
        return acts.decide(
            self.book, data, registry=self.registry, policies=self.policies, now_ms=now_ms
        )

    def expire(self, now_ms: int) -> int:
        """Let go back what was reserved until now or before; gives how many there were."""
        return acts.expire(self.book, registry=self.registry, policies=self.policies, now_ms=now_ms)
