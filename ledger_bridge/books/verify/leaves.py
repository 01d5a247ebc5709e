"""The part of `verify` that is about the log itself: every leaf, and every signed tree head."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from gateway.contract.keys import PublicKey
from gateway.contract.signed import Malformed
from ledger_bridge.books.log.note import Checkpoint, origin, read_note
from ledger_bridge.books.log.tree import Tree, commitment
from ledger_bridge.books.verify.look import Differs, Look
from ledger_bridge.books.verify.moment import Moment

# So many leaves are hashed in one go.
LEAVES_READ = 4_096


class Leaf(NamedTuple):
    """A leaf as it stands in the log."""

    idx: int
    kind: str
    body: bytes


class _Begun(msgspec.Struct):
    """What the first leaf of an epoch says: the epoch, and the last head of the one before."""

    number: int
    before: str


def begun_again(moment: Moment, leaf: Leaf) -> None:
    """The log begins again at this leaf. Its edit of stewards, which comes next, is looked at
    with the registry.
    """
    said = msgspec.json.decode(leaf.body, type=_Begun)
    rows = moment.look.rows(
        "SELECT note FROM checkpoint WHERE community = ? AND size = ?", leaf.idx
    )
    if said.number <= moment.epoch or (said.before,) != next(rows, ("",)):
        raise Differs("it does not go on from the epoch before", f"leaf {leaf.idx}")
    moment.epoch = said.number


def leaves(moment: Moment) -> Iterator[Leaf]:
    """The leaves in their order, while the tree grows over them: every checkpoint must be a head
    that it had, the last one its own, each signed by the log's key of its time.

    A key that hands over signs the head over the leaf that says so; the head of a new epoch is
    signed by the key that begins it.
    """
    look = moment.look
    log = _Growing(look)
    for size, note in look.rows(
        "SELECT size, note FROM checkpoint WHERE community = ? ORDER BY size"
    ):
        key, begins, last = moment.registry.log, False, None
        for leaf in log.up_to(size):
            if last is None and leaf.kind == "epoch":
                begins = True
            elif last is not None:
                yield last
            last = leaf
        if last is None:
            raise Differs(f"a checkpoint of {size} leaves, there are {log.count}", "checkpoint")
        if begins:
            yield last
            log.check(note, moment.registry.log)
        else:
            log.check(note, key or look.registry.log_keys[0])
            yield last
    log.end()


class _Growing:
    """The tree of the epoch that is being read, and how many leaves there are of all epochs."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._rows = look.rows(
            "SELECT idx, kind, salt, body, commitment FROM leaf LEFT JOIN erased_leaf"
            " USING (community, idx) WHERE community = ? ORDER BY idx"
        )
        self._tree = Tree()
        self._epoch = 1
        self._first = 0
        self._begun: set[tuple[Any, ...]] = set()
        self._filled: set[tuple[Any, ...]] = set()
        self.count = 0

    def up_to(self, size: int) -> Iterator[Leaf]:
        """The leaves that this head is over and no head before; fewer where there are fewer."""
        is_first = True
        while self.count < size:
            some = list(islice(self._rows, min(size - self.count, LEAVES_READ)))
            if not some:
                raise Differs(
                    f"a checkpoint of {size} leaves, there are {self.count}", "checkpoint"
                )
            for number, (idx, *_) in enumerate(some, self.count):
                if idx != number:
                    raise Differs(f"leaf {number} is missing", "leaf")
            if is_first and some[0][1] == "epoch":
                self._begin(some[0])
            is_first = False
            self.count += len(some)
            self._tree.extend(
                commitment(salt, kind, body) if body else kept or b""
                for _, kind, salt, body, kept in some
            )
            for idx, kind, _, body, _ in some:
                yield Leaf(idx, kind, body)

    def _begin(self, row: tuple[Any, ...]) -> None:
        """The next leaf is the first one of an epoch."""
        self._keep_filled()
        (*_, body, _) = row
        try:
            self._epoch = msgspec.json.decode(body or b"", type=_Begun).number
        except msgspec.MsgspecError as error:
            raise Differs("it cannot be read any more", f"leaf {self.count}") from error
        self._tree, self._first = Tree(), self.count
        self._begun.add((self._look.community, self._epoch, self._first))

    def check(self, note: str, key: str) -> None:
        """This note is the head as of now, signed by this key (a JWK member `x`)."""
        where, tree = f"checkpoint {self.count}", self._tree
        try:
            head = read_note(note, key=PublicKey(key))
        except Malformed as error:
            raise Differs(str(error), where) from error
        if head != Checkpoint(origin(self._look.community, self._epoch), tree.size, tree.root()):
            raise Differs("the leaves before it are not those that were signed", where)

    def _keep_filled(self) -> None:
        community = self._look.community
        self._filled |= {(community, self._epoch, *one) for one in self._tree.filled}

    def end(self) -> None:
        """No leaf is without a head, and what is kept of the tree is right."""
        if next(self._rows, None) is not None:
            total = self._look.count("leaf")
            what = f"{total} leaves, the last checkpoint signs {self.count}"
            raise Differs(what, "checkpoint")
        self._keep_filled()
        self._look.compare("subtree", self._filled)
        self._look.compare("epoch", self._begun)
        self._look.leaves, self._look.root = self.count, self._tree.root()
