"""Joining a community: this gateway's request, how it gets to the hub, and what the answer changes.

Both keys are made here and stay here. Until the answer comes, the request and its TLS key wait in
the folder `enrolment` beside the signing key, so that asking twice is the same request.
"""

import shutil
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec
import tomlkit
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import config as files
from gateway import ownkey
from gateway.config import Config
from gateway.contract import enrolment, trouble
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

# What is the matter with a hub's certificate, by X509_verify_cert_error_string(3), and what to try.
_CLOCK = "set the clock here (timedatectl); where it is right, tell the co-op"
_CERTIFICATE = {
    9: ("its certificate is not valid yet; the clock here says {now:%Y-%m-%d %H:%M} UTC", _CLOCK),
    10: ("its certificate is over; the clock here says {now:%Y-%m-%d %H:%M} UTC", _CLOCK),
    62: ("its certificate is for another name than {host}", "see the address"),
    64: ("its certificate is for another address than {host}", "see the address"),
}
_STRANGE = (
    "nobody that this machine trusts signed its certificate",
    "see the address; somebody may answer in the place of the hub",
)


class Place(NamedTuple):
    """Where this gateway is invited to."""

    community: str
    gateway: str

    def __str__(self) -> str:
        return f"{self.community}/{self.gateway}"


class Pending(NamedTuple):
    """A request that is not answered yet: its three lines, where they lie, and the TLS key that it
    is for.
    """

    asked: Asked
    data: bytes
    request: Path
    key: ec.EllipticCurvePrivateKey


def begin(path: Path, place: Place, code: str, *, clock: Clock) -> Pending:
    """The request of the gateway with these settings: the one that waits already, if it is the
    same, else a new one that is not kept yet. Raises PeopleError.
    """
    config = _config(path, place)
    key = _signing_key(config, clock)
    request = _request(config)
    if pending := _waiting(request, place, key, code):
        return pending
    own = new_key()
    said = enrolment.Request(
        community=place.community,
        gateway=place.gateway,
        key=key.public.x,
        csr=enrolment.request_certificate(own, place.gateway),
    )
    data = enrolment.make(said, key=key, code=code) + b"\n"
    return Pending(enrolment.read(data), data, request, own)


def waiting(path: Path, place: Place, code: str, *, clock: Clock) -> Pending:
    """The request that waits for its answer, as it was made with this code. Raises PeopleError."""
    config = _config(path, place)
    request = _request(config)
    key = ownkey.load(config, clock=clock) if request.exists() else None
    pending = _waiting(request, place, key, code) if key else None
    if pending is None:
        what = "no request waits here that was made with this code"
        try_ = f"the code of the invitation; none yet: meterkast enrol {place}"
        raise UsageError(Problem(what, str(request), try_))
    return pending


def _config(path: Path, place: Place) -> Config:
    config = files.load(path)
    if config.community not in {None, place.community}:
        what = f"this gateway is of {config.community}"
        try_ = "for another community: another folder, with settings of its own"
        raise UsageError(Problem(what, f"{path}: community", try_))
    if config.community and config.gateway != place.gateway:  # what waits would go nowhere
        what = f"this gateway is {config.gateway}, and has records by that name"
        try_ = f"{place.community}/{config.gateway}; for another: another folder"
        raise UsageError(Problem(what, f"{path}: gateway", try_))
    return config


def _request(config: Config) -> Path:
    return config.key.parent / "enrolment" / "request"


def _tls_key(request: Path) -> Path:
    return request.with_name("tls.key")


def keep(pending: Pending) -> None:
    """Have the request wait for its answer, in the place of any before it. Raises PeopleError."""
    folder, secret = pending.request.parent, pem_of(pending.key)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"the request cannot be kept: {error.strerror}"
        try_ = "a folder where this user may write, with room"
        raise Unreachable(Problem(what, str(folder), try_)) from error
    write(
        [
            Planned(_tls_key(pending.request), secret, 0o600),
            Planned(pending.request, pending.data.decode()),
        ]
    )


def _signing_key(config: Config, clock: Clock) -> SigningKey:
    if config.key.exists():
        return ownkey.load(config, clock=clock)
    return SigningKey.create(config.key)


def _waiting(request: Path, place: Place, key: SigningKey, code: str) -> Pending | None:
    """The request that waits already; None where there is none, or another one is wanted."""
    try:
        data = request.read_bytes()
        asked = enrolment.read(data)
        own = serialization.load_pem_private_key(_tls_key(request).read_bytes(), None)
    except (OSError, *UNREADABLE):
        return None
    said = asked.said
    is_same = (said.community, said.gateway, said.key) == (*place, key.public.x)
    if not is_same or not enrolment.knows(asked, enrolment.proof_key(code)):
        return None
    if not isinstance(own, ec.EllipticCurvePrivateKey):
        return None
    if enrolment.requested(said.csr, said.gateway) != own.public_key():
        return None
    return Pending(asked, data, request, own)


