"""Recompute the books from evidence to root and name the first thing that differs.

What is stored is compared with what follows from the signed evidence, the registry and the
policies, with the same pure functions that settled it; nothing that was derived is believed.
"""

import gc
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from gateway.contract.keys import PublicKey
from ledger_bridge.books.verify.attested import attested
from ledger_bridge.books.verify.counters import official
from ledger_bridge.books.verify.dues import dues
from ledger_bridge.books.verify.facts import records
from ledger_bridge.books.verify.look import Differs, Look, Step
from ledger_bridge.books.verify.papers import policies, registry
from ledger_bridge.books.verify.reasons import reasons
from ledger_bridge.books.verify.replay import replay
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.books.verify.shared import shared
from ledger_bridge.books.verify.waste import waste

__all__ = ["Differs", "Verified", "verify"]

Progress = Callable[[Step], None]

# So many new objects come between two searches for garbage that refers to itself.
COLLECT_EVERY = 100_000

# In this order: each may read what the ones before it have compared.
STEPS: tuple[Callable[[Look], None], ...] = (
    registry,
    policies,
    official,
    records,
    waste,
    attested,
    shared,
    dues,
    replay,
    reasons,
)


class Verified(NamedTuple):
    """How much was recomputed, and the tree head it ended in.

    `waiting` claims are being settled, and `unsettled` of them have got something else than is due
    by now: nothing says whether it ever was. `held` deposits, corrections and emptyings wait for
    people.
    Dues are recomputed for days after `sealed_until` ("" for all of them), and for all members but
    `erased`.
    """

    records: int
    claims: int
    waiting: int
    unsettled: int
    held: int
    bookings: int
    leaves: int
    root: str
    sealed_until: str
    erased: int


def verify(
    db: sqlite3.Connection,
    community: str,
    *,
    log_key: PublicKey,
    progress: Progress,
    seen: Seen | None = None,
) -> Verified:
    """Recompute everything. Raises Differs with the first thing that is not as it should be.

    `progress` is told where it is, from time to time. Signatures that were `seen` before are not
    checked again; up to where they were checked now is kept there, also when it is interrupted. The
    connection sees one moment of the books throughout.
    """
    look = Look(db, community, log_key, seen or Seen(community), progress)
    db.execute("BEGIN")
    before = gc.get_threshold()
    # Millions of tuples are made that stay, and no cycle: looking for some takes a third longer.
    gc.set_threshold(COLLECT_EVERY)
    try:
        for step in STEPS:
            progress(Step(step.__name__))
            step(look)
    finally:
        gc.set_threshold(*before)
        db.execute("ROLLBACK")
        look.seen.keep()
    return Verified(
        records=len(look.digests),
        claims=len(look.dues),
        waiting=len(look.waiting),
        unsettled=look.unsettled,
        held=look.held,
        bookings=look.bookings,
        leaves=look.leaves,
        root=look.root.hex(),
        sealed_until=look.sealed.up_to,
        erased=len(look.sealed.members),
    )
