"""A Policy on the wire: the community's rules, a TOML text signed by its stewards.

The bridge publishes the policy in force, retained; a kiosk takes its fractions from it.
"""

import hashlib

import msgspec

from gateway.contract import signed
from gateway.contract.keys import SigningKey
from gateway.contract.record import to_json

POLICY = "mk-policy-v1"

# Whose signature a paper needs, in the words of a refusal.
STEWARD = "a steward of this community"


class Document(msgspec.Struct):
    """The payload: the text as the steward wrote it, and the community that it is for."""

    community: str
    toml: str


def make(toml: str, *, community: str, key: SigningKey) -> bytes:
    """The two lines of a signed policy."""
    return signed.sign(to_json({"community": community, "toml": toml}), typ=POLICY, key=key)


def check(data: bytes, stewards: tuple[str, ...]) -> Document:
    """The text in two lines. Raises Malformed where no steward (JWK member `x`) signed it."""
    document = signed.parse(data)
    policy = signed.read_as(document, Document, typ=POLICY)
    signed.demand(document, *stewards, whose=STEWARD)
    return policy


def hash_of(data: bytes) -> str:
    """What postings call this policy: SHA-256 of its first line, hex. Raises Malformed."""
    return hashlib.sha256(signed.parse(data).payload).hexdigest()
