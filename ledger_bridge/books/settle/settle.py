"""Settlement: for each dirty claim post due minus already posted and clear the mark, in one commit.

Order, batching, redelivery and lateness cannot matter, and a correction needs no path of its own.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books import rules
from ledger_bridge.books.book import Batch, Book, Claim, Posting
from ledger_bridge.books.calendar import days_of, period_of
from ledger_bridge.books.closing.sealed import Sealed
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.facts.deposits import Brought
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import Amount, in_json
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import due, find
from ledger_bridge.books.store import commit

# Claims in one commit: enough that the disk's flush is shared, few enough to answer meanwhile.
CLAIMS_MAX = 5_000

# A period is a day, or a day and its weeks: 2026-06-15/4w.
_MARKED = """
    WITH marked AS MATERIALIZED (
        SELECT rule, member, period, substr(period, 1, 10) AS first, date(
            substr(period, 1, 10), '+' || max(0, 7 * substr(period, 12) - 1) || ' days'
        ) AS last
        FROM dirty WHERE community = :community LIMIT :limit
    )
"""

# How the days of a claim are found: most are about one, and an index leads to its registers.
_DAYS = (
    "counter.day = marked.period",
    "marked.first != marked.last AND counter.day BETWEEN marked.first AND marked.last",
)

# By register of meters, or by fraction.
Measured = Mapping[str | Brought, Amount]
Quantities = dict[Claim, dict[str | Brought, Amount]]


def quantities_of(
    db: sqlite3.Connection, community: str, registers: set[str], limit: int
) -> Quantities:
    """What was measured for each dirty claim: thousandths by register or fraction, exactly.

    Of counters only `registers` are looked at: those that any rule rewards.
    """
    which = {
        "community": community,
        "limit": limit,
        "registers": to_json(sorted(registers)).decode(),
    }
    # A claim as the database gives it equals its Claim: both are tuples.
    found: dict[tuple[str, ...], dict[str | Brought, Amount]] = {
        row: {} for row in db.execute(f"{_MARKED} SELECT rule, member, period FROM marked", which)
    }
    for days in _DAYS:
        for rule, member, period, register, per_pulse, total in db.execute(
            f"""{_MARKED}
            SELECT rule, marked.member, period, register, per_pulse, sum(delta)
            FROM marked JOIN counter ON counter.community = :community
                AND counter.member = marked.member AND {days}
                AND counter.register IN (SELECT value FROM json_each(:registers))
            GROUP BY rule, marked.member, period, register, per_pulse""",
            which,
        ):
            measured = found[rule, member, period]
            amount = amount_of(total, per_pulse) if per_pulse else total
            measured[register] = measured.get(register, 0) + amount
    for rule, member, period, fraction, is_verified, total in db.execute(
        f"""{_MARKED}
        SELECT rule, marked.member, period, counts_as, is_verified, sum(counted)
        FROM marked JOIN deposit ON deposit.community = :community
            AND deposit.member = marked.member AND deposit.day BETWEEN first AND last
            AND counted != 0
        GROUP BY rule, marked.member, period, counts_as, is_verified""",
        which,
    ):
        found[rule, member, period][Brought(fraction, bool(is_verified))] = total
    return {Claim(*claim): measured for claim, measured in found.items()}


def _posted(db: sqlite3.Connection, community: str, limit: int) -> dict[Claim, tuple[str, int]]:
    """What each dirty claim has got: (asset, amount)."""
    rows = db.execute(
        f"""{_MARKED}
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
    """Settle the dirty claims, at most CLAIMS_MAX; gives how many there were.

    Due never reads a balance, the order of arrival or the clock; `now_ms` is only written down.
    """
    db, community = book.db, book.community
    with commit(db):
        quantities = quantities_of(db, community, policies.registers, CLAIMS_MAX)
        posted = _posted(db, community, CLAIMS_MAX)
        batch = book.batch(now_ms)
        log_heads(db, community, batch)
        changed: list[tuple[Any, ...]] = []
        sealed = Sealed.load(db, community)
        for claim, measured in quantities.items():
            if sealed.holds(claim):
                continue
            asset, before = posted.get(claim, ("", 0))
            reckoned = reckon(claim, measured, policies)
            if before and reckoned.asset != asset:
                # Evidence dated ahead, of whose rule a later policy makes another or none.
                undone = Reckoned(0, asset, {}, reckoned.policy)
                _book(batch, claim, undone, before, registry=registry)
                changed.append((community, *claim, reckoned.asset or asset, 0))
                before = 0
            if reckoned.due != before:
                _book(batch, claim, reckoned, before, registry=registry)
                changed.append((community, *claim, reckoned.asset, reckoned.due))
        db.executemany(
            "INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET asset = excluded.asset, due = excluded.due",
            changed,
        )
        db.executemany(
            "DELETE FROM dirty WHERE community = ? AND rule = ? AND member = ? AND period = ?",
            [(community, *claim) for claim in quantities],
        )
        batch.write()
    batch.done()
    return len(quantities)


class Reckoned(NamedTuple):
    """What a claim should have got, and from which quantities by which policy."""

    due: int
    asset: str
    quantities: dict[str, Amount]
    policy: str


def reckon(claim: Claim, measured: Measured, policies: Policies) -> Reckoned:
    """A claim's due from all that was measured of its member on the days of its period.

    No asset and no policy where no rule is about such a claim.
    """
    rule_id, _, period = claim
    found = find(policies, rule_id, period)
    if found is None or period_of(days_of(period)[0], found[2].weeks) != period:
        return Reckoned(0, "", {}, "")
    policy_hash, policy, rule = found
    file = rules.load(rule.rule)
    if "deposit" in file.READS:
        measured = _earning(measured, is_redeemable=policy.assets[rule.asset].redeemable)
    quantities = {
        key: amount
        for key, amount in measured.items()
        if isinstance(key, str) and file.touches(rule, key)
    }
    return Reckoned(due(policy, rule, quantities), rule.asset, quantities, policy_hash)


def _earning(measured: Measured, *, is_redeemable: bool) -> dict[str | Brought, Amount]:
    """What was brought, by fraction: what can be redeemed is earned on verified scales only."""
    found: dict[str | Brought, Amount] = {}
    for key, amount in measured.items():
        if isinstance(key, Brought) and (key.is_verified or not is_redeemable):
            found[key.fraction] = found.get(key.fraction, 0) + amount
    return found


def _book(
    batch: Batch, claim: Claim, reckoned: Reckoned, before: int, *, registry: Registry
) -> None:
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
        },
        claim=claim,
    )
