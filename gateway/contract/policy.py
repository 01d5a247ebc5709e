"""A Policy: the community's rules, a TOML text signed by its stewards.

One line of JSON, and a line for each steward's signature, as many as the community asks. On the
wire it has two lines: the bridge publishes the policy in force, retained, with one signature; a
kiosk takes its fractions from it.
"""

import hashlib

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed

POLICY = "mk-policy-v1"

# Whose signature a paper needs, in the words of a refusal.
STEWARD = "a steward of this community"


class Document(msgspec.Struct):
    """The payload: the text as the steward wrote it, and the community that it is for."""

    community: str
    toml: str


def make(toml: str, *, community: str, key: SigningKey) -> bytes:
    """The two lines of a policy that one steward signed; `signed.add` adds the others."""
    return signed.sign(to_json({"community": community, "toml": toml}), typ=POLICY, key=key)


def check(data: bytes, stewards: tuple[str, ...], *, asked: int = 1) -> Document:
    """The text of a paper that `asked` of the stewards (JWK members `x`) signed.

    Raises Malformed, and says who has not signed it yet.
    """
    documents = signed.parse_all(data)
    policy = signed.read_as(documents[0], Document, typ=POLICY)
    signed.demand_of(documents, stewards, asked=asked, whose=STEWARD)
    return policy


def for_the_wire(data: bytes, stewards: tuple[str, ...]) -> bytes:
    """The paper in two lines, with the signature of the steward who comes first among these.

    Who reads it may know one steward only. Raises Malformed where none of them signed it.
    """
    payload, *lines = data.split(b"\n")
    for x in stewards:
        for line in lines:
            if signed.parse(two := payload + b"\n" + line).by(PublicKey(x)):
                return two
    raise Malformed(f"not signed by {STEWARD}")


def hash_of(data: bytes) -> str:
    """What postings call this policy: SHA-256 of its first line, hex. Raises Malformed."""
    return hashlib.sha256(signed.parse_all(data)[0].payload).hexdigest()
