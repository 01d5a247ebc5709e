"""The part of `verify` that is about closing: what a close lists and seals is what was so."""

from typing import Any

import msgspec

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close, read
from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.closing import close, kept
from ledger_bridge.books.closing.close import Got
from ledger_bridge.books.closing.sealed import Sealed, frozen, is_too_old, sealed_by
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
    """What the leaf of a seal says: of a month, or of a member with all that is erased."""

    claims: int
    digest: str
    up_to: str = ""
    member: str = ""
    kept: dict[str, str] = {}
    leaves: tuple[int, ...] = ()
    edits: tuple[tuple[int, int], ...] = ()
    papers: tuple[int, ...] = ()
    records: tuple[tuple[str, str, int, int], ...] = ()
    gateways: tuple[str, ...] = ()


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
    up_to = sealed_by(last)
    if is_too_old(up_to, moment.sealed, moment.policies):
        new = _new(moment, Sealed(up_to, moment.sealed.members))
        moment.sealing.append({"up_to": up_to, "member": "", **frozen(new)})


def erased(moment: Moment, member: str, where: str) -> None:
    """A steward's word that a member is to be erased: their account is closed at zero, their months
    are, and the next leaf says what is sealed and erased.
    """
    registry = moment.registry
    if day_of(registry.left[member] - 1, moment.policies.zone) > moment.closed_until:
        raise Differs(f"{member} is erased, and their last day is not closed", where)
    account = registry.accounts[member]
    for (holder, asset), amount in moment.balances.items():
        if holder == account and amount:
            raise Differs(f"{member} is erased with {amount} {asset}", where)
    new = _new(moment, Sealed(moment.sealed.up_to, moment.sealed.members | {member}))
    moment.sealing.append({"up_to": "", "member": member, **frozen(new)})


def pruned(moment: Moment, until: str, where: str) -> None:
    """A steward's word that evidence of sealed days is not kept: the next leaf says which."""
    if not until or until > moment.sealed.up_to:
        raise Differs(f"evidence up to {until} is not kept, sealed is {moment.sealed.up_to}", where)
    moment.sealing.append({"up_to": "", "member": "", **frozen(())})


def _new(moment: Moment, after: Sealed) -> list[tuple[tuple[str, str, str], int]]:
    """The claims that such a seal freezes and the one before it does not."""
    return [
        (claim, due)
        for claim, (_, due) in moment.posted.items()
        if due and after.holds(claim) and not moment.sealed.holds(claim)
    ]


def seal(moment: Moment, leaf: Leaf) -> None:
    """A seal stands where a close or an edit made it, over what was posted by then."""
    said = _seal.decode(leaf.body)
    found = {key: getattr(said, key) for key in ("up_to", "member", "claims", "digest")}
    expected = moment.sealing.pop(0) if moment.sealing else None
    if expected != found:
        raise Differs(f"it seals {found}, before it was asked {expected}", f"leaf {leaf.idx}")
    before = moment.sealed
    if said.up_to or said.member:
        moment.seals.add((leaf.idx, said.up_to, said.member))
        members = before.members | {said.member} if said.member else before.members
        moment.sealed = Sealed(said.up_to or before.up_to, members)
    gone = moment.gone.said
    for what in ("leaves", "edits", "papers", "gateways"):
        gone[what].update(getattr(said, what))
    for gateway, chain, first, last in said.records:
        gone["records"].update((gateway, chain, seq) for seq in range(first, last + 1))
    gone["kept"].update((said.member, *month) for month in said.kept.items())


def nothing_waits(moment: Moment, where: str) -> None:
    """Raises Differs where something was sealed and no leaf says so."""
    if moment.sealing:
        raise Differs(f"sealed is {moment.sealing[0]}, and the log does not say so", where)


def end(moment: Moment) -> None:
    """Every seal is stored, and erased is just what the log says."""
    look = moment.look
    nothing_waits(moment, f"leaf {look.leaves}")
    look.sealed = moment.sealed
    stored = set(look.rows("SELECT leaf, up_to, member FROM seal WHERE community = ?"))
    _compare("seal", stored, moment.seals)
    found, said = moment.gone.found, moment.gone.said
    found["records"] = look.erased_records
    found["kept"] = _kept(moment)
    said["kept"] = {one for one in said["kept"] if one[1] > moment.sealed.up_to[:7]}
    for what in ("leaves", "edits", "papers", "records", "kept"):
        _compare(f"erased {what}", found[what], said[what])
    if odd := look.erased_forks - said["gateways"]:
        raise Differs("the proof of a fork is erased", f"fork {min(odd)}")
    for (member,) in look.rows("SELECT member FROM person WHERE community = ?"):
        if member in moment.sealed.members:
            raise Differs("they are erased, and their name is here", f"person {member}")


def _kept(moment: Moment) -> set[tuple[str, str, str]]:
    look = moment.look
    return {
        (member, *month)
        for (member,) in look.rows("SELECT DISTINCT member FROM kept WHERE community = ?")
        for month in kept.digests(look.db, look.community, member).items()
    }


def _compare(name: str, stored: set[Any], expected: set[Any]) -> None:
    for row in sorted(stored ^ expected):
        what = "the log does not say so" if row in stored else "the log says so"
        shown = " ".join(map(str, row)) if isinstance(row, tuple) else str(row)
        raise Differs(what, f"{name} {shown}".rstrip())
