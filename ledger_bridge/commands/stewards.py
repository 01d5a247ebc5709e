"""`meterkast hub stewards`: who decides for the community, and how many of them together."""

from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract import signed
from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books.registry import stewards as papers
from ledger_bridge.books.registry.edits import StewardsNamed
from ledger_bridge.books.registry.fold import apply
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.registry.stewards import Term
from ledger_bridge.commands.common import CONFIG, Config, Json, edit, read_books, show, tell
from ledger_bridge.commands.papers import going_round, must_be_enough, send_round

PAPER = Path("stewards.signed")


def stewards(
    *keys: str,
    asked: Annotated[int | None, cyclopts.Parameter(name="--asked")] = None,
    paper: Annotated[Path | None, cyclopts.Parameter(name="--paper")] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Name all stewards anew, signed by as many as had to before; without keys, say who they are.

    Where one signature is enough it counts at once. Else a paper is made, stewards.signed, that the
    others sign with `policy sign`; then --paper hands it in.

    Parameters
    ----------
    keys
        What `policy key` printed on each steward's machine; those who stay are named again.
    asked
        How many of them must sign a policy, or the next such paper.
    paper
        The paper that went round.
    """
    books = read_books(config)
    registry, own = books.registry, books.hub.key("steward")
    if paper:
        data = signed.add(
            going_round(paper, papers.read, made_by="meterkast hub stewards KEY…"), key=own
        )
    elif keys and asked is not None:
        data = papers.make(Term(books.community, registry.terms + 1, keys, asked), key=own)
        if registry.asked > 1:
            data = send_round(PAPER, data, key=own)
    elif keys or asked is not None:
        try_ = "meterkast hub stewards KEY KEY KEY --asked 2"
        raise UsageError(Problem("name all stewards, and how many must sign", "stewards", try_))
    else:
        _show(registry, own.public.x, json=json)
        return
    must_be_enough(data, books, paper or PAPER)
    named = StewardsNamed(data.decode())
    edit(books.hub, named)
    after = apply(registry, [named])
    told = {"stewards": list(after.stewards), "asked": after.asked}
    tell(f"{after.asked} of {len(after.stewards)} stewards sign from now on", told, json=json)


def _show(registry: Registry, own: str, *, json: bool) -> None:
    if json:
        show({"stewards": list(registry.stewards), "asked": registry.asked})
        return
    for x in registry.stewards:
        print(f"{x}  {'the key of this hub' if x == own else ''}".rstrip())
    print(f"{registry.asked} of {len(registry.stewards)} must sign a policy")
