"""The mirror of an act, once. What has come of the credit since is not undone with it. Pure."""

from ledger_bridge.books.acts.requests import Reverse
from ledger_bridge.books.acts.standing import (
    Decided,
    Move,
    Standing,
    Undone,
    check_moves,
    check_words,
    in_force,
    postings,
    refuse,
)

# A reservation is voided; what is retired is so for good; a closed period stays closed.
REVERSIBLE = ("transfer", "donate", "exchange", "cancel", "write-off")


def reverse(act: Reverse, standing: Standing) -> Decided:
    """Raises PeopleError where it cannot be."""
    where = f"reversal of {act.booking}"
    check_words(act.reason, where, '--reason "meant for somebody else"')
    done = standing.done(act.booking)
    if done is None:
        raise refuse(f"booking {act.booking} is no act", where, "meterkast ledger statement")
    if done.kind not in REVERSIBLE:
        what = f"booking {act.booking} is of kind {done.kind} and stays"
        raise refuse(what, where, f"reversible: {', '.join(REVERSIBLE)}")
    if done.undone is not None:
        what = f"it was reversed by booking {done.undone}"
        raise refuse(what, where, "do it anew where that was a mistake")
    moves = []
    for account, asset, amount in done.postings:
        holder = standing.registry.holder_of(account)
        assert holder is not None, f"account {account} is nobody's"
        moves.append(Move(holder, asset, -amount))
    check_moves(standing, moves, where)
    facts = {"policy": in_force(standing, where).hash, "reverses": act.booking}
    return Decided("reverse", postings(standing, moves), facts, Undone(act.booking))
