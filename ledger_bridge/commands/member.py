"""`meterkast member`: members, their cards and the codes on their slips."""

import re
import secrets
from datetime import date
from typing import Annotated

import cyclopts

from gateway.contract.cards import claim as claim_token
from gateway.contract.cards import plain, token
from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.registry.edits import CardGiven, CardRevoked, MemberAdded
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    day_start_ms,
    edit,
    known_member,
    read_books,
    tell,
)
from ledger_bridge.commands.leaving import erase, export, leave
from ledger_bridge.commands.members import import_, must_be_free
from ledger_bridge.hub import Hub

app = cyclopts.App(name="member", help="Members and their cards.")

app.command(import_, name="import")
app.command(leave)
app.command(export)
app.command(erase)


@app.command
def add(
    member: str,
    /,
    *,
    name: str = "",
    external_id: str = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Add a member; their account gets a random number.

    Parameters
    ----------
    member
        The member's id: 1 to 40 of a-z, 0-9 and -.
    name
        How people call them; kept apart and erasable.
    external_id
        Their number in another administration.
    """
    people = {member: (name or member, external_id)}
    edit(Hub.load(config), MemberAdded(member, secrets.token_hex(8)), people=people)
    tell(f"added {member}", {"member": member}, json=json)


@app.command
def card(
    member: str,
    number: str | None = None,
    /,
    *,
    slip: str | None = None,
    revoke: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    from_: Annotated[date | None, cyclopts.Parameter(name="--from")] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Give a member a card; deposits made with it before count from now on as well.

    Parameters
    ----------
    number
        The number as the card reader gives it. Only its keyed hash is kept.
    slip
        Instead of the number: the code on the slip of anything that was brought with this card.
    revoke
        The card is lost or given back: what is brought with it from now on counts for nobody.
    from_
        With --revoke: the first day on which it was theirs no more.
    """
    if from_ and not revoke:
        what, try_ = "a card is given for all days, and revoked from one on", "--revoke --from DATE"
        raise UsageError(Problem(what, "member card --from", try_))
    books = read_books(config)
    if slip is not None and number is None:
        token_ = _card_of(slip, books)
    elif number is not None and slip is None:
        token_ = token(number, books.hub.card_key())
    else:
        what, try_ = "no card", f"its number, or --slip {CODE_EXAMPLE}"
        raise UsageError(Problem(what, "member card", try_))
    must_be_free(token_, member, cards=books.registry.cards, where="member card")
    if revoke:
        if token_ in books.registry.revoked and not from_:
            what, try_ = "this card is revoked already", "--from DATE, if it was another day"
            raise UsageError(Problem(what, f"member card {member}", try_))
        at_ms = domain_clock().utc_ms()
        if from_:
            at_ms = day_start_ms(from_, books.policies.zone)
        edit(books.hub, CardRevoked(token_, at_ms))
        tell(f"card of {member} revoked", {"member": member}, json=json)
        return
    if token_ in books.registry.revoked:
        what = "this card was revoked: what is brought with it counts for nobody"
        raise UsageError(Problem(what, f"member card {member}", "another card"))
    edit(books.hub, CardGiven(token_, member))
    tell(f"card given to {member}", {"member": member}, json=json)


# Crockford's base 32 has no I, L, O or U.
_CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")
CODE_EXAMPLE = "K7QM-3RXA"


def _claimed(code: str, books: Reading, *, where: str) -> str:
    """What stands for the code on a slip. Raises UsageError."""
    if not _CODE.fullmatch(plain(code)):
        raise UsageError(Problem(f"{code!r} is no code", where, f"such as {CODE_EXAMPLE}"))
    return claim_token(code, books.hub.card_key())


def _card_of(slip: str, books: Reading) -> str:
    """What stands for the card that was held to the reader for this slip. Raises UsageError."""
    claim_ = _claimed(slip, books, where="member card")
    deposit = books.db.execute(
        "SELECT card FROM deposit WHERE community = ? AND claim = ?", (books.community, claim_)
    ).fetchone()
    if not deposit:
        what = "no deposit has come under this code yet"
        raise UsageError(Problem(what, f"code {slip}", "read the slip once more, or wait for it"))
    if not deposit[0]:
        what = "this deposit was made without a card"
        raise UsageError(Problem(what, f"code {slip}", f"meterkast member claim MEMBER {slip}"))
    return str(deposit[0])


@app.command
def claim(member: str, code: str, /, *, config: Config = CONFIG, json: Json = False) -> None:
    """Give a member the deposit that was kept under the code on their slip.

    Where the card it was made with is given to somebody, that card goes first.

    Parameters
    ----------
    code
        The code on the slip, such as K7QM-3RXA.
    """
    books = read_books(config)
    token_ = _claimed(code, books, where="member claim")
    owner = books.registry.cards.get(token_)
    if owner not in {None, member}:
        what = f"this code was given to {owner}"
        raise UsageError(Problem(what, f"code {code}", "read the slip once more"))
    edit(books.hub, CardGiven(token_, known_member(books.registry, member)))
    (number,) = books.db.execute(
        "SELECT count(*) FROM deposit WHERE community = ? AND claim = ?", (books.community, token_)
    ).fetchone()
    waits = "" if number else "; no deposit has come under it yet"
    outcome = {"member": member, "code": code, "deposits": number}
    tell(f"code {code} is {member}'s{waits}", outcome, json=json)
