"""What an act was: who asked for it, what it came to, and what became of it since. Read-only."""

import sqlite3
from fractions import Fraction
from typing import Any, NamedTuple

import msgspec

from gateway.contract import signed
from ledger_bridge.books.acts.kept import Live
from ledger_bridge.books.acts.requests import Request
from ledger_bridge.books.acts.standing import Reservation
from ledger_bridge.books.book import Posting
from ledger_bridge.books.calendar import local_text
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import written
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.recycling import Json

# By kind, what is said of it in English and in Dutch.
_SAID = {
    "transfer": ("{giver} gave {receiver} {what}", "{giver} gaf {receiver} {what}"),
    "donate": ("{giver} gave {what} to {receiver}", "{giver} schonk {what} aan {receiver}"),
    "exchange": (
        "{giver} exchanged {what} for {got}, through {receiver} at {rate}",
        "{giver} ruilde {what} voor {got}, via {receiver}, koers {rate}",
    ),
    "reserve": (
        "{what} of {giver} is set apart for {receiver} until {until}",
        "{what} van {giver} staat klaar voor {receiver} tot {until}",
    ),
    "post": (
        "{receiver} got {got} of the {what} that {giver} had set apart",
        "{receiver} kreeg {got} van de {what} die {giver} klaarzette",
    ),
    "void": (
        "{what} set apart for {receiver} went back to {giver}",
        "{what} die klaarstond voor {receiver} ging terug naar {giver}",
    ),
    "expire": (
        "{receiver} did not get {what} in time, it went back to {giver}",
        "{receiver} kreeg {what} niet op tijd, het ging terug naar {giver}",
    ),
    "retire": ("{giver} gave back {what} for good", "{giver} leverde {what} in"),
    "cancel": (
        "{what} of {giver} left this book: {words}",
        "{what} van {giver} verliet dit boek: {words}",
    ),
    "reverse": (
        "booking {number} was reversed: {words}",
        "boeking {number} is teruggedraaid: {words}",
    ),
    "write-off": (
        "{giver} paid the {what} that {receiver} owed: {words}",
        "{giver} betaalde de {what} die {receiver} schuldig was: {words}",
    ),
    "close": ("{period} was closed", "{period} is afgesloten"),
}


class _Said(msgspec.Struct):
    """What the leaf of an act says."""

    kind: str
    booked_ms: int
    postings: tuple[Posting, ...]
    request: str = ""
    policy: str = ""
    rate: str = ""
    reservation: int = 0


class Books(NamedTuple):
    """What an act is told from."""

    db: sqlite3.Connection
    registry: Registry
    policies: Policies

    def live(self) -> Live:
        return Live(self.db, self.registry, self.policies, now_ms=0)


def told(books: Books, booking: int, leaf: bytes) -> Json:
    """The act of a booking, from its leaf: `sentence` and `zin` for people, `asked` as it was
    signed and by which key, `lines` by holder, and which booking undid or ended it (0: none).
    """
    said = msgspec.json.decode(leaf, type=_Said)
    document = signed.parse(said.request.encode()) if said.request else None
    request = msgspec.json.decode(document.payload, type=Request) if document else None
    asked: dict[str, Any] = msgspec.to_builtins(request.act) if request else {}
    reservation = books.live().reservation(said.reservation or booking)
    done = books.live().done(booking)
    sentence, zin = _sentences(books, said, asked, reservation)
    return {
        "sentence": sentence,
        "zin": zin,
        "asked": asked,
        "key": request.key if request else "",
        "signed_by": document.kid if document else "",
        "request": said.request,
        "policy": {"hash": said.policy, "valid_from": _since(books.policies, said.policy)},
        "lines": [_line(books, posting) for posting in said.postings],
        "undone_by": (done.undone if done else None) or 0,
        "ended_by": (reservation.ended if reservation else None) or 0,
    }


def _since(policies: Policies, hashed: str) -> str:
    return next((one.policy.day for one in policies.in_order if one.hash == hashed), "")


def _line(books: Books, posting: Posting) -> Json:
    scale = books.policies.asset(posting.asset).scale
    return {
        "holder": books.registry.holder_of(posting.account) or posting.account,
        "amount": amount_text(posting.amount, scale),
        "asset": posting.asset,
    }


def _sentences(
    books: Books, said: _Said, asked: dict[str, Any], reservation: Reservation | None
) -> tuple[str, str]:
    """English and Dutch."""

    def holder(place: int) -> str:
        return books.registry.holder_of(said.postings[place].account) or ""

    def amount(units: int, code: str) -> str:
        scale: int = 10 ** books.policies.asset(code).scale
        return f"{written(Fraction(units, scale))} {code}"

    words: dict[str, Any] = {
        "rate": said.rate,
        "number": asked.get("booking"),
        "words": asked.get("reason") or asked.get("reference"),
        "period": asked.get("period"),
    }
    amounts: dict[str, str] = {}
    if reservation:
        words |= {"giver": reservation.giver, "receiver": reservation.receiver}
        words["until"] = local_text(reservation.until_ms, books.policies.zone)
        amounts["what"] = amount(reservation.amount, reservation.asset)
    elif said.postings:
        words |= {"giver": holder(-1), "receiver": holder(-2)}
        amounts["what"] = amount(-said.postings[-1].amount, said.postings[-1].asset)
    if said.postings:
        amounts["got"] = amount(said.postings[0].amount, said.postings[0].asset)
    en, nl = _SAID[said.kind]
    dutch = {name: text.replace(".", ",") for name, text in amounts.items()}
    return en.format(**words, **amounts), nl.format(**words, **dutch)
