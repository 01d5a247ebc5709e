"""From one credit back to the telegram: booking, claim, policy, quarter-hours, record, bytes."""

import sqlite3
import zlib
from fractions import Fraction
from typing import Any

import msgspec

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import unb64
from gateway.contract.record import QUARTER, Record
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_text, utc_text
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import Amount
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling import acts
from ledger_bridge.books.telling.measured import evidence
from ledger_bridge.books.telling.reckoning import reckoning
from ledger_bridge.books.telling.recycling import Json
from ledger_bridge.books.telling.sentences import ERASED
from ledger_bridge.books.telling.shared import parts

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
    found: Json = {
        "booking": booking,
        "kind": kind,
        "booked": utc_text(booked_ms),
        "leaf": leaf,
        "postings": _postings(db, community, booking),
    }
    if not body:
        sentence, zin = ERASED
        return {**found, "sentence": sentence, "zin": zin}
    said = msgspec.json.decode(body)
    if rule_id is None:
        books = acts.Books(db, registry, policies)
        return {**found, "act": acts.told(books, booking, body)}
    asset = said["postings"][0][1]
    scale = policies.asset(asset).scale
    claim = Claim(rule_id, member, period)
    ruling = _ruling(policies, said["policy"], rule_id)
    basis = evidence(db, community, claim, *ruling, policies=policies) if ruling else []
    shared = parts(db, community, claim, registry=registry, policies=policies)
    records_ = [one["record"] for one in basis if one["counts"] and one["record"]]
    records_ += [record for one in shared for record in one["records"]]
    last = records_[-1] if records_ else None
    return {
        **found,
        "claim": claim._asdict(),
        "days": days_text(period),
        "asset": asset,
        "credit": amount_text(said["due"] - said["before"], scale),
        "due_before": amount_text(said["before"], scale),
        "due": amount_text(said["due"], scale),
        "quantities": said["quantities"],
        "policy": {
            "hash": said["policy"],
            "valid_from": ruling[0].day if ruling else "",
            "rule": rules.load(ruling[1].rule).in_words(ruling[1])[0]
            if ruling
            else "no rule is about this any more",
        },
        "reckoning": reckoning(*ruling, _amounts(said["quantities"])) if ruling else None,
        **({"closed": said["closed"]} if "closed" in said else {}),
        "evidence": basis,
        "shared": shared,
        "record": _record(db, community, last) if last else None,
    }


def _ruling(policies: Policies, hashed: str, rule_id: str) -> tuple[Policy, Rule] | None:
    """The policy that a booking names, with its rule; None where no rule was about it any more."""
    for in_force in policies.in_order:
        for rule in in_force.policy.rules:
            if (in_force.hash, rule.id) == (hashed, rule_id):
                return in_force.policy, rule
    return None


def _amounts(said: dict[str, int | str]) -> dict[str, Amount]:
    """Quantities as a leaf says them: integers, or fractions as text."""
    return {key: n if isinstance(n, int) else Fraction(n) for key, n in said.items()}


def _postings(db: sqlite3.Connection, community: str, booking: int) -> list[list[Any]]:
    rows = db.execute(
        "SELECT account, asset, amount FROM posting WHERE community = ? AND booking = ?"
        " ORDER BY line",
        (community, booking),
    )
    return [list(row) for row in rows]


def _found(db: sqlite3.Connection, community: str, booking: int) -> tuple[Any, ...] | None:
    """The booking's row with the words of its leaf."""
    row: tuple[Any, ...] | None = db.execute(
        "SELECT booking.kind, booked_ms, rule, member, period, leaf, body FROM booking JOIN leaf"
        " ON leaf.community = booking.community AND leaf.idx = booking.leaf"
        " WHERE booking.community = ? AND seq = ?",
        (community, booking),
    ).fetchone()
    return row


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
    if not data:  # erased: its digest stays
        return {"id": name, "digest": digest, "kid": "", "lines": "", "telegram": ""}
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
