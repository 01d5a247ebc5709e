"""What somebody may ask of the books: one act each, in a document that a steward signed."""

import msgspec

from gateway.contract import signed
from gateway.contract.keys import SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.registry.registry import Registry

ACT = "mk-act-v1"


class Close(msgspec.Struct, frozen=True, tag="close", tag_field="kind"):
    """A period is over: what was settled by now is its reckoning; later evidence is linked."""

    period: str


class Transfer(msgspec.Struct, frozen=True, tag="transfer", tag_field="kind"):
    """Credit from one holder to another. A holder is a member, or a pool or supplier by name.

    Amounts here and below are above zero and in smallest units.
    """

    giver: str
    receiver: str
    asset: str
    amount: int


class Donate(msgspec.Struct, frozen=True, tag="donate", tag_field="kind"):
    """A gift to a pool."""

    giver: str
    pool: str
    asset: str
    amount: int


class Exchange(msgspec.Struct, frozen=True, tag="exchange", tag_field="kind"):
    """One asset for another through a pool, at the rate that the policy of the day posts under the
    id `exchange`. `amount` is of what is given.
    """

    holder: str
    exchange: str
    amount: int


class Reserve(msgspec.Struct, frozen=True, tag="reserve", tag_field="kind"):
    """Set credit apart for somebody until a time; then it goes back, unless it was posted."""

    giver: str
    receiver: str
    asset: str
    amount: int
    until_ms: int


class Post(msgspec.Struct, frozen=True, tag="post", tag_field="kind"):
    """Hand over what was reserved, or a part of it (None: all); the rest goes back.

    A reservation is known by the number of its booking.
    """

    reservation: int
    amount: int | None = None


class Void(msgspec.Struct, frozen=True, tag="void", tag_field="kind"):
    """Give back what was reserved before its time is over."""

    reservation: int


class Retire(msgspec.Struct, frozen=True, tag="retire", tag_field="kind"):
    """Give back to the community for good."""

    holder: str
    asset: str
    amount: int


class Cancel(msgspec.Struct, frozen=True, tag="cancel", tag_field="kind"):
    """Credit leaves this book for another; `reference` says for which, and under what number."""

    holder: str
    asset: str
    amount: int
    reference: str


class Reverse(msgspec.Struct, frozen=True, tag="reverse", tag_field="kind"):
    """Undo the act with this booking number, once."""

    booking: int
    reason: str


class WriteOff(msgspec.Struct, frozen=True, tag="write-off", tag_field="kind"):
    """What a member owes becomes zero, at the cost of a pool."""

    member: str
    asset: str
    pool: str
    reason: str


Moved = Transfer | Donate | Retire | Cancel | WriteOff
Reserving = Reserve | Post | Void
# What is decided from balances and policy alone; a close is decided by what has been settled.
Decidable = Moved | Reserving | Exchange | Reverse
Act = Close | Decidable


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
