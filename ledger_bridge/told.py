"""What the bridge tells gateways: the policy in force, and what became of each deposit.

What it tells of deposits is for screens: the books are what counts, and what is lost on the way is
not told again.
"""

from collections.abc import Collection
from typing import NamedTuple

from gateway.contract.credit import Credit
from gateway.contract.policy import for_the_wire
from gateway.contract.record import to_json
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts.deposits import AGAIN
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.telling.recycling import rows_of
from ledger_bridge.books.telling.shares import Shares

# After one settlement so many deposits are told of, the newest: what a screen may still show.
TOLD_MAX = 1_000


class Paper(NamedTuple):
    """A policy in two lines, as one of its stewards signed it, with its hash."""

    hash: str
    data: bytes


def policy_in_force(community: Community, now_ms: int) -> Paper | None:
    """The policy of this local day, None before the first."""
    policies = community.policies
    today = policies.on(day_of(now_ms, policies.zone))
    if today is None:
        return None
    (data,) = community.db.execute(
        "SELECT data FROM policy WHERE community = ? AND valid_from = ?",
        (community.id, today.policy.day),
    ).fetchone()
    registry = community.registry
    stewards = (*registry.stewards, *registry.past_stewards)
    return Paper(today.hash, for_the_wire(data, stewards))


def credits_of(community: Community, names: Collection[tuple[str, str]]) -> list[Credit]:
    """What became of the deposits with these (gateway, id), newest first, at most TOLD_MAX."""
    if not names:
        return []
    rows = rows_of(
        community.db,
        "SELECT deposit.* FROM json_each(?) AS names CROSS JOIN deposit ON community = ?"
        " AND deposit.id = names.value ->> 1 AND gateway = names.value ->> 0"
        " WHERE verdict != ? ORDER BY at_ms DESC, gateway, chain, seq LIMIT ?",
        (to_json(sorted(names)).decode(), community.id, AGAIN, TOLD_MAX),
    )
    shares = Shares(community.db, community.id, community.policies)
    found = []
    for row in rows:
        told = shares.told(row)
        amount = ""
        if told.asset:
            amount = amount_text(told.amount, community.policies.asset(told.asset).scale)
        found.append(
            Credit(
                community=community.id,
                gateway=row["gateway"],
                deposit=row["id"],
                state=told.state,
                amount=amount,
                asset=told.asset,
                nl=told.zin,
                en=told.sentence,
            )
        )
    return found
