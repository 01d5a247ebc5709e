"""Registry edits as signed documents, of which each edit can be erased by itself.

Line 1 names the edits by their digests, line 2 signs it, and each line after them opens one: the
edit with a salt, so that nobody finds out by trying what an erased one said.
"""

import hashlib
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from gateway.contract import signed
from gateway.contract.keys import SigningKey, b64
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.registry.edits import Edit, Edits, Founded
from ledger_bridge.books.registry.registry import Registry

REGISTRY = "mk-registry-v2"
# The edits themselves in line 1, where nothing can be erased: as books of before have them.
INLINE = "mk-registry-v1"

SALT_BYTES = 16


class _Named(msgspec.Struct, frozen=True):
    """Line 1: what is edited, by the digests of the openings in their order."""

    community: str
    time_ms: int
    edits: tuple[str, ...]


class _Opening(msgspec.Struct, frozen=True):
    salt: str
    edit: Edit


class Stored(NamedTuple):
    """A document as the books have it: two signed lines, and by number the openings that are
    not erased.
    """

    seq: int
    data: bytes
    openings: dict[int, bytes]


_opening = msgspec.json.Decoder(_Opening)


def make(edits: Edits, *, key: SigningKey) -> bytes:
    """A registry document, signed by a steward: two lines and the openings."""
    openings = [to_json(_Opening(b64(os.urandom(SALT_BYTES)), edit)) for edit in edits.edits]
    named = _Named(edits.community, edits.time_ms, tuple(map(_digest, openings)))
    document = signed.sign(to_json(named), typ=REGISTRY, key=key, bytes_max=signed.PAPER_BYTES_MAX)
    return b"\n".join((document, *openings))


def split(data: bytes) -> Stored:
    """A document that is handed in, not yet checked. Raises Malformed."""
    if len(data) > signed.PAPER_BYTES_MAX:
        raise Malformed(f"{len(data)} bytes, at most {signed.PAPER_BYTES_MAX}")
    payload, _, rest = data.partition(b"\n")
    jws, *openings = rest.split(b"\n")
    return Stored(0, payload + b"\n" + jws, dict(enumerate(openings)))


def stored(db: sqlite3.Connection, community: str) -> Iterator[Stored]:
    """All documents in their order."""
    openings: dict[int, dict[int, bytes]] = defaultdict(dict)
    for seq, n, data in db.execute(
        "SELECT seq, n, data FROM opening WHERE community = ?", (community,)
    ):
        openings[seq][n] = data
    for seq, data in db.execute(
        "SELECT seq, data FROM registry_edit WHERE community = ? ORDER BY seq", (community,)
    ):
        yield Stored(seq, data, openings[seq])


def read(data: bytes, registry: Registry) -> Edits:
    """The edits in a document that is handed in: all of them are there. Raises Malformed."""
    document = split(data)
    named = signed.parse(document.data, bytes_max=signed.PAPER_BYTES_MAX)
    many = len(signed.read_as(named, _Named, typ=REGISTRY).edits)
    if len(document.openings) != many:
        raise Malformed(f"{many} edits, {len(document.openings)} lines that open them")
    return opened(document, registry)


def opened(document: Stored, registry: Registry) -> Edits:
    """The edits in a document, but for those that are erased; its signature checked against the
    stewards of `registry`.

    The founding document is signed by the first steward it names. Raises Malformed.
    """
    said = signed.parse(document.data, bytes_max=signed.PAPER_BYTES_MAX)
    if said.typ == INLINE:
        edits = signed.read_as(said, Edits, typ=INLINE)
    else:
        named = signed.read_as(said, _Named, typ=REGISTRY)
        edits = Edits(named.community, named.time_ms, _opened(named, document.openings))
    if edits.community != registry.community:
        raise Malformed(f"edits of community {edits.community!r}, not {registry.community!r}")
    stewards = registry.stewards
    if registry.founded is None:
        first = edits.edits[0] if edits.edits else None
        if not isinstance(first, Founded):
            raise Malformed("the first edit must found the community")
        stewards = first.stewards
    signed.demand(said, *stewards, whose=STEWARD)
    return edits


def _opened(named: _Named, openings: dict[int, bytes]) -> tuple[Edit, ...]:
    edits = []
    for number, digest in enumerate(named.edits):
        if (opening := openings.get(number)) is None:
            continue
        if _digest(opening) != digest:
            raise Malformed(f"edit {number + 1} is not the one that was signed")
        try:
            edits.append(_opening.decode(opening).edit)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Malformed(f"edit {number + 1} cannot be read: {error}") from error
    return tuple(edits)


def _digest(opening: bytes) -> str:
    return hashlib.sha256(opening).hexdigest()


def edit_in(opening: bytes) -> Edit:
    """The edit in a stored opening, whose digest was checked when it came."""
    return _opening.decode(opening).edit


def erased_in(document: Stored) -> list[int]:
    """Which of its edits are erased."""
    said = signed.parse(document.data, bytes_max=signed.PAPER_BYTES_MAX)
    if said.typ == INLINE:
        return []
    many = len(signed.read_as(said, _Named, typ=REGISTRY).edits)
    return [n for n in range(many) if n not in document.openings]
