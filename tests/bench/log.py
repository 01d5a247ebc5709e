"""The log: how fast leaves are appended, by themselves and against a peer; how fast the books are
opened and a leaf is proven when there are many.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pymerkle import InmemoryTree

from ledger_bridge.books.log import proofs
from ledger_bridge.books.log.stored import growing, tree_of
from ledger_bridge.books.log.tree import Tree, leaf_hash
from ledger_bridge.books.store import commit
from tests.bench import Ratio
from tests.street import ID, NOON_MS, Street

LEAVES = 200_000
STORED = 300_000
PEER_LEAVES = 20_000
RUNS = 3
SALT = b"s" * 16


def best(run: Callable[[], object]) -> float:
    """The shortest of some runs, in s."""
    spent = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run()
        spent.append(time.perf_counter() - begin)
    return min(spent)


def _bare(leaves: list[bytes]) -> None:
    sha256 = hashlib.sha256
    for leaf in leaves:
        sha256(leaf).digest()


def _many(leaves: list[bytes]) -> None:
    Tree().extend(leaves)


def _one_by_one(leaves: list[bytes]) -> None:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)


def _peer(leaves: list[bytes]) -> None:
    tree = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)


def run() -> list[Ratio]:
    leaves = [hashlib.sha256(str(n).encode()).digest() for n in range(LEAVES)]
    bare, many, single = (
        LEAVES / best(lambda one=one: one(leaves)) for one in (_bare, _many, _one_by_one)
    )
    peer = PEER_LEAVES / best(lambda: _peer(leaves[:PEER_LEAVES]))
    return [
        Ratio("log: leaves appended (bare SHA-256)", many, bare, many / bare, 0.30),
        Ratio("log: leaves one by one (bare SHA-256)", single, bare, single / bare, 0.20),
        Ratio("log: leaves appended (pymerkle)", many, peer, many / peer, 4.0),
        *_stored(),
    ]


def _stored() -> list[Ratio]:
    """Opening a long log against hashing all of it, and a proof that it is read for."""
    with tempfile.TemporaryDirectory() as folder:
        street = Street(Path(folder))
        batch = street.community.book.batch(NOON_MS)
        for number in range(STORED):
            batch.leaf("act", {"number": number})
        with commit(street.community.db):
            batch.write()
        batch.done()
        log = growing(street.community.db, ID)
        size = log.size()
        everything = best(lambda: _many(log.commitments(0, size)))
        opening = best(lambda: tree_of(log))
        proving = best(lambda: proofs.inclusion(log, 12_345, size))
        (leaf,) = log.commitments(12_345, 12_346)
        path = proofs.inclusion(log, 12_345, size)
        root = proofs.root_by_inclusion(leaf_hash(leaf), 12_345, size, path)
        assert root == street.community.book.tree.root()
    return [
        Ratio("log: opened (hashing all)", 1 / opening, 1 / everything, everything / opening, 20.0),
        Ratio("log: proofs (100 a second)", 1 / proving, 100, 1 / proving / 100, 1.0),
    ]
