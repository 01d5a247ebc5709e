"""The chains of one gateway in one community, as the journal's file has them."""

import os
import sqlite3
from collections.abc import Iterable

from gateway.contract import record, signed
from gateway.journal import gone
from gateway.journal.values import EVIDENCE, Chain, Owner

# Records that go from one chain into another are in memory so many at a time.
AT_ONCE = 100

# The identity of a record, up to the digest of the one before it, is in so many of its bytes.
HEAD_BYTES = 600

OF_CHAIN = "community = ? AND gateway = ? AND chain = ?"


def links(data: bytes, follower: bytes) -> bool:
    """Whether the second record names the first as the one before it."""
    return f'"prev":"{signed.digest(data)}"'.encode() in follower[:HEAD_BYTES]


def begin(db: sqlite3.Connection, owner: Owner, kind: str, *, shared: bool) -> None:
    """A new chain of this kind, where none goes on."""
    db.execute(
        "INSERT INTO chain VALUES (?, ?, ?, ?, ?, 1, 0, ?, 0) ON CONFLICT DO NOTHING",
        (*owner, f"{kind}-{os.urandom(6).hex()}", kind, shared, record.GENESIS),
    )


def end(db: sqlite3.Connection, owner: Owner, chain: Chain) -> None:
    """No record follows in this chain."""
    db.execute(f"UPDATE chain SET current = 0 WHERE {OF_CHAIN}", (*owner, chain.chain))
    if chain.kind == EVIDENCE:
        number_anew(db)


def end_all(db: sqlite3.Connection) -> None:
    """No record follows in any chain of any owner: this file is older than what was sent."""
    db.execute("UPDATE chain SET current = 0")
    number_anew(db)


def cut(db: sqlite3.Connection, owner: Owner, chain: Chain) -> None:
    """The chain ends at its last receipt, and what came after that never was in it."""
    where, up_to = (*owner, chain.chain), chain.receipted
    digest = gone.digest_of(db, owner, chain, up_to)
    db.execute(f"DELETE FROM record WHERE {OF_CHAIN} AND seq > ?", (*where, up_to))
    db.execute(f"DELETE FROM lost WHERE {OF_CHAIN} AND first > ?", (*where, up_to))
    db.execute(f"UPDATE lost SET last = MIN(last, ?) WHERE {OF_CHAIN}", (up_to, *where))
    db.execute(f"UPDATE chain SET last = receipted, digest = ? WHERE {OF_CHAIN}", (digest, *where))


def number_anew(db: sqlite3.Connection) -> None:
    """What was emptied before is older than any record of the new evidence chain."""
    db.execute("UPDATE container SET up_to = 0 WHERE up_to IS NOT NULL")


def load(db: sqlite3.Connection, owner: Owner) -> list[Chain]:
    """All of them, those that go on first."""
    rows = db.execute(
        "SELECT chain, kind, shared, current, last, receipted, digest FROM chain"
        " WHERE community = ? AND gateway = ? ORDER BY current DESC, kind, chain",
        owner,
    ).fetchall()
    return [
        Chain(
            chain=chain,
            kind=kind,
            shared=bool(shared),
            current=bool(current),
            first=first(db, owner, chain, last),
            last=last,
            receipted=receipted,
            digest=digest,
            appended=last,
        )
        for chain, kind, shared, current, last, receipted, digest in rows
    ]


def first(db: sqlite3.Connection, owner: Owner, chain: str, last: int) -> int:
    """The lowest number held, the next one where none is."""
    (lowest,) = db.execute(
        f"SELECT MIN(seq) FROM record WHERE {OF_CHAIN}", (*owner, chain)
    ).fetchone()
    return int(lowest) if lowest is not None else last + 1


def pending(
    db: sqlite3.Connection, owner: Owner, chain: Chain, after: int
) -> list[tuple[int, str, bytes]]:
    """The next records above a number, with their numbers and what they are."""
    return db.execute(
        f"SELECT seq, typ, data FROM record WHERE {OF_CHAIN} AND seq > ? ORDER BY seq LIMIT ?",
        (*owner, chain.chain, after, AT_ONCE),
    ).fetchall()


def oldest_pending_ms(db: sqlite3.Connection, owner: Owner, chains: Iterable[Chain]) -> int | None:
    """When the oldest record was made that waits for its receipt."""
    times = [
        row[0]
        for chain in chains
        if chain.shared
        for row in db.execute(
            f"SELECT made_ms FROM record WHERE {OF_CHAIN} AND seq > ? AND made_ms IS NOT NULL"
            " ORDER BY seq LIMIT 1",
            (*owner, chain.chain, chain.receipted),
        ).fetchall()
    ]
    return min(times, default=None)
