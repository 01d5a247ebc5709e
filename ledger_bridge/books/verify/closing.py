"""The part of `verify` that is about closing: what a close lists and seals is what was so."""

from typing import Any

import msgspec

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close, read
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.closing import close
from ledger_bridge.books.closing.close import Got
from ledger_bridge.books.closing.sealed import Sealed, frozen, sealed_by
from ledger_bridge.books.verify.leaves import Leaf
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.books.verify.moment import Booking, Moment


class _Closed(msgspec.Struct):
    """What the leaf of a close says beside what every act's says; the first ones listed less."""

    request: str
    period: str
    paper: int | None = None
    sums: dict[str, int] | None = None


class _SealSaid(msgspec.Struct):
    """What the leaf of a seal says."""

    claims: int
    digest: str
    up_to: str = ""
    member: str = ""


_closed = msgspec.json.Decoder(_Closed)
_seal = msgspec.json.Decoder(_SealSaid)


def closed(moment: Moment, booking: Booking, leaf: Leaf) -> None:
    """A steward's close, in its turn: it lists what was so, and what it seals comes next."""
    where = f"booking {booking.seq}"
    said = _closed.decode(leaf.body)
    asked = read(said.request.encode(), moment.registry).act
    if not isinstance(asked, Close) or asked.period != said.period:
        raise Differs(f"it closes {said.period}, asked was {asked}", where)
    got = [Got(period, *posted) for (_, _, period), posted in moment.posted.items()]
    try:
        last = close.check(
            said.period,
            today=day_of(booking.booked_ms, moment.policies.zone),
            closed_until=moment.closed_until,
            periods=[one.period for one in got if one.due],
            dirty=(),
        )
    except PeopleError as error:
        raise Differs(error.problems[0].what, where) from error
    sums = close.sums(got, after=moment.closed_until, last=last)
    if said.sums not in (None, sums):
        raise Differs(f"posted was {sums}, the log says {said.sums}", where)
    if said.paper not in (None, moment.paper):
        raise Differs(f"paper {moment.paper} was the last, the log says {said.paper}", where)
    moment.closed.add((said.period, booking.seq))
    moment.closed_until = last
    moment.sealing = _sealed_with(moment)


def _sealed_with(moment: Moment) -> dict[str, Any] | None:
    """What the leaf after this close must say is sealed; None where nothing is."""
    before = moment.sealed
    after = Sealed(sealed_by(moment.closed_until), before.members)
    new = [
        (claim, due)
        for claim, (_, due) in moment.posted.items()
        if due and after.holds(claim) and not before.holds(claim)
    ]
    return {"up_to": after.up_to, **frozen(new)} if new else None


def seal(moment: Moment, leaf: Leaf) -> None:
    """A seal stands where a close made it, over what was posted by then."""
    said = _seal.decode(leaf.body)
    found = {"up_to": said.up_to, "claims": said.claims, "digest": said.digest}
    if moment.sealing != found:
        raise Differs(f"it seals {found}, the close before it {moment.sealing}", f"leaf {leaf.idx}")
    moment.sealing = None
    moment.sealed = Sealed(said.up_to, moment.sealed.members)
    moment.seals.add((leaf.idx, said.up_to, said.member))


def nothing_waits(moment: Moment, where: str) -> None:
    """Raises Differs where a close sealed something and no leaf says so."""
    if moment.sealing is not None:
        raise Differs(
            f"the close before it sealed {moment.sealing}, the log does not say so", where
        )


def end(moment: Moment) -> None:
    """Every seal is stored, and nothing is stored as sealed that the log does not say is."""
    nothing_waits(moment, f"leaf {moment.look.leaves}")
    stored = set(moment.look.rows("SELECT leaf, up_to, member FROM seal WHERE community = ?"))
    for row in sorted(stored ^ moment.seals):
        what = "the log does not say so" if row in stored else "the log says so"
        raise Differs(what, f"seal {' '.join(map(str, row))}".rstrip())
