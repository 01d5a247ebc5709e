"""The part of `verify` that is about the log itself: every leaf, and every signed tree head."""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.contract.signed import Malformed
from ledger_bridge.books.log.note import Checkpoint, origin, read_note
from ledger_bridge.books.log.tree import Tree, commitment
from ledger_bridge.books.verify.look import Differs, Look


class Leaf(NamedTuple):
    """A leaf as it stands in the log."""

    idx: int
    kind: str
    body: bytes


def leaves(look: Look) -> Iterator[Leaf]:
    """The leaves in their order, while the tree grows over them: every checkpoint must be a head
    that it had, the last one its own.
    """
    notes = dict(look.rows("SELECT size, note FROM checkpoint WHERE community = ?"))
    tree, signed_size = Tree(), 0
    for idx, kind, salt, body, kept in look.rows(
        "SELECT idx, kind, salt, body, commitment FROM leaf LEFT JOIN erased_leaf"
        " USING (community, idx) WHERE community = ? ORDER BY idx"
    ):
        if idx != tree.size:
            raise Differs(f"leaf {tree.size} is missing", "leaf")
        tree.append(commitment(salt, kind, body) if body else kept or b"")
        if (note := notes.pop(tree.size, None)) is not None:
            _check_note(look, note, tree)
            signed_size = tree.size
        yield Leaf(idx, kind, body)
    if notes:
        what = f"a checkpoint of {min(notes)} leaves, there are {tree.size}"
        raise Differs(what, "checkpoint")
    if signed_size != tree.size:
        what = f"{tree.size} leaves, the last checkpoint signs {signed_size}"
        raise Differs(what, "checkpoint")
    look.leaves, look.root = tree.size, tree.root()


def _check_note(look: Look, note: str, tree: Tree) -> None:
    where = f"checkpoint {tree.size}"
    try:
        head = read_note(note, key=look.log_key)
    except Malformed as error:
        raise Differs(str(error), where) from error
    if head != Checkpoint(origin(look.community), tree.size, tree.root()):
        raise Differs("the leaves before it are not those that were signed", where)
