"""Tree heads as signed notes: whose log, how many leaves, which root.

Spec: C2SP tlog-checkpoint and signed-note.
"""

import hashlib
from base64 import b64decode, b64encode
from typing import NamedTuple

from gateway.contract.keys import PublicKey, SigningKey, unb64
from gateway.contract.signed import Malformed

# Signature type of Ed25519 in C2SP signed notes.
_ED25519 = b"\x01"


class Checkpoint(NamedTuple):
    """A tree head: whose log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def origin(community: str, epoch: int = 1) -> str:
    """The name of a community's log, which is another one from each new epoch on."""
    return f"meterkast/{community}" if epoch == 1 else f"meterkast/{community}/{epoch}"


def epoch_of(text: str, community: str) -> int:
    """The epoch of a community's log that a note is of, whoever signed it. Raises Malformed."""
    name = claimed(text).origin
    number = name.removeprefix(origin(community)).removeprefix("/") or "1"
    if not number.isascii() or not number.isdigit() or name != origin(community, int(number)):
        raise Malformed(f"a checkpoint of {name!r}, which is no log of {community!r}")
    return int(number)


def _key_hash(name: str, key: PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + unb64(key.x)).digest()[:4]


def note(checkpoint: Checkpoint, *, key: SigningKey) -> str:
    """The signed text of a tree head, as any C2SP verifier reads it."""
    signature = key.sign(checkpoint.text.encode())
    return _signed(checkpoint, _key_hash(checkpoint.origin, key.public) + signature)


def read_note(text: str, *, key: PublicKey) -> Checkpoint:
    """The tree head in a signed note. Raises Malformed where `key` did not sign it."""
    checkpoint, blob = _parse(text)
    if blob[:4] != _key_hash(checkpoint.origin, key):
        raise Malformed("the note is not signed by this log")
    if not key.accepts(blob[4:], checkpoint.text.encode()):
        raise Malformed("the signature of the note is wrong")
    return checkpoint


def claimed(text: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises Malformed where it is none, or spelt oddly."""
    return _parse(text)[0]


def is_by(text: str, key: PublicKey) -> bool:
    """Whether this key signed the note. Raises Malformed where it is none."""
    checkpoint, blob = _parse(text)
    is_named = blob[:4] == _key_hash(checkpoint.origin, key)
    return is_named and key.accepts(blob[4:], checkpoint.text.encode())


def _parse(text: str) -> tuple[Checkpoint, bytes]:
    """A tree head and the blob of its one signature."""
    try:
        name, size, root, gap, signature, end = text.split("\n")
        dash, signer, blob64 = signature.split(" ")
        blob = b64decode(blob64, validate=True)
        checkpoint = Checkpoint(name, int(size), b64decode(root, validate=True))
    except ValueError as error:
        raise Malformed("not a signed note with one signature") from error
    if gap or end or (dash, signer) != ("—", name):
        raise Malformed("the note is not signed by its own log")
    is_head = checkpoint.size >= 0 and len(checkpoint.root) == hashlib.sha256().digest_size
    if not is_head or text != _signed(checkpoint, blob):
        raise Malformed("the note is not spelt as it was signed")
    return checkpoint, blob


def _signed(checkpoint: Checkpoint, blob: bytes) -> str:
    return f"{checkpoint.text}\n— {checkpoint.origin} {b64encode(blob).decode()}\n"
