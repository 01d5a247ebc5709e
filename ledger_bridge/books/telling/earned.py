"""What a member measured and earned, claim by claim, reckoned as settlement does. Read-only."""

import sqlite3
from collections import defaultdict

from gateway.contract.record import to_json
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_of, days_text, period_of
from ledger_bridge.books.closing.closed import closed_by
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.facts.deposits import Brought
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import Amount, in_json, written
from ledger_bridge.books.settle.due import due_most, find
from ledger_bridge.books.settle.settle import reckon
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.days import Days
from ledger_bridge.books.telling.recycling import Json

Quantities = dict[str, Amount]


def claims_in(days: Days, member: str, policies: Policies) -> list[Claim]:
    """Every claim of a member whose period has one of these days, in the order of their days."""
    found: dict[Claim, None] = {}
    for day in days.each():
        in_force = policies.on(day)
        for rule in in_force.policy.rules if in_force else ():
            found[Claim(rule.id, member, period_of(day, rule.weeks))] = None
    return list(found)


def lines(
    db: sqlite3.Connection, community: str, member: str, days: Days, *, policies: Policies
) -> list[Json]:
    """A line per claim: what was measured, what is credited for it so far, and what to say of it.

    A claim over weeks `counts` in the period that has its last day.
    """
    claims = claims_in(days, member, policies)
    span = _span(claims)
    if span is None:
        return []
    measured = _measured(db, community, member, claims, policies)
    credited = _credited(db, community, member, span, claims)
    bookings = _bookings(db, community, member, span)
    pulses = _pulses(db, community, member, claims, policies)
    waiting = set(
        db.execute(
            "SELECT rule, period FROM dirty WHERE community = ? AND member = ?",
            (community, member),
        )
    )
    found = []
    for claim in claims:
        ruling = find(policies, claim.rule, claim.period)
        assert ruling, f"no policy knows the rule of {claim}"
        _, policy, rule = ruling
        quantities = measured[claim]
        credit = credited.get((claim.rule, claim.period), 0)
        counts = days_of(claim.period)[1] <= days.last
        is_settled = (claim.rule, claim.period) not in waiting
        sentence, zin = _remark(policy, rule, quantities, credit)
        if not is_settled:
            sentence, zin = sentences.BEING_SETTLED
        elif not counts:
            sentence, zin = sentences.COUNTS_LATER
        found.append(
            {
                "rule": claim.rule,
                "period": claim.period,
                "days": days_text(claim.period),
                "quantity": {key: in_json(n) for key, n in quantities.items()},
                "measured": in_words(quantities, policies),
                "pulses": pulses.get(claim, []),
                "credit": amount_text(credit, policy.assets[rule.asset].scale),
                "asset": rule.asset,
                "counts": counts,
                "settled": is_settled,
                "closed": closed_by(db, community, claim.period) is not None,
                "bookings": bookings.get((claim.rule, claim.period), []),
                "sentence": sentence,
                "zin": zin,
            }
        )
    return found


def in_words(quantities: Quantities, policies: Policies) -> Json:
    """Each quantity with its unit, exactly; kinds of waste as the newest policies declare them."""
    units = {
        name: kind.unit
        for in_force in policies.in_order
        for name, kind in in_force.policy.fractions.items()
    }
    return {key: written(amount, units.get(key, "kWh")) for key, amount in quantities.items()}


def _remark(policy: Policy, rule: Rule, quantities: Quantities, credit: int) -> tuple[str, str]:
    """Why a claim has got no more."""
    if rule.cap and credit and credit == due_most(policy, rule):
        return sentences.of_cap(rule.weeks)
    if credit or not any(quantities.values()):
        return "", ""
    if rules.load(rule.rule).earned(rule, quantities):
        return sentences.TOO_LITTLE
    return sentences.REMARK[sentences.EARNS_NOTHING]


def _span(claims: list[Claim]) -> tuple[str, str] | None:
    """The first and the last period of these claims, in the order of their names."""
    periods = [claim.period for claim in claims]
    return (min(periods), max(periods)) if periods else None


def _credited(
    db: sqlite3.Connection,
    community: str,
    member: str,
    span: tuple[str, str],
    claims: list[Claim],
) -> dict[tuple[str, str], int]:
    """What each claim has got, by rule and period."""
    names = to_json(sorted({claim.rule for claim in claims})).decode()
    rows = db.execute(
        "SELECT rule, period, due FROM claim WHERE community = ?"
        " AND rule IN (SELECT value FROM json_each(?)) AND member = ? AND period BETWEEN ? AND ?",
        (community, names, member, *span),
    )
    return {(rule, period): due for rule, period, due in rows}


def _bookings(
    db: sqlite3.Connection, community: str, member: str, span: tuple[str, str]
) -> dict[tuple[str, str], list[int]]:
    """The bookings of claims, by rule and period, in their order."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for rule, period, seq in db.execute(
        "SELECT rule, period, seq FROM booking WHERE community = ? AND member = ?"
        " AND period BETWEEN ? AND ? ORDER BY seq",
        (community, member, *span),
    ):
        found[rule, period].append(seq)
    return found


def _measured(
    db: sqlite3.Connection, community: str, member: str, claims: list[Claim], policies: Policies
) -> dict[Claim, Quantities]:
    by_day: dict[str, list[tuple[str | Brought, Amount]]] = defaultdict(list)
    bounds = (
        min(days_of(claim.period)[0] for claim in claims),
        max(days_of(claim.period)[1] for claim in claims),
    )
    for day, register, per_pulse, total in db.execute(
        "SELECT day, register, per_pulse, sum(delta) FROM counter WHERE community = ?"
        " AND member = ? AND day BETWEEN ? AND ? GROUP BY day, register, per_pulse",
        (community, member, *bounds),
    ):
        by_day[day].append((register, amount_of(total, per_pulse) if per_pulse else total))
    for day, fraction, is_verified, total in db.execute(
        "SELECT day, counts_as, is_verified, sum(counted) FROM deposit WHERE community = ?"
        " AND member = ? AND day BETWEEN ? AND ? AND counted != 0"
        " GROUP BY day, counts_as, is_verified",
        (community, member, *bounds),
    ):
        by_day[day].append((Brought(fraction, bool(is_verified)), total))
    found = {}
    for claim in claims:
        first, last = days_of(claim.period)
        sums: dict[str | Brought, Amount] = defaultdict(int)
        for day, some in by_day.items():
            if first <= day <= last:
                for key, amount in some:
                    sums[key] += amount
        found[claim] = reckon(claim, sums, policies).quantities
    return found


def _pulses(
    db: sqlite3.Connection, community: str, member: str, claims: list[Claim], policies: Policies
) -> dict[Claim, list[Json]]:
    """What of the quantities was counted in pulses, and what each of them was worth."""
    found = {}
    for claim in claims:
        ruling = find(policies, claim.rule, claim.period)
        assert ruling
        rows = db.execute(
            "SELECT register, per_pulse, sum(delta) FROM counter WHERE community = ?"
            " AND member = ? AND day BETWEEN ? AND ?"
            " AND register IN (SELECT value FROM json_each(?))"
            " AND per_pulse != '' GROUP BY register, per_pulse ORDER BY register, per_pulse",
            (
                community,
                member,
                *days_of(claim.period),
                to_json(ruling[2].registers).decode(),
            ),
        )
        found[claim] = [
            {"register": register, "pulses": total, "per_pulse": per_pulse}
            for register, per_pulse, total in rows
        ]
    return found
