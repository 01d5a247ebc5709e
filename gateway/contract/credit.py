"""A Credit: the bridge's signed word to a gateway about one deposit, for its screen.

It is for looking at: the books are what counts. One that is lost is not sent again.
"""

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import to_json
from gateway.contract.signed import Malformed

CREDIT = "mk-credit-v1"

# What became of a deposit: in an account, counted without earning, waiting, or taken back.
CREDITED, COUNTED, HELD, WITHDRAWN = "credited", "counted", "held", "withdrawn"


class Credit(msgspec.Struct, frozen=True):
    """`amount` is what this deposit added to its claim, "0.171250" of `asset`, "" for nothing.

    `nl` and `en` say why it waits or earns nothing, "" where there is nothing to say.
    """

    community: str
    gateway: str
    deposit: str
    state: str
    amount: str = ""
    asset: str = ""
    nl: str = ""
    en: str = ""


def make(credit: Credit, *, key: SigningKey) -> bytes:
    return signed.sign(to_json(credit), typ=CREDIT, key=key)


def check(data: bytes, *, key: PublicKey) -> Credit:
    """The credit in two lines. Raises Malformed where they are not the bridge's own."""
    document = signed.parse(data)
    credit = signed.read_as(document, Credit, typ=CREDIT)
    if not document.by(key):
        raise Malformed(f"not signed by the bridge's key {key.kid}")
    return credit
