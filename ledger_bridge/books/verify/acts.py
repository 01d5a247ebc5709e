"""The part of `verify` that is about acts: a steward asked for just this, and could have it."""

from gateway.contract.signed import Malformed
from ledger_bridge.books.acts.acts import Close, Request, Transfer, read
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.books.verify.moment import Booking, Moment


def check(moment: Moment, booking: Booking, document: str) -> None:
    """Whether a booking is what a steward asked for in this document. Raises Differs."""
    where = f"booking {booking.seq}"
    try:
        request = read(document.encode(), moment.registry)
    except Malformed as error:
        raise Differs(f"its request is not signed by a steward: {error}", where) from error
    if booking.client_key != request.key or request.key in moment.keys:
        raise Differs(f"its key is {booking.client_key}, asked was {request.key}", where)
    moment.keys.add(request.key)
    if booking.claim != (None, None, None):
        raise Differs("it is an act and names a claim", where)
    match request.act:
        case Close(period) if booking.kind == "close" and not booking.lines:
            moment.closed.add((period, booking.seq))
        case Transfer() if booking.kind == "transfer":
            _check_transfer(moment, request, booking, where)
        case _:
            raise Differs("its request asks for another act", where)


def _check_transfer(moment: Moment, request: Request, booking: Booking, where: str) -> None:
    """The act as it was asked for, and nobody below zero by it."""
    act = request.act
    assert isinstance(act, Transfer)
    giver, receiver = (moment.registry.accounts.get(m) for m in (act.giver, act.receiver))
    asked = ((receiver, act.asset, act.amount), (giver, act.asset, -act.amount))
    if booking.lines != asked:
        raise Differs(f"it posts {booking.lines}, asked was {asked}", where)
    if moment.balances[booking.lines[1][0], act.asset] < 0:
        raise Differs(f"{act.giver} gave more than they had", where)
