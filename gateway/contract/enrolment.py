"""Enrolment: how a gateway and the hub that shall admit it come to believe each other.

A request holds the gateway's public keys, signed with the key that will sign its records, and a
proof that whoever made it knows the code of an invitation. The code itself never travels: the hub's
answer is sealed with it, so that the way between them needs no trust. Four words stand for a
request, for two people who compare them.

Spec: RFC 2986 (certificate requests), RFC 5869 (HKDF), RFC 7914 (scrypt), RFC 8439 (the seal).
"""

import hashlib
import hmac
import os
import secrets
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.contract import cards, signed
from gateway.contract.keys import PublicKey, SigningKey, b64, unb64
from gateway.contract.record import is_id, to_json
from gateway.contract.signed import Malformed
from gateway.contract.tls import UNREADABLE

REQUEST = "mk-enrol-v1"
# Where the hub takes requests, and gives answers, by HTTP POST.
PATH = "/enrol"
# Ours take 1,200 bytes.
REQUEST_BYTES_MAX = 8 * 1024
ANSWER_BYTES_MAX = 64 * 1024

# In Crockford's base 32, four by four: 80 bits, for who has a request may try codes at home.
CODE_CHARS = 16
_CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

# Words of two syllables that Dutch and English mouths both say as they are spelled, but for some
# that nobody wants on a screen: more than 2^11, so four have 44 bits.
WORDS = 4
_SYLLABLES = [consonant + vowel for consonant in "bdfklmnprstw" for vowel in "aeio"]
_RUDE = {"dike", "fake", "kaka", "kake", "kaki", "pedo", "pipi", "rape", "sado", "tata"}
WORD_LIST = [a + b for a in _SYLLABLES for b in _SYLLABLES if a + b not in _RUDE]
# Whoever wants another request with the same words has to pay this for every try: 16 MiB, and some
# 50 ms here and 200 ms on a Pi.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}

_NONCE_BYTES = 12


class Request(msgspec.Struct, frozen=True):
    """What a gateway asks: `key` (JWK member `x`) will sign its records; `csr` is a request for a
    certificate of its TLS key, PKCS #10 in base64url.
    """

    community: str
    gateway: str
    key: str
    csr: str


class Answer(msgspec.Struct, frozen=True):
    """What the hub gives an admitted gateway: PEM texts, "" where the broker speaks no TLS.
    `card_key` is "" for a gateway that reads no cards; `stewards` are those whose policies hold.
    """

    community: str
    gateway: str
    broker: str
    bridge_key: str
    ca: str
    certificate: str
    card_key: str
    stewards: tuple[str, ...]


class Asked(NamedTuple):
    """A request that is well made: `document` are its two signed lines, `proof` the third."""

    said: Request
    document: bytes
    proof: bytes

    @property
    def digest(self) -> str:
        return signed.digest(self.document)


# The code


def new_code() -> str:
    """A code that nobody guesses, as people write it."""
    text = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(CODE_CHARS))
    return "-".join(text[n : n + 4] for n in range(0, CODE_CHARS, 4))


def read_code(text: str) -> str:
    """A code as it was typed, in its one form. Raises ValueError where it cannot be one."""
    code = cards.plain(text.strip())
    if len(code) != CODE_CHARS or not set(code) <= set(_CODE_ALPHABET):
        raise ValueError(f"a code has {CODE_CHARS} letters and digits")
    return code


# The request


