"""Who the stewards are: named by a paper that as many of those before signed as had to.

One line of JSON, then a line for each signature. The paper says which change it is, so that an old
one that is handed in again changes nothing back.
"""

from dataclasses import replace

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import SIGNATURES_MAX, Malformed
from ledger_bridge.books.registry.registry import Registry, refuse

STEWARDS = "mk-stewards-v1"


class Term(msgspec.Struct, frozen=True):
    """The `number`th change: `asked` of `stewards` (JWK members `x`) sign policies from now on."""

    community: str
    number: int
    stewards: tuple[str, ...]
    asked: int


def make(term: Term, *, key: SigningKey) -> bytes:
    """The two lines with the first signature; `signed.add` adds the others."""
    return signed.sign(to_json(term), typ=STEWARDS, key=key)


def read(data: bytes) -> Term:
    """What a paper says. Raises Malformed; checks no signature."""
    return signed.read_as(signed.parse_all(data)[0], Term, typ=STEWARDS)


def after(registry: Registry, paper: str) -> Registry:
    """The registry once a paper names its stewards. Raises PeopleError."""
    where = "the stewards"
    data = paper.encode()
    try:
        term = read(data)
        signed.demand_of(
            signed.parse_all(data), registry.stewards, asked=registry.asked, whose=STEWARD
        )
    except Malformed as error:
        raise refuse(str(error), where, "meterkast policy sign FILE") from error
    if (term.community, term.number) != (registry.community, registry.terms + 1):
        what = f"change {term.number} of {term.community!r}, not {registry.terms + 1} of ours"
        raise refuse(what, where, "meterkast hub stewards: make the paper anew")
    for x in term.stewards:
        _must_be_key(x, where)
    count = len(set(term.stewards))
    if count != len(term.stewards) or not 1 <= term.asked <= count <= SIGNATURES_MAX:
        what = f"{term.asked} of {count} stewards"
        raise refuse(what, where, f"ask for at least one and at most all, of 1 to {SIGNATURES_MAX}")
    past = (x for x in (*registry.past_stewards, *registry.stewards))
    return replace(
        registry,
        stewards=term.stewards,
        asked=term.asked,
        past_stewards=tuple(dict.fromkeys(past)),
        terms=term.number,
    )


def _must_be_key(x: str, where: str) -> None:
    try:
        PublicKey(x)
    except ValueError as error:
        try_ = "take the line that `meterkast policy key` printed on the steward's machine"
        raise refuse(f"{x!r} is no Ed25519 key", where, try_) from error