def desk(hub: str) -> str:
    """Where the hub with this address takes requests. Raises UsageError where it can be none."""
    try:
        parts = urlsplit(hub)
        host = (parts.hostname or "").encode("idna")
        is_right = parts.scheme in {"https", "http"} and parts.port != 0 and "@" not in hub
        is_right = is_right and bool(host) and host.split() == [host]
    except ValueError:  # a port or a name that is none
        is_right = False
    if not is_right or parts.netloc != hub.rstrip("/").partition("//")[2]:
        what = f"{hub!r} is no address of a hub"
        raise UsageError(Problem(what, "--hub", "--hub https://hub.example.nl"))
    return f"{parts.scheme}://{parts.netloc}{enrolment.PATH}"


def ask(pending: Pending, url: str, *, taken: Callable[[], None]) -> bytes:
    """Bring the request to a hub's desk, and wait for the answer, sealed. Raises PeopleError.

    `taken` is done once the hub has the request. One that goes away after that is asked again.
    """
    deadline_s = time.monotonic() + WAIT_S
    sealed = _post(url, pending.data)
    taken()
    while sealed is None:
        if time.monotonic() >= deadline_s:
            what = f"no steward has admitted this gateway within {WAIT_S / 60:.0f} minutes"
            raise Unreachable(Problem(what, url, "the same command again, with the same code"))
        time.sleep(ASK_AGAIN_S)
        try:
            sealed = _post(url, pending.data)
        except Unreachable:
            continue
    return sealed


class _Staying(HTTPRedirectHandler):
    """Who is sent elsewhere is told, and does not go: it would come there with another request."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _post(url: str, data: bytes) -> bytes | None:
    """The sealed answer, None while there is none. Raises Unreachable, PeopleError."""
    request = Request(url, data=data, method="POST")  # noqa: S310 - http or https
    try:
        with build_opener(_Staying).open(request, timeout=HTTP_S) as answered:
            status, sealed = answered.status, answered.read(enrolment.ANSWER_BYTES_MAX + 1)
            is_whole = not answered.length
    except HTTPError as error:
        raise _refusal(error, url) from error
    except (URLError, HTTPException, OSError) as error:
        reason, try_ = _reason(error, urlsplit(url).hostname or "")
        raise Unreachable(Problem(f"the hub does not answer: {reason}", url, try_)) from error
    if status == 202:
        return None
    if status != 200 or not is_whole or not enrolment.is_sealed(sealed):
        what = f"what answers there is no hub, or was cut off: HTTP {status}"
        raise Unreachable(Problem(what, url, "see the address, and the network here"))
    whole: bytes = sealed
    return whole


def _reason(error: Exception, host: str) -> tuple[str, str]:
    """Why nobody answered, and what to try."""
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        what, try_ = _CERTIFICATE.get(cause.verify_code, _STRANGE)
        return what.format(host=host, now=datetime.now(UTC)), try_
    try_ = "see the address, and the network here"
    if isinstance(cause, ssl.SSLError) and "ALERT" in (cause.reason or ""):
        return f"it has no certificate for {host}", try_
    if isinstance(cause, TimeoutError):
        return f"not within {HTTP_S:.0f} s", try_
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return trouble.told(cause, host=host), try_
    return "what listens there speaks another language, or was cut off", try_


class _Said(msgspec.Struct):
    what: str
    where: str
    try_: str


def _refusal(error: HTTPError, url: str) -> PeopleError:
    """What a hub said against a request; whoever it is, it says it in a few printable words."""
    to = error.headers.get("Location")
    if 300 <= error.code < 400 and to:
        what = f"the hub is not here, and sends us to {_plain(to.removesuffix(enrolment.PATH))}"
        return Unreachable(Problem(what, url, "--hub with that address, if it is the co-op's"))
    try:
        said = msgspec.json.decode(error.read(REFUSAL_BYTES_MAX), type=_Said)
    except (msgspec.MsgspecError, HTTPException, OSError, ValueError):
        what = f"the hub took no request: HTTP {error.code}"
        if error.code >= 500:
            try_ = "the same command in some minutes; then ask the co-op whether its hub runs"
        else:
            try_ = "see the address; ask the co-op whether gateways enrol there"
        return Unreachable(Problem(what, url, try_))
    return PeopleError(Problem(_plain(said.what), _plain(said.where), _plain(said.try_)))


def _plain(text: str) -> str:
    return "".join(filter(str.isprintable, text[:REFUSAL_CHARS_MAX]))


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
    try:
        blocks.replace(path, _settings(path.read_bytes().decode(), answer))
        shutil.rmtree(pending.request.parent)
    except OSError as error:
        what = f"the settings cannot be written: {error.strerror}"
        try_ = "make room, or let this user write there; then the same command again"
        raise Unreachable(Problem(what, str(error.filename or path), try_)) from error


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
