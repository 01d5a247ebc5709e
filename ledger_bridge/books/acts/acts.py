"""What somebody decides: decided once, in book order, and logged with its outcome.

An act is asked for in a document signed by a steward; its key makes it idempotent. What is refused
leaves no trace. The one thing nobody asks for is that a reservation ends when its time is over:
before an act is decided all that are over have ended.
"""

import msgspec

from gateway.contract import signed
from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.acts import deciding, reserving
from ledger_bridge.books.acts.kept import Live, keep, overdue
from ledger_bridge.books.acts.requests import Close, Request, read
from ledger_bridge.books.acts.standing import Decided
from ledger_bridge.books.book import Batch, Book
from ledger_bridge.books.closing.close import close
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.store import commit

# A key is a name that somebody gives an act.
KEY_MAX = 100


def decide(book: Book, data: bytes, *, registry: Registry, policies: Policies, now_ms: int) -> int:
    """Carry out the act in a document; gives its booking. Raises Malformed or PeopleError."""
    request = read(data, registry)
    if not request.key.strip() or len(request.key) > KEY_MAX or not request.key.isprintable():
        what = f"{request.key[:KEY_MAX]!r} is no key"
        raise PeopleError(Problem(what, "act", f"a line of 1 to {KEY_MAX} characters"))
    if (done := _done_before(book, request)) is not None:
        return done
    while expire(book, registry=registry, policies=policies, now_ms=now_ms):
        pass
    facts = {"request": data.decode()}
    batch = book.batch(now_ms)
    with commit(book.db):
        if isinstance(request.act, Close):
            period = request.act.period
            seq = close(book, batch, period, facts, key=request.key, policies=policies)
        else:
            decided = deciding.decide(request.act, Live(book.db, registry, policies, now_ms))
            seq = _book(book, batch, decided, facts, key=request.key)
        batch.write()
    batch.done()
    return seq


def expire(book: Book, *, registry: Registry, policies: Policies, now_ms: int) -> int:
    """Let go back what was reserved until now or before, some at a time; gives how many."""
    numbers = overdue(book.db, book.community, now_ms)
    if not numbers:
        return 0
    batch = book.batch(now_ms)
    with commit(book.db):
        for number in numbers:
            decided = reserving.expire(number, Live(book.db, registry, policies, now_ms))
            _book(book, batch, decided, {}, key=None)
        batch.write()
    batch.done()
    return len(numbers)


def _book(
    book: Book, batch: Batch, decided: Decided, facts: dict[str, str], *, key: str | None
) -> int:
    said = {**facts, **decided.facts}
    seq = batch.book(decided.kind, decided.postings, said, client_key=key)
    keep(book.db, book.community, seq, decided.kept)
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
