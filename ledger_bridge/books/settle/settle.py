"""Settlement: for each dirty claim post due minus already posted and clear the mark, in one commit.

Order, batching, redelivery and lateness cannot matter, and a correction needs no path of its own.
"""

import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

from ledger_bridge.books.book import Batch, Book, Claim, Posting
from ledger_bridge.books.calendar import days_of
from ledger_bridge.books.closing.closed import closed_by, closed_until
from ledger_bridge.books.closing.sealed import Sealed
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import Amount, in_json
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle import shared_days
from ledger_bridge.books.settle.due import due, find
from ledger_bridge.books.settle.quantities import DIRTY, Fact, Tally, of_dirty
from ledger_bridge.books.store import commit

# Claims in one commit: enough that the disk's flush is shared, few enough to answer meanwhile.
CLAIMS_MAX = 5_000


def _posted(db: sqlite3.Connection, community: str, limit: int) -> dict[Claim, tuple[str, int]]:
    """What each dirty claim has got: (asset, amount)."""
    rows = db.execute(
        f"""WITH marked AS MATERIALIZED ({DIRTY})
        SELECT rule, member, period, asset, due FROM marked JOIN claim USING (rule, member, period)
        WHERE claim.community = :community""",
        {"community": community, "limit": limit},
    )
    return {Claim(rule, member, period): (asset, due) for rule, member, period, asset, due in rows}


def log_heads(db: sqlite3.Connection, community: str, batch: Batch) -> None:
    """Say in the log how far every chain is stored, where the log does not know it yet."""
    rows = db.execute(
        "SELECT gateway, chain, up_to, digest FROM chain WHERE community = ? AND up_to > logged",
        (community,),
    ).fetchall()
    if rows:
        batch.leaf("evidence", {"heads": rows})
        db.execute(
            "UPDATE chain SET logged = up_to WHERE community = ? AND up_to > logged", (community,)
        )


def settle(book: Book, *, registry: Registry, policies: Policies, now_ms: int) -> int:
    """Share the energy of days that are ripe, then settle the dirty claims, at most CLAIMS_MAX;
    gives how many there were of both.

    Due never reads a balance, the order of arrival or the clock; `now_ms` is only written down.
    """
    db, community = book.db, book.community
    with commit(db):
        sealed = Sealed.load(db, community)
        days = shared_days.share_days(db, community, registry, policies, sealed_up_to=sealed.up_to)
        # What is due for days that are still to be reckoned would be taken back, and given again.
        claims_max = CLAIMS_MAX if days < shared_days.DAYS_MAX else 0
        facts = of_dirty(db, community, policies, claims_max)
        posted = _posted(db, community, claims_max)
        batch = book.batch(now_ms)
        log_heads(db, community, batch)
        changed: list[tuple[Any, ...]] = []
        closed = closed_until(db, community)
        for claim, measured in facts.items():
            if sealed.holds(claim):
                continue
            asset, before = posted.get(claim, ("", 0))
            reckoned = reckon(claim, measured, policies)
            late: dict[str, Any] = {}
            if days_of(claim.period)[1] <= closed:
                late = {"closed": closed_by(db, community, claim.period)}
            if before and reckoned.asset != asset:
                # Evidence dated ahead, of whose rule a later policy makes another or none.
                undone = Reckoned(0, asset, {}, reckoned.policy)
                _book(batch, claim, undone, before, late, registry=registry)
                changed.append((community, *claim, reckoned.asset or asset, 0))
                before = 0
            if reckoned.due != before:
                _book(batch, claim, reckoned, before, late, registry=registry)
                changed.append((community, *claim, reckoned.asset, reckoned.due))
        db.executemany(
            "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET asset = excluded.asset, due = excluded.due",
            changed,
        )
        db.executemany(
            "DELETE FROM dirty WHERE community = ? AND rule = ? AND member = ? AND period = ?",
            [(community, *claim) for claim in facts],
        )
        batch.write()
    batch.done()
    return days + len(facts)


class Reckoned(NamedTuple):
    """What a claim should have got, and from which quantities by which policy."""

    due: int
    asset: str
    quantities: dict[str, Amount]
    policy: str


def reckon(claim: Claim, facts: Iterable[Fact], policies: Policies) -> Reckoned:
    """A claim's due from all that was measured of its member on the days of its period.

    No asset and no policy where no rule is about such a claim.
    """
    ruling = find(policies, claim.rule, claim.period)
    if ruling is None:
        return Reckoned(0, "", {}, "")
    policy_hash, policy, rule = ruling
    tally = Tally(policy, rule)
    for fact in facts:
        tally.add(fact)
    quantities = tally.quantities()
    return Reckoned(due(policy, rule, quantities), rule.asset, quantities, policy_hash)


def _book(
    batch: Batch,
    claim: Claim,
    reckoned: Reckoned,
    before: int,
    late: dict[str, Any],
    *,
    registry: Registry,
) -> None:
    """Post what is due minus what was posted; `late` names the close that it comes after."""
    assert registry.founded
    amount = reckoned.due - before
    account = registry.account(claim.member)
    assert account, f"nobody is called {claim.member!r}"
    batch.book(
        "entitlement",
        [
            Posting(account, reckoned.asset, amount),
            Posting(registry.founded.issuance, reckoned.asset, -amount),
        ],
        {
            "claim": claim,
            "quantities": {key: in_json(n) for key, n in reckoned.quantities.items()},
            "policy": reckoned.policy,
            "due": reckoned.due,
            "before": before,
            **late,
        },
        claim=claim,
    )
