"""From the records of chains to their facts; what later records tell of their time changes them."""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.contract import record as records
from gateway.contract.record import Record
from ledger_bridge.books.facts.evidence import NOTHING, Facts, facts
from ledger_bridge.books.facts.times import SURE, Made, as_said, may_be_told, rank

# gateway, chain.
_Chain = tuple[str, str]


# What a record says, and what it was taken to say before.
Change = tuple[Facts, Facts]


@dataclass(slots=True)
class _Boot:
    """The last boot of a chain: no clock worse than `lowest` tells the time of a record in it.

    `is_first`: there is nothing of boots before it that a synced clock would bound.
    """

    boot: str
    lowest: int
    is_first: bool


@dataclass(slots=True)
class _Entry:
    """A record whose time may change; `before` is how the tables have it, None where it is new."""

    now: Made
    before: Made | None


@dataclass(slots=True)
class _Batch:
    """Of one chain, what the records that came together change, by their numbers.

    What is `settled` nothing will change any more.
    """

    chain: _Chain
    open: dict[int, _Entry] = field(default_factory=dict)
    settled: dict[int, _Entry] = field(default_factory=dict)


class FactsOfChains:
    """Reads records in the order of their chains, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self.forget()

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        # Chains in which a time may change; None where the tables are still to be read.
        self._boots: dict[_Chain, _Boot] | None = None
        # When the last record of each chain was made with a synced clock.
        self._synced: dict[_Chain, int] = {}

    def read(self, some: Iterable[Record]) -> Iterator[Change]:
        """What these records say and change; each follows the one before it in its chain."""
        if self._boots is None:
            self._boots = self._load()
        batches: dict[_Chain, _Batch] = {}
        synced: dict[_Chain, int] = {}
        for record in some:
            who = record.identity
            chain = (who.gateway, who.chain)
            is_sure = rank(record) == SURE
            is_unsure = not is_sure and may_be_told(record)
            if is_unsure or chain in self._boots:
                batch = batches.setdefault(chain, _Batch(chain))
                self._next(record, batch, self._boots)
            if not is_unsure:
                yield facts(record), NOTHING
            if is_sure and who.made_ms is not None:
                self._synced[chain] = synced[chain] = who.made_ms
        for batch in batches.values():
            yield from self._write(batch)
        self._db.executemany(
            "INSERT INTO synced VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET made_ms = excluded.made_ms",
            [(self._community, *chain, made_ms) for chain, made_ms in synced.items()],
        )

    def _next(self, record: Record, batch: _Batch, boots: dict[_Chain, _Boot]) -> None:
        """The next record of a chain in which a time may change."""
        who, by = record.identity, rank(record)
        at = boots.setdefault(batch.chain, _Boot(who.boot, SURE, is_first=True))
        if at.boot != who.boot:
            self._end(batch)
            at.boot, at.lowest, at.is_first = who.boot, SURE, False
        if at.lowest < by:
            self._take_up(batch, by, is_over=False)
            at.lowest = by
            for seq, entry in [*batch.open.items()]:
                if entry.now.is_over or entry.now.rank >= by:
                    continue
                told = entry.now.told(record)
                if told is None:
                    at.lowest = min(at.lowest, entry.now.rank)
                    continue
                entry.now = told
                if by == SURE:
                    batch.settled[seq] = batch.open.pop(seq)
        if by == SURE and not at.is_first:
            self._take_up(batch, by, is_over=True)
            for seq, entry in [*batch.open.items()]:
                if entry.now.is_over:
                    entry.now = entry.now.bounded_by(record)
                    batch.settled[seq] = batch.open.pop(seq)
            at.is_first = True
        if may_be_told(record):
            said = as_said(record, self._synced.get(batch.chain))
            batch.open[who.seq] = _Entry(said, None)
            at.lowest = min(at.lowest, by)
        if at.is_first and at.lowest == SURE:
            del boots[batch.chain]

    def _take_up(self, batch: _Batch, by: int, *, is_over: bool) -> None:
        """The records in the table whose time a clock so good tells better, or bounds."""
        rows = self._db.execute(
            "SELECT seq, data, by_rank, made_ms, not_before_ms FROM unsure"
            " JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? AND gateway = ? AND chain = ? AND is_over = ? AND by_rank < ?",
            (self._community, *batch.chain, is_over, by),
        ).fetchall()
        for seq, data, by_rank, made_ms, floor_ms in rows:
            if seq not in batch.open and seq not in batch.settled:
                made = Made(records.parse(data)[1], by_rank, made_ms, floor_ms, is_over)
                batch.open[seq] = _Entry(made, made)

    def _end(self, batch: _Batch) -> None:
        """A boot is over: what has no time of it gets none, the rest at most a bound."""
        for seq, entry in [*batch.open.items()]:
            entry.now = entry.now._replace(is_over=True)
            if entry.now.made_ms is None:
                batch.settled[seq] = batch.open.pop(seq)
        where = (self._community, *batch.chain)
        for statement in (
            "DELETE FROM unsure WHERE made_ms IS NULL",
            "UPDATE unsure SET is_over = 1 WHERE NOT is_over",
            "UPDATE clockless SET is_over = 1 WHERE NOT is_over",
        ):
            self._db.execute(f"{statement} AND community = ? AND gateway = ? AND chain = ?", where)

    def _write(self, batch: _Batch) -> Iterator[Change]:
        for entry in (*batch.settled.values(), *batch.open.values()):
            if entry.before is None or entry.before.made_ms != entry.now.made_ms:
                yield self._say(entry.now, entry.before)
        where = (self._community, *batch.chain)
        self._db.executemany(
            "DELETE FROM unsure WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            [(*where, seq) for seq, one in batch.settled.items() if one.before],
        )
        self._db.executemany(
            "INSERT INTO unsure VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET by_rank = excluded.by_rank, made_ms = excluded.made_ms,"
            " is_over = excluded.is_over",
            [
                (*where, seq, *one.now[1:])
                for seq, one in batch.open.items()
                if one.now != one.before
            ],
        )

    def _say(self, now: Made, before: Made | None) -> Change:
        """What a record says by the time it has now, instead of what the tables have of it."""
        who = now.record.identity
        key = (self._community, who.gateway, who.chain, who.seq)
        if now.is_waited_for():
            self._db.execute("INSERT INTO clockless VALUES (?, ?, ?, ?, ?)", (*key, now.is_over))
        elif before:
            self._db.execute(
                "DELETE FROM clockless"
                " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
                key,
            )
        return facts(now.timed()), facts(before.timed()) if before else NOTHING

    def _load(self) -> dict[_Chain, _Boot]:
        rows = self._db.execute(
            "SELECT gateway, chain, made_ms FROM synced WHERE community = ?", (self._community,)
        )
        self._synced = {(gateway, chain): made_ms for gateway, chain, made_ms in rows}
        boots: dict[_Chain, _Boot] = {}
        for gateway, chain, lowest, is_over, data, _ in self._db.execute(
            "SELECT gateway, chain, min(by_rank), is_over, data, max(seq) FROM unsure"
            " CROSS JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? GROUP BY gateway, chain, is_over"
            " ORDER BY gateway, chain, is_over DESC",
            (self._community,),
        ):
            last = records.parse(data)[1].identity.boot
            if is_over:  # whatever comes next in this chain, its boot is over
                boots[gateway, chain] = _Boot("", SURE, is_first=False)
            else:
                past = (gateway, chain) in boots
                boots[gateway, chain] = _Boot(last, lowest, is_first=not past)
        return boots
