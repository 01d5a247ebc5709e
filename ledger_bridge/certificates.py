"""The community's own CA, and the certificates it gives to broker, bridge and gateways.

A gateway's certificate names the gateway, and the broker gives it the topics of that name; its key
never leaves the gateway. What was withdrawn stands in the CA's list of revoked certificates. Times
are the machine's, for all this is judged by machines that know no other. Spec: RFC 5280.
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.contract import renewal
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.tls import UNREADABLE, new_key, pem_of
from gateway.contract.writing import Planned, write

T = TypeVar("T")

# No gateway can be called so: its id has no @.
BRIDGE = "@bridge"

# A gateway's clock may be a little behind when it gets its certificate.
BEFORE = timedelta(days=1)
YEAR = timedelta(days=365)
CA_LIFE = 20 * YEAR
# Somebody has to carry the new one to the broker.
BROKER_LIFE = 3 * YEAR
# Whoever renews by themselves needs no more; what is stolen opens nothing after that.
CLIENT_LIFE = timedelta(days=90)

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _now() -> datetime:
    return datetime.now(UTC)


class Authority:
    """Signs certificates with the CA's key: `ca.crt`, `ca.key` and `revoked.crl` in `folder`."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] = _now) -> None:
        """Raises ConfigError where there is no usable CA."""
        self.folder = folder
        self.certificate = folder / "ca.crt"
        self.revoked = folder / "revoked.crl"
        self.bridge = folder / "bridge.pem"
        self._now = now
        self._ca = _read(self.certificate, x509.load_pem_x509_certificate)
        self._key = _read(folder / "ca.key", _own_key)

    @classmethod
    def create(
        cls, folder: Path, *, community: str, now: Callable[[], datetime] = _now
    ) -> "Authority":
        """Make the CA of a community, with a key that never leaves `folder`, and the bridge's own
        certificate. Raises UsageError where they cannot be kept.
        """
        key = new_key()
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
            _blank(name, key.public_key(), now=now(), life=CA_LIFE)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, SHA256())
        )
        _keep(_secret(folder / "ca.key", key), _public(folder / "ca.crt", certificate))
        made = cls(folder, now=now)
        made._list([])
        made.renew_bridge()
        return made

    def gateway(self, name: str, public: ec.EllipticCurvePublicKey) -> x509.Certificate:
        """For the gateway of this id, kept among those that it was given and that are not over."""
        made = self._give(
            _common_name(name), public, ExtendedKeyUsageOID.CLIENT_AUTH, life=CLIENT_LIFE
        )
        earlier = [one for one in self.given(name) if one.not_valid_after_utc > self._now()]
        _keep(_public(self._given(name), made, *earlier))
        return made

    def given(self, name: str) -> list[x509.Certificate]:
        """What this gateway was given and may still use, the newest first."""
        path = self._given(name)
        return _read(path, x509.load_pem_x509_certificates) if path.exists() else []

    def _given(self, name: str) -> Path:
        return self.folder / "gateways" / f"{name}.crt"

    def is_good(self, certificate: x509.Certificate, name: str) -> bool:
        """Whether we gave this to the gateway, it is not over, and nobody took it back."""
        try:
            certificate.verify_directly_issued_by(self._ca)
        except (InvalidSignature, *UNREADABLE):
            return False
        return (
            certificate.subject == _common_name(name)
            and certificate.not_valid_after_utc > self._now()
            and all(one.serial_number != certificate.serial_number for one in self._listed())
        )

    def renew_bridge(self) -> None:
        """A new key and certificate for the bridge, in one file that changes all at once."""
        key = new_key()
        made = self._give(
            _common_name(BRIDGE),
            key.public_key(),
            ExtendedKeyUsageOID.CLIENT_AUTH,
            life=CLIENT_LIFE,
        )
        secret, public = _secret(self.bridge, key), _public(self.bridge, made)
        _keep(secret._replace(text=secret.text + public.text))

    def is_bridge_due(self) -> bool:
        """Whether the bridge's certificate is to be renewed; also where it has none, or one of a
        time to come, made while the clock was ahead.
        """
        try:
            mine = x509.load_pem_x509_certificate(self.bridge.read_bytes())
        except (OSError, *UNREADABLE):
            return True
        now = self._now()
        return now < mine.not_valid_before_utc or renewal.is_due(mine, now)

    def broker(self, host: str) -> Pair:
        """For a broker that gateways find under this name or address. Raises ValueError."""
        host = host.encode("idna").decode()
        try:
            address: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            if not _NAME.fullmatch(host):
                raise ValueError("a name or an address alone, without a port") from None
            address = x509.DNSName(host)
        key = new_key()
        made = self._give(
            _common_name(host),
            key.public_key(),
            ExtendedKeyUsageOID.SERVER_AUTH,
            address,
            life=BROKER_LIFE,
        )
        pair = Pair(self.folder / "broker.crt", self.folder / "broker.key")
        _keep(_secret(pair.key, key), _public(pair.certificate, made))
        return pair

    def revoke(self, name: str) -> int:
        """Take back the certificates that this gateway may still use; gives how many."""
        listed = self._listed()
        known = {one.serial_number for one in listed}
        taken = [one for one in self.given(name) if one.serial_number not in known]
        entries = [
            x509.RevokedCertificateBuilder()
            .serial_number(one.serial_number)
            .revocation_date(self._now())
            .build()
            for one in taken
        ]
        if entries:
            self._list([*listed, *entries])
        return len(entries)

    def _listed(self) -> list[x509.RevokedCertificate]:
        return list(_read(self.revoked, x509.load_pem_x509_crl))

    def _list(self, listed: list[x509.RevokedCertificate]) -> None:
        now = self._now()
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._ca.subject)
            .last_update(now - BEFORE)
            .next_update(now + CA_LIFE)
            .add_extension(x509.CRLNumber(self._next_number(now)), critical=False)
            .add_extension(self._authority_key(), critical=False)
        )
        for one in listed:
            made = made.add_revoked_certificate(one)
        pem = made.sign(self._key, SHA256()).public_bytes(Encoding.PEM)
        _keep(Planned(self.revoked, pem.decode()))

    def _next_number(self, now: datetime) -> int:
        """Each list has a greater number than those before it: by the time, so that also one that
        is made after a restore from a backup has.
        """
        number = int(now.timestamp())
        if self.revoked.exists():
            before = _read(self.revoked, x509.load_pem_x509_crl)
            for one in before.extensions:
                if isinstance(one.value, x509.CRLNumber):
                    number = max(number, one.value.crl_number + 1)
        return number

    def _authority_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())

    def _give(
        self,
        name: x509.Name,
        public: ec.EllipticCurvePublicKey,
        purpose: x509.ObjectIdentifier,
        address: x509.GeneralName | None = None,
        *,
        life: timedelta,
    ) -> x509.Certificate:
        made = (
            _blank(name, public, now=self._now(), life=life)
            .issuer_name(self._ca.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(self._authority_key(), critical=False)
        )
        if address:
            made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return made.sign(self._key, SHA256())


def _blank(
    name: x509.Name, public: ec.EllipticCurvePublicKey, *, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _read(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except (OSError, *UNREADABLE) as error:
        what = f"the community's CA cannot be used: {error}"
        raise ConfigError(Problem(what, str(path), "restore it from your backup")) from error


def _own_key(data: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(data, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a key of another kind")
    return key


def _secret(path: Path, key: ec.EllipticCurvePrivateKey) -> Planned:
    return Planned(path, pem_of(key), 0o600)


def _public(path: Path, *certificates: x509.Certificate) -> Planned:
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in certificates)
    return Planned(path, pem.decode())


def _keep(*files: Planned) -> None:
    """Put these in their places, in a folder that is the owner's alone."""
    files[0].path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write(files)
