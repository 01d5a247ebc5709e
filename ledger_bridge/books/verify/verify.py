"""Recompute the books from evidence to root and name the first thing that differs.

What is stored is compared with what follows from the signed evidence, the registry and the
policies, with the same pure functions that settled it; nothing that was derived is believed.
"""

import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from gateway.contract.keys import PublicKey
from ledger_bridge.books.verify.dues import dues
from ledger_bridge.books.verify.facts import records
from ledger_bridge.books.verify.look import Differs, Look
from ledger_bridge.books.verify.papers import policies, registry
from ledger_bridge.books.verify.replay import replay
from ledger_bridge.books.verify.waste import waste

__all__ = ["Differs", "Verified", "verify"]

Progress = Callable[[str], None]

# In this order: each may read what the ones before it have compared.
STEPS: tuple[Callable[[Look], None], ...] = (registry, policies, records, waste, dues, replay)


class Verified(NamedTuple):
    """How much was recomputed, and the tree head it ended in.

    `waiting` claims are being settled; `held` deposits, corrections and emptyings wait for people.
    """

    records: int
    claims: int
    waiting: int
    held: int
    bookings: int
    leaves: int
    root: str


def verify(
    db: sqlite3.Connection, community: str, *, log_key: PublicKey, progress: Progress
) -> Verified:
    """Recompute everything. Raises Differs with the first thing that is not as it should be.

    `progress` is told each step by name. The connection sees one moment of the books throughout.
    """
    look = Look(db, community, log_key)
    db.execute("BEGIN")
    try:
        for step in STEPS:
            progress(step.__name__)
            step(look)
    finally:
        db.execute("ROLLBACK")
    return Verified(
        records=len(look.digests),
        claims=len(look.dues),
        waiting=len(look.waiting),
        held=look.held,
        bookings=look.bookings,
        leaves=look.leaves,
        root=look.root.hex(),
    )
