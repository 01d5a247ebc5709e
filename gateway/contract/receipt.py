"""A Receipt: the bridge's signed word that a chain is stored without a gap up to a number.

Only a receipt lets a gateway delete; a broker's acknowledgement proves nothing.
"""

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed

RECEIPT = "mk-receipt-v1"


class Receipt(msgspec.Struct, frozen=True):
    """`up_to` is the last number stored without a gap (0: none), `hash` that record's digest.

    `held` says why the hub takes no more of this chain, "" where it does.
    """

    community: str
    gateway: str
    chain: str
    up_to: int
    hash: str
    time_ms: int
    held: str = ""


def make(receipt: Receipt, *, key: SigningKey) -> bytes:
    return signed.sign(to_json(receipt), typ=RECEIPT, key=key)


def check(data: bytes, *, key: PublicKey) -> Receipt:
    """The receipt in two lines. Raises Malformed where they are not the bridge's own."""
    document = signed.parse(data)
    receipt = signed.read_as(document, Receipt, typ=RECEIPT)
    if not document.by(key):
        raise Malformed(f"not signed by the bridge's key {key.kid}")
    return receipt
