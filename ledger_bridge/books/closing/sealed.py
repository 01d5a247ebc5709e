"""What is frozen: claims whose due is what was posted, whatever evidence still comes.

With every close the months of 36 months before are sealed; with the erasing of a member, all that
is theirs. A leaf of kind "seal" says so, and under which digest the frozen claims stand.
"""

import hashlib
import sqlite3
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books.book import Batch
from ledger_bridge.books.calendar import days_of
from ledger_bridge.books.closing import kept
from ledger_bridge.books.policy.policies import Policies

# Late evidence is settled for so long after its month: grid operators correct what they metered
# for up to three years.
CORRECTED_MONTHS = 36

# Rule, member, period.
ClaimKey = tuple[str, str, str]


def sealed_by(closed_until: str) -> str:
    """The last day that is sealed where everything up to this day is closed; "" where none is.

    >>> sealed_by("2029-06-30"), sealed_by("2029-06-29")
    ('2026-06-30', '2026-05-31')
    """
    if not closed_until:
        return ""
    open_from = date.fromisoformat(closed_until) + timedelta(days=1)
    months = open_from.year * 12 + open_from.month - 1 - CORRECTED_MONTHS
    return (date(months // 12, months % 12 + 1, 1) - timedelta(days=1)).isoformat()


class Sealed(NamedTuple):
    """Which claims are frozen: those of days up to `up_to`, and all of these members."""

    up_to: str
    members: frozenset[str]

    def holds(self, claim: ClaimKey) -> bool:
        _, member, period = claim
        return member in self.members or days_of(period)[1] <= self.up_to

    @classmethod
    def load(cls, db: sqlite3.Connection, community: str) -> "Sealed":
        rows = db.execute("SELECT up_to, member FROM seal WHERE community = ?", (community,))
        found = rows.fetchall()
        return cls(
            max((up_to for up_to, _ in found), default=""),
            frozenset(member for _, member in found if member),
        )


NOTHING = Sealed("", frozenset())


def frozen(dues: Iterable[tuple[ClaimKey, int]]) -> dict[str, Any]:
    """How many claims are frozen, and the digest of what they got; those that got nothing are not
    among them.
    """
    lines = sorted(to_json([*claim, due]) for claim, due in dues if due)
    return {"claims": len(lines), "digest": hashlib.sha256(b"\n".join(lines)).hexdigest()}


def dues_of(db: sqlite3.Connection, community: str) -> list[tuple[ClaimKey, int]]:
    """What every claim has got."""
    return [
        (tuple(claim), due)
        for *claim, due in db.execute(
            "SELECT rule, member, period, due FROM claim WHERE community = ?", (community,)
        )
    ]


def is_too_old(up_to: str, before: Sealed, policies: Policies) -> bool:
    """Whether the end of a month is to be sealed now: not before there were any rules."""
    first = policies.in_order[0].policy.day if policies.in_order else ""
    return bool(first) and up_to >= first and up_to > before.up_to


def seal_months(
    db: sqlite3.Connection, community: str, batch: Batch, closed_until: str, policies: Policies
) -> None:
    """Seal what the close up to this day has made too old; nothing where nothing is."""
    before, up_to = Sealed.load(db, community), sealed_by(closed_until)
    if not is_too_old(up_to, before, policies):
        return
    after = Sealed(up_to, frozenset())
    new = [
        (claim, due)
        for claim, due in dues_of(db, community)
        if after.holds(claim) and not before.holds(claim)
    ]
    leaf = batch.leaf("seal", {"up_to": up_to, **frozen(new)})
    db.execute("INSERT INTO seal VALUES (?, ?, ?, '')", (community, leaf, up_to))
    kept.forget(db, community, up_to)
