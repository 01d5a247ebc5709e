"""`meterkast deposit`: what a steward decides about deposits."""

from typing import Annotated

import cyclopts

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.facts import deposits
from ledger_bridge.books.registry.edits import DepositDecided
from ledger_bridge.books.telling import sentences
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    Reading,
    edit,
    read_books,
    split_place,
    tell,
)

app = cyclopts.App(name="deposit", help="What a steward decides about deposits.")


@app.command
def decide(
    deposit: str,
    /,
    *,
    accept: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    void: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    reason: str,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Decide about a deposit that waits, or one that was taken back too late. The last word holds.

    Parameters
    ----------
    deposit
        GATEWAY/DEPOSIT, as `meterkast ledger held` shows it.
    accept
        It counts as it stands.
    void
        It does not count.
    reason
        What you found out; kept with the decision.
    """
    if accept == void:
        raise UsageError(Problem("no decision", "deposit decide", "either --accept or --void"))
    gateway, name = split_place(deposit, where="deposit decide", form="GATEWAY/DEPOSIT")
    books = read_books(config)
    _check(books, gateway, name, is_accepted=accept)
    edit(books.hub, DepositDecided(gateway, name, accept, reason))
    word = "accepted" if accept else "void"
    outcome = {"deposit": name, "gateway": gateway, "decided": word}
    tell(f"deposit {name} is {word}: {reason}", outcome, json=json)


def _check(books: Reading, gateway: str, name: str, *, is_accepted: bool) -> None:
    """Raises UsageError where there is nothing to decide, or nothing that would come of it."""
    row = books.db.execute(
        "SELECT verdict FROM deposit WHERE community = ? AND gateway = ? AND id = ?"
        " ORDER BY at_ms, chain, seq",
        (books.community, gateway, name),
    ).fetchone()
    where = f"deposit {name} of {gateway}"
    if row is None:
        raise UsageError(Problem("there is no such deposit", where, "meterkast ledger held"))
    needs_more = {
        deposits.NOBODY: "meterkast member claim MEMBER CODE",
        deposits.UNIT: "let an operator correct its kind at the point, or --void",
        deposits.WEIGHT: "--void",
        deposits.REVOKED: "--void; what the gateway says counts again once it is enrolled anew",
    }
    if is_accepted and row[0] in needs_more:
        sentence = sentences.DEPOSIT[row[0]][sentences.ENGLISH]
        raise UsageError(Problem(sentence, where, needs_more[row[0]]))
