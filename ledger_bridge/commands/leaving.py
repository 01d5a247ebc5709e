"""`meterkast member leave`, `export` and `erase`: when somebody goes."""

import os
import zipfile
from datetime import date
from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract.clock import domain_clock
from gateway.contract.errors import ConfigError, Problem, UsageError
from ledger_bridge.books.calendar import bounds_ms
from ledger_bridge.books.registry.edits import MemberErased, MemberLeft
from ledger_bridge.books.telling.about import about
from ledger_bridge.commands.common import (
    CONFIG,
    Config,
    Json,
    edit,
    known_day,
    known_member,
    read_books,
    tell,
)


def leave(
    member: str,
    /,
    *,
    from_: Annotated[date, cyclopts.Parameter(name="--from")],
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """A member leaves: from that day on nothing that is measured or brought counts for them.

    What counts until then still does, also where it comes later.

    Parameters
    ----------
    from_
        The first day on which they are no member any more.
    """
    books = read_books(config)
    day = known_day(from_)
    at_ms = bounds_ms(day, books.policies.zone)[0]
    edit(books.hub, MemberLeft(known_member(books.registry, member), at_ms))
    sentence = f"{member} is no member from {day} on; next: bring their account to zero"
    tell(sentence, {"member": member, "from": day}, json=json)


def export(member: str, /, *, out: Path, config: Config = CONFIG, json: Json = False) -> None:
    """Everything that the books have about a member, in one ZIP file to give to them.

    Parameters
    ----------
    out
        The file to write; one that is there is not overwritten.
    """
    books = read_books(config)
    known_member(books.registry, member)
    try:
        # For its reader's eyes alone: whoever else has an account on this machine reads nothing.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as stream,
            zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            names = []
            for file in about(
                books.db,
                member,
                registry=books.registry,
                policies=books.policies,
                now_ms=domain_clock().utc_ms(),
            ):
                archive.writestr(file.name, file.data)
                names.append(file.name)
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise ConfigError(Problem(what, str(out), "--out, another file")) from error
    tell(
        f"{len(names)} files about {member} in {out}", {"out": str(out), "files": names}, json=json
    )


def erase(
    member: str,
    /,
    *,
    confirm: Annotated[str, cyclopts.Parameter(name="--confirm")] = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Erase all that leads to a member who has left; their account must hold nothing.

    Name, number elsewhere, cards, meters and their evidence go; what was booked stays under the
    random number of their account, and what others have can be proven as before.

    Parameters
    ----------
    confirm
        The member's id once more: nobody can bring back what is erased.
    """
    books = read_books(config)
    known_member(books.registry, member)
    if confirm != member:
        what = f"nobody can bring back what is erased of {member}"
        try_ = f"meterkast member export {member} --out FILE, then erase with --confirm {member}"
        raise UsageError(Problem(what, f"member erase {member}", try_))
    edit(books.hub, MemberErased(member))
    tell(f"{member} is erased", {"member": member}, json=json)
