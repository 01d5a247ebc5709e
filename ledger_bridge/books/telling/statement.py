"""What a member measured and was credited in a period, or what was booked for them. Read-only."""

import sqlite3

from ledger_bridge.books.closing.closed import is_closed
from ledger_bridge.books.closing.sealed import Sealed
from ledger_bridge.books.policy.assets import amount_of, amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import in_json
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.acts import Books
from ledger_bridge.books.telling.attested import attestations
from ledger_bridge.books.telling.booked import acts_of, booked
from ledger_bridge.books.telling.days import Days, asked
from ledger_bridge.books.telling.earned import Lines, Total, earned, totals
from ledger_bridge.books.telling.meters import readings
from ledger_bridge.books.telling.recycling import Json, deposits_of
from ledger_bridge.books.telling.rules import TRIAL
from ledger_bridge.books.telling.sentences import of_sealed
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
    found = earned(db, community, member, days, policies=policies)
    acts = acts_of(Books(db, registry, policies), community, member, days)
    in_all, lines = totals(found), Lines(db, community, member, found)
    sums: dict[str, int] = {}
    for asset, amount in [
        *((one.asset, one.credit) for one in in_all),
        *((one["asset"], _units(one["amount"], one["asset"], policies)) for one in acts),
    ]:
        sums[asset] = sums.get(asset, 0) + amount
    return {
        **_head(db, community, member, days, registry=registry, policies=policies),
        "lines": lines.all() if days.first == days.last else lines.said(),
        "totals": [_total(one) for one in in_all],
        "acts": acts,
        "sums": {
            asset: amount_text(amount, policies.asset(asset).scale)
            for asset, amount in sorted(sums.items())
            if asset not in policies.shadows
        },
        "trial": {
            asset: {"amount": amount_text(amount, policies.asset(asset).scale), **TRIAL}
            for asset, amount in sorted(sums.items())
            if asset in policies.shadows
        },
        "readings": readings(db, community, member, days, policies=policies),
        "deposits": deposits_of(db, community, member, (days.first, days.last), policies=policies),
        "attestations": attestations(db, community, member, (days.first, days.last)),
    }


def _units(text: str, asset: str, policies: Policies) -> int:
    return amount_of(text, policies.asset(asset).scale)


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
        **booked(Books(db, registry, policies), community, holder, days),
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
    sealed = Sealed.load(db, community)
    is_sealed = days.last <= sealed.up_to or holder in sealed.members
    sentence, zin = of_sealed() if is_sealed else ("", "")
    return {
        "holder": holder,
        "period": days.text,
        "first": days.first,
        "last": days.last,
        "closed": is_closed(db, community, days.last) is not None,
        "sealed": is_sealed,
        "sentence": sentence,
        "zin": zin,
        **settled(db, community, holder, registry=registry, policies=policies),
    }


def _total(one: Total) -> Json:
    return {
        "rule": one.rule,
        "quantity": {key: in_json(amount) for key, amount, _ in one.quantities},
        "measured": {quantity.key: str(quantity) for quantity in one.quantities},
        "credit": amount_text(one.credit, one.scale),
        "asset": one.asset,
    }
