"""Registry edits as signed documents."""

from gateway.contract import signed
from gateway.contract.keys import SigningKey
from gateway.contract.policy import STEWARD
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed
from ledger_bridge.books.registry.edits import Edits, Founded
from ledger_bridge.books.registry.registry import Registry

REGISTRY = "mk-registry-v1"


def make(edits: Edits, *, key: SigningKey) -> bytes:
    """The two lines of a registry document, signed by a steward."""
    return signed.sign(to_json(edits), typ=REGISTRY, key=key, bytes_max=signed.PAPER_BYTES_MAX)


def read(data: bytes, registry: Registry) -> Edits:
    """The edits in a document, its signature checked against the stewards of `registry`.

    The founding document is signed by the first steward it names. Raises Malformed.
    """
    document = signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX)
    edits = signed.read_as(document, Edits, typ=REGISTRY)
    if edits.community != registry.community:
        raise Malformed(f"edits of community {edits.community!r}, not {registry.community!r}")
    stewards = registry.stewards
    if registry.founded is None:
        first = edits.edits[0] if edits.edits else None
        if not isinstance(first, Founded):
            raise Malformed("the first edit must found the community")
        stewards = first.stewards
    signed.demand(document, *stewards, whose=STEWARD)
    return edits
