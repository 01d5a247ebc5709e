"""From papers to attestations, and from attestations to marks, inside the caller's commit."""

import sqlite3
from collections.abc import Iterable

from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.attested import Given, GivenRow, Taking, judge, read
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned

# All that is attested of one member's day is judged together.
_MemberDay = tuple[str, str]


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
        self._judge(days, touched, registry=registry, policies=policies)

    def again(self, touched: set[Claim], *, registry: Registry, policies: Policies) -> None:
        """Judge everything anew: the registry or the policies have changed."""
        days = self._db.execute(
            "SELECT DISTINCT member, day FROM attestation WHERE community = ?", (self._community,)
        ).fetchall()
        self._judge(days, touched, registry=registry, policies=policies)

    def _judge(
        self,
        days: Iterable[_MemberDay],
        touched: set[Claim],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        for day in sorted(days):
            before = {row.fact: row for row in self._rows(day)}
            taken = self._taken(day)
            for row in judge(before, taken, registry=registry, policies=policies):
                # By other rules the same attestation may concern other claims.
                for one in (row, before[row.fact]):
                    _touch(touched, one, policies)
                if row != before[row.fact]:
                    self._db.execute(
                        "UPDATE attestation SET verdict = ?, reason = ?"
                        " WHERE community = ? AND paper = ? AND n = ?",
                        (row.verdict, row.reason, self._community, row.fact.paper, row.fact.n),
                    )

    def _rows(self, day: _MemberDay) -> list[GivenRow]:
        rows = self._db.execute(
            "SELECT paper, n, signed_ms, member, day, activity, minutes, by_whom, verdict, reason"
            " FROM attestation WHERE community = ? AND member = ? AND day = ?",
            (self._community, *day),
        )
        return [GivenRow(Given(*row[:8]), *row[8:]) for row in rows]

    def _taken(self, day: _MemberDay) -> list[Taking]:
        rows = self._db.execute(
            "SELECT taken_back.paper, taken_back.n, of_paper, of_n, taken_back.reason"
            " FROM attestation JOIN taken_back ON taken_back.community = attestation.community"
            " AND of_paper = attestation.paper AND of_n = attestation.n"
            " WHERE attestation.community = ? AND member = ? AND day = ?",
            (self._community, *day),
        )
        return [Taking(*row) for row in rows]


def _touch(touched: set[Claim], row: GivenRow, policies: Policies) -> None:
    if not row.verdict:
        fact = row.fact
        for rule, period in concerned(policies, "attested", fact.activity, fact.day):
            touched.add(Claim(rule, fact.member, period))
