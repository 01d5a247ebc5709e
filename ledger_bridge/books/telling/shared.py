"""How a day's energy was shared, quarter-hour by quarter-hour, for one member. Read-only."""

import sqlite3
from collections import defaultdict
from typing import NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import QUARTER_MS, days_of, utc_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import written
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.shared_days import Reckoner
from ledger_bridge.books.settle.unshared import sharing
from ledger_bridge.books.telling.held import evidence_name
from ledger_bridge.books.telling.recycling import Json


class SharedQuarter(NamedTuple):
    """A member's part in a quarter-hour that begins at `at_ms`, in mWh: what they gave back, and
    how much of it others took; what they used, and how much of it came from others.

    `left` is what nobody took of all that was given back.
    """

    at_ms: int
    produced: int
    given: int
    used: int
    taken: int
    left: int


def quarters(
    db: sqlite3.Connection,
    community: str,
    rule_id: str,
    day: str,
    member: str,
    *,
    registry: Registry,
    policies: Policies,
) -> list[SharedQuarter]:
    """The quarter-hours of a day in which anybody gave energy back; none before it is reckoned."""
    rule = sharing(policies, rule_id, day)
    if rule is None or not _is_reckoned(db, community, rule_id, day):
        return []
    members, found = Reckoner(db, community, registry, policies).quarters(rule, day)
    if member not in members:
        return []
    n = members.index(member)
    return [
        SharedQuarter(
            at_ms=one.quarter * QUARTER_MS,
            produced=one.produced[n],
            given=one.shared.given[n],
            used=one.used[n],
            taken=one.shared.taken[n],
            left=one.shared.left,
        )
        for one in found
    ]


def parts(
    db: sqlite3.Connection,
    community: str,
    claim: Claim,
    *,
    registry: Registry,
    policies: Policies,
) -> list[Json]:
    """A member's quarter-hours of a period in which something was shared with them or by them, with
    the records and papers that their counts are in.
    """
    first, last = days_of(claim.period)
    days = db.execute(
        "SELECT day FROM shared_day WHERE community = ? AND rule = ? AND day BETWEEN ? AND ?"
        " ORDER BY day",
        (community, claim.rule, first, last),
    ).fetchall()
    found = []
    for (day,) in days:
        whose = (db, community, claim.rule, day, claim.member)
        rests_on = _records(*whose, policies=policies)
        for one in quarters(*whose, registry=registry, policies=policies):
            if one.given or one.taken:
                said = one._asdict()
                energy = {key: written(n, "kWh") for key, n in said.items() if key != "at_ms"}
                records = sorted(rests_on[one.at_ms // QUARTER_MS])
                found.append({"at": utc_text(one.at_ms), **energy, "records": records})
    return found


def _records(
    db: sqlite3.Connection,
    community: str,
    rule_id: str,
    day: str,
    member: str,
    *,
    policies: Policies,
) -> dict[int, set[str]]:
    """By quarter-hour since 1970: what says how much a member used and gave back in it."""
    rule = sharing(policies, rule_id, day)
    found: dict[int, set[str]] = defaultdict(set)
    for quarter, gateway, chain, seq in db.execute(
        "SELECT quarter, gateway, chain, seq FROM counter WHERE community = ? AND member = ?"
        " AND day = ? AND register IN (SELECT value FROM json_each(?))"
        " AND delta != 0 AND quarter IS NOT NULL",
        (community, member, day, to_json(rule.registers if rule else ()).decode()),
    ):
        found[quarter].add(evidence_name(gateway, chain, seq))
    return found


def _is_reckoned(db: sqlite3.Connection, community: str, rule_id: str, day: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM shared_day WHERE community = ? AND rule = ? AND day = ?",
        (community, rule_id, day),
    ).fetchone()
    return row is not None
