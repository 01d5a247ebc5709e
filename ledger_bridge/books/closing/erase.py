"""Erasing a member who has left: all that leads to them goes, and what others have stays provable.

A steward's edit asks for it; the same commit seals the member's claims, says in the log what is
erased, and erases it. What stays of them: their id, the random number of their account, and what
was booked there.
"""

import sqlite3
from typing import Any

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.book import Batch
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.changed import note_erased
from ledger_bridge.books.closing import kept
from ledger_bridge.books.closing.closed import closed_until
from ledger_bridge.books.closing.mine import Mine
from ledger_bridge.books.closing.papers import erase_edits, erase_papers, papers_of
from ledger_bridge.books.closing.records import (
    erase_records,
    forget_gateway,
    ranges,
    records_of,
)
from ledger_bridge.books.closing.sealed import Sealed, dues_of, frozen
from ledger_bridge.books.log.tree import commitment
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry

# What others' claims are reckoned from.
_COUNTED = (
    "gateway, device, register, serial, at_ms, chain, seq, day, quarter, member, delta, per_pulse,"
    " grade FROM counter"
)
_BROUGHT = "gateway, chain, seq, member, day, counts_as, counted, is_verified, verdict FROM deposit"


def check(db: sqlite3.Connection, registry: Registry, policies: Policies, member: str) -> None:
    """Whether a member's account is closed at zero and their months are. Raises PeopleError."""
    where = f"member {member}"
    community = registry.community
    last = day_of(registry.left[member] - 1, policies.zone)
    if closed_until(db, community) < last:
        try_ = f"meterkast ledger close {last[:7]}"
        raise PeopleError(Problem(f"{last}, their last day, is not closed", where, try_))
    for asset, amount in db.execute(
        "SELECT asset, amount FROM balance WHERE community = ? AND account = ? AND amount != 0",
        (community, registry.accounts[member]),
    ):
        what = f"{member} has {amount_text(amount, policies.asset(asset).scale)} {asset}"
        try_ = "bring it to zero: ledger donate, retire or write-off"
        raise PeopleError(Problem(what, where, try_))
    if db.execute(
        "SELECT 1 FROM reservation WHERE community = ? AND ended IS NULL"
        " AND ? IN (giver, receiver)",
        (community, member),
    ).fetchone():
        what = f"credit of {member} is reserved"
        raise PeopleError(Problem(what, where, "meterkast ledger post or void"))
    if db.execute(
        "SELECT 1 FROM dirty WHERE community = ? AND member = ?", (community, member)
    ).fetchone():
        raise PeopleError(Problem("a claim is being settled", where, "wait a moment"))


class Erasure:
    """The erasing of one member, inside the caller's commit."""

    def __init__(
        self, db: sqlite3.Connection, registry: Registry, policies: Policies, member: str
    ) -> None:
        """`registry` is the one before the edit that asks for it."""
        self._db = db
        self._policies = policies
        self._community = registry.community
        self._account = registry.accounts[member]
        self._mine = Mine.load(db, registry, member)
        self._records = records_of(db, registry.community, self._mine)
        self._others = self._of_others()

    def run(self, batch: Batch) -> None:
        """Seal, say and erase. What the registry makes of the rest is for the caller to derive."""
        db, community, mine = self._db, self._community, self._mine
        member = mine.member
        sealed = Sealed.load(db, community)
        papers = papers_of(db, community, mine)
        said: dict[str, Any] = {
            "member": member,
            **frozen(
                (claim, due)
                for claim, due in dues_of(db, community)
                if claim[1] == member and not sealed.holds(claim)
            ),
            "kept": kept.keep(db, community, member, after=sealed.up_to, policies=self._policies),
            "leaves": _erase_leaves(db, community, member),
            "edits": erase_edits(db, community, mine),
            "records": ranges(self._records),
            "papers": papers,
            "gateways": sorted(mine.gateways),
        }
        erase_records(db, community, self._records)
        erase_papers(db, community, papers)
        for gateway in mine.gateways:
            forget_gateway(db, community, gateway)
        db.execute("DELETE FROM person WHERE community = ? AND member = ?", (community, member))
        leaf = batch.leaf("seal", said)
        db.execute("INSERT INTO seal VALUES (?, ?, '', ?)", (community, leaf, member))
        db.execute("INSERT OR REPLACE INTO unscrubbed VALUES (?, 0)", (community,))
        note_erased(
            db, community, account=self._account, gateways=mine.gateways, points=mine.points
        )

    def check_others(self) -> None:
        """What others measured and brought is what it was. Raises PeopleError where it is not."""
        if self._of_others() != self._others:
            member = self._mine.member
            what = f"others' quantities are measured from what {member} measured"
            raise PeopleError(Problem(what, f"member {member}", "report it: this ought not to be"))

    def _of_others(self) -> set[tuple[Any, ...]]:
        """What counts for others at the gateways of which records go."""
        found: set[tuple[Any, ...]] = set()
        for gateway in {key[0] for key in self._records} - self._mine.gateways:
            where = (self._community, gateway, self._mine.member)
            for columns in (_COUNTED, _BROUGHT):
                found.update(
                    self._db.execute(
                        f"SELECT {columns} WHERE community = ? AND gateway = ? AND member != ?",
                        where,
                    )
                )
        return found


def _erase_leaves(db: sqlite3.Connection, community: str, member: str) -> list[int]:
    """Of what was booked for this member's claims the log keeps the commitments alone."""
    rows = db.execute(
        "SELECT idx, salt, leaf.kind, body FROM booking JOIN leaf ON leaf.community ="
        " booking.community AND idx = leaf WHERE booking.community = ? AND member = ?"
        " AND rule IS NOT NULL ORDER BY idx",
        (community, member),
    ).fetchall()
    db.executemany(
        "INSERT INTO erased_leaf VALUES (?, ?, ?)",
        [(community, idx, commitment(salt, kind, body)) for idx, salt, kind, body in rows],
    )
    db.executemany(
        "UPDATE leaf SET salt = x'', body = x'' WHERE community = ? AND idx = ?",
        [(community, idx) for idx, *_ in rows],
    )
    return [idx for idx, *_ in rows]


def scrub(db: sqlite3.Connection) -> bool:
    """Write the file anew, so that no erased byte is left in it; gives whether that is done.

    While somebody reads the books from before, or there is no room for a second file, it is not:
    ask again later.
    """
    waiting = db.execute("SELECT is_written FROM unscrubbed ORDER BY is_written").fetchall()
    if not waiting:
        return True
    (patience_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        if waiting[0] == (0,):
            db.execute("VACUUM")
            db.execute("UPDATE unscrubbed SET is_written = 1")
        (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            db.execute("DELETE FROM unscrubbed")
    except sqlite3.OperationalError:
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return not busy
