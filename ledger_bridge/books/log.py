"""The community's log: an RFC 6962 Merkle tree over salted commitments, under signed tree heads.

Spec: RFC 6962 section 2.1 (tree), C2SP tlog-checkpoint and signed-note (checkpoint text).
"""

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from gateway.contract.keys import PublicKey, SigningKey, unb64
from gateway.contract.signed import Malformed

SALT_BYTES = 16

# Signature type of Ed25519 in C2SP signed notes.
_ED25519 = b"\x01"


def commitment(salt: bytes, kind: str, body: bytes) -> bytes:
    """What the tree knows of a leaf. Without its salt a body cannot be guessed from it."""
    return hashlib.sha256(salt + kind.encode() + b"\n" + body).digest()


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The right edge of a Merkle tree: enough to append and to name the root.

    `edge[i]` is the root of a full subtree; their sizes are the binary digits of `size`,
    largest first.
    """

    __slots__ = ("edge", "size")

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[bytes] = []

    def append(self, commitment_: bytes) -> None:
        node = leaf_hash(commitment_)
        size = self.size
        while size & 1:
            node = node_hash(self.edge.pop(), node)
            size >>= 1
        self.edge.append(node)
        self.size += 1

    def extend(self, commitments: Iterable[bytes]) -> None:
        for one in commitments:
            self.append(one)

    def root(self) -> bytes:
        if not self.edge:
            return hashlib.sha256(b"").digest()
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = node_hash(left, node)
        return node

    def copy(self) -> "Tree":
        twin = Tree()
        twin.size, twin.edge = self.size, list(self.edge)
        return twin


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
