"""Acts that move one asset: transfer, donate, retire, cancel, write off. Pure."""

from ledger_bridge.books.acts.requests import Cancel, Donate, Moved, Retire, Transfer, WriteOff
from ledger_bridge.books.acts.standing import (
    Decided,
    Move,
    Standing,
    asset_of,
    check_amount,
    check_moves,
    check_words,
    in_force,
    only,
    party,
    pool,
    postings,
    refuse,
)
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.registry.registry import CANCELLED, RETIRED


def move(act: Moved, standing: Standing) -> Decided:
    """Raises PeopleError where it cannot be."""
    match act:
        case Transfer(giver, receiver, asset, amount):
            where = f"transfer from {giver} to {receiver}"
            check_transferable(standing, asset, where)
            to = party(standing, receiver, where)
            return _between(standing, "transfer", (giver, to), (asset, amount), where)
        case Donate(giver, name, asset, amount):
            where = f"gift of {giver} to {name}"
            check_transferable(standing, asset, where)
            to = pool(standing, name, where)
            return _between(standing, "donate", (giver, to), (asset, amount), where)
        case Retire(holder, asset, amount):
            where = f"retirement by {holder}"
            to = only(standing, RETIRED, where)
            return _between(standing, "retire", (holder, to), (asset, amount), where)
        case Cancel(holder, asset, amount, reference):
            where = f"cancellation by {holder}"
            check_words(reference, where, '--reference "the book of zonstraat, number 12"')
            check_transferable(standing, asset, where)
            to = only(standing, CANCELLED, where)
            return _between(standing, "cancel", (holder, to), (asset, amount), where)
        case WriteOff():
            return _write_off(act, standing)


def _write_off(act: WriteOff, standing: Standing) -> Decided:
    """All that a member owes, as it stands now."""
    where = f"write-off for {act.member}"
    check_words(act.reason, where, '--reason "moved away, no address"')
    asset = asset_of(standing, act.asset, where)
    account = standing.registry.accounts.get(act.member)
    if account is None:
        raise refuse(f"no member {act.member!r}", where, "meterkast ledger balance")
    owed = -standing.balance(account, act.asset)
    if owed <= 0:
        has = f"{act.member} has {amount_text(-owed, asset.scale)} {act.asset}"
        raise refuse(f"{has} and owes nothing", where, "write off what a member owes")
    giver = pool(standing, act.pool, where)
    return _between(standing, "write-off", (giver, act.member), (act.asset, owed), where)


def check_transferable(standing: Standing, code: str, where: str) -> None:
    if not asset_of(standing, code, where).transferable:
        raise refuse(f"{code} is not transferable", where, "see the policy")


def _between(
    standing: Standing, kind: str, parties: tuple[str, str], what: tuple[str, int], where: str
) -> Decided:
    """So much of an asset from the first of two parties to the second."""
    (giver, receiver), (asset, amount) = parties, what
    check_amount(amount, where)
    if party(standing, giver, where) == receiver:
        raise refuse(f"{giver} would give it to themselves", where, "name two holders")
    moves = (Move(receiver, asset, amount), Move(giver, asset, -amount))
    check_moves(standing, moves, where)
    return Decided(kind, postings(standing, moves), {"policy": in_force(standing, where).hash})
