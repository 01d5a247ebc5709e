"""The group: what waits in memory for the next commit of the journal."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gateway.contract import record
from gateway.contract.keys import SigningKey
from gateway.contract.record import Element, Identity
from gateway.contract.signed import digest
from gateway.journal.values import Beside, Chain, Owner


class Row(NamedTuple):
    """A record as the table has it."""

    chain: str
    seq: int
    typ: str
    made_ms: int | None
    data: bytes


class Made(NamedTuple):
    """When a record was made, as its identity says it."""

    boot: str
    mono_ms: int
    clock: str
    made_ms: int | None


@dataclass(slots=True)
class Group:
    """Records, and what is to stand beside them in the same commit."""

    rows: list[Row] = field(default_factory=list)
    boundaries: dict[str, int] = field(default_factory=dict)
    pulses: dict[str, int] = field(default_factory=dict)
    beside: list[tuple[str, dict[str, Beside]]] = field(default_factory=list)
    due_mono_ms: int | None = None

    def __bool__(self) -> bool:
        return bool(self.rows or self.pulses or self.beside)

    def copy(self) -> "Group":
        return replace(
            self,
            rows=self.rows.copy(),
            boundaries=self.boundaries.copy(),
            pulses=self.pulses.copy(),
            beside=self.beside.copy(),
        )

    def add(
        self,
        owner: Owner,
        chain: Chain,
        made: Made,
        elements: list[Element],
        *,
        typ: str,
        key: SigningKey,
    ) -> None:
        """Sign a record and put it at the end of its chain."""
        identity = Identity(
            **owner._asdict(),
            chain=chain.chain,
            seq=chain.appended + 1,
            prev=chain.digest,
            **made._asdict(),
        )
        data = record.make(identity, elements, typ=typ, key=key)
        self.rows.append(Row(chain.chain, identity.seq, typ, made.made_ms, data))
        chain.appended = identity.seq
        chain.digest = digest(data)

    def wait(self, mono_ms: int, at_most_ms: int) -> None:
        due = mono_ms + at_most_ms
        self.due_mono_ms = due if self.due_mono_ms is None else min(self.due_mono_ms, due)

    def write(self, db: sqlite3.Connection, owner: Owner, chains: Iterable[Chain]) -> None:
        """Into the transaction that is open."""
        db.executemany(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(*owner, *row) for row in self.rows],
        )
        db.executemany(
            "INSERT INTO boundary VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET boundary_ms = excluded.boundary_ms",
            [(*owner, *done) for done in self.boundaries.items()],
        )
        db.executemany(
            "UPDATE chain SET last = ?, digest = ?"
            " WHERE community = ? AND gateway = ? AND chain = ?",
            [(c.appended, c.digest, *owner, c.chain) for c in chains if c.appended != c.last],
        )
        db.executemany(
            "INSERT INTO contact VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET pulses = excluded.pulses",
            [(*owner, *kept) for kept in self.pulses.items()],
        )
        for statement, values in self.beside:
            db.execute(statement, values)
