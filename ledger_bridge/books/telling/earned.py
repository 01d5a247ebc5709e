"""What a member measured and earned, claim by claim, reckoned as settlement does. Read-only."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_of, days_text, period_of
from ledger_bridge.books.closing.closed import closed_by
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import QUANTITIES, Amount, in_json, written
from ledger_bridge.books.settle.due import due_most, find
from ledger_bridge.books.settle.quantities import of_claims
from ledger_bridge.books.settle.settle import reckon
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.days import Days
from ledger_bridge.books.telling.recycling import Json


class Quantity(NamedTuple):
    """So much of a register, a kind of waste or an activity, in thousandths of its base unit.

    `unit` is what people read it in.
    """

    key: str
    amount: Amount
    unit: str

    def number(self) -> Fraction:
        """The amount in its unit."""
        return Fraction(self.amount) / QUANTITIES.get(self.unit, 1_000)

    def __str__(self) -> str:
        return f"{written(self.number())} {self.unit}"


class Earned(NamedTuple):
    """A claim with the rule it is by, what was measured for it, and what is credited by now.

    `counts` is whether its last day is one of those asked about; `credit` in smallest units.
    """

    claim: Claim
    policy: Policy
    rule: Rule
    quantities: tuple[Quantity, ...]
    credit: int
    counts: bool

    @property
    def scale(self) -> int:
        return self.policy.assets[self.rule.asset].scale


class Total(NamedTuple):
    """What the claims by one rule in one asset come to."""

    rule: str
    asset: str
    scale: int
    quantities: tuple[Quantity, ...]
    credit: int


def earned(
    db: sqlite3.Connection, community: str, member: str, days: Days, *, policies: Policies
) -> list[Earned]:
    """Every claim of a member whose period has one of these days, in the order of their days."""
    claims = _claims(days, member, policies)
    if not claims:
        return []
    facts = of_claims(db, community, policies, claims)
    credited = _credited(db, community, member, claims)
    found = []
    for claim in claims:
        ruling = find(policies, claim.rule, claim.period)
        assert ruling, f"no policy knows the rule of {claim}"
        _, policy, rule = ruling
        quantities = tuple(
            Quantity(key, amount, unit_of(policy, rule, key))
            for key, amount in reckon(claim, facts[claim], policies).quantities.items()
        )
        counts = days_of(claim.period)[1] <= days.last
        credit = credited.get((claim.rule, claim.period), 0)
        found.append(Earned(claim, policy, rule, quantities, credit, counts))
    return found


def totals(found: Iterable[Earned]) -> list[Total]:
    """What each rule measured and credited in all, of the claims that count."""
    sums: dict[tuple[str, str], Total] = {}
    for one in found:
        if one.counts:
            key = one.rule.id, one.rule.asset
            before = sums.get(key, Total(*key, one.scale, (), 0))
            quantities = _added(before.quantities, one.quantities)
            credit = before.credit + one.credit
            sums[key] = before._replace(quantities=quantities, credit=credit)
    return list(sums.values())


def _added(before: tuple[Quantity, ...], more: tuple[Quantity, ...]) -> tuple[Quantity, ...]:
    """Sums by key and unit."""
    sums: dict[tuple[str, str], Amount] = {}
    for key, amount, unit in (*before, *more):
        sums[key, unit] = sums.get((key, unit), 0) + amount
    return tuple(Quantity(key, amount, unit) for (key, unit), amount in sums.items())


def _claims(days: Days, member: str, policies: Policies) -> list[Claim]:
    found: dict[Claim, None] = {}
    for day in days.each():
        in_force = policies.on(day)
        for rule in in_force.policy.rules if in_force else ():
            found[Claim(rule.id, member, period_of(day, rule.weeks))] = None
    return list(found)


def unit_of(policy: Policy, rule: Rule, key: str) -> str:
    """What a rule's quantity of this is read in."""
    file = rules.load(rule.rule)
    match file.measure(rule, key):
        case "times":
            return "x"
        case "days":
            return "d"
    if key in policy.fractions:
        return policy.fractions[key].unit
    return "h" if "attested" in file.READS else "kWh"


