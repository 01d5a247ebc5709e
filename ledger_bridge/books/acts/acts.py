"""What somebody decides: close a day, transfer credit. Decided once, in book order, and logged.

An act is asked for in a document signed by a steward; its key makes it idempotent.
"""

import sqlite3

import msgspec

from gateway.contract import signed
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.book import Batch, Book, Posting, balance
from ledger_bridge.books.calendar import day_of, days_of
from ledger_bridge.books.policy.policy import Policies, amount_text
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.store import commit

ACT = "mk-act-v1"


class Close(msgspec.Struct, frozen=True, tag="close", tag_field="kind"):
    """A local day is over: what was settled by now is its reckoning; later evidence is linked."""

    period: str


class Transfer(msgspec.Struct, frozen=True, tag="transfer", tag_field="kind"):
    """Credit from one member to another; `amount` in smallest units."""

    giver: str
    receiver: str
    asset: str
    amount: int


Act = Close | Transfer


class Request(msgspec.Struct, frozen=True):
    """What the signed document asks. The same `key` with the same act is the same act."""

    community: str
    key: str
    act: Act


def make(request: Request, *, key: SigningKey) -> bytes:
    return signed.sign(to_json(request), typ=ACT, key=key)


def read(data: bytes, registry: Registry) -> Request:
    """The request in two lines. Raises Malformed where no steward of this community signed it."""
    document = signed.parse(data)
    request = signed.read_as(document, Request, typ=ACT)
    signed.demand(document, *registry.stewards, whose=STEWARD)
    if request.community != registry.community:
        raise Malformed(f"an act in community {request.community!r}")
    return request


def decide(book: Book, data: bytes, *, registry: Registry, policies: Policies, now_ms: int) -> int:
    """Carry out the act in a document; gives its booking. Raises Malformed or PeopleError."""
    request = read(data, registry)
    if (done := _done_before(book, request)) is not None:
        return done
    facts = {"request": data.decode()}
    batch = book.batch(now_ms)
    with commit(book.db):
        match request.act:
            case Close(period):
                seq = _close(book, batch, period, facts, key=request.key, policies=policies)
            case Transfer() as transfer:
                postings = _transfer(book, transfer, registry=registry, policies=policies)
                seq = batch.book("transfer", postings, facts, client_key=request.key)
        batch.write()
    batch.done()
    return seq


def _done_before(book: Book, request: Request) -> int | None:
    row = book.db.execute(
        "SELECT booking.seq, body FROM booking JOIN leaf ON leaf.community = booking.community"
        " AND leaf.idx = booking.leaf WHERE booking.community = ? AND client_key = ?",
        (book.community, request.key),
    ).fetchone()
    if row is None:
        return None
    document = msgspec.json.decode(row[1])["request"].encode()
    before = msgspec.json.decode(signed.parse(document).payload, type=Request)
    if before != request:
        what = "this key was used for another act"
        raise PeopleError(Problem(what, f"booking {row[0]}", "use a new key"))
    seq: int = row[0]
    return seq


def heads(db: sqlite3.Connection, community: str) -> list[tuple[str, str, int, str]]:
    """(gateway, chain, up to, digest) of every chain as it is stored now."""
    return db.execute(
        "SELECT gateway, chain, up_to, digest FROM chain WHERE community = ?", (community,)
    ).fetchall()


def _close(
    book: Book,
    batch: Batch,
    period: str,
    facts: dict[str, str],
    *,
    key: str,
    policies: Policies,
) -> int:
    where = f"close {period}"
    today = day_of(batch.now_ms, policies.zone)
    if period >= today:
        raise PeopleError(Problem("that day is not over", where, f"close it after {period}"))
    if book.db.execute(
        "SELECT 1 FROM closed WHERE community = ? AND period = ?", (book.community, period)
    ).fetchone():
        raise PeopleError(Problem("that day is closed already", where, "later evidence is linked"))
    waiting = sum(
        claims
        for marked, claims in book.db.execute(
            "SELECT period, count(*) FROM dirty WHERE community = ? GROUP BY period",
            (book.community,),
        )
        if days_of(marked)[0] <= period <= days_of(marked)[1]
    )
    if waiting:
        raise PeopleError(Problem(f"{waiting} claims are not settled yet", where, "wait a moment"))
    listed = {**facts, "period": period, "heads": heads(book.db, book.community)}
    seq = batch.book("close", [], listed, client_key=key)
    book.db.execute("INSERT INTO closed VALUES (?, ?, ?)", (book.community, period, seq))
    return seq


def _transfer(
    book: Book, transfer: Transfer, *, registry: Registry, policies: Policies
) -> list[Posting]:
    where = f"transfer from {transfer.giver} to {transfer.receiver}"
    asset = policies.asset(transfer.asset)
    for member in (transfer.giver, transfer.receiver):
        if member not in registry.accounts:
            raise PeopleError(Problem(f"no member {member!r}", where, "meterkast ledger balance"))
    if transfer.giver == transfer.receiver or transfer.amount <= 0:
        raise PeopleError(Problem("nothing to transfer", where, "give an amount above zero"))
    if not asset.transferable:
        raise PeopleError(Problem(f"{transfer.asset} is not transferable", where, "see the policy"))
    giver, receiver = (registry.accounts[m] for m in (transfer.giver, transfer.receiver))
    held = balance(book.db, book.community, giver, transfer.asset)
    if held < transfer.amount:
        shown = amount_text(held, asset.scale)
        raise PeopleError(Problem(f"{transfer.giver} has {shown}", where, "transfer at most that"))
    return [
        Posting(receiver, transfer.asset, transfer.amount),
        Posting(giver, transfer.asset, -transfer.amount),
    ]
