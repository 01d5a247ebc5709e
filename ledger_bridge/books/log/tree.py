"""An RFC 6962 Merkle tree over salted commitments.

Spec: RFC 6962 section 2.1.
"""

import hashlib
from collections.abc import Iterable

SALT_BYTES = 16


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
