"""`meterkast enrol`: the gateway's keys, made where they are used, and its way into a community."""

import json as texts
import sys
from pathlib import Path
from typing import Annotated

import segno
from cyclopts import Parameter

from gateway import config as files
from gateway import joining, ownkey
from gateway.contract import enrolment, record
from gateway.contract.clock import domain_clock
from gateway.contract.enrolment import ANSWER_BYTES_MAX, Answer
from gateway.contract.errors import Problem, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.writing import must_be_owner
from gateway.joining import Pending, Place


def enrol(
    place: str = "",
    /,
    *,
    hub: str = "",
    answer: Path | None = None,
    rotate: Annotated[bool, Parameter(negative="")] = False,
    config: Annotated[Path, Parameter(name="--config")] = Path("gateway.toml"),
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Join a community, with the code that a steward gave you (asked for on standard input).

    The keys are made here. Read the four words to the steward, or let the QR code be scanned: they
    stand for this very request. With --hub the rest goes by itself; without, bring the file that is
    named to the steward, and what comes back to --answer.

    Without a place: make this gateway's key, and print its public half for a hub on this machine.

    Parameters
    ----------
    place
        COMMUNITY/GATEWAY, as the steward's invitation says.
    hub
        The hub's address, as the invitation says: https://hub.example.nl
    answer
        The file that came back from the steward; - for standard input after the code's line.
    rotate
        A new signing key in place of the one there is; the old one tells the hub. Stop the gateway
        first.
    config
        The gateway's settings.
    json
        JSON on stdout.
    """
    must_be_owner(config.resolve().parent, "enrol")
    if not place:
        _print_key(config, rotate=rotate)
        return 0
    if rotate or (hub and answer):
        what = "two things at once"
        raise UsageError(Problem(what, "enrol", "one of --rotate, --hub and --answer"))
    where = _place(place)
    desk = joining.desk(hub) if hub else ""
    code, clock = _code(), domain_clock()
    if answer:
        sealed = _read(answer)
        pending = joining.waiting(config, where, code, clock=clock)
    else:
        pending = joining.begin(config, where, code, clock=clock)
        if not hub:
            _keep_and_show(pending, json=json)
            _say(f"bring the steward {pending.request}, then the same command with --answer FILE")
            return 0
        sealed = joining.ask(pending, desk, taken=lambda: _keep_and_show(pending, json=json))
    said = joining.take(pending, sealed, code)
    joining.settle(config, pending, said)
    _tell(said, json=json)
    return 0


def _print_key(config: Path, *, rotate: bool) -> None:
    settings = files.load(config)
    if not settings.key.exists():
        key = SigningKey.create(settings.key)
    elif rotate:
        key = ownkey.rotate(settings, clock=domain_clock())
    else:
        key = ownkey.load(settings, clock=domain_clock())
    print(key.public.x)


def _place(text: str) -> Place:
    community, slash, gateway = text.partition("/")
    if not slash or not record.is_id(community) or not record.is_id(gateway):
        what = f"{text!r} is not where a gateway can be"
        raise UsageError(Problem(what, "enrol", "COMMUNITY/GATEWAY, as the invitation says"))
    return Place(community, gateway)


def _code() -> str:
    """The code, from a person or a pipe: on the command line everybody could read it."""
    if sys.stdin.isatty():
        print("code: ", end="", file=sys.stderr, flush=True)
    try:
        return enrolment.read_code(sys.stdin.readline())
    except ValueError as error:  # also what is no text
        what = f"a code has {enrolment.CODE_CHARS} letters and digits"
        try_ = "as the invitation says, such as 24ME-1TX4-WV9F-BVCA"
        raise UsageError(Problem(what, "the code on standard input", try_)) from error


def _read(path: Path) -> bytes:
    try:
        if str(path) == "-":
            return sys.stdin.buffer.read(ANSWER_BYTES_MAX + 1)
        with path.open("rb") as file:
            return file.read(ANSWER_BYTES_MAX + 1)
    except OSError as error:
        what = f"the answer cannot be read: {error.strerror}"
        raise UsageError(Problem(what, str(path), "the file that came back")) from error


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _keep_and_show(pending: Pending, *, json: bool) -> None:
    """The four words, and a picture of them for whoever scans."""
    joining.keep(pending)
    words = enrolment.words(pending.asked.document)
    if json:
        said = {"words": words, "request": str(pending.request)}
        print(texts.dumps(said), flush=True)
        return
    segno.make_qr(enrolment.line(pending.asked)).terminal(sys.stderr, compact=True)
    print(" ".join(words), flush=True)


def _tell(said: Answer, *, json: bool) -> None:
    if json:
        print(texts.dumps({"community": said.community, "gateway": said.gateway}))
        return
    print(f"{said.gateway} is one of {said.community}; a gateway that runs goes on so by itself")
    if said.card_key:
        keys = ", ".join(f'"{key}"' for key in said.stewards)
        print(f'under [kiosk]:\n  card_key = "{joining.CARDS}"\n  stewards = [{keys}]')
