"""A gateway asks for its next certificate over the link that the one it has opened.

The request is signed with the key that signs its records, so that who stole a TLS key alone cannot
renew it. The answer is the certificate as it is: whoever has the CA's certificate can check it.
"""

from datetime import datetime

import msgspec
from cryptography import x509

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import to_json

RENEWAL = "mk-renew-v1"
# A certificate of ours takes 800 bytes of PEM.
CERTIFICATE_BYTES_MAX = 8 * 1024


class Renewal(msgspec.Struct, frozen=True):
    """`csr` is for the next TLS key, as in an enrolment; `certificate` is the one in use, PEM."""

    community: str
    gateway: str
    csr: str
    certificate: str


def make(said: Renewal, *, key: SigningKey) -> bytes:
    return signed.sign(to_json(said), typ=RENEWAL, key=key)


def read(data: bytes, *, key: PublicKey) -> Renewal:
    """What the gateway with this key asks for. Raises Malformed."""
    document = signed.parse(data)
    said = signed.read_as(document, Renewal, typ=RENEWAL)
    signed.demand(document, key.x, whose="the gateway's key")
    return said


def is_due(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether two thirds of its life are over."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= begins + (ends - begins) * 2 / 3
