"""From one credit back to the telegram: booking, claim, policy, quarter-hours, record, bytes."""

import sqlite3
import zlib
from fractions import Fraction
from typing import Any

import msgspec

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.credit import COUNTED, CREDITED
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import unb64
from gateway.contract.record import QUARTER, Record
from ledger_bridge.books import rules
from ledger_bridge.books.calendar import days_of, days_text, utc_text
from ledger_bridge.books.facts.believe import amount_of, base_of
from ledger_bridge.books.facts.grades import SELF_REPORTED
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import in_json, written
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import acts
from ledger_bridge.books.telling.held import evidence_name, place_name
from ledger_bridge.books.telling.recycling import Json, brought, deposits_of
from ledger_bridge.books.telling.sentences import of_counter

# A telegram is a few kilobytes; a record that inflates to more is not shown.
TELEGRAM_BYTES_MAX = 64 * 1024


def why(
    db: sqlite3.Connection,
    community: str,
    booking: int,
    *,
    registry: Registry,
    policies: Policies,
) -> Json:
    """Everything that a booking rests on. Raises PeopleError for a number that is not there."""
    row = _found(db, community, booking) if 0 < booking < 2**63 else None
    if row is None:
        raise PeopleError(
            Problem(f"no booking {booking}", "ledger why", "see `meterkast ledger statement`")
        )
    kind, booked_ms, rule_id, member, period, leaf, body = row
    said = msgspec.json.decode(body)
    found: Json = {
        "booking": booking,
        "kind": kind,
        "booked": utc_text(booked_ms),
        "leaf": leaf,
        "postings": said["postings"],
    }
    if rule_id is None:
        books = acts.Books(db, registry, policies)
        return {**found, "act": acts.told(books, booking, body)}
    asset = said["postings"][0][1]
    scale = policies.asset(asset).scale
    ruling = _ruling(policies, said["policy"], rule_id)
    evidence: list[Json] = []
    if ruling:
        evidence += _counters(db, community, member, period, ruling[2])
        evidence += _deposits(db, community, member, period, ruling, policies=policies)
    last = next((e["record"] for e in reversed(evidence) if e["counts"]), None)
    return {
        **found,
        "claim": {"rule": rule_id, "member": member, "period": period},
        "days": days_text(period),
        "asset": asset,
        "credit": amount_text(said["due"] - said["before"], scale),
        "due_before": amount_text(said["before"], scale),
        "due": amount_text(said["due"], scale),
        "quantities": said["quantities"],
        "policy": {
            "hash": said["policy"],
            "valid_from": ruling[1].day if ruling else "",
            "rule": rules.load(ruling[2].rule).in_words(ruling[2])[0]
            if ruling
            else "no rule is about this any more",
        },
        "evidence": evidence,
        "record": _record(db, community, last) if last else None,
    }


def _ruling(policies: Policies, hashed: str, rule_id: str) -> tuple[str, Policy, Rule] | None:
    """The policy that a booking names, with its rule; None where no rule was about it any more."""
    for in_force in policies.in_order:
        for rule in in_force.policy.rules:
            if (in_force.hash, rule.id) == (hashed, rule_id):
                return hashed, in_force.policy, rule
    return None


def _found(db: sqlite3.Connection, community: str, booking: int) -> tuple[Any, ...] | None:
    """The booking's row with the words of its leaf."""
    row: tuple[Any, ...] | None = db.execute(
        "SELECT booking.kind, booked_ms, rule, member, period, leaf, body FROM booking JOIN leaf"
        " ON leaf.community = booking.community AND leaf.idx = booking.leaf"
        " WHERE booking.community = ? AND seq = ?",
        (community, booking),
    ).fetchone()
    return row


def _counters(
    db: sqlite3.Connection, community: str, member: str, period: str, rule: Rule
) -> list[Json]:
    rows = db.execute(
        "SELECT gateway, device, register, serial, at_ms, value, unit, delta, per_pulse, verdict,"
        " doubt, grade, chain, seq FROM counter"
        " WHERE community = ? AND member = ? AND day BETWEEN ? AND ? ORDER BY at_ms, register",
        (community, member, *days_of(period)),
    )
    found = []
    for gateway, device, register, serial, at_ms, value, unit, delta, per_pulse, *told in rows:
        verdict, doubt, grade, chain, seq = told
        if rules.load(rule.rule).touches(rule, register) and (delta or verdict):
            found.append(
                {
                    "meter": place_name(gateway, device),
                    "register": register,
                    "serial": serial,
                    "at": utc_text(at_ms),
                    "count": value,
                    "counts": in_json(amount_of(delta, per_pulse)),
                    **_measured(delta, unit, per_pulse),
                    "sentence": of_counter(verdict, doubt),
                    "grade": grade,
                    "record": evidence_name(gateway, chain, seq),
                }
            )
    return found


def _measured(delta: int, unit: str, per_pulse: str) -> Json:
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
    member: str,
    period: str,
    ruling: tuple[str, Policy, Rule],
    *,
    policies: Policies,
) -> list[Json]:
    """The member's deposits of what the rule rewards, with how much of each counts."""
    _, policy, rule = ruling
    is_redeemable = policy.assets[rule.asset].redeemable
    return [
        {
            **one,
            "counts": _counts(one, is_redeemable=is_redeemable),
            "measured": _brought(one),
            "grade": SELF_REPORTED,
        }
        for one in deposits_of(db, community, member, days_of(period), policies=policies)
        if rules.load(rule.rule).touches(rule, one["fraction"])
    ]


def _brought(deposit: Json) -> str:
    """A mass exactly, or how many pieces."""
    if deposit["net_mg"] is None:
        return brought(deposit)
    return f"{written(Fraction(deposit['net_mg'], 1000))} g"


def _counts(deposit: Json, *, is_redeemable: bool) -> int:
    """mg, or thousandths of a piece."""
    if deposit["state"] not in {CREDITED, COUNTED} or (is_redeemable and not deposit["verified"]):
        return 0
    amount: int = 1000 * deposit["pieces"] if deposit["net_mg"] is None else deposit["net_mg"]
    return amount


def _record(db: sqlite3.Connection, community: str, name: str) -> Json:
    """The stored record, and the telegram inside it; or the paper."""
    if name.startswith("paper "):
        return _paper(db, community, name)
    gateway, chain, seq = name.split("/")
    data, digest = db.execute(
        "SELECT data, digest FROM record"
        " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
        (community, gateway, chain, int(seq)),
    ).fetchone()
    document, record = records.parse(data)
    return {
        "id": name,
        "digest": digest,
        "kid": document.kid,
        "lines": data.decode(),
        "telegram": _telegram(record),
    }


def _paper(db: sqlite3.Connection, community: str, name: str) -> Json:
    (data,) = db.execute(
        "SELECT data FROM paper WHERE community = ? AND seq = ?",
        (community, int(name.removeprefix("paper "))),
    ).fetchone()
    kid = signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX).kid
    return {"id": name, "digest": signed.digest(data), "kid": kid, "lines": "", "telegram": ""}


def _telegram(record: Record) -> str:
    """The bytes that the device sent, as text; Latin-1 shows every byte."""
    for element in record.elements:
        if element.n.endswith("/telegram") and element.vd:
            try:
                sent = unb64(element.vd)
                if record.typ == QUARTER:  # a telegram is deflated, a scale's line is not
                    sent = zlib.decompressobj().decompress(sent, TELEGRAM_BYTES_MAX)
            except (ValueError, zlib.error):
                return ""
            return sent.decode("latin-1")
    return ""
