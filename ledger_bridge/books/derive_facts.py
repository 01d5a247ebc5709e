"""From the records of chains to their facts, with the records that wait for a time in a table."""

import sqlite3
from collections.abc import Iterable, Iterator

from gateway.contract import record as records
from gateway.contract.record import Record
from ledger_bridge.books.clockless import Waiting, lacks_a_time
from ledger_bridge.books.evidence import Facts, facts

# gateway, chain.
_Chain = tuple[str, str]


class FactsOfChains:
    """Reads records in the order of their chains, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._waiting: dict[_Chain, Waiting] = {}

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._waiting.clear()

    def read(self, some: Iterable[Record]) -> Iterator[Facts]:
        """What these records say; each follows the one before it in its chain."""
        for record in some:
            who = record.identity
            chain = (who.gateway, who.chain)
            waiting = self._waiting.get(chain)
            if waiting is None:
                waiting = self._waiting[chain] = Waiting(self._stored(chain))
            if waiting.records or lacks_a_time(record):
                yield from self._read(record, waiting)
            else:
                yield facts(record)

    def _read(self, record: Record, waiting: Waiting) -> Iterator[Facts]:
        who = record.identity
        if lacks_a_time(record):
            self._db.execute(
                "INSERT INTO clockless VALUES (?, ?, ?, ?, 0)",
                (self._community, who.gateway, who.chain, who.seq),
            )
        for one, said in waiting.read(record):
            if one is not record:
                self._db.execute(
                    "DELETE FROM clockless"
                    " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
                    (self._community, who.gateway, who.chain, one.identity.seq),
                )
            yield said
        if not waiting.records:
            self._db.execute(
                "UPDATE clockless SET is_over = 1"
                " WHERE community = ? AND gateway = ? AND chain = ?",
                (self._community, who.gateway, who.chain),
            )

    def _stored(self, chain: _Chain) -> Iterator[Record]:
        rows = self._db.execute(
            "SELECT data FROM clockless JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? AND gateway = ? AND chain = ? AND NOT is_over ORDER BY seq",
            (self._community, *chain),
        )
        return (records.parse(data)[1] for (data,) in rows)
