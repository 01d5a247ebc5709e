"""The community's own CA, and the certificates it gives to broker, bridge and gateways.

A gateway's certificate names the gateway, and the broker gives it the topics of that name. What
was withdrawn stands in the CA's list of revoked certificates. Times are the machine's, for all
this is judged by machines that know no other. Spec: RFC 5280.
"""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.contract.errors import ConfigError, Problem

# No gateway can be called so: its id has no @.
BRIDGE = "@bridge"

CA_YEARS = 20
# Somebody has to carry the new ones to every gateway; the alarm comes 30 days before the end.
YEARS = 3
# A gateway's clock may be a little behind when it gets its certificate.
BEFORE = timedelta(days=1)
YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates with the CA's key: `ca.crt`, `ca.key` and `revoked.crl` in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Raises ConfigError where there is no usable CA."""
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self.revoked = folder / "revoked.crl"
        try:
            self._ca = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            what, where = f"the community's CA cannot be used: {error}", str(folder)
            raise ConfigError(Problem(what, where, "restore it from your backup")) from error
        assert isinstance(key, ec.EllipticCurvePrivateKey), type(key)
        self._key = key

    @classmethod
    def create(cls, folder: Path, *, community: str) -> "Authority":
        """Make the CA of a community, with a key that never leaves `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _common_name(f"meterkast {community}")
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _blank(name, key.public_key(), years=CA_YEARS)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, SHA256())
        )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "ca", certificate, key)
        made = cls(folder)
        made._list([])
        return made

    def gateway(self, name: str) -> Pair:
        """For the gateway of this id."""
        return self._give(f"gateways/{name}", _common_name(name), ExtendedKeyUsageOID.CLIENT_AUTH)

    def bridge(self) -> Pair:
        return self._give("bridge", _common_name(BRIDGE), ExtendedKeyUsageOID.CLIENT_AUTH)

    def broker(self, host: str) -> Pair:
        """For a broker that gateways find under this name or address. Raises ValueError."""
        host = host.encode("idna").decode()
        try:
            address: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            address = x509.DNSName(host)
        name = _common_name(host)
        return self._give("broker", name, ExtendedKeyUsageOID.SERVER_AUTH, address)

    def revoke(self, name: str) -> None:
        """Take back the certificate that this gateway was given last. Raises OSError."""
        theirs = self.folder / "gateways" / f"{name}.crt"
        certificate = x509.load_pem_x509_certificate(theirs.read_bytes())
        listed = list(x509.load_pem_x509_crl(self.revoked.read_bytes()))
        if all(one.serial_number != certificate.serial_number for one in listed):
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(certificate.serial_number)
                .revocation_date(datetime.now(UTC))
                .build()
            )
            self._list([*listed, entry])

    def _list(self, listed: list[x509.RevokedCertificate]) -> None:
        now = datetime.now(UTC)
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._ca.subject)
            .last_update(now - BEFORE)
            .next_update(now + CA_YEARS * YEAR)
        )
        for one in listed:
            made = made.add_revoked_certificate(one)
        self.revoked.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def _give(
        self,
        file: str,
        name: x509.Name,
        purpose: x509.ObjectIdentifier,
        address: x509.GeneralName | None = None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _blank(name, key.public_key(), years=YEARS)
            .issuer_name(self._ca.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if address:
            made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        path = self.folder / file
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return _write(path, made.sign(self._key, SHA256()), key)


def _blank(
    name: x509.Name, public: ec.EllipticCurvePublicKey, *, years: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + years * YEAR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _write(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    """`path` with .crt and .key, in place of what stood there."""
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    pair = Pair(path.with_name(f"{path.name}.crt"), path.with_name(f"{path.name}.key"))
    pair.key.unlink(missing_ok=True)
    descriptor = os.open(pair.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    return pair
