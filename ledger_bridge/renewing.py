"""The hub's side of renewals: a gateway whose certificate ends soon gets the next one.

For this the CA's key lies on the hub, where the bridge can read it: docs/decisions/074.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.contract import enrolment, renewal
from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from gateway.contract.tls import UNREADABLE
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts.keyring import Keyring
from ledger_bridge.certificates import BEFORE, Authority
from ledger_bridge.hub import Hub

log = structlog.get_logger()

# Each certificate is written to the disk, so nobody has more than one in this time.
AGAIN = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


class Renewing:
    """Signs for gateways that are admitted and not revoked, and for the bridge itself."""

    def __init__(
        self, hub: Hub, community: Community, *, now: Callable[[], datetime] = _now
    ) -> None:
        self._hub = hub
        self._community = community
        self._now = now
        self._looked_at: datetime | None = None
        self._told = ""
        self._refused: dict[str, str] = {}

    def answer(self, gateway: str, data: bytes) -> bytes | None:
        """The next certificate of a gateway that asks for one, PEM; None where it gets none.

        Who asks again, because the answer was lost, gets the same.
        """
        if gateway not in self._community.registry.keys:
            return None
        try:
            given = self._given(gateway, data)
            self._refused.pop(gateway, None)
            return given
        except Malformed as error:
            if self._refused.get(gateway) != str(error):
                self._refused[gateway] = str(error)
                log.warning("renewal_refused", gateway=gateway, reason=str(error))
        except PeopleError as error:
            self._tell(error)
        return None

    def _given(self, gateway: str, data: bytes) -> bytes:
        registry = self._community.registry
        if registry.is_barred(gateway):
            raise Malformed("it is revoked")
        key = Keyring(self._community.db, self._community.id).newest(registry, gateway)
        said = renewal.read(data, key=key)
        if (said.community, said.gateway) != (self._community.id, gateway):
            raise Malformed(f"a renewal for {said.gateway!r} of {said.community!r}")
        wanted = enrolment.requested(said.csr, gateway)
        authority = Authority(self._hub.tls_folder, now=self._now)
        newest = next(iter(authority.given(gateway)), None)
        if newest is None or newest.public_key() != wanted:
            self._must_be_due(said.certificate, authority, gateway)
            if newest and newest.not_valid_before_utc > self._now() - BEFORE - AGAIN:
                raise Malformed("it has just been given one")
            newest = authority.gateway(gateway, wanted)
            ends = f"{newest.not_valid_after_utc:%Y-%m-%d}"
            log.info("certificate_given", gateway=gateway, ends=ends)
        return newest.public_bytes(Encoding.PEM)

    def _must_be_due(self, pem: str, authority: Authority, gateway: str) -> None:
        try:
            certificate = x509.load_pem_x509_certificate(pem.encode())
        except UNREADABLE as error:
            raise Malformed("it does not show the certificate that it has") from error
        if not authority.is_good(certificate, gateway):
            raise Malformed("the certificate that it shows is over, revoked or not ours")
        if not renewal.is_due(certificate, self._now()):
            raise Malformed("its certificate is good for longer")

    def renew_own(self) -> None:
        """See that the bridge's own certificate, if the CA here made it, is good for a while."""
        now, files = self._now(), self._hub.broker.files
        if files is None or (self._looked_at and now - self._looked_at < AGAIN):
            return
        self._looked_at = now
        try:
            authority = Authority(self._hub.tls_folder, now=self._now)
            if files.certificate == authority.bridge and authority.is_bridge_due():
                authority.renew_bridge()
                log.info("certificate_renewed", file=str(authority.bridge))
        except PeopleError as error:
            self._tell(error)

    def _tell(self, error: PeopleError) -> None:
        """Once, until something else is the matter."""
        problem = error.problems[0]
        if problem.what != self._told:
            self._told = problem.what
            log.error("certificates_not_given", reason=problem.what, try_=problem.try_)
