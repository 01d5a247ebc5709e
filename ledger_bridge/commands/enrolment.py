"""`meterkast hub invite | enrol`: let a gateway in whose owner shows the steward four words."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract import enrolment, record
from gateway.contract.enrolment import Asked
from gateway.contract.errors import Problem, UsageError
from gateway.contract.writing import must_be_owner
from ledger_bridge.books.facts.keyring import Keyring, chains_begun
from ledger_bridge.books.registry.edits import Edit, GatewayAdmitted, GatewayRekeyed
from ledger_bridge.commands.common import CONFIG, Config, Json, Reading, edit, read_books, tell
from ledger_bridge.invitations import Invitations, must_match

DAY_MS = 24 * 3_600_000
# A code that lies about for longer is forgotten by its owner and found by somebody else.
DAYS, DAYS_MAX = 7, 31


def _now_ms() -> int:
    """Codes are people's business, so the machine's clock counts."""
    return time.time_ns() // 1_000_000


def invite(
    gateway: str,
    /,
    *,
    point: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    days: int = DAYS,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Make a code with which one gateway may ask to be admitted, once.

    Where the gateway is admitted already, the one that enrols with this code takes its place.

    Parameters
    ----------
    gateway
        Its id: 1 to 40 of a-z, 0-9 and -.
    point
        It reads members' cards: it is given the community's card key as well.
    days
        How long the code is good.
    """
    if not record.is_id(gateway):
        what = f"{gateway!r} is no id of a gateway"
        raise UsageError(Problem(what, "hub invite", "1 to 40 of a-z, 0-9 and -"))
    if not 1 <= days <= DAYS_MAX:
        what = f"a code for {days} days"
        raise UsageError(Problem(what, "--days", f"1 to {DAYS_MAX}"))
    must_be_owner(config.resolve().parent, "hub invite")
    books = read_books(config)
    expires_ms = _now_ms() + days * DAY_MS
    made = Invitations(books.hub).invite(gateway, expires_ms=expires_ms, is_point=point)
    until = datetime.fromtimestamp(expires_ms / 1000, UTC)
    place = f"{books.community}/{gateway}"
    url = books.hub.settings.enrol or ""
    command = f"sudo meterkast-gateway enrol {place}" + (f" --hub {url}" if url else "")
    lines = [f"on the gateway:  {command}", f"its code:        {made.code}"]
    lines.append(f"good once, until {until:%Y-%m-%d %H:%M} UTC")
    if gateway in books.registry.keys:
        lines.append(f"{gateway} is admitted already: who enrols with this takes its place")
    tell(
        "\n".join(lines),
        {"gateway": gateway, "code": made.code, "until": f"{until:%FT%TZ}", "command": command},
        json=json,
    )


def enrol(
    gateway: str,
    /,
    *,
    words: str = "",
    request: Path | None = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Admit a gateway that asked with a code, if it shows the four words of its request.

    Have the words read to you, or scan what the gateway shows: whoever sent another request in its
    name does not know them. A request that came over the network is answered there; of one that
    came as a file, the answer is printed, to be brought to the gateway.

    Parameters
    ----------
    gateway
        Its id.
    words
        The four words that it shows; asked for where they are not given.
    request
        The file of its request, - for what comes on standard input.
    """
    must_be_owner(config.resolve().parent, "hub enrol")
    books = read_books(config)
    invitations = Invitations(books.hub)
    data = _read(request) if request else invitations.waiting(gateway)
    asked, invitation = invitations.open(data, now_ms=_now_ms())
    if asked.said.gateway != gateway:
        what = f"this is a request of {asked.said.gateway}"
        raise UsageError(Problem(what, f"hub enrol {gateway}", f"hub enrol {asked.said.gateway}"))
    invitations.must_be_able(invitation)
    must_match(words or _ask(gateway), asked)
    edits = _edits(books, asked)
    if edits:
        edit(books.hub, *edits)
    sealed = invitations.answer(asked, invitation, books.registry)
    is_another = any(isinstance(one, GatewayRekeyed) for one in edits)
    said = f"{gateway} is admitted" + (" with another key than before" if is_another else "")
    if request and not json:
        print(sealed.decode())
        print(f"{said}; bring it this answer", file=sys.stderr)
        return
    tell(said, {"admitted": gateway, "answer": sealed.decode()}, json=json)


def _read(path: Path) -> bytes:
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(enrolment.REQUEST_BYTES_MAX + 1)
        with path.open("rb") as file:
            return file.read(enrolment.REQUEST_BYTES_MAX + 1)
    except OSError as error:
        what = f"the request cannot be read: {error.strerror}"
        raise UsageError(Problem(what, str(path), "the file that meterkast enrol made")) from error


def _ask(gateway: str) -> str:
    if not sys.stdin.isatty():
        what = "nobody says which words the gateway shows"
        raise UsageError(Problem(what, "hub enrol", '--words "… … … …"'))
    print(f"the four words that {gateway} shows: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _edits(books: Reading, asked: Asked) -> list[Edit]:
    """What makes this the gateway's key; nothing where it is already."""
    registry, said = books.registry, asked.said
    if said.gateway not in registry.keys:
        return [GatewayAdmitted(said.gateway, said.key)]
    newest = Keyring(books.db, books.community).newest(registry, said.gateway).x
    if newest == said.key and not registry.is_barred(said.gateway):
        return []
    chains = chains_begun(books.db, books.community, said.gateway)
    return [GatewayRekeyed(said.gateway, said.key, tuple(sorted(chains.items())))]
