"""TLS for the links: an own CA, and a certificate that says who we are.

Nothing older than TLS 1.3 is spoken. The files are read at each connect, so a renewed certificate
needs no restart. Dates are not looked at here: a certificate that is over is the link's trouble,
and never a reason not to measure.
"""

import ssl
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificatePublicKeyTypes,
    PublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway.contract.settings import Mistake, Settings

# What bytes raise that are no certificate, request or key, or are one of a kind that nobody knows.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)


class Tls(Settings):
    """The PEM files of one link: whom we trust (usual: this machine's CAs) and who we are."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def under(self, base: Path) -> "Tls":
        """The same files with absolute paths; relative ones count from the folder `base`."""
        given = self.model_dump(exclude_none=True)
        return Tls(**{name: base / path for name, path in given.items()})


class Flaw(NamedTuple):
    """What is wrong with the file that a member of `Tls` names, and what to try."""

    member: str
    what: str
    try_: str


def context(tls: Tls | None) -> ssl.SSLContext:
    """For one connection. Raises OSError, as ssl.SSLError is one, where a file cannot be used."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    if tls and tls.ca:
        made.load_verify_locations(tls.ca)
    else:
        made.load_default_certs()
    if tls and tls.certificate and tls.key:
        # An empty password instead of a question on a terminal that nobody looks at.
        made.load_cert_chain(tls.certificate, tls.key, password="")
    return made


def mistakes(tables: Mapping[str, Any], *, broker: str, base: Path) -> Iterator[Mistake]:
    """What is wrong with the table `<broker>_tls` beside the address `broker`, and in its files."""
    name = f"{broker}_tls"
    table = tables.get(name)
    if not isinstance(table, dict):
        return
    if broker not in tables:
        yield Mistake((name,), f"{name!r} without {broker!r}", f'{broker} = "mqtts://HOST:8883"')
    elif not str(tables[broker]).startswith("mqtts://"):
        what = f"{name} is given, and {broker} is not spoken to with TLS"
        yield Mistake((broker,), what, f'{broker} = "mqtts://HOST:8883", or leave out {name}')
    # A key that is none, or no text, is told where the file is read into its types.
    given = {key: base / path for key, path in table.items() if isinstance(path, str)}
    for key, other in (("certificate", "key"), ("key", "certificate")):
        if key in given and other not in given:
            yield Mistake((name, key), f"a {key} without its {other}", f'{other} = "FILE"')
    for flaw in flaws(Tls(**{key: given[key] for key in Tls.model_fields if key in given})):
        yield Mistake((name, flaw.member), flaw.what, flaw.try_)


def flaws(tls: Tls) -> Iterator[Flaw]:
    """Everything wrong with the files, whatever the time is."""
    if tls.ca:
        for what in _not_read(tls.ca) or _no_certificates(tls.ca):
            yield Flaw("ca", what, "copy the community's ca.crt anew")
    public = None
    if tls.certificate:
        whats = _not_read(tls.certificate) or _no_certificates(tls.certificate)
        for what in whats:
            yield Flaw("certificate", what, "copy it anew, or ask the co-op for another")
        if not whats:
            public = x509.load_pem_x509_certificates(tls.certificate.read_bytes())[0].public_key()
    if tls.key:
        yield from _key_flaws(tls.key, public)


def _key_flaws(path: Path, public: CertificatePublicKeyTypes | None) -> Iterator[Flaw]:
    """`public` is what the certificate says that the key must fit, None where there is none."""
    for what in _not_read(path):
        yield Flaw("key", what, "copy it anew, or ask the co-op for another")
        return
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except TypeError:
        what = f"{path} asks for a passphrase, and nobody is there to type it"
        yield Flaw("key", what, f"openssl pkey -in {path} -out FILE, and name that")
    except UNREADABLE:
        yield Flaw("key", f"{path} is no private key in PEM", "name the key, not the certificate")
    else:
        if path.stat().st_mode & stat.S_IRWXO:
            yield Flaw("key", f"everybody on this machine can read {path}", f"chmod 600 {path}")
        if public and _bytes(key.public_key()) != _bytes(public):
            what = f"{path} is not the key of the certificate"
            yield Flaw("key", what, "name the two that were made together")


def _bytes(key: CertificatePublicKeyTypes | PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _not_read(path: Path) -> list[str]:
    try:
        path.read_bytes()
    except FileNotFoundError:
        return [f"there is no file {path}"]
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}"]
    return []


def _no_certificates(path: Path) -> list[str]:
    try:
        for one in x509.load_pem_x509_certificates(path.read_bytes()):
            one.public_key()
    except UNREADABLE:
        return [f"{path} is no certificate in PEM"]
    return []


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key of the kind that our certificates are for."""
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    """The secret key in PEM, for its owner's eyes."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def ends_ms(path: Path) -> int | None:
    """When a certificate ends, UTC milliseconds; None where there is none to read."""
    try:
        certificate = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, *UNREADABLE):
        return None
    return int(certificate.not_valid_after_utc.timestamp()) * 1000
