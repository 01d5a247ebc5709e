"""From the records of chains to their facts; what later records tell of their time changes them."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.contract import record as records
from gateway.contract.record import Record
from ledger_bridge.books.evidence import Facts, facts
from ledger_bridge.books.times import SURE, Made, as_said, may_be_told, rank

# gateway, chain.
_Chain = tuple[str, str]


class Changes(NamedTuple):
    """What records say now, and what they are no longer taken to say."""

    come: list[Facts]
    gone: list[Facts]


@dataclass(slots=True)
class _Boot:
    """The last boot of a chain: no clock worse than `lowest` tells the time of a record in it."""

    boot: str
    lowest: int


@dataclass(slots=True)
class _Entry:
    """A record whose time may change; `before` is how the tables have it, None where it is new."""

    now: Made
    before: Made | None


@dataclass(slots=True)
class _Batch:
    """Of one chain, what the records that came together change."""

    chain: _Chain
    open: dict[int, _Entry] = field(default_factory=dict)
    settled: list[_Entry] = field(default_factory=list)
    over: list[_Entry] = field(default_factory=list)


class FactsOfChains:
    """Reads records in the order of their chains, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        # Chains in which a time may change; None where the table is still to be read.
        self._boots: dict[_Chain, _Boot] | None = None

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._boots = None

    def read(self, some: Iterable[Record]) -> Changes:
        """What these records say and change; each follows the one before it in its chain."""
        if self._boots is None:
            self._boots = self._stored()
        changes = Changes([], [])
        batches: dict[_Chain, _Batch] = {}
        for record in some:
            chain = (record.identity.gateway, record.identity.chain)
            if chain in self._boots or may_be_told(record):
                batch = batches.setdefault(chain, _Batch(chain))
                self._next(record, batch, self._boots)
                if may_be_told(record):
                    continue
            changes.come.append(facts(record))
        for batch in batches.values():
            self._write(batch, changes)
        return changes

    def _next(self, record: Record, batch: _Batch, boots: dict[_Chain, _Boot]) -> None:
        """The next record of a chain in which a time may change."""
        who, by = record.identity, rank(record)
        at = boots.get(batch.chain)
        if at and at.boot != who.boot:
            self._end(batch)
            del boots[batch.chain]
            at = None
        if at and at.lowest < by:
            self._take_up(batch, by)
            at.lowest = by
            for entry in [one for one in batch.open.values() if one.now.rank < by]:
                told = entry.now.told(record)
                if told is None:
                    at.lowest = min(at.lowest, entry.now.rank)
                    continue
                entry.now = told
                if by == SURE:
                    batch.settled.append(batch.open.pop(told.record.identity.seq))
            if at.lowest == SURE:
                del boots[batch.chain]
                at = None
        if may_be_told(record):
            batch.open[who.seq] = _Entry(as_said(record), None)
            boots[batch.chain] = _Boot(who.boot, min(at.lowest, by) if at else by)

    def _take_up(self, batch: _Batch, by: int) -> None:
        """The records in the table whose time a clock so good tells better."""
        rows = self._db.execute(
            "SELECT seq, by_rank, made_ms, data FROM unsure"
            " JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? AND gateway = ? AND chain = ? AND by_rank < ? ORDER BY seq",
            (self._community, *batch.chain, by),
        )
        for seq, by_rank, made_ms, data in rows:
            if seq not in batch.open:
                made = Made(records.parse(data)[1], by_rank, made_ms)
                batch.open[seq] = _Entry(made, made)

    def _end(self, batch: _Batch) -> None:
        """Nothing will tell more of the boot that is over."""
        batch.over += batch.open.values()
        batch.open.clear()
        where = (self._community, *batch.chain)
        self._db.execute(
            "UPDATE clockless SET is_over = 1 WHERE community = ? AND gateway = ? AND chain = ?",
            where,
        )
        self._db.execute(
            "DELETE FROM unsure WHERE community = ? AND gateway = ? AND chain = ?", where
        )

    def _write(self, batch: _Batch, changes: Changes) -> None:
        for some, is_over in ((batch.settled, False), (batch.over, True)):
            for entry in some:
                self._say(entry, changes, is_over=is_over)
        for entry in batch.open.values():
            self._say(entry, changes, is_over=False)
        where = (self._community, *batch.chain)
        self._db.executemany(
            "DELETE FROM unsure WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            [(*where, one.now.record.identity.seq) for one in batch.settled if one.before],
        )
        self._db.executemany(
            "INSERT INTO unsure VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET by_rank = excluded.by_rank, made_ms = excluded.made_ms",
            [
                (*where, seq, one.now.rank, one.now.made_ms)
                for seq, one in batch.open.items()
                if one.now != one.before
            ],
        )

    def _say(self, entry: _Entry, changes: Changes, *, is_over: bool) -> None:
        """What a record says by the time it has now, instead of what the tables have of it."""
        now, before = entry.now, entry.before
        if before and before.made_ms == now.made_ms:
            return
        changes.come.append(facts(now.timed()))
        if before:
            changes.gone.append(facts(before.timed()))
        who = now.record.identity
        key = (self._community, who.gateway, who.chain, who.seq)
        if now.is_waited_for():
            self._db.execute("INSERT INTO clockless VALUES (?, ?, ?, ?, ?)", (*key, is_over))
        elif before:
            self._db.execute(
                "DELETE FROM clockless"
                " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
                key,
            )

    def _stored(self) -> dict[_Chain, _Boot]:
        rows = self._db.execute(
            "SELECT gateway, chain, min(by_rank), data, max(seq) FROM unsure"
            " CROSS JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? GROUP BY gateway, chain",
            (self._community,),
        )
        return {
            (gateway, chain): _Boot(records.parse(data)[1].identity.boot, lowest)
            for gateway, chain, lowest, data, _ in rows
        }
