"""What a member measured and was credited in a period, or what was booked for them. Read-only."""

import sqlite3
from fractions import Fraction

from ledger_bridge.books.closing.closed import is_closed
from ledger_bridge.books.policy.assets import amount_of, amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import Amount, in_json
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import booked as bookings
from ledger_bridge.books.telling.days import Days, asked
from ledger_bridge.books.telling.earned import in_words, lines
from ledger_bridge.books.telling.meters import readings
from ledger_bridge.books.telling.recycling import Json, deposits_of
from ledger_bridge.books.telling.settled import settled


def statement(
    db: sqlite3.Connection,
    community: str,
    member: str,
    period: str,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    """What was measured in a period and is credited for it by now, whenever that was booked; and
    the acts of the period. Raises UsageError where that is no period.

    A rule over weeks has the line of its whole period, so far; it counts in the period in which it
    ends. So the sums of periods that follow each other are what the member holds after them.
    """
    days = asked(period)
    found = lines(db, community, member, days, policies=policies)
    acts = bookings.acts_of(db, community, member, days, registry=registry, policies=policies)
    sums: dict[str, int] = {}
    for one in [*(line for line in found if line["counts"]), *acts]:
        scale = policies.asset(one["asset"]).scale
        amount = amount_of(one.get("credit") or one["amount"], scale)
        sums[one["asset"]] = sums.get(one["asset"], 0) + amount
    return {
        **_head(db, community, member, days, registry=registry, policies=policies),
        "lines": found,
        "totals": _totals(found, policies),
        "acts": acts,
        "sums": _texts(sums, policies),
        "readings": readings(db, community, member, days, policies=policies),
        "deposits": deposits_of(db, community, member, (days.first, days.last), policies=policies),
    }


def statement_booked(
    db: sqlite3.Connection,
    community: str,
    holder: str,
    period: str,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    """What a member or an account held before a period, everything booked in it with the balance
    after it, and what it held at the end. Raises UsageError where that is no period.
    """
    days = asked(period)
    return {
        **_head(db, community, holder, days, registry=registry, policies=policies),
        **bookings.booked(db, community, holder, days, registry=registry, policies=policies),
    }


def _head(
    db: sqlite3.Connection,
    community: str,
    holder: str,
    days: Days,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    return {
        "holder": holder,
        "period": days.text,
        "first": days.first,
        "last": days.last,
        "closed": is_closed(db, community, days.last) is not None,
        **settled(db, community, holder, registry=registry, policies=policies),
    }


def _totals(found: list[Json], policies: Policies) -> list[Json]:
    """What each rule measured and credited in all; one entry per rule and asset."""
    amounts: dict[tuple[str, str], int] = {}
    quantities: dict[tuple[str, str], dict[str, Amount]] = {}
    for line in found:
        if not line["counts"]:
            continue
        key = line["rule"], line["asset"]
        scale = policies.asset(line["asset"]).scale
        amounts[key] = amounts.get(key, 0) + amount_of(line["credit"], scale)
        sums = quantities.setdefault(key, {})
        for name, amount in line["quantity"].items():
            sums[name] = sums.get(name, 0) + Fraction(amount)
    return [
        {
            "rule": rule,
            "quantity": {name: in_json(n) for name, n in quantities[rule, asset].items()},
            "measured": in_words(quantities[rule, asset], policies),
            "credit": amount_text(amount, policies.asset(asset).scale),
            "asset": asset,
        }
        for (rule, asset), amount in amounts.items()
    ]


def _texts(amounts: dict[str, int], policies: Policies) -> Json:
    return {
        asset: amount_text(amount, policies.asset(asset).scale)
        for asset, amount in sorted(amounts.items())
    }
