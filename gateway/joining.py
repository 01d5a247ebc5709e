"""Joining a community: this gateway's request, how it gets to the hub, and what the answer changes.

Both keys are made here and stay here. Until the answer comes, the request and its TLS key wait in
the folder `enrolment` beside the signing key, so that asking twice is the same request.
"""

import json
import shutil
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import tomlkit
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import config as files
from gateway import ownkey
from gateway.config import Config
from gateway.contract import enrolment
from gateway.contract.clock import Clock
from gateway.contract.enrolment import Answer, Asked
from gateway.contract.errors import PeopleError, Problem, Unreachable, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed
from gateway.contract.tls import UNREADABLE, new_key, pem_of
from gateway.contract.writing import Planned, write
from gateway.tools import blocks

CA, OWN, CARDS = "ca.crt", "tls.pem", "card.key"

# A steward who is called meanwhile takes some minutes.
WAIT_S = 900.0
ASK_AGAIN_S = 3.0
HTTP_S = 20.0
# What a hub says against a request is a few lines.
REFUSAL_BYTES_MAX = 4 * 1024
REFUSAL_CHARS_MAX = 200


class Place(NamedTuple):
    """Where this gateway is invited to."""

    community: str
    gateway: str

    def __str__(self) -> str:
        return f"{self.community}/{self.gateway}"


class Pending(NamedTuple):
    """A request that is not answered yet, its three lines, and the TLS key that it is for."""

    asked: Asked
    request: Path
    key: ec.EllipticCurvePrivateKey


def begin(path: Path, place: Place, code: str, *, clock: Clock) -> Pending:
    """The request of the gateway with these settings; the one that waits already, if it is the
    same. Raises PeopleError.
    """
    config = files.load(path)
    if config.community not in {None, place.community}:
        what = f"this gateway is of {config.community}"
        try_ = "for another community: another folder, with settings of its own"
        raise UsageError(Problem(what, f"{path}: community", try_))
    key = _signing_key(config, clock)
    folder = config.key.parent / "enrolment"
    request, tls_key = folder / "request", folder / "tls.key"
    if pending := _waiting(request, tls_key, place, key, code):
        return pending
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = new_key()
    said = enrolment.Request(
        community=place.community,
        gateway=place.gateway,
        key=key.public.x,
        csr=enrolment.request_certificate(own, place.gateway),
    )
    data = enrolment.make(said, key=key, code=code)
    write([Planned(tls_key, pem_of(own), 0o600), Planned(request, data.decode() + "\n")])
    return Pending(enrolment.read(data), request, own)


def _signing_key(config: Config, clock: Clock) -> SigningKey:
    if config.key.exists():
        return ownkey.load(config, clock=clock)
    return SigningKey.create(config.key)


def _waiting(
    request: Path, tls_key: Path, place: Place, key: SigningKey, code: str
) -> Pending | None:
    """The request that waits already; None where there is none, or another one is wanted."""
    try:
        asked = enrolment.read(request.read_bytes())
        own = serialization.load_pem_private_key(tls_key.read_bytes(), None)
    except (OSError, *UNREADABLE):
        return None
    said = asked.said
    is_same = (said.community, said.gateway, said.key) == (*place, key.public.x)
    if not is_same or not enrolment.knows(asked, code):
        return None
    if not isinstance(own, ec.EllipticCurvePrivateKey):
        return None
    if enrolment.requested(said.csr, said.gateway) != own.public_key():
        return None
    return Pending(asked, request, own)


def must_be_hub(url: str) -> None:
    """Raises UsageError where this is no address that a hub can have."""
    if not url.startswith(("https://", "http://")):
        what = f"{url!r} is no address of a hub"
        raise UsageError(Problem(what, "--hub", "--hub https://hub.example.nl"))


