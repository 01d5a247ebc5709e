"""From facts of recycling points to rows: what `deposits` judges of them, kept in the tables."""

import sqlite3
from typing import Any

from gateway.contract.record import to_json
from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.deposits import CorrectionRow, DepositRow, judge
from ledger_bridge.books.facts.waste import (
    ContainerEvent,
    Correction,
    Deposit,
    Fact,
    KnownWeight,
    Turned,
)
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned

# Where the facts of each kind are kept.
TABLES: dict[type[Fact], str] = {
    Deposit: "deposit",
    Correction: "correction",
    ContainerEvent: "container_event",
    KnownWeight: "known_weight",
    Turned: "turned",
}

# What is derived of them, before they are judged.
_BLANK: dict[type[Fact], tuple[Any, ...]] = {
    Deposit: ("", None, "", 0, 0, ""),
    Correction: ("",),
}

# Of a row as the tables give it, the first columns are the fact.
_DEPOSIT_COLUMNS = len(Deposit._fields)
_CORRECTION_COLUMNS = len(Correction._fields)

# All deposits that share an id or a scale's record number with those named, and so on: whatever
# the verdict on one of them depends on. CROSS JOIN keeps the order: from what is asked to the rows.
_NEAR = """
    WITH RECURSIVE near(gateway, chain, seq, id, scale_record) AS (
        SELECT gateway, chain, seq, deposit.id, scale_record
        FROM json_each(:names) AS names CROSS JOIN deposit ON community = :community
            AND deposit.id = names.value ->> 1 AND gateway = names.value ->> 0
        UNION
        SELECT other.gateway, other.chain, other.seq, other.id, other.scale_record
        FROM near CROSS JOIN deposit AS other ON other.community = :community
            AND other.id = near.id AND other.gateway = near.gateway
        UNION
        SELECT other.gateway, other.chain, other.seq, other.id, other.scale_record
        FROM near CROSS JOIN deposit AS other ON other.community = :community
            AND other.scale_record = near.scale_record AND other.scale_record != ''
    )
    SELECT deposit.* FROM near CROSS JOIN deposit ON deposit.community = :community
        AND deposit.gateway = near.gateway AND deposit.chain = near.chain
        AND deposit.seq = near.seq
"""

# A deposit by what its gateway calls it.
Name = tuple[str, str]


class WasteDerivation:
    """Writes facts into the tables and marks the claims they touch, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._changed: set[Name] = set()

    def take_changed(self) -> set[Name]:
        """The deposits whose row is another since this was last asked.

        After a rollback some of them are as they were.
        """
        changed, self._changed = self._changed, set()
        return changed

    def add(
        self, facts: list[Fact], touched: set[Claim], *, registry: Registry, policies: Policies
    ) -> None:
        """Store new facts, and judge anew whatever they bear on."""
        for kind, table in TABLES.items():
            blank = _BLANK.get(kind, ())
            rows = [(self._community, *fact, *blank) for fact in facts if isinstance(fact, kind)]
            if rows:
                places = ", ".join("?" * len(rows[0]))
                self._db.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        names = {(fact.gateway, fact.id) for fact in facts if isinstance(fact, Deposit)}
        names |= {(fact.gateway, fact.deposit) for fact in facts if isinstance(fact, Correction)}
        if names:
            before = self._near(names)
            corrections = self._corrections_of({*names, *(_name(row) for row in before)})
            self._judge(before, corrections, touched, registry=registry, policies=policies)

    def take_out(self, facts: list[Fact], touched: set[Claim], policies: Policies) -> None:
        """Remove facts whose records are about to be told of at another time."""
        for fact in facts:
            rows = self._db.execute(
                f"DELETE FROM {TABLES[type(fact)]}"
                " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ? RETURNING *",
                (self._community, *fact[:3]),
            ).fetchall()
            if isinstance(fact, Deposit):
                for row in rows:
                    _touch(touched, _deposit_row(row), policies)

    def again(self, touched: set[Claim], *, registry: Registry, policies: Policies) -> None:
        """Judge everything anew: the registry or the policies have changed."""
        of_community = (self._community,)
        before = self._db.execute("SELECT * FROM deposit WHERE community = ?", of_community)
        corrections = self._db.execute("SELECT * FROM correction WHERE community = ?", of_community)
        self._judge(
            [_deposit_row(row) for row in before],
            [_correction_row(row) for row in corrections],
            touched,
            registry=registry,
            policies=policies,
        )

    def _near(self, names: set[Name]) -> list[DepositRow]:
        which = {"community": self._community, "names": to_json(sorted(names)).decode()}
        return [_deposit_row(row) for row in self._db.execute(_NEAR, which)]

    def _corrections_of(self, names: set[Name]) -> list[CorrectionRow]:
        rows = self._db.execute(
            "SELECT correction.* FROM json_each(?) AS names CROSS JOIN correction ON community = ?"
            " AND deposit = names.value ->> 1 AND gateway = names.value ->> 0",
            (to_json(sorted(names)).decode(), self._community),
        )
        return [_correction_row(row) for row in rows]

    def _judge(
        self,
        deposits: list[DepositRow],
        corrections: list[CorrectionRow],
        touched: set[Claim],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        judged = judge(
            (row.fact for row in deposits),
            (row.fact for row in corrections),
            registry=registry,
            policies=policies,
        )
        for row in (*deposits, *judged.deposits):
            _touch(touched, row, policies)
        others = set(judged.deposits).difference(deposits)
        self._changed |= {_name(row) for row in others}
        self._db.executemany(
            "UPDATE deposit SET day = ?, member = ?, counts_as = ?, counted = ?, is_verified = ?,"
            " verdict = ? WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            [(*row[1:], self._community, *row.fact[:3]) for row in others],
        )
        self._db.executemany(
            "UPDATE correction SET verdict = ?"
            " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            [
                (row.verdict, self._community, *row.fact[:3])
                for row in set(judged.corrections).difference(corrections)
            ],
        )


def _touch(touched: set[Claim], row: DepositRow, policies: Policies) -> None:
    """The claims that a deposit counts for."""
    if row.member and row.counted:
        for rule, period in concerned(policies, "deposit", row.counts_as, row.day):
            touched.add(Claim(rule, row.member, period))


def _name(row: DepositRow) -> Name:
    return row.fact.gateway, row.fact.id


def _deposit_row(row: tuple[Any, ...]) -> DepositRow:
    _, *columns = row
    fact = Deposit(*columns[:_DEPOSIT_COLUMNS])
    return DepositRow(fact, *columns[_DEPOSIT_COLUMNS:])


def _correction_row(row: tuple[Any, ...]) -> CorrectionRow:
    _, *columns = row
    return CorrectionRow(Correction(*columns[:_CORRECTION_COLUMNS]), *columns[_CORRECTION_COLUMNS:])
