"""A Rotation: the old key's word that from here on a new one signs.

A gateway says it with a record of the typ `KEY` in each of its chains: every record after it is
signed by the new key, so a key ends at a number and not at a time, and who finds an old key later
can put nothing in front. The bridge's rotations lie retained under `topics.keys`, from the key that
the community was founded with to the one in use; those of the log's key lie beside the log. The new
key signs as well: nobody can name a key that is not theirs.
"""

from collections.abc import Iterable

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey, b64, unb64
from gateway.contract.record import Element, Record, is_id, to_json
from gateway.contract.signed import Malformed

ROTATION = "mk-rotation-v1"

# Whose key a rotation is about, beside those of gateways, which go by their ids.
BRIDGE, LOG = "", "/log"

# Between documents in one message: no document has an empty line.
_BETWEEN = b"\n\n"


class Rotation(msgspec.Struct, frozen=True):
    """`key` (JWK member `x`) is the new key, `proof` its signature over what `_claimed` gives."""

    community: str
    key: str
    proof: str


def _claimed(community: str, who: str, old: str, new: str) -> bytes:
    """`who` is a gateway's id, BRIDGE or LOG; keys are JWK members `x`."""
    return to_json({"community": community, "of": who, "old": old, "new": new})


def _must_prove(community: str, who: str, *, old: str, new: str, proof: str) -> PublicKey:
    try:
        key = PublicKey(new)
        is_proven = key.accepts(unb64(proof), _claimed(community, who, old, new))
    except ValueError as error:
        raise Malformed(f"a new key {new[:50]!r} that is none") from error
    if not is_proven:
        raise Malformed("the new key did not sign that it takes over")
    return key


# The hub's keys


def make(community: str, *, old: SigningKey, new: SigningKey, who: str = BRIDGE) -> bytes:
    """The two lines with which an old key of the hub hands over to the new one."""
    proof = b64(new.sign(_claimed(community, who, old.public.x, new.public.x)))
    return signed.sign(to_json(Rotation(community, new.public.x, proof)), typ=ROTATION, key=old)


def join(rotations: Iterable[bytes]) -> bytes:
    """All rotations in order, as the one message that is retained."""
    return _BETWEEN.join(rotations)


def follow(message: bytes, community: str, key: PublicKey, *, who: str = BRIDGE) -> PublicKey:
    """The key in use, from a key once believed and the message with all rotations.

    What comes before that key in the message is passed over. Raises Malformed where the rest does
    not lead on from it.
    """
    for data in message.split(_BETWEEN) if message else ():
        document = signed.parse(data)
        rotation = signed.read_as(document, Rotation, typ=ROTATION)
        if document.kid != key.kid:
            continue
        if rotation.community != community or not document.by(key):
            raise Malformed(f"no rotation of the key {key.kid}")
        key = _must_prove(community, who, old=key.x, new=rotation.key, proof=rotation.proof)
    return key


# A gateway's key


def elements(
    community: str,
    gateway: str,
    *,
    old: PublicKey,
    new: SigningKey,
    chains: Iterable[str] = (),
) -> list[Element]:
    """What a record of the typ `KEY` says after its identity; the old key signs the record.

    `chains` are the gateway's others that the old key began: a hub may have nothing of them yet.
    """
    proof = b64(new.sign(_claimed(community, gateway, old.x, new.public.x)))
    said = [Element(n="key/x", vs=new.public.x), Element(n="key/proof", vs=proof)]
    return said + [Element(n="key/chain", vs=chain) for chain in chains]


def chains_of(record: Record) -> list[str]:
    """The other chains that the old key began, by this `KEY` record; what is no id is left out."""
    return [one.vs for one in record.elements if one.n == "key/chain" and is_id(one.vs)]


def next_key(record: Record, key: PublicKey) -> PublicKey:
    """Who signs after this `KEY` record, which `key` signed. Raises Malformed."""
    said = {one.n: one.vs for one in record.elements}
    who = record.identity
    return _must_prove(
        who.community,
        who.gateway,
        old=key.x,
        new=said.get("key/x", ""),
        proof=said.get("key/proof", ""),
    )
