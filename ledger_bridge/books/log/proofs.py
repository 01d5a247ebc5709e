"""Proofs that a leaf is in a tree, and that one tree begins with another: made and checked.

Spec: RFC 6962 sections 2.1.1 and 2.1.2 (making), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checking).
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from gateway.contract.signed import Malformed
from ledger_bridge.books.log.tree import TILE_HEIGHT, node_hash, root_of


class Nodes(Protocol):
    """Where hashes of a tree are found."""

    def hashes(self, level: int, start: int, stop: int) -> Sequence[bytes]:
        """The roots over the `start`th up to the `stop`th 256 ** `level` leaves, of one tile."""
        ...


def root(nodes: Nodes, start: int, stop: int) -> bytes:
    """The root over the leaves from `start` up to `stop`, as a tree of their own."""
    width = stop - start
    if width & (width - 1) == 0:
        level, inside = divmod(width.bit_length() - 1, TILE_HEIGHT)
        first = start >> (level * TILE_HEIGHT)
        return root_of(nodes.hashes(level, first, first + (1 << inside)))
    middle = start + _split(width)
    return node_hash(root(nodes, start, middle), root(nodes, middle, stop))


def _split(width: int) -> int:
    """The largest power of two below the width."""
    return 1 << ((width - 1).bit_length() - 1)


def inclusion(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """What leads from a leaf to the root of the first `size` leaves, from the leaf's sibling up."""
    assert 0 <= index < size
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(root(nodes, middle, stop))
            stop = middle
        else:
            path.append(root(nodes, start, middle))
            start = middle
    return path[::-1]


def consistency(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """What shows that the first `new` leaves begin with the first `old` ones."""
    assert 0 < old <= new
    path: list[bytes] = []
    start, stop, is_whole = 0, new, True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(root(nodes, middle, stop))
            stop = middle
        else:
            path.append(root(nodes, start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(root(nodes, start, stop))
    return path[::-1]


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root of a tree of this size whose leaf `index` has this hash. Raises Malformed."""
    if not 0 <= index < size:
        raise Malformed(f"leaf {index} is in no tree of {size}")
    node, steps = leaf, _steps(index, size - 1)
    for sibling in path:
        if (is_right := next(steps, None)) is None:
            raise Malformed("too many hashes lead to the root")
        node = node_hash(sibling, node) if is_right else node_hash(node, sibling)
    if next(steps, None) is not None:
        raise Malformed("too few hashes lead to the root")
    return node


def _steps(place: int, last: int) -> Iterator[bool]:
    """For each node on the way up that has a sibling, whether it is on the right side."""
    while last:
        if place & 1:
            yield True
        elif place < last:
            yield False
        place, last = place >> 1, last >> 1


def roots_by_consistency(
    old: int, new: int, path: Sequence[bytes], *, old_root: bytes
) -> tuple[bytes, bytes]:
    """The roots of the first `old` and the first `new` leaves that this path leads to.

    `old_root` is where it begins if a tree of `old` leaves is full. Raises Malformed.
    """
    if not 0 < old < new:
        raise Malformed(f"a tree of {new} leaves does not grow out of one of {old}")
    hashes = list(path)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise Malformed("no hash leads to the roots")
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = hashes[0]
    steps = _steps(place, last)
    for sibling in hashes[1:]:
        if (is_right := next(steps, None)) is None:
            raise Malformed("too many hashes lead to the roots")
        if is_right:
            first = node_hash(sibling, first)
        second = node_hash(sibling, second) if is_right else node_hash(second, sibling)
    if next(steps, None) is not None:
        raise Malformed("too few hashes lead to the roots")
    return first, second
