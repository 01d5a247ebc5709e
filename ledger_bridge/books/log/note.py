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


def origin(community: str) -> str:
    """The name of a community's log."""
    return f"meterkast/{community}"


def _key_hash(name: str, key: PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + unb64(key.x)).digest()[:4]


def note(checkpoint: Checkpoint, *, key: SigningKey) -> str:
    """The signed text of a tree head, as any C2SP verifier reads it."""
    text = f"{checkpoint.origin}\n{checkpoint.size}\n{b64encode(checkpoint.root).decode()}\n"
    blob = _key_hash(checkpoint.origin, key.public) + key.sign(text.encode())
    return f"{text}\n— {checkpoint.origin} {b64encode(blob).decode()}\n"


def read_note(text: str, *, key: PublicKey) -> Checkpoint:
    """The tree head in a signed note. Raises Malformed where `key` did not sign it."""
    body, gap, signatures = text.partition("\n\n")
    try:
        name, size, root = body.split("\n")
        dash, signer, blob64 = signatures.strip("\n").split(" ")
        blob = b64decode(blob64, validate=True)
        checkpoint = Checkpoint(name, int(size), b64decode(root, validate=True))
    except ValueError as error:
        raise Malformed("not a signed note with one signature") from error
    if not gap or dash != "—" or signer != name or blob[:4] != _key_hash(name, key):
        raise Malformed("the note is not signed by this log")
    if not key.accepts(blob[4:], f"{body}\n".encode()):
        raise Malformed("the signature of the note is wrong")
    return checkpoint
