"""Credit set apart: reserve, then post, void or let expire. It ends exactly once. Pure."""

from ledger_bridge.books.acts.moving import check_transferable
from ledger_bridge.books.acts.requests import Post, Reserve, Reserving, Void
from ledger_bridge.books.acts.standing import (
    Decided,
    Ended,
    Move,
    Reservation,
    Standing,
    check_amount,
    check_moves,
    in_force,
    only,
    party,
    postings,
    refuse,
)
from ledger_bridge.books.calendar import day_of, local_text
from ledger_bridge.books.registry.registry import CLEARING

# The end of the calendar.
_TIME_MS_MAX = 253_402_300_799_000

# Nobody's credit is set apart for longer: a year and a day.
RESERVED_MS_MAX = 366 * 86_400_000


def reserving(act: Reserving, standing: Standing) -> Decided:
    """Raises PeopleError where it cannot be."""
    match act:
        case Reserve():
            return _reserve(act, standing)
        case Post():
            return _post(act, standing)
        case Void(reservation):
            where = f"voiding of {reservation}"
            _open(standing, reservation, where)
            facts = {"policy": in_force(standing, where).hash, "reservation": reservation}
            return _back("void", reservation, standing, facts)


def expire(reservation: int, standing: Standing) -> Decided:
    """What nobody posted in time goes back, whoever it belongs to by now."""
    kept = standing.reservation(reservation)
    assert kept is not None, reservation
    assert kept.ended is None, reservation
    assert kept.until_ms <= standing.now_ms, reservation
    return _back("expire", reservation, standing, {"reservation": reservation})


def _reserve(act: Reserve, standing: Standing) -> Decided:
    where = f"reservation by {act.giver} for {act.receiver}"
    check_transferable(standing, act.asset, where)
    check_amount(act.amount, where)
    if party(standing, act.giver, where) == party(standing, act.receiver, where):
        raise refuse(f"{act.giver} would reserve it for themselves", where, "name two holders")
    last_ms, zone = standing.now_ms + RESERVED_MS_MAX, standing.policies.zone
    if not standing.now_ms < act.until_ms <= last_ms:
        is_time = 0 <= act.until_ms <= _TIME_MS_MAX
        until = local_text(act.until_ms, zone) if is_time else "at no time"
        what = f"it would end {until}, and it is {local_text(standing.now_ms, zone)} now"
        raise refuse(what, where, f"a day to come, up to {day_of(last_ms, zone)}")
    clearing = only(standing, CLEARING, where)
    moves = (Move(clearing, act.asset, act.amount), Move(act.giver, act.asset, -act.amount))
    check_moves(standing, moves, where)
    return Decided(
        "reserve",
        postings(standing, moves),
        {"policy": in_force(standing, where).hash, "until_ms": act.until_ms},
        Reservation(act.giver, act.receiver, act.asset, act.amount, act.until_ms),
    )


def _post(act: Post, standing: Standing) -> Decided:
    where = f"posting of {act.reservation}"
    kept = _open(standing, act.reservation, where)
    amount = kept.amount if act.amount is None else act.amount
    check_amount(amount, where)
    if amount > kept.amount:
        raise refuse("more than was reserved", where, "all of it, or less")
    receive = Move(kept.receiver, kept.asset, amount)
    check_moves(standing, [receive], where)
    moves = (
        receive,
        Move(kept.giver, kept.asset, kept.amount - amount),
        Move(only(standing, CLEARING, where), kept.asset, -kept.amount),
    )
    return Decided(
        "post",
        postings(standing, moves),
        {"policy": in_force(standing, where).hash, "reservation": act.reservation},
        Ended(act.reservation),
    )


def _open(standing: Standing, number: int, where: str) -> Reservation:
    kept = standing.reservation(number)
    if kept is None:
        raise refuse(f"booking {number} reserved nothing", where, "meterkast ledger reservations")
    if kept.ended is not None:
        what = f"this reservation ended with booking {kept.ended}"
        raise refuse(what, where, f"meterkast ledger why {kept.ended}")
    # What is over has expired before any act is decided.
    assert kept.until_ms > standing.now_ms, number
    return kept


def _back(kind: str, number: int, standing: Standing, facts: dict[str, object]) -> Decided:
    """All of it to the giver, also above a ceiling: it is theirs."""
    kept = standing.reservation(number)
    assert kept is not None
    clearing = only(standing, CLEARING, kind)
    moves = (Move(kept.giver, kept.asset, kept.amount), Move(clearing, kept.asset, -kept.amount))
    return Decided(kind, postings(standing, moves), facts, Ended(number))
