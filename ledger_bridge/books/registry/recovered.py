"""A paper with which stewards give the bridge another key: the one in use is lost, or known to
others. Signed by as many of them as must sign a policy.

One line of JSON, then a line for each signature. It says which change it is, so that an old one
that is handed in again changes nothing back.
"""

from dataclasses import replace

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from ledger_bridge.books.registry.registry import Registry, refuse

RECOVERED = "mk-bridge-v1"


class Recovered(msgspec.Struct, frozen=True):
    """The `number`th time that stewards do so; `key` is a JWK member `x`."""

    community: str
    number: int
    key: str


def make(recovered: Recovered, *, key: SigningKey) -> bytes:
    """The two lines with the first signature; `signed.add` adds the others."""
    return signed.sign(to_json(recovered), typ=RECOVERED, key=key)


def read(data: bytes) -> Recovered:
    """What a paper says. Raises Malformed; checks no signature."""
    return signed.read_as(signed.parse_all(data)[0], Recovered, typ=RECOVERED)


def after(registry: Registry, paper: str) -> Registry:
    """The registry with the bridge's new key, to which no rotation leads. Raises PeopleError."""
    where, try_ = "the bridge's key", "meterkast hub rotate bridge --lost: make the paper anew"
    data = paper.encode()
    try:
        said = read(data)
        signed.demand_of(
            signed.parse_all(data), registry.stewards, asked=registry.asked, whose=STEWARD
        )
        PublicKey(said.key)
    except ValueError as error:  # Malformed is one
        raise refuse(str(error), where, try_) from error
    if (said.community, said.number) != (registry.community, registry.recoveries + 1):
        what = (
            f"change {said.number} of {said.community!r},"
            f" not {registry.recoveries + 1} of {registry.community!r}"
        )
        raise refuse(what, where, try_)
    if said.key == registry.bridge:
        raise refuse("the bridge has this key", where, try_)
    return replace(registry, bridge=said.key, rotations=(), recoveries=said.number)
