"""What leaves the journal without being asked for: by age, and to make room.

Pending evidence never does.
"""

import sqlite3
from collections.abc import Callable, Iterable

from gateway.contract import lost
from gateway.journal import gone
from gateway.journal.values import EVIDENCE, Chain, Owner

# So many records go before it is looked whether that was enough.
SLICE = 32


def prune(db: sqlite3.Connection, owner: Owner, chains: list[Chain], before_ms: int) -> None:
    """Delete what is delivered, or never to leave, and was made before: a prefix of each chain.

    A record without a time is as old as the next one that has one.
    """
    of_chain = "community = ? AND gateway = ? AND chain = ?"
    for chain in chains:
        where = (*owner, chain.chain)
        may_go = chain.receipted if chain.shared else chain.last
        db.execute(
            f"DELETE FROM record WHERE {of_chain} AND seq <= (SELECT MAX(seq) FROM record"
            f" WHERE {of_chain} AND made_ms < ? AND seq < (SELECT COALESCE(MIN(seq), ?) FROM record"
            f"  WHERE {of_chain} AND (seq > ? OR made_ms >= ?)))",
            (*where, *where, before_ms, chain.last + 1, *where, may_go, before_ms),
        )
    for chain in chains:
        gone.untell(db, owner, chain, chain.receipted)


def can_drop(db: sqlite3.Connection, owner: Owner, chains: Iterable[Chain]) -> bool:
    """Whether so much may go that it is worth it: each time costs a `lost` record."""
    return (
        sum(
            len(
                db.execute(
                    "SELECT 1 FROM record WHERE community = ? AND gateway = ? AND chain = ?"
                    " AND seq <= ? LIMIT ?",
                    (*owner, chain.chain, _may_go(chain), SLICE),
                ).fetchall()
            )
            for chain in chains
        )
        >= SLICE
    )


def _may_go(chain: Chain) -> int:
    """The last number that may be deleted to make room."""
    is_waited_for = chain.shared and chain.kind == EVIDENCE
    return chain.receipted if is_waited_for else chain.last


def drop(
    db: sqlite3.Connection, owner: Owner, chains: Iterable[Chain], is_enough: Callable[[], bool]
) -> None:
    """Delete to make room, in the order in which it may be missed, as far as anything may go.

    First samples, the oldest first, whoever has them; then evidence that is delivered. What no hub
    had becomes a range that is lost.
    """
    chains = list(chains)
    samples = [chain for chain in chains if chain.kind != EVIDENCE]
    evidence = [chain for chain in chains if chain.kind == EVIDENCE]
    for candidates in (samples, evidence):
        after = 0
        while not is_enough():
            rows = _oldest(db, owner, candidates, after)
            if not rows:
                break
            after = rows[-1][0]
            db.executemany("DELETE FROM record WHERE rowid = ?", rows)
    for chain in chains:
        if chain.shared:
            for gap in gone.unheld(db, owner, chain, chain.receipted):
                gone.add(db, owner, chain.chain, gap.first, gap.last, why=lost.DISK_SHORT)
            gone.untell(db, owner, chain, chain.receipted)


def _oldest(
    db: sqlite3.Connection, owner: Owner, candidates: list[Chain], after: int
) -> list[tuple[int]]:
    """The next records of these chains that may go, by rowid: in the order they were written."""
    if not candidates:
        return []
    may_go = " OR ".join("(chain = ? AND seq <= ?)" for _ in candidates)
    limits = [value for chain in candidates for value in (chain.chain, _may_go(chain))]
    return db.execute(
        "SELECT rowid FROM record WHERE rowid > ? AND community = ? AND gateway = ?"
        f" AND ({may_go}) ORDER BY rowid LIMIT ?",
        (after, *owner, *limits, SLICE),
    ).fetchall()
