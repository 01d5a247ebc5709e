"""Proofs of the log against published ones, the words of the RFC, and another implementation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from gateway.contract.signed import Malformed
from ledger_bridge.books.log import proofs
from ledger_bridge.books.log.note import Checkpoint
from ledger_bridge.books.log.proof import Proof, render
from ledger_bridge.books.log.tree import TILE_WIDTH, Tree, leaf_hash, node_hash, root_of
from tests.unit.test_log import LEAVES, ROOTS, slow_root

TEN_MILLION = 10_000_000


class Leaves:
    """The hashes of leaves that lie in memory."""

    def __init__(self, leaves: list[bytes]) -> None:
        self._leaves = leaves

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        width = TILE_WIDTH**level
        return [slow_root(self._leaves[n * width : (n + 1) * width]) for n in range(start, stop)]


class Equal:
    """A log of however many equal leaves: a subtree is known by its height."""

    def __init__(self) -> None:
        self._roots = [leaf_hash(b"same")]
        for _ in range(32):
            self._roots.append(node_hash(self._roots[-1], self._roots[-1]))

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        return [self._roots[8 * level]] * (stop - start)


# As published with the test vectors of Certificate Transparency's merkle tree.
@pytest.mark.parametrize(
    ("path", "index", "size"),
    [
        ([], 0, 1),
        (
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
            0,
            8,
        ),
        (
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
            5,
            8,
        ),
        (["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"], 2, 3),
    ],
    ids=["alone", "first of 8", "sixth of 8", "last of 3"],
)
def test_the_way_of_a_leaf_is_the_published_one(path, index, size):
    assert path == [one.hex() for one in proofs.inclusion(Leaves(LEAVES), index, size)]
    given_ = [bytes.fromhex(one) for one in path]
    root = proofs.root_by_inclusion(leaf_hash(LEAVES[index]), index, size, given_)
    assert ROOTS[size - 1] == root.hex()


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
            6,
            8,
        ),
        (
            [
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
            2,
            5,
        ),
    ],
    ids=["6 to 8", "2 to 5"],
)
def test_the_growing_of_a_log_is_shown_as_published(path, old, new):
    assert path == [one.hex() for one in proofs.consistency(Leaves(LEAVES), old, new)]


def subproof(old: int, leaves: list[bytes], *, is_whole: bool) -> list[bytes]:
    """RFC 6962 section 2.1.2, word by word."""
    if old == len(leaves):
        return [] if is_whole else [slow_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*subproof(old, leaves[:k], is_whole=is_whole), slow_root(leaves[k:])]
    return [*subproof(old - k, leaves[k:], is_whole=False), slow_root(leaves[:k])]


LISTS = st.lists(st.binary(max_size=3), min_size=1, max_size=80)


@given(leaves=LISTS, data=st.data())
def test_a_leaf_is_proven_to_another_implementation(leaves, data):
    """Invariant 24 (ledger)."""
    index = data.draw(st.integers(0, len(leaves) - 1))
    peer = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        peer.append_entry(leaf)
    path = proofs.inclusion(Leaves(leaves), index, len(leaves))
    theirs = peer.prove_inclusion(index + 1, len(leaves))
    theirs.path[1:] = path
    assert peer.get_root(len(leaves)) == theirs.compute_root()
    root = proofs.root_by_inclusion(leaf_hash(leaves[index]), index, len(leaves), path)
    assert slow_root(leaves) == root


@given(leaves=LISTS, data=st.data())
def test_growing_is_proven_as_the_rfc_says(leaves, data):
    """Invariant 23 (ledger)."""
    old = data.draw(st.integers(1, len(leaves)))
    path = proofs.consistency(Leaves(leaves), old, len(leaves))
    assert subproof(old, leaves, is_whole=True) == path
    before, after = slow_root(leaves[:old]), slow_root(leaves)
    if old < len(leaves):
        shown = proofs.roots_by_consistency(old, len(leaves), path, old_root=before)
        assert (before, after) == shown


@given(leaves=LISTS.filter(lambda some: len(some) > 1), data=st.data())
def test_a_log_that_was_changed_never_seems_to_have_grown(leaves, data):
    """Invariant 8 (DESIGN): one leaf of before is another one, and the head of before shows it."""
    old = data.draw(st.integers(1, len(leaves) - 1))
    odd = data.draw(st.integers(0, old - 1))
    changed = [*leaves]
    changed[odd] = leaves[odd] + b"!"
    path = proofs.consistency(Leaves(changed), old, len(changed))
    kept = slow_root(leaves[:old])
    shown = proofs.roots_by_consistency(old, len(changed), path, old_root=kept)
    assert shown != (kept, slow_root(changed))


@pytest.mark.parametrize("more", [-1, 1], ids=["one too few", "one too many"])
def test_a_proof_of_another_length_is_refused(more):
    path = proofs.inclusion(Leaves(LEAVES), 5, 8)
    odd = path[:more] if more < 0 else [*path, path[0]]
    with pytest.raises(Malformed, match="hashes lead to the root"):
        proofs.root_by_inclusion(leaf_hash(LEAVES[5]), 5, 8, odd)
    grown = proofs.consistency(Leaves(LEAVES), 6, 8)
    odd = grown[:more] if more < 0 else [*grown, grown[0]]
    with pytest.raises(Malformed, match="hashes lead to the roots"):
        proofs.roots_by_consistency(6, 8, odd, old_root=bytes.fromhex(ROOTS[5]))


@pytest.mark.parametrize(("index", "size"), [(8, 8), (-1, 8), (0, 0)])
def test_a_leaf_outside_the_log_is_refused(index, size):
    with pytest.raises(Malformed, match="is in no tree"):
        proofs.root_by_inclusion(b"", index, size, [])


@pytest.mark.parametrize(("old", "new"), [(0, 8), (8, 8), (9, 8)])
def test_a_log_that_did_not_grow_is_refused(old, new):
    with pytest.raises(Malformed, match="does not grow"):
        proofs.roots_by_consistency(old, new, [], old_root=b"")


def test_a_log_of_ten_million_leaves_is_proven_in_24_hashes_and_less_than_2_kb():
    nodes = Equal()
    path = proofs.inclusion(nodes, 7_654_321, TEN_MILLION)
    assert len(path) <= 24
    root = proofs.root(nodes, 0, TEN_MILLION)
    assert root == proofs.root_by_inclusion(leaf_hash(b"same"), 7_654_321, TEN_MILLION, path)
    head = Checkpoint("meterkast/straat", TEN_MILLION, root)
    note = f"{head.text}\n— meterkast/straat {'A' * 92}\n"
    body = b'{"kind":"gift","booking":1,"booked_ms":0,"postings":[]}'
    text = render(Proof("act", b"s" * 16, body, "", (), None, 7_654_321, tuple(path), note))
    assert len(text[text.index("c2sp.org/") :].encode()) < 2_000


def test_a_tree_told_its_subtrees_goes_on_as_one_that_saw_all_leaves():
    leaves = [str(n).encode() for n in range(70_000)]
    seen, told = Tree(), Tree()
    seen.extend(leaves)
    assert (274, [1] * 256) == (len(seen.filled), [one.level for one in seen.filled[:256]])
    assert (2, 0, root_of([one.root for one in seen.filled[:256]])) == seen.filled[256]
    told.put(seen.filled[256])
    for one in seen.filled[257:]:
        told.put(one)
    for one in leaves[69_888:]:
        told.append(one)
    assert (seen.root(), seen.size, []) == (told.root(), told.size, told.filled)


def test_leaf_by_leaf_and_many_at_once_fill_the_same_subtrees():
    leaves = [str(n).encode() for n in range(66_000)]
    slow, fast = Tree(), Tree()
    for one in leaves:
        slow.append(one)
    fast.extend(leaves[:300])
    fast.extend(leaves[300:])
    assert slow.filled == fast.filled
    assert (slow.edge, slow.size) == (fast.edge, fast.size)
