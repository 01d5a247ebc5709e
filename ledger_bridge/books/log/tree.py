"""An RFC 6962 Merkle tree over salted commitments.

Spec: RFC 6962 section 2.1.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

SALT_BYTES = 16

# Levels of the tree that C2SP's tiles count as one.
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

_sha256 = hashlib.sha256


def commitment(salt: bytes, kind: str, body: bytes) -> bytes:
    """What the tree knows of a leaf. Without its salt a body cannot be guessed from it."""
    return _sha256(salt + kind.encode() + b"\n" + body).digest()


def leaf_hash(data: bytes) -> bytes:
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The root over hashes of one height; their number is a power of two."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [
            _sha256(b"\x01" + left + right).digest()
            for left, right in zip(pairs, pairs, strict=True)
        ]
    return hashes[0]


class Subtree(NamedTuple):
    """The root over the `n`th 256 ** `level` leaves: the `n`th hash of that level of tiles."""

    level: int
    n: int
    root: bytes


class Tree:
    """The right edge of a Merkle tree: enough to append and to name the root.

    `edge[i]` is the root of a full subtree; their sizes are the binary digits of `size`,
    largest first. `filled` are the subtrees of whole tiles that got full, in their order.
    """

    __slots__ = ("edge", "filled", "size")

    def __init__(self) -> None:
        self.size = 0
        self.edge: list[bytes] = []
        self.filled: list[Subtree] = []

    def append(self, commitment_: bytes) -> None:
        self._push(leaf_hash(commitment_), 0)

    def _push(self, node: bytes, height: int) -> None:
        """Put a full subtree of this height to the right; `size` is a multiple of its width."""
        left = self.size >> height
        self.size += 1 << height
        while left & 1:
            node = _sha256(b"\x01" + self.edge.pop() + node).digest()
            left >>= 1
            height += 1
            if not height % TILE_HEIGHT:
                self.filled.append(Subtree(height // TILE_HEIGHT, left, node))
        self.edge.append(node)

    def put(self, subtree: Subtree) -> None:
        """Put a subtree to the right whose root is known; it is not told again in `filled`."""
        self._push(subtree.root, subtree.level * TILE_HEIGHT)

    def extend(self, commitments: Iterable[bytes]) -> None:
        rest = iter(commitments)
        for one in islice(rest, -self.size % TILE_WIDTH):
            self.append(one)
        while hashes := [_sha256(b"\x00" + one).digest() for one in islice(rest, TILE_WIDTH)]:
            if len(hashes) == TILE_WIDTH:
                full = Subtree(1, self.size >> TILE_HEIGHT, root_of(hashes))
                self.filled.append(full)
                self.put(full)
            else:
                for one in hashes:
                    self._push(one, 0)

    def root(self) -> bytes:
        if not self.edge:
            return _sha256(b"").digest()
        node = self.edge[-1]
        for left in reversed(self.edge[:-1]):
            node = node_hash(left, node)
        return node

    def copy(self) -> "Tree":
        """The same edge; what was `filled` before is not in it."""
        twin = Tree()
        twin.size, twin.edge = self.size, list(self.edge)
        return twin
