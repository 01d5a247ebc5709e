"""Gateways' certificates with their keys, and such as nobody should have: over, of a time to come,
or for another machine.
"""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from gateway.contract.tls import new_key, pem_of
from ledger_bridge.certificates import Authority, Pair

LONG_AGO = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)
FAR_AHEAD = datetime(2999, 1, 1, tzinfo=UTC)


def pair(authority: Authority, name: str) -> Pair:
    """What a gateway of this id has once it is enrolled: beside each other in the CA's folder."""
    key = new_key()
    authority.gateway(name, key.public_key())
    made = authority.folder / "gateways" / name
    made.with_suffix(".key").write_text(pem_of(key))
    made.with_suffix(".key").chmod(0o600)
    return Pair(made.with_suffix(".crt"), made.with_suffix(".key"))


def certificate(
    path: Path,
    authority: Authority,
    name: str,
    *,
    begins: datetime = LONG_AGO - timedelta(days=1),
    ends: datetime = FAR_AHEAD,
) -> None:
    """Signed by `authority` for `name`, an address or the id of a gateway: `path` .crt and .key."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(authority._ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if name[0].isdigit():
        address = x509.IPAddress(ipaddress.ip_address(name))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    signed = made.sign(authority._key, SHA256())
    path.with_suffix(".crt").write_bytes(signed.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.with_suffix(".key").write_bytes(secret)
    path.with_suffix(".key").chmod(0o600)
