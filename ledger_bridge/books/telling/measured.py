"""What a claim was reckoned from, piece by piece: counts, deposits, attestations, shared energy."""

import sqlite3
from fractions import Fraction

from gateway.contract.credit import COUNTED, CREDITED
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_of, utc_text
from ledger_bridge.books.facts.believe import amount_of, base_of
from ledger_bridge.books.facts.grades import SELF_REPORTED
from ledger_bridge.books.policy.conditions import Conditions
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import QUANTITIES, in_json, written
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.attested import attestations
from ledger_bridge.books.telling.held import evidence_name, place_name
from ledger_bridge.books.telling.recycling import Json, brought, deposits_of


def evidence(
    db: sqlite3.Connection,
    community: str,
    claim: Claim,
    policy: Policy,
    rule: Rule,
    *,
    policies: Policies,
) -> list[Json]:
    """Everything of the member's that the rule reads in the period, with how much of it counts.

    Each has `what`, `at`, `measured`, `counts`, `grade`, `sentence` and its `record` or paper.
    """
    reads = rules.load(rule.rule).READS
    found: list[Json] = []
    if "counter" in reads:
        found += _counters(db, community, claim, policy, rule)
    if "deposit" in reads:
        found += _deposits(db, community, claim, policy, rule, policies=policies)
    if "attested" in reads:
        found += _attested(db, community, claim, rule)
    if "shared" in reads:
        found += _shared(db, community, claim)
    return found


def _counters(
    db: sqlite3.Connection, community: str, claim: Claim, policy: Policy, rule: Rule
) -> list[Json]:
    touches = rules.load(rule.rule).touches
    rows = db.execute(
        "SELECT gateway, device, register, serial, at_ms, value, unit, delta, per_pulse, verdict,"
        " doubt, grade, quarter, substitute, chain, seq FROM counter"
        " WHERE community = ? AND member = ? AND day BETWEEN ? AND ? ORDER BY at_ms, register",
        (community, claim.member, *days_of(claim.period)),
    )
    found = []
    for gateway, device, register, serial, at_ms, value, unit, delta, per_pulse, *told in rows:
        verdict, doubt, grade, quarter, is_substitute, chain, seq = told
        if not (touches(rule, register) and (delta or verdict)):
            continue
        refused = ""
        if delta and isinstance(rule, Conditions):
            refused = rule.refusal(
                quarter, grade, policy.time_zone, is_substitute=bool(is_substitute)
            )
        found.append(
            {
                "meter": place_name(gateway, device),
                "what": register,
                "register": register,
                "serial": serial,
                "at": utc_text(at_ms),
                "count": value,
                "counts": 0 if refused else in_json(amount_of(delta, per_pulse)),
                **_increase(delta, unit, per_pulse),
                "sentence": sentences.CONDITION[refused][sentences.ENGLISH]
                if refused
                else sentences.of_counter(verdict, doubt),
                "grade": grade,
                "record": evidence_name(gateway, chain, seq),
            }
        )
    return found


def _increase(delta: int, unit: str, per_pulse: str) -> Json:
    """An increase as people read it, and the pulses it was counted in."""
    words = f"{written(Fraction(amount_of(delta, per_pulse), 1000))} {base_of(unit, per_pulse)}"
    if unit != "pulse":
        return {"measured": words}
    if not per_pulse:
        return {"measured": "", "pulses": delta}
    said = f"{words} (pulses: {delta}, each {per_pulse})"
    return {"measured": said, "pulses": delta, "per_pulse": per_pulse}


def _deposits(
    db: sqlite3.Connection,
    community: str,
    claim: Claim,
    policy: Policy,
    rule: Rule,
    *,
    policies: Policies,
) -> list[Json]:
    """The member's deposits of what the rule is about, with how much of each counts."""
    file, days = rules.load(rule.rule), days_of(claim.period)
    return [
        {
            **one,
            "what": one["fraction"],
            "counts": _counts(policy, rule, one),
            "measured": _brought(one),
            "grade": SELF_REPORTED,
        }
        for one in deposits_of(db, community, claim.member, days, policies=policies)
        if file.touches(rule, one["fraction"])
    ]


def _brought(deposit: Json) -> str:
    """A mass exactly, or how many pieces."""
    if deposit["net_mg"] is None:
        return brought(deposit)
    return f"{written(Fraction(deposit['net_mg'], 1000))} g"


def _counts(policy: Policy, rule: Rule, deposit: Json) -> int:
    """mg, or thousandths of a piece; of a rule that counts deposits or days, one of those."""
    if deposit["state"] not in {CREDITED, COUNTED}:
        return 0
    if rules.load(rule.rule).measure(rule, deposit["fraction"]) != "amount":
        return QUANTITIES["piece"]
    if policy.assets[rule.asset].redeemable and not deposit["verified"]:
        return 0
    amount: int = 1000 * deposit["pieces"] if deposit["net_mg"] is None else deposit["net_mg"]
    return amount


def _attested(db: sqlite3.Connection, community: str, claim: Claim, rule: Rule) -> list[Json]:
    """What was attested of the member, with who vouches for it."""
    file = rules.load(rule.rule)
    return [
        {
            **one,
            "what": one["activity"],
            "at": one["day"],
            "counts": 0 if one["verdict"] else 1,
            "measured": f"{one['time'] or 1} {'h' if one['time'] else 'x'} ({one['by']})",
            "grade": "",
            "record": f"paper {one['attestation'].partition('/')[0]}",
        }
        for one in attestations(db, community, claim.member, days_of(claim.period))
        if file.touches(rule, one["activity"])
    ]


def _shared(db: sqlite3.Connection, community: str, claim: Claim) -> list[Json]:
    """What the member took and gave on each day, as it was shared."""
    rows = db.execute(
        "SELECT day, taken, given FROM shared WHERE community = ? AND rule = ? AND member = ?"
        " AND day BETWEEN ? AND ? ORDER BY day",
        (community, claim.rule, claim.member, *days_of(claim.period)),
    )
    return [
        {
            "what": what,
            "at": day,
            "counts": amount,
            "measured": written(amount, "kWh"),
            "grade": "",
            "sentence": "",
            "record": "",
        }
        for day, taken, given in rows
        for what, amount in (("taken", taken), ("given", given))
        if amount
    ]
