"""A lost record: which records of a chain the gateway no longer has, so that the chain can go on.

A gateway drops what it must when its disk is short, and never without saying so. Whoever holds the
chain up to the first of them goes on after the last: the next record names that one's digest.
"""

import re
from typing import NamedTuple

import msgspec

from gateway.contract.record import Element, Record, is_id
from gateway.contract.signed import Malformed

CHAIN, FIRST, LAST, DIGEST, WHY = (
    "journal/chain",
    "journal/first",
    "journal/last",
    "journal/digest",
    "journal/why",
)

# Why records are lost.
DISK_SHORT = "disk-short"  # dropped to make room, before any hub had them
NO_LONGER_HELD = "no-longer-held"  # a hub had them and asks again after they were dropped
UNREADABLE = "unreadable"  # the journal's file was damaged

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
# What SenML numbers hold exactly, and far more records than a Pi makes.
_SEQ = re.compile(rb"[1-9][0-9]{0,14}\Z")


class Lost(NamedTuple):
    """Records `first` to `last` of `chain` are gone; `digest` is the last one's."""

    chain: str
    first: int
    last: int
    digest: str
    why: str


def elements(lost: Lost) -> list[Element]:
    """What a record of the typ `LOST` says after its identity."""
    assert 1 <= lost.first <= lost.last, lost
    return [
        Element(n=CHAIN, vs=lost.chain),
        Element(n=FIRST, v=msgspec.Raw(str(lost.first).encode())),
        Element(n=LAST, v=msgspec.Raw(str(lost.last).encode())),
        Element(n=DIGEST, vs=lost.digest),
        Element(n=WHY, vs=lost.why),
    ]


def read(record: Record) -> Lost:
    """What a record of the typ `LOST` says. Raises Malformed."""
    said = {one.n: one for one in record.elements}
    try:
        chain, digest, why = (said[name].vs for name in (CHAIN, DIGEST, WHY))
        first, last = (bytes(said[name].v) for name in (FIRST, LAST))
    except KeyError as error:
        raise Malformed(f"a lost record without {error}") from error
    if not is_id(chain) or not _DIGEST.match(digest):
        raise Malformed("a lost record that names no chain or no digest")
    if not _SEQ.match(first) or not _SEQ.match(last) or int(first) > int(last):
        raise Malformed(f"records {first[:20]!r} to {last[:20]!r} cannot be lost")
    return Lost(chain, int(first), int(last), digest, why)
