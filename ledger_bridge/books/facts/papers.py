"""What a steward signed that no gateway measured, as signed documents.

A paper is evidence like a record: stored once, named by whoever hands it in, never changed.
"""

from typing import Annotated

import msgspec

from gateway.contract import signed
from gateway.contract.keys import SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.facts.official import Series, Sight, check_series, check_sight
from ledger_bridge.books.facts.when import LAST_MS
from ledger_bridge.books.policy.coefficients import KeyFile, check_key_file
from ledger_bridge.books.registry.registry import Registry

EVIDENCE = "mk-evidence-v1"

Said = Attestation | TakenBack | Series | Sight | KeyFile


class Paper(msgspec.Struct, frozen=True):
    """The payload. The same `name` with the same content is the same paper."""

    community: str
    name: str
    time_ms: Annotated[int, msgspec.Meta(ge=0, lt=LAST_MS)]
    said: tuple[Said, ...]


def make(paper: Paper, *, key: SigningKey) -> bytes:
    """The two lines of a paper, signed by a steward."""
    return signed.sign(to_json(paper), typ=EVIDENCE, key=key, bytes_max=signed.PAPER_BYTES_MAX)


def must_be_signed(data: bytes, registry: Registry) -> None:
    """Raises Malformed where none of today's stewards signed it: who has left hands in nothing."""
    document = signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX)
    signed.demand(document, *registry.stewards, whose=STEWARD)


def read(data: bytes, registry: Registry) -> Paper:
    """The paper in two lines. Raises Malformed where nobody signed it who is a steward or was one,
    or it says what cannot be.
    """
    document = signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX)
    paper = signed.read_as(document, Paper, typ=EVIDENCE)
    signed.demand(document, *registry.stewards, *registry.past_stewards, whose=STEWARD)
    if paper.community != registry.community:
        raise Malformed(f"evidence of community {paper.community!r}, not {registry.community!r}")
    for one in paper.said:
        if isinstance(one, Series):
            check_series(one)
        elif isinstance(one, Sight):
            check_sight(one)
        elif isinstance(one, KeyFile):
            check_key_file(one, paper.name)
    return paper
