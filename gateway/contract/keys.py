"""Ed25519 keys, made where they are used and known by their thumbprint.

Spec: RFC 8037 (keys as JWK), RFC 7638 (thumbprint).
"""

import contextlib
import errno
import hashlib
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.contract import schema
from gateway.contract.errors import ConfigError, Problem, Unreachable


def b64(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The bytes of base64url text without padding. Raises ValueError for anything else.

    Anything else is also another spelling of the same bytes: what is signed has one form only.
    """
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64(data) != text:
        raise ValueError("not base64url without padding")
    return data


def thumbprint(x: str) -> str:
    """The RFC 7638 name of the public key whose JWK member `x` this is."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'
    return b64(hashlib.sha256(jwk.encode()).digest())


def kept(path: Path) -> Path:
    """Where a key lies: in its file, else where the service manager has put what bears its name.

    Spec: systemd.exec(5), Credentials.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    credential = Path(folder) / path.name if folder else path
    # A key that was changed lies in the file, and what systemd was given is the one before.
    return credential if credential.exists() and not path.exists() else path


class PublicKey:
    """A key that checks signatures; `x` is its JWK member, the form used in files and registry."""

    __slots__ = ("_key", "kid", "x")

    def __init__(self, x: str) -> None:
        """Raises ValueError where `x` is not 32 bytes of base64url."""
        self._key = Ed25519PublicKey.from_public_bytes(unb64(x))
        self.x = x
        self.kid = thumbprint(x)

    def accepts(self, signature: bytes, data: bytes) -> bool:
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


class _Jwk(msgspec.Struct):
    kty: str
    crv: str
    x: str
    d: str


class SigningKey:
    """A private key; lives in a file of its own with mode 0600."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(b64(self._key.public_key().public_bytes_raw()))

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    @classmethod
    def create(cls, path: Path) -> "SigningKey":
        """Make a key and keep it at `path`, which must not exist yet: whole, or not at all. Raises
        Unreachable.
        """
        seed = os.urandom(32)
        key = cls(seed)
        jwk = _Jwk(kty="OKP", crv="Ed25519", x=key.public.x, d=b64(seed))
        part = path.with_name(f".{path.name}.part")
        try:
            if path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(jwk) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # unlike a new name, it never takes the place of another key
            schema.sync(path.parent)  # others are told of it next, and nobody else has it
        except FileExistsError:
            raise
        except OSError as error:
            what = f"the key cannot be kept: {error.strerror}"
            try_ = "a folder where this user may write, with room"
            raise Unreachable(Problem(what, str(path), try_)) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return key

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Raises ConfigError where the file is missing or is no Ed25519 key."""
        try:
            jwk = msgspec.json.decode(kept(path).read_bytes(), type=_Jwk)
            if (jwk.kty, jwk.crv) != ("OKP", "Ed25519"):
                raise ValueError(f"{jwk.kty} {jwk.crv}")
            return cls(unb64(jwk.d))
        except FileNotFoundError:
            what = "the key file does not exist"
        except OSError as error:
            what = f"the key file cannot be read: {error.strerror}"
        except (ValueError, msgspec.MsgspecError) as error:
            what = f"the key file is not an Ed25519 JWK ({error})"
        raise ConfigError(
            Problem(what, str(path), "restore it from your backup, or remove it and enrol")
        )
