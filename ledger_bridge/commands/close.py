"""`meterkast ledger close` and `prune`: end a month, and let go of what is long over."""

from datetime import date, timedelta
from typing import Annotated

import cyclopts

from gateway.contract.errors import PeopleError, Problem, UsageError
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.closing.close import Got, sums
from ledger_bridge.books.closing.closed import days_of
from ledger_bridge.books.policy.assets import amount_text
from ledger_bridge.books.registry.edits import EvidencePruned
from ledger_bridge.books.telling.attested import held_attestations
from ledger_bridge.books.telling.held import held_meters
from ledger_bridge.books.telling.recycling import held_corrections, held_deposits, held_records
from ledger_bridge.commands import acts
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    edit,
    known_day,
    read_books,
    tell,
)
from ledger_bridge.gaps import gaps
from ledger_bridge.hub import Hub


def close(
    period: str,
    /,
    *,
    anyway: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Close a month: what is settled now is its reckoning, and later evidence is linked to it.

    Parameters
    ----------
    period
        The month, such as 2026-06, or a day of it. Everything before it is closed by then.
    anyway
        Close although records are missing or something waits for a steward.
    """
    try:
        known_day(date.fromisoformat(days_of(period)[0]))
    except ValueError as error:
        raise UsageError(Problem(str(error), "ledger close", "such as 2026-06")) from error
    if not anyway:
        _nothing_waits(read_books(config), period)
    booking = acts.ask(Hub.load(config), Close(period), f"close {period}")
    books = read_books(config)
    posted = {
        asset: amount_text(amount, books.policies.asset(asset).scale)
        for asset, amount in _posted(books, period).items()
    }
    amounts = ", ".join(f"{amount} {asset}" for asset, amount in posted.items()) or "nothing"
    sentence = f"{period} is closed, booking {booking}; posted for it: {amounts}"
    outcome = {"period": period, "booking": booking, "posted": posted}
    tell(sentence, outcome, json=json)


def prune(
    *,
    until: date,
    confirm: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Let evidence go whose months are sealed: records and attestations, but for their digests.

    Parameters
    ----------
    until
        The last day whose evidence goes. Of days that claims over weeks still need it stays.
    confirm
        Yes: nobody can bring it back, and nobody can reckon those months anew.
    """
    day = known_day(until)
    if not confirm:
        what = f"nobody can bring back the evidence up to {day}"
        raise UsageError(Problem(what, "ledger prune", "keep a backup, then --confirm"))
    edit(Hub.load(config), EvidencePruned(day))
    tell(f"evidence up to {day} is let go", {"until": day}, json=json)


def _nothing_waits(books: Reading, period: str) -> None:
    """Raises PeopleError with what is missing, and what waits for somebody."""
    db, community = books.db, books.community
    try_ = f"wait for it, or: meterkast ledger close {period} --anyway"
    problems = [
        Problem(
            f"records {gap.first} to {gap.last} are missing", f"{gap.gateway}/{gap.chain}", try_
        )
        for gap in gaps(db, community)
    ]
    problems += [
        Problem(f"{late} was not heard since {day}, whose energy it shares", f"rule {rule}", try_)
        for rule, day, late in db.execute(
            "SELECT rule, day, waits_for FROM unshared"
            " WHERE community = ? AND day <= ? AND waits_for != '' ORDER BY day, rule",
            (community, days_of(period)[1]),
        )
    ]
    held = [
        *held_deposits(db, community, policies=books.policies),
        *held_corrections(db, community),
        *held_records(db, community),
        *held_meters(db, community),
        *held_attestations(db, community),
    ]
    if held:
        try_ = f"meterkast ledger held, or: meterkast ledger close {period} --anyway"
        waits = "1 thing waits" if len(held) == 1 else f"{len(held)} things wait"
        problems.append(Problem(f"{waits} for a steward", f"close {period}", try_))
    if problems:
        raise PeopleError(*problems)


def _posted(books: Reading, period: str) -> dict[str, int]:
    """Per asset what the claims got that ended in the period."""
    got = books.db.execute(
        "SELECT period, asset, due FROM claim WHERE community = ?", (books.community,)
    )
    first, last = days_of(period)
    before = (date.fromisoformat(first) - timedelta(days=1)).isoformat()
    return sums((Got(*row) for row in got), after=before, last=last)
