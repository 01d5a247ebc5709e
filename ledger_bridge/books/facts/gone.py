"""Records that a gateway says it no longer has: what heads may go over, and did.

A `lost` record counts as soon as it is stored, linked or not: it is signed, and may lie beyond the
very numbers that it is about. A head goes over them only where it can go no other way.
"""

import sqlite3
from typing import NamedTuple

from gateway.contract import lost
from gateway.contract.lost import Lost
from gateway.contract.record import LOST, Record
from gateway.contract.signed import Malformed

ChainKey = tuple[str, str]


class Gone(NamedTuple):
    """Numbers of a chain that are lost, and which record of which chain says so."""

    lost: Lost
    by_chain: str
    by_seq: int


def gone(record: Record) -> Gone | None:
    """What a record says is lost, None where it says nothing of the kind.

    What is said of itself, or of records to come, is no loss.
    """
    if record.typ != LOST:
        return None
    try:
        said = lost.read(record)
    except Malformed:
        return None
    who = record.identity
    if said.chain == who.chain and said.last >= who.seq:
        return None
    return Gone(said, who.chain, who.seq)


class GoneRecords:
    """What all gateways said is lost, inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        # What no head has gone over, by the chain that it is about.
        self._open: dict[ChainKey, list[Gone]] | None = None

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._open = None

    def note(self, gateway: str, said: Gone) -> None:
        """Keep what a record says that is stored now."""
        columns = (self._community, gateway, *said.lost, said.by_chain, said.by_seq)
        self._db.execute("INSERT INTO lost VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)", columns)
        self._not_passed().setdefault((gateway, said.lost.chain), []).append(said)

    def over(self, chain: ChainKey, number: int) -> Gone | None:
        """What a head that waits for this number may go over: as little as there is."""
        some = self._not_passed().get(chain)
        if not some:  # nearly always, and asked after every record
            return None
        found = [one for one in some if one.lost.first <= number <= one.lost.last]
        return min(found, key=lambda one: one.lost.last, default=None)

    def passed(self, chain: ChainKey, said: Gone, number: int) -> None:
        """The head of a chain has gone over these, from this number on."""
        gateway = chain[0]
        self._db.execute(
            "UPDATE lost SET passed_from = ?"
            " WHERE community = ? AND gateway = ? AND by_chain = ? AND by_seq = ?",
            (number, self._community, gateway, said.by_chain, said.by_seq),
        )
        rest = self._not_passed()[chain]
        rest[:] = [one for one in rest if one.lost.last > said.lost.last]

    def is_passed_by(self, by: tuple[str, str, int]) -> bool:
        """Whether a head went on because of this record (gateway, chain, number)."""
        row = self._db.execute(
            "SELECT 1 FROM lost WHERE community = ? AND gateway = ? AND by_chain = ?"
            " AND by_seq = ? AND passed_from IS NOT NULL",
            (self._community, *by),
        ).fetchone()
        return row is not None

    def take_back(self, by: tuple[str, str, int]) -> None:
        """This record (gateway, chain, number) is stored no more, and was no reason to go on."""
        self._db.execute(
            "DELETE FROM lost WHERE community = ? AND gateway = ? AND by_chain = ? AND by_seq = ?",
            (self._community, *by),
        )
        self.forget()

    def _not_passed(self) -> dict[ChainKey, list[Gone]]:
        if self._open is None:
            self._open = {}
            for gateway, *said, by_chain, by_seq in self._db.execute(
                "SELECT gateway, chain, first, last, digest, why, by_chain, by_seq FROM lost"
                " WHERE community = ? AND passed_from IS NULL",
                (self._community,),
            ):
                one = Gone(Lost(*said), by_chain, by_seq)
                self._open.setdefault((gateway, one.lost.chain), []).append(one)
        return self._open