def ask(pending: Pending, hub: str, *, tell: Callable[[str], None]) -> bytes:
    """Bring the request to a hub, and wait for the answer, sealed. Raises PeopleError.

    One that goes away meanwhile is asked again.
    """
    deadline_s = time.monotonic() + WAIT_S
    url = hub.rstrip("/") + enrolment.PATH
    sealed = _post(url, pending)
    if sealed is None:
        tell("the hub has the request; now a steward compares the words")
    while sealed is None:
        if time.monotonic() >= deadline_s:
            what = f"no steward has admitted this gateway within {WAIT_S / 60:.0f} minutes"
            raise Unreachable(Problem(what, url, "the same command again, with the same code"))
        time.sleep(ASK_AGAIN_S)
        try:
            sealed = _post(url, pending)
        except Unreachable:
            continue
    return sealed


def _post(url: str, pending: Pending) -> bytes | None:
    """The sealed answer, None while there is none. Raises Unreachable, PeopleError."""
    request = Request(url, data=pending.request.read_bytes(), method="POST")  # noqa: S310 - http
    try:
        with urlopen(request, timeout=HTTP_S) as answered:  # noqa: S310 - http or https
            sealed: bytes = answered.read(enrolment.ANSWER_BYTES_MAX + 1)
            return sealed if answered.status == 200 else None
    except HTTPError as error:
        raise _refusal(error, url) from error
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        what = f"the hub does not answer: {reason}"
        raise Unreachable(Problem(what, url, "see the address, and the network here")) from error


def _refusal(error: HTTPError, url: str) -> PeopleError:
    """What a hub said against a request; whoever it is, it says it in a few printable words."""
    try:
        said = json.loads(error.read(REFUSAL_BYTES_MAX))
        parts = [str(said[name])[:REFUSAL_CHARS_MAX] for name in Problem._fields]
    except (ValueError, KeyError, TypeError, OSError):
        what = f"the hub took no request: HTTP {error.code}"
        return Unreachable(Problem(what, url, "ask the co-op whether gateways enrol there"))
    return PeopleError(Problem(*("".join(filter(str.isprintable, part)) for part in parts)))


def take(pending: Pending, sealed: bytes, code: str) -> Answer:
    """The hub's answer to this request. Raises UsageError."""
    said = pending.asked.said
    try:
        answer = enrolment.unseal(sealed, pending.asked.document, code=code)
    except Malformed as error:
        try_ = "the answer to this very request, and the code that it was made with"
        raise UsageError(Problem(str(error), str(pending.request), try_)) from error
    if (answer.community, answer.gateway) != (said.community, said.gateway):
        what = f"this is an answer to {answer.community}/{answer.gateway}"
        raise UsageError(Problem(what, str(pending.request), "its own answer"))
    return answer


def settle(path: Path, pending: Pending, answer: Answer) -> None:
    """Put what the answer gives in its places, and then the settings. Raises PeopleError."""
    base = path.resolve().parent
    config = files.load(path)
    kept = []
    if answer.certificate:
        own = Planned(base / OWN, pem_of(pending.key) + answer.certificate, 0o600)
        kept += [Planned(base / CA, answer.ca), own]
    if answer.card_key:
        cards = config.kiosk.card_key if config.kiosk else base / CARDS
        kept.append(Planned(cards, answer.card_key + "\n", 0o600))
    write(kept)
    blocks.replace(path, _settings(path.read_bytes().decode(), answer))
    shutil.rmtree(pending.request.parent)


def _settings(text: str, answer: Answer) -> str:
    """gateway.toml as it was, with the community in it."""
    document = tomlkit.parse(text)
    for name in ("community", "gateway", "bridge_key", "broker"):
        document[name] = getattr(answer, name)
    if answer.certificate:
        table = tomlkit.inline_table()
        table.update({"ca": CA, "certificate": OWN, "key": OWN})
        document["broker_tls"] = table
    else:
        document.pop("broker_tls", None)
    return tomlkit.dumps(document)
