"""The gateway's certificate, renewed by itself when two thirds of its life are over.

A new TLS key is made for each; it waits beside the file in use until the hub has signed for it, and
then certificate and key take their place in one step. Whoever has no time to believe renews
nothing: by a guess, a certificate could be thrown away that is still the best.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.contract import enrolment, renewal, topics
from gateway.contract.errors import UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.link import Link, LinkDown
from gateway.contract.renewal import CERTIFICATE_BYTES_MAX, Renewal
from gateway.contract.signed import Malformed
from gateway.contract.tls import UNREADABLE, Tls, new_key, pem_of
from gateway.contract.writing import Planned, write

log = structlog.get_logger()

# How often the certificate is looked at, and the hub asked again that did not answer.
LOOK_S = 600.0


def _now() -> datetime:
    return datetime.now(UTC)


class Renewing:
    """`tls` names one file for certificate and key, as enrolling makes it.

    `is_set` says whether anybody believes the machine's clock, `now` is that clock.
    """

    def __init__(
        self,
        tls: Tls,
        *,
        owner: tuple[str, str],
        key: SigningKey,
        is_set: Callable[[], bool],
        now: Callable[[], datetime] = _now,
    ) -> None:
        assert tls.ca
        assert tls.certificate
        self._ca = tls.ca
        self._own = tls.certificate
        self._next = tls.certificate.with_name(f"{tls.certificate.name}.next")
        self._community, self._gateway = owner
        self._key = key
        self._is_set = is_set
        self._now = now
        self._is_told = False

    async def run(self, link: Link) -> None:
        """Look once the link is up and then now and then, and ask the hub when it is time."""
        topic = topics.topic(self._community, self._gateway, "renew")
        while True:
            await link.up.wait()
            try:
                if request := self.request():
                    await link.publish(topic, request)
            except LinkDown:
                pass  # the link tells it; asked again once it is back
            except (OSError, UsageError, *UNREADABLE) as error:
                self._tell(error)
            await asyncio.sleep(LOOK_S)

    def request(self) -> bytes | None:
        """What to ask the hub, None where nothing is due. Raises OSError, UsageError or
        one of UNREADABLE where the files of the certificate cannot be used.
        """
        if not self._is_set():
            return None
        certificate = x509.load_pem_x509_certificate(self._own.read_bytes())
        if not renewal.is_due(certificate, self._now()):
            return None
        csr = enrolment.request_certificate(self._next_key(certificate), self._gateway)
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        said = Renewal(self._community, self._gateway, csr, pem)
        return renewal.make(said, key=self._key)

    def _next_key(self, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
        """The key for the certificate after this one, made where none waits."""
        waiting = _key(self._next)
        if waiting and waiting.public_key() != certificate.public_key():
            return waiting
        made = new_key()
        write([Planned(self._next, pem_of(made), 0o600)])
        return made

    def take(self, payload: bytes) -> None:
        """The hub's answer. Raises Malformed where it is none of our CA for our next key."""
        key = _key(self._next)
        if key is None:
            return  # told twice
        made = self._checked(payload, key)
        pem = made.public_bytes(serialization.Encoding.PEM).decode()
        try:
            write([Planned(self._own, pem_of(key) + pem, 0o600)])
            self._next.unlink()
        except (OSError, UsageError) as error:
            self._tell(error)
            return
        self._is_told = False
        log.info("certificate_renewed", ends=f"{made.not_valid_after_utc:%Y-%m-%d}")

    def _checked(self, payload: bytes, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        if len(payload) > CERTIFICATE_BYTES_MAX:
            raise Malformed(f"{len(payload)} bytes, at most {CERTIFICATE_BYTES_MAX}")
        try:
            made = x509.load_pem_x509_certificate(payload)
            made.verify_directly_issued_by(x509.load_pem_x509_certificate(self._ca.read_bytes()))
        except (OSError, InvalidSignature, *UNREADABLE) as error:
            raise Malformed("no certificate of our CA") from error
        if made.public_key() != key.public_key():
            raise Malformed("a certificate of another key")
        if [one.value for one in made.subject] != [self._gateway]:
            raise Malformed("a certificate for another name")
        if not made.not_valid_before_utc <= self._now() < made.not_valid_after_utc:
            raise Malformed("a certificate of another time")
        return made

    def _tell(self, error: Exception) -> None:
        """Once, until it is renewed."""
        if not self._is_told:
            self._is_told = True
            try_ = "let this user write there; else: meterkast enrol anew"
            log.error("certificate_not_renewed", file=str(self._own), reason=str(error), try_=try_)


def _key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    """The key in a file, None where none can be read there: then another is made."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, *UNREADABLE):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None