def request_certificate(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """A request for a certificate of this key in this name, PKCS #10 in base64url."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, SHA256())
    return b64(made.public_bytes(Encoding.DER))


def requested(csr: str, name: str) -> ec.EllipticCurvePublicKey:
    """The key that a certificate is requested for. Raises Malformed unless it signed the request
    in this name.
    """
    try:
        request = x509.load_der_x509_csr(unb64(csr))
        is_signed = request.is_signature_valid
        names = [one.value for one in request.subject]
        key = request.public_key()
    except UNREADABLE as error:
        raise Malformed("no request for a certificate") from error
    if not is_signed or names != [name]:
        raise Malformed(f"a request for a certificate that {name} did not make")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise Malformed("a request for a certificate of another kind of key than P-256")
    return key


def make(said: Request, *, key: SigningKey, code: str) -> bytes:
    """The three lines of a request."""
    document = signed.sign(to_json(said), typ=REQUEST, key=key)
    return document + b"\n" + b64(_proof(document, proof_key(code))).encode()


def proof_key(code: str) -> bytes:
    """What a request proves its code with: it shows whether somebody knows the code, and neither
    says the code nor opens an answer.
    """
    return hmac.digest(read_code(code).encode(), b"mk-enrol-v1 proof", "sha256")


def _proof(document: bytes, proof_key: bytes) -> bytes:
    return hmac.digest(proof_key, document, "sha256")


def read(data: bytes) -> Asked:
    """The request in three lines, signed by the key that it names. Raises Malformed."""
    if len(data) > REQUEST_BYTES_MAX:
        raise Malformed(f"{len(data)} bytes, at most {REQUEST_BYTES_MAX}")
    document, newline, proof = data.strip().replace(b"\r\n", b"\n").rpartition(b"\n")
    if not newline:
        raise Malformed("expected the three lines of a request")
    parsed = signed.parse(document)
    said = signed.read_as(parsed, Request, typ=REQUEST)
    if not is_id(said.community) or not is_id(said.gateway):
        raise Malformed("a community or a gateway that is no id")
    try:
        is_signed = parsed.by(PublicKey(said.key))
        asked = Asked(said, document, unb64(proof.decode("ascii")))
    except ValueError as error:
        raise Malformed("a key or a proof that is none") from error
    if not is_signed:
        raise Malformed("it is not signed with the key that it names")
    requested(said.csr, said.gateway)
    return asked


def knows(asked: Asked, proof_key: bytes) -> bool:
    """Whether whoever made the request knows the code with this proof key."""
    return hmac.compare_digest(_proof(asked.document, proof_key), asked.proof)


def words(document: bytes) -> tuple[str, ...]:
    """The words that stand for a request, by its two signed lines.

    >>> len(words(b"..."))
    4
    """
    digest = hashlib.scrypt(document, salt=REQUEST.encode(), dklen=16, **_SCRYPT)
    number = int.from_bytes(digest, "big")
    found = []
    for _ in range(WORDS):
        number, place = divmod(number, len(WORD_LIST))
        found.append(WORD_LIST[place])
    return tuple(found)


def line(asked: Asked) -> str:
    """What a person at the gateway passes on to the steward: whose request, and its words."""
    place = f"{asked.said.community}/{asked.said.gateway}"
    return " ".join((place, *words(asked.document)))


# The answer


def seal(answer: Answer, asked: Asked, *, code: str) -> bytes:
    """The answer, for whoever made this request and knows the code: one line."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _lock(asked.document, code).encrypt(nonce, to_json(answer), None)
    return b64(nonce + sealed).encode()


def is_sealed(data: bytes) -> bool:
    """Whether this looks like an answer, whoever made it."""
    try:
        return len(unb64(data.strip().decode("ascii"))) > _NONCE_BYTES
    except ValueError:
        return False


def unseal(data: bytes, document: bytes, *, code: str) -> Answer:
    """The answer to the request with these two signed lines. Raises Malformed."""
    if len(data) > ANSWER_BYTES_MAX:
        raise Malformed(f"{len(data)} bytes, at most {ANSWER_BYTES_MAX}")
    try:
        sealed = unb64(data.strip().decode("ascii"))
        said = _lock(document, code).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        return msgspec.json.decode(said, type=Answer)
    except (ValueError, InvalidTag, msgspec.MsgspecError) as error:
        raise Malformed("it is no answer to this request") from error


def _lock(document: bytes, code: str) -> ChaCha20Poly1305:
    salt = hashlib.sha256(document).digest()
    key = HKDF(SHA256(), length=32, salt=salt, info=REQUEST.encode())
    return ChaCha20Poly1305(key.derive(read_code(code).encode()))
