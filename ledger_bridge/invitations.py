"""Invitations: a code that lets one gateway in, once, and what came of it.

Files of the hub's own in the folder `enrolment`, for none of this is evidence. Per gateway there is
an invitation, which a steward makes, and a request, which the gateway sends and the bridge keeps.
Once a steward has admitted it, the answer stands in the invitation in the place of the code. Each
is written whole by one writer.
"""

import re
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.contract import enrolment
from gateway.contract.enrolment import Answer, Asked
from gateway.contract.errors import ConfigError, PeopleError, Problem, UsageError
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from gateway.contract.writing import Planned, write
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.certificates import Authority
from ledger_bridge.hub import Hub

WORDS_TRY = "read them again from the gateway; where they differ, invite it anew"


class Invitation(msgspec.Struct, frozen=True):
    """`is_point`: it reads cards, so that it is given the community's key of them. `request` is the
    digest of the one that was admitted with it, `answer` what it got, sealed; then the code is
    gone, for nobody needs it any more.
    """

    gateway: str
    code: str
    proof_key: bytes
    expires_ms: int
    is_point: bool
    request: str = ""
    answer: str = ""


class Refused(PeopleError):
    """A request that nobody admits as it is."""


class Invitations:
    """The folder `enrolment` of a hub. Times are the machine's own, UTC milliseconds."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._folder = hub.path("enrolment")

    def invite(self, gateway: str, *, expires_ms: int, is_point: bool) -> Invitation:
        """A new code for this gateway; whatever was open for it before is over."""
        code = enrolment.new_code()
        made = Invitation(gateway, code, enrolment.proof_key(code), expires_ms, is_point)
        self._keep(gateway, "invitation", to_json(made).decode())
        self._path(gateway, "request").unlink(missing_ok=True)
        return made

    def forget(self, gateway: str) -> None:
        """Whatever was open for this gateway is over."""
        for kind in ("invitation", "request"):
            self._path(gateway, kind).unlink(missing_ok=True)

    def open(self, data: bytes, *, now_ms: int) -> tuple[Asked, Invitation]:
        """A request, and the invitation that it knows the code of. Raises Refused."""
        try:
            asked = enrolment.read(data)
        except Malformed as error:
            what = f"this is no request of a gateway: {error}"
            raise Refused(Problem(what, "the request", "meterkast enrol makes it anew")) from error
        said = asked.said
        where = f"gateway {said.gateway}"
        anew = f"the steward makes another: meterkast hub invite {said.gateway}"
        if said.community != self._hub.community:
            what = f"a request to {said.community}, and this is {self._hub.community}"
            raise Refused(Problem(what, where, "the line that hub invite printed"))
        invitation = self._invitation(said.gateway)
        if invitation is None or not enrolment.knows(asked, invitation.proof_key):
            # Whoever asks without the code learns nothing more.
            what = "no invitation that is open has this code"
            raise Refused(Problem(what, where, f"type the code again; else {anew}"))
        if invitation.answer and invitation.request != asked.digest:
            what = "this code was used before, by another request"
            raise Refused(Problem(what, where, anew))
        if not invitation.answer and now_ms >= invitation.expires_ms:
            what = "the time of this code is over"
            raise Refused(Problem(what, where, anew))
        return asked, invitation

    def keep(self, data: bytes, *, now_ms: int) -> bytes | None:
        """A request as it came over the network: the answer, None while no steward has admitted it.

        The last one stands. Raises Refused.
        """
        asked, invitation = self.open(data, now_ms=now_ms)
        if invitation.answer:
            return invitation.answer.encode()
        path = self._path(asked.said.gateway, "request")
        if not path.exists() or path.read_bytes() != data:
            self._keep(asked.said.gateway, "request", data.decode())
        return None

    def waiting(self, gateway: str) -> bytes:
        """The request that came over the network. Raises UsageError where none did."""
        try:
            return self._path(gateway, "request").read_bytes()
        except FileNotFoundError as error:
            what = f"{gateway} has not asked over the network"
            try_ = "meterkast enrol, on the gateway; or --request FILE"
            raise UsageError(Problem(what, f"gateway {gateway}", try_)) from error

    def must_be_able(self, invitation: Invitation) -> None:
        """Raises ConfigError where something is missing here that the answer holds."""
        if invitation.answer:
            return
        if self._hub.broker.tls:
            Authority(self._hub.tls_folder)
        if invitation.is_point:
            self._hub.card_key()

    def answer(self, asked: Asked, invitation: Invitation, registry: Registry) -> bytes:
        """What an admitted gateway needs, sealed, and kept for it. The same request gets the same.

        Raises ConfigError, UsageError.
        """
        if invitation.answer:
            return invitation.answer.encode()
        gateway, hub = asked.said.gateway, self._hub
        ca = certificate = ""
        if hub.broker.tls:
            authority = Authority(hub.tls_folder)
            key = enrolment.requested(asked.said.csr, gateway)
            certificate = authority.gateway(gateway, key).public_bytes(Encoding.PEM).decode()
            ca = authority.certificate.read_text("ascii")
        said = Answer(
            community=hub.community,
            gateway=gateway,
            broker=hub.settings.broker,
            bridge_key=registry.bridge,
            ca=ca,
            certificate=certificate,
            card_key=hub.card_key().hex() if invitation.is_point else "",
            stewards=registry.stewards,
        )
        sealed = enrolment.seal(said, asked, code=invitation.code)
        used = msgspec.structs.replace(
            invitation, code="", request=asked.digest, answer=sealed.decode()
        )
        self._keep(gateway, "invitation", to_json(used).decode())
        return sealed

    def _path(self, gateway: str, kind: str) -> Path:
        return self._folder / f"{gateway}.{kind}"

    def _invitation(self, gateway: str) -> Invitation | None:
        """Raises ConfigError where there is a file that cannot be read."""
        path = self._path(gateway, "invitation")
        try:
            return msgspec.json.decode(path.read_bytes(), type=Invitation)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            what = f"what was kept of an enrolment cannot be read: {error}"
            raise ConfigError(
                Problem(what, str(path), f"meterkast hub invite {gateway}")
            ) from error

    def _keep(self, gateway: str, kind: str, text: str) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            what = f"what comes of an enrolment cannot be kept: {error.strerror}"
            try_ = "room, and as the user who owns the hub"
            raise UsageError(Problem(what, str(self._folder), try_)) from error
        write([Planned(self._path(gateway, kind), text, 0o600)])


def must_match(words: str, asked: Asked) -> None:
    """Raises Refused unless these are the words of the request, as its gateway shows them.

    They may be the whole line that its QR code holds, and whatever stands between words.
    """
    expected = enrolment.words(asked.document)
    if tuple(re.findall("[a-z]+", words.lower())[-enrolment.WORDS :]) != expected:
        what = "this request has other words: it is not the one that this gateway shows"
        raise Refused(Problem(what, f"gateway {asked.said.gateway}", WORDS_TRY))
