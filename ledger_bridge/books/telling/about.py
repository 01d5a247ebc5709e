"""Everything that the books have about one member, as files they can take along. Read-only."""

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from gateway.contract.keys import b64
from ledger_bridge.books.calendar import day_of, utc_text
from ledger_bridge.books.closing.mine import Mine
from ledger_bridge.books.closing.papers import papers_of
from ledger_bridge.books.closing.records import records_of
from ledger_bridge.books.log.proof import render
from ledger_bridge.books.log.proving import prove
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry import papers
from ledger_bridge.books.registry.edits import MemberAdded, MemberErased, MemberLeft
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.days import next_month
from ledger_bridge.books.telling.statement import statement

# Tables whose rows are about one member, with what they are in both languages.
TABLES = {
    "counter": ("every count of your meters", "elke stand van uw meters"),
    "deposit": ("what you brought to recycling points", "wat u naar inzamelpunten bracht"),
    "attestation": ("what others attested of you", "wat anderen over u bevestigden"),
    "shared": ("what you shared and were given, by day", "wat u deelde en kreeg, per dag"),
    "claim": ("what you are due, by rule and period", "waar u recht op hebt, per regel en periode"),
}

_INDEX = """Everything that the books of {community} have about {member}, as of {at}.
Alles wat in de boeken van {community} over {member} staat, op {at}.

"""


class File(NamedTuple):
    """One file: what it is called, what is in it, and what that is in both languages."""

    name: str
    data: bytes
    what: str
    wat: str


def about(
    db: sqlite3.Connection, member: str, *, registry: Registry, policies: Policies, now_ms: int
) -> Iterator[File]:
    """The files, one after the other; the last is the index of all of them."""
    mine = Mine.load(db, registry, member)
    index = _INDEX.format(community=registry.community, member=member, at=utc_text(now_ms))
    for file in _files(db, mine, registry=registry, policies=policies):
        index += f"{file.name}\n    {file.what}\n    {file.wat}\n"
        yield file
    yield File("index.txt", index.encode(), "", "")


def _files(
    db: sqlite3.Connection, mine: Mine, *, registry: Registry, policies: Policies
) -> Iterator[File]:
    community, member = registry.community, mine.member
    person = db.execute(
        "SELECT name, external_id FROM person WHERE community = ? AND member = ?",
        (community, member),
    ).fetchone()
    name, external_id = person or ("", "")
    who = {
        "member": member,
        "name": name,
        "external_id": external_id,
        "account": registry.accounts[member],
        "left": utc_text(registry.left[member]) if member in registry.left else None,
    }
    yield _json("member.json", who, "who you are to the community", "wie u bent in de gemeenschap")
    yield _json(
        "edits.json",
        list(_edits(db, mine, registry)),
        "what stewards wrote down of you",
        "wat beheerders over u vastlegden",
    )
    for table, (what, wat) in TABLES.items():
        rows = db.execute(
            f"SELECT * FROM {table} WHERE community = ? AND member = ?", (community, member)
        )
        yield _csv(f"{table}.csv", [column[0] for column in rows.description], rows, what, wat)
    yield _bookings(db, community, registry.accounts[member])
    yield from _proofs(db, registry, registry.accounts[member])
    yield _leaves(db, community, member)
    yield from _evidence(db, mine, registry)
    for month in _months(db, community, member, registry.accounts[member], policies):
        told = statement(db, community, member, month, registry=registry, policies=policies)
        yield _json(
            f"statements/{month}.json", told, f"your statement of {month}", f"overzicht van {month}"
        )


def _edits(db: sqlite3.Connection, mine: Mine, registry: Registry) -> Iterator[dict[str, Any]]:
    own = (MemberAdded, MemberLeft, MemberErased)
    for document in papers.stored(db, registry.community):
        for n, opening in sorted(document.openings.items()):
            edit = papers.edit_in(opening)
            if mine.is_about(edit) or (isinstance(edit, own) and edit.member == mine.member):
                yield {"document": document.seq, "edit": n, **msgspec.to_builtins(edit)}


