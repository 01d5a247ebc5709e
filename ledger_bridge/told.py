"""What the bridge tells gateways: the policy in force."""

from typing import NamedTuple

from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.community import Community


class Paper(NamedTuple):
    """A policy as a steward signed it, in two lines, with its hash."""

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
    return Paper(today.hash, data)
