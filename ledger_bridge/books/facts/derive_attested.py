"""From papers to attestations, and from attestations to marks, inside the caller's commit."""

import sqlite3

from gateway.contract.record import to_json
from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.attested import Given, GivenRow, Taking, judge, read
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned

_ROWS = """
    SELECT paper, n, signed_ms, member, day, activity, minutes, by_whom, verdict, reason
    FROM attestation INDEXED BY attestation_of_member WHERE community = ?
"""
_TAKEN = """
    SELECT taken_back.paper, taken_back.n, of_paper, of_n, taken_back.reason
    FROM attestation JOIN taken_back ON taken_back.community = attestation.community
        AND of_paper = attestation.paper AND of_n = attestation.n
    WHERE attestation.community = ?
"""
# All that is attested of a member's day is judged together.
_OF_DAYS = "AND (member, day) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"


class AttestedDerivation:
    """Writes what papers attest into the tables and tells which claims it touches."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community

    def add(
        self,
        seq: int,
        paper: Paper,
        touched: set[Claim],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        """Store what paper number `seq` attests and takes back."""
        given, taken = read(seq, paper.time_ms, paper.said)
        self._db.executemany(
            "INSERT INTO attestation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', '')",
            [(self._community, *one) for one in given],
        )
        self._db.executemany(
            "INSERT INTO taken_back VALUES (?, ?, ?, ?, ?, ?)",
            [(self._community, *one) for one in taken],
        )
        days = {(one.member, one.day) for one in given}
        for one in taken:
            days.update(
                self._db.execute(
                    "SELECT member, day FROM attestation"
                    " WHERE community = ? AND paper = ? AND n = ?",
                    (self._community, one.of_paper, one.of_n),
                )
            )
        some = to_json(sorted(days)).decode()
        self._judge(_OF_DAYS, (some,), touched, registry=registry, policies=policies)

    def again(self, touched: set[Claim], *, registry: Registry, policies: Policies) -> None:
        """Judge everything anew: the registry or the policies have changed."""
        self._judge("", (), touched, registry=registry, policies=policies)

    def _judge(
        self,
        which: str,
        more: tuple[str, ...],
        touched: set[Claim],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        """Judge what was attested of whole days."""
        rows = self._db.execute(f"{_ROWS} {which}", (self._community, *more))
        before = {row.fact: row for row in (GivenRow(Given(*r[:8]), *r[8:]) for r in rows)}
        taken = [
            Taking(*row) for row in self._db.execute(f"{_TAKEN} {which}", (self._community, *more))
        ]
        changed = []
        for row in judge(before, taken, registry=registry, policies=policies):
            # By other rules the same attestation may concern other claims.
            for one in (row, before[row.fact]):
                _touch(touched, one, policies)
            if row != before[row.fact]:
                place = (self._community, row.fact.paper, row.fact.n)
                changed.append((row.verdict, row.reason, *place))
        self._db.executemany(
            "UPDATE attestation SET verdict = ?, reason = ?"
            " WHERE community = ? AND paper = ? AND n = ?",
            changed,
        )


def _touch(touched: set[Claim], row: GivenRow, policies: Policies) -> None:
    if not row.verdict:
        fact = row.fact
        for rule, period in concerned(policies, "attested", fact.activity, fact.day):
            touched.add(Claim(rule, fact.member, period))
