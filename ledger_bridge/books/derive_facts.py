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
        # Chains in which something waits; None where the table is still to be read.
        self._waiting: dict[_Chain, Waiting] | None = None

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._waiting = None

    def read(self, some: Iterable[Record]) -> Iterator[Facts]:
        """What these records say; each follows the one before it in its chain."""
        if self._waiting is None:
            self._waiting = self._stored()
        for record in some:
            who = record.identity
            waiting = self._waiting.get((who.gateway, who.chain))
            if waiting is None and lacks_a_time(record):
                waiting = self._waiting[who.gateway, who.chain] = Waiting()
            if waiting is None:
                yield facts(record)
            else:
                yield from self._read(record, waiting)

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
            assert self._waiting is not None
            del self._waiting[who.gateway, who.chain]
            self._db.execute(
                "UPDATE clockless SET is_over = 1"
                " WHERE community = ? AND gateway = ? AND chain = ?",
                (self._community, who.gateway, who.chain),
            )

    def _stored(self) -> dict[_Chain, Waiting]:
        rows = self._db.execute(
            "SELECT gateway, chain, data FROM clockless"
            " CROSS JOIN record USING (community, gateway, chain, seq)"
            " WHERE community = ? AND NOT is_over ORDER BY gateway, chain, seq",
            (self._community,),
        )
        found: dict[_Chain, Waiting] = {}
        for gateway, chain, data in rows:
            waiting = found.setdefault((gateway, chain), Waiting())
            waiting.records.append(records.parse(data)[1])
        return found