def _bookings(db: sqlite3.Connection, community: str, account: str) -> File:
    rows = db.execute(
        "SELECT booking.seq, booked_ms, kind, rule, period, asset, amount, leaf"
        " FROM posting JOIN booking ON booking.community = posting.community AND seq = booking"
        " WHERE posting.community = ? AND account = ? ORDER BY booking.seq, line",
        (community, account),
    )
    head = ["booking", "booked_ms", "kind", "rule", "period", "asset", "amount", "leaf"]
    what, wat = "every line of your account", "elke regel van uw rekening"
    return _csv("bookings.csv", head, rows, what, wat)


def _proofs(db: sqlite3.Connection, registry: Registry, account: str) -> Iterator[File]:
    """Of every booking of their account; of what the log does not say any more there is none."""
    rows = db.execute(
        "SELECT DISTINCT seq FROM posting JOIN booking"
        " ON booking.community = posting.community AND seq = booking"
        " JOIN leaf ON leaf.community = booking.community AND idx = leaf"
        " WHERE posting.community = ? AND account = ? AND body != x'' ORDER BY seq",
        (registry.community, account),
    )
    for (number,) in rows.fetchall():
        text = render(prove(db, registry, number))
        what, wat = f"proof of booking {number}", f"bewijs van boeking {number}"
        yield File(f"proofs/booking-{number}.proof", text.encode(), what, wat)


def _leaves(db: sqlite3.Connection, community: str, member: str) -> File:
    """What the log has of their claims, with the salts: with it they can prove it for ever."""
    rows = db.execute(
        "SELECT idx, leaf.kind, salt, body FROM booking JOIN leaf ON leaf.community ="
        " booking.community AND idx = leaf WHERE booking.community = ? AND member = ?"
        " AND body != x'' ORDER BY idx",
        (community, member),
    )
    found = [
        {"leaf": idx, "kind": kind, "salt": b64(salt), "body": body.decode()}
        for idx, kind, salt, body in rows
    ]
    what, wat = "what the log has of your credits", "wat het logboek van uw tegoeden heeft"
    return _json("leaves.json", found, what, wat)


def _evidence(db: sqlite3.Connection, mine: Mine, registry: Registry) -> Iterator[File]:
    """Their signed records, chain by chain as they came, and the papers about them alone."""
    community = registry.community
    chains: dict[str, list[bytes]] = {}
    for gateway, chain, seq in sorted(records_of(db, community, mine)):
        (data,) = db.execute(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            (community, gateway, chain, seq),
        ).fetchone()
        chains.setdefault(f"records/{gateway}-{chain}.txt", []).append(data)
    for name, records in chains.items():
        what, wat = "signed records, two lines each", "ondertekende berichten, elk twee regels"
        yield File(name, b"\n".join(records) + b"\n", what, wat)
    for number in papers_of(db, community, mine):
        (data,) = db.execute(
            "SELECT data FROM paper WHERE community = ? AND seq = ?", (community, number)
        ).fetchone()
        what, wat = "a paper signed by a steward", "een stuk dat een beheerder tekende"
        yield File(f"papers/{number}.txt", data + b"\n", what, wat)


def _months(
    db: sqlite3.Connection, community: str, member: str, account: str, policies: Policies
) -> Iterator[str]:
    """From the first month in which anything was measured, brought or booked to the last."""
    days = [
        day
        for table in ("counter", "deposit", "attestation")
        for day in db.execute(
            f"SELECT min(day), max(day) FROM {table} WHERE community = ? AND member = ?",
            (community, member),
        ).fetchone()
        if day
    ]
    first_ms, last_ms = db.execute(
        "SELECT min(booked_ms), max(booked_ms) FROM posting JOIN booking"
        " ON booking.community = posting.community AND seq = booking"
        " WHERE posting.community = ? AND account = ?",
        (community, account),
    ).fetchone()
    days += [day_of(ms, policies.zone) for ms in (first_ms, last_ms) if ms is not None]
    month, last = (min(days)[:7], max(days)[:7]) if days else ("", "")
    while days and month <= last:
        yield month
        month = next_month(month)


def _json(name: str, value: Any, what: str, wat: str) -> File:
    return File(name, msgspec.json.format(msgspec.json.encode(value)) + b"\n", what, wat)


def _csv(
    name: str, head: Sequence[str], rows: Iterable[tuple[Any, ...]], what: str, wat: str
) -> File:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(head)
    table.writerows(rows)
    return File(name, text.getvalue().encode(), what, wat)