def _credited(
    db: sqlite3.Connection, community: str, member: str, claims: list[Claim]
) -> dict[tuple[str, str], int]:
    """What each claim has got, by rule and period."""
    periods = [claim.period for claim in claims]
    found: dict[tuple[str, str], int] = {}
    for rule in {claim.rule for claim in claims}:
        rows = db.execute(
            "SELECT period, due FROM claim WHERE community = ? AND rule = ? AND member = ?"
            " AND period BETWEEN ? AND ?",
            (community, rule, member, min(periods), max(periods)),
        )
        found |= {(rule, period): due for period, due in rows}
    return found


class Lines:
    """What there is to show of a member's claims beside what they earned."""

    def __init__(
        self, db: sqlite3.Connection, community: str, member: str, found: list[Earned]
    ) -> None:
        self._db = db
        self._community = community
        self._found = found
        periods = [one.claim.period for one in found] or [""]
        span = (community, member, min(periods), max(periods))
        self._waiting = set(
            db.execute(
                "SELECT rule, period FROM dirty WHERE community = ? AND member = ?", span[:2]
            )
        )
        self._bookings: dict[tuple[str, str], list[int]] = defaultdict(list)
        for rule, period, seq in db.execute(
            "SELECT rule, period, seq FROM booking WHERE community = ? AND member = ?"
            " AND period BETWEEN ? AND ? ORDER BY seq",
            span,
        ):
            self._bookings[rule, period].append(seq)
        # By day: (register, what a pulse is worth, how many).
        self._pulses: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
        days = [days_of(period) for period in {*periods} - {""}] or [("", "")]
        for day, *pulses in db.execute(
            "SELECT day, register, per_pulse, sum(delta) FROM counter WHERE community = ?"
            " AND member = ? AND day BETWEEN ? AND ? AND per_pulse != '' AND unit = 'pulse'"
            " GROUP BY day, register, per_pulse",
            (community, member, min(d[0] for d in days), max(d[1] for d in days)),
        ):
            self._pulses[day].append((pulses[0], pulses[1], pulses[2]))

    def all(self) -> list[Json]:
        return [self._line(one) for one in self._found]

    def said(self) -> list[Json]:
        """Those of which there is anything to say."""
        return [
            line
            for line in self.all()
            if line["bookings"] or line["sentence"] or any(line["quantity"].values())
        ]

    def _line(self, one: Earned) -> Json:
        rule, _, period = one.claim
        is_settled = (rule, period) not in self._waiting
        sentence, zin = _remark(one)
        if not is_settled:
            sentence, zin = sentences.BEING_SETTLED
        elif not one.counts and any(amount for _, amount, _ in one.quantities):
            sentence, zin = sentences.COUNTS_LATER
        return {
            "rule": rule,
            "period": period,
            "days": days_text(period),
            "quantity": {key: in_json(amount) for key, amount, _ in one.quantities},
            "measured": {quantity.key: str(quantity) for quantity in one.quantities},
            "pulses": self._of_pulses(one),
            "credit": amount_text(one.credit, one.scale),
            "asset": one.rule.asset,
            "counts": one.counts,
            "settled": is_settled,
            "closed": closed_by(self._db, self._community, period) is not None,
            "bookings": self._bookings.get((rule, period), []),
            "sentence": sentence,
            "zin": zin,
        }

    def _of_pulses(self, one: Earned) -> list[Json]:
        """What of the quantities was counted in pulses, and what each of them was worth."""
        touches = rules.load(one.rule.rule).touches
        first, last = days_of(one.claim.period)
        sums: dict[tuple[str, str], int] = {}
        for day, some in self._pulses.items():
            for register, per_pulse, count in some if first <= day <= last else ():
                if touches(one.rule, register):
                    key = register, per_pulse
                    sums[key] = sums.get(key, 0) + count
        return [
            {"register": register, "pulses": count, "per_pulse": per_pulse}
            for (register, per_pulse), count in sorted(sums.items())
        ]


def _remark(one: Earned) -> tuple[str, str]:
    """Why a claim has got no more."""
    if one.rule.cap and one.credit and one.credit == due_most(one.policy, one.rule):
        return sentences.of_cap(one.rule.weeks)
    quantities = {key: amount for key, amount, _ in one.quantities}
    if one.credit or not any(quantities.values()):
        return "", ""
    if rules.load(one.rule.rule).earned(one.rule, quantities):
        return sentences.TOO_LITTLE
    return sentences.REMARK[sentences.EARNS_NOTHING]
