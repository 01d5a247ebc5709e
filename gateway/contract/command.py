"""A Command: the bridge's signed word to one gateway to do something, good until it expires.

The bridge says it again until a record answers it. A resend is answered by the records themselves,
or by a lost record; anything else by a record of the typ `ANSWER` that names the command.
"""

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.record import Element, Record, to_json
from gateway.contract.signed import Malformed

COMMAND = "mk-command-v1"

RESEND = "resend"  # records `first` to `last` of `chain`
TELEGRAM = "telegram"  # the newest telegram of `device`, now
TARE, ZERO = "tare", "zero"  # to the scale `device`
WORDS = (RESEND, TELEGRAM, TARE, ZERO)

# Outcomes of an answer.
DONE, REFUSED = "done", "refused"


class Command(msgspec.Struct, frozen=True):
    """`id` is of the bridge's choice and names the command in its answer."""

    community: str
    gateway: str
    id: str
    word: str
    expires_ms: int
    chain: str = ""
    first: int = 0
    last: int = 0
    device: str = ""


def make(command: Command, *, key: SigningKey) -> bytes:
    return signed.sign(to_json(command), typ=COMMAND, key=key)


def check(data: bytes, *, key: PublicKey) -> Command:
    """The command in two lines. Raises Malformed where they are not the bridge's own."""
    document = signed.parse(data)
    command = signed.read_as(document, Command, typ=COMMAND)
    if not document.by(key):
        raise Malformed(f"not signed by the bridge's key {key.kid}")
    if command.word not in WORDS:
        raise Malformed(f"a command to {command.word[:20]!r}, known are {', '.join(WORDS)}")
    return command


def answer(command: str, outcome: str, why: str = "") -> list[Element]:
    """The first elements of a record that answers the command with this id."""
    said = [Element(n="command/id", vs=command), Element(n="command/outcome", vs=outcome)]
    return [*said, Element(n="command/why", vs=why)] if why else said


def answered(record: Record) -> str:
    """Which command a record of the typ `ANSWER` answers. Raises Malformed."""
    for one in record.elements:
        if one.n == "command/id" and one.vs:
            return one.vs
    raise Malformed("an answer that names no command")
