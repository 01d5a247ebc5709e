"""What an act comes to: a pure function of what is asked and of how things stand."""

from ledger_bridge.books.acts.exchanging import exchange
from ledger_bridge.books.acts.moving import move
from ledger_bridge.books.acts.requests import Decidable, Exchange, Moved, Reserving, Reverse
from ledger_bridge.books.acts.reserving import reserving
from ledger_bridge.books.acts.reversing import reverse
from ledger_bridge.books.acts.standing import Decided, Standing


def decide(act: Decidable, standing: Standing) -> Decided:
    """Its postings and what the log says of it. Raises PeopleError where it cannot be."""
    if isinstance(act, Exchange):
        return exchange(act, standing)
    if isinstance(act, Reverse):
        return reverse(act, standing)
    if isinstance(act, Reserving):
        return reserving(act, standing)
    assert isinstance(act, Moved)
    return move(act, standing)
