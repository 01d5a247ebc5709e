"""Two lines: JSON that a person can read, and a signature that any JOSE library can check.

Line 1 is the payload. Line 2 is a detached JWS over exactly the bytes of line 1.
Spec: RFC 7515 appendix F (detached content), RFC 7797 (unencoded payload), RFC 9864 (Ed25519).
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import msgspec

from gateway.contract.keys import PublicKey, SigningKey, b64, unb64

# One MQTT message: beyond this a broker or a small Pi would suffer.
SIGNED_BYTES_MAX = 64 * 1024
# Papers that never pass a broker, such as the registry edits of a whole co-op.
PAPER_BYTES_MAX = 8 * 1024 * 1024

# Stewards who sign one paper together; each signature is looked at, so somebody must end it.
SIGNATURES_MAX = 32

# Ours take 140; headers are kept in mind before anybody's signature is checked.
HEADER_BYTES_MAX = 1024

ALG = "Ed25519"

T = TypeVar("T")


class Malformed(ValueError):
    """Bytes that are not two lines of ours; the message says what was expected."""


class _Header(msgspec.Struct):
    alg: str
    kid: str
    typ: str
    b64: bool = True
    crit: tuple[str, ...] = ()


class Changed(Malformed):
    """A paper that says something else now than somebody signed."""


class Signed(NamedTuple):
    """Two lines taken apart, not yet checked: the payload, who says they signed it, as what."""

    payload: bytes
    kid: str
    typ: str
    protected: bytes
    signature: bytes

    def by(self, key: PublicKey) -> bool:
        """Whether `key` made this signature."""
        return key.kid == self.kid and key.accepts(
            self.signature, self.protected + b"." + self.payload
        )


@lru_cache(maxsize=64)
def _protected(kid: str, typ: str) -> bytes:
    header = {"alg": ALG, "b64": False, "crit": ["b64"], "kid": kid, "typ": typ}
    return b64(msgspec.json.encode(header)).encode()


def sign(payload: bytes, *, typ: str, key: SigningKey, bytes_max: int = SIGNED_BYTES_MAX) -> bytes:
    """The two lines for one line of JSON. `typ` names the kind of document and its version."""
    assert b"\n" not in payload
    protected = _protected(key.public.kid, typ)
    signature = b64(key.sign(protected + b"." + payload)).encode()
    data = payload + b"\n" + protected + b".." + signature
    assert len(data) <= bytes_max, f"{len(data)} bytes in one signed document"
    return data


@lru_cache(maxsize=4096)
def _header(protected: bytes) -> tuple[str, str]:
    header = msgspec.json.decode(unb64(protected.decode("ascii")), type=_Header)
    if header.alg != ALG or header.b64 or header.crit != ("b64",):
        raise Malformed(f"protected header with alg {header.alg!r}, crit {header.crit!r}")
    return header.kid, header.typ


def parse(data: bytes, *, bytes_max: int = SIGNED_BYTES_MAX) -> Signed:
    """Take two lines apart. Raises Malformed; checks no signature (see `Signed.by`)."""
    if len(data) > bytes_max:
        raise Malformed(f"{len(data)} bytes, at most {bytes_max}")
    payload, newline, jws = data.partition(b"\n")
    protected, dots, signature = jws.partition(b"..")
    if not newline or not dots:
        raise Malformed("expected one line of JSON and one line of detached JWS")
    if len(protected) > HEADER_BYTES_MAX:
        raise Malformed(f"a protected header of {len(protected)} bytes, at most {HEADER_BYTES_MAX}")
    try:
        kid, typ = _header(protected)
        return Signed(payload, kid, typ, protected, unb64(signature.decode("ascii")))
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"second line is not a detached JWS of ours: {error}") from error


def parse_all(data: bytes) -> tuple[Signed, ...]:
    """Take a paper apart that several signed: its payload, and a line for each signature.

    Gives one `Signed` for each of them. Raises Malformed; checks no signature.
    """
    payload, newline, lines = data.partition(b"\n")
    signatures = lines.split(b"\n")
    if not newline or len(signatures) > SIGNATURES_MAX:
        raise Malformed(f"expected a line of JSON and 1 to {SIGNATURES_MAX} of detached JWS")
    documents = tuple(parse(payload + b"\n" + line) for line in signatures)
    if len({document.typ for document in documents}) > 1:
        raise Malformed("signatures as several kinds of paper")
    return documents


def add(data: bytes, *, key: SigningKey) -> bytes:
    """The paper with one more signature, if `key` did not sign it before. Raises Malformed."""
    documents = parse_all(data)
    if any(document.by(key.public) for document in documents):
        return data
    _, line = sign(documents[0].payload, typ=documents[0].typ, key=key).split(b"\n")
    return data + b"\n" + line


def signers(documents: Iterable[Signed], keys: Iterable[str]) -> tuple[str, ...]:
    """Which of these keys (JWK members `x`) signed one of these, in the order of the keys."""
    documents = tuple(documents)
    return tuple(
        x for x in dict.fromkeys(keys) if any(document.by(PublicKey(x)) for document in documents)
    )


def demand_of(documents: Iterable[Signed], keys: Iterable[str], *, asked: int, whose: str) -> None:
    """Raises Malformed unless so many of these keys signed, and says whose signature is missing, or
    does not fit any more.
    """
    keys, documents = tuple(dict.fromkeys(keys)), tuple(documents)
    have = signers(documents, keys)
    if len(have) >= asked:
        return
    if asked == 1:
        raise Malformed(f"not signed by {whose}")
    for x in keys:
        if x not in have and any(document.kid == PublicKey(x).kid for document in documents):
            raise Changed(f"it was changed since {x[:8]}… signed it")
    missing = ", ".join(f"{x[:8]}…" for x in keys if x not in have)
    raise Malformed(f"signed by {len(have)} of the {asked} who must; not by {missing}")


def read_as(document: Signed, kind: type[T], *, typ: str) -> T:
    """The payload of a document of this `typ`. Raises Malformed; checks no signature."""
    if document.typ != typ:
        raise Malformed(f"typ {document.typ!r}, expected {typ!r}")
    try:
        return msgspec.json.decode(document.payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"first line is no {typ}: {error}") from error


def demand(document: Signed, *keys: str, whose: str) -> None:
    """Raises Malformed unless one of these keys (JWK members `x`) signed the document."""
    if not any(document.by(PublicKey(x)) for x in keys):
        raise Malformed(f"not signed by {whose}")


def digest(data: bytes) -> str:
    """What the next link of a chain calls this document: SHA-256 of both lines, hex."""
    return hashlib.sha256(data).hexdigest()
