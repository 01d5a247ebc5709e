"""A Record: a signed, numbered, hash-chained SenML pack. One Record is one MQTT message.

The first element of the pack is the identity of the record; the others are what was measured.
Spec: RFC 8428 (SenML JSON), RFC 8798 (secondary units); `docs/wire.md` has a worked example.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from drivers.reading import UNITS, Reading
from gateway.contract import signed
from gateway.contract.keys import SigningKey
from gateway.contract.signed import Malformed, Signed

# The kinds of record, as `typ` names them with a version. A receiver stores and receipts every
# kind, known or not; what a kind means is settlement's business.
QUARTER = "mk-quarter-v1"  # registers at a quarter-hour boundary, with their telegram
DEPOSIT = "mk-deposit-v1"  # one weighing, or count, of one fraction by one member
CORRECTION = "mk-correction-v1"  # a deposit taken back, or of another fraction, and why
REFUSAL = "mk-refusal-v1"  # what was not accepted at a recycling point, and why; of nobody
CONTAINER = "mk-container-v1"  # a container emptied, or what the haulier weighed of it
TEST_WEIGHT = "mk-test-weight-v1"  # what a scale showed for a weight that is known
SAMPLES = "mk-samples-v1"  # denser readings for charts
CLOCK = "mk-clock-v1"  # what time it was at a monotonic moment of a boot, and how far off at most
LOST = "mk-lost-v1"  # records that the gateway no longer has
ANSWER = "mk-answer-v1"  # what became of a command
KEY = "mk-key-v1"  # from here on another key signs this chain

GENESIS = "0" * 64  # `prev` of the first record of a chain

ID_CHARS_MAX = 40
_ID = re.compile(r"[a-z0-9-]+\Z")
# No chain gets as far in a thousand years; every program and database holds such a number exactly.
SEQ_MAX = 2**53 - 1
_EXACT = re.compile(rb"-?[0-9]{1,15}(\.[0-9]{1,3})?\Z")


def is_id(text: str) -> bool:
    """Whether this can be the id of a community, a gateway, a chain or a member."""
    return len(text) <= ID_CHARS_MAX and _is_id(text)


@lru_cache(maxsize=65_536)
def _is_id(text: str) -> bool:
    return _ID.match(text) is not None


# A number that is left out: msgspec leaves out what is this very object.
NO_NUMBER = msgspec.Raw(b"")


class Element(msgspec.Struct, omit_defaults=True, gc=False):
    """One SenML record (RFC 8428 section 4), with the members that ours carry on top.

    `v`, `t`, `bt` and `mono` stay raw so that decimals are exact: see `milli` and `decimal`.
    """

    bn: str = ""
    bt: msgspec.Raw = NO_NUMBER
    n: str = ""
    u: str = ""
    v: msgspec.Raw = NO_NUMBER
    vs: str = ""
    vd: str = ""
    t: msgspec.Raw = NO_NUMBER
    serial: str = ""
    doubt: str = ""
    community: str = ""
    gateway: str = ""
    chain: str = ""
    seq: int = 0
    prev: str = ""
    boot: str = ""
    mono: msgspec.Raw = NO_NUMBER
    clock: str = ""


class Identity(NamedTuple):
    """Who made this record, where it stands in its chain, and how far its clock is to be believed.

    `made_ms` is UTC by the gateway's clock, None while that was unset. `mono_ms` counts since
    boot `boot`. `clock` is one of synced, held, meter, unset.
    """

    community: str
    gateway: str
    chain: str
    seq: int
    prev: str
    boot: str
    mono_ms: int
    clock: str
    made_ms: int | None


class Record(NamedTuple):
    """A record taken apart. `elements` are those after the identity."""

    identity: Identity
    elements: list[Element]
    typ: str


def decimal(milli: int) -> msgspec.Raw:
    """Milli-units as the exact decimal that SenML carries: 4426500 gives 4426.5."""
    sign = "-" if milli < 0 else ""
    whole, rest = divmod(abs(milli), 1000)
    text = f"{sign}{whole}.{rest:03}".rstrip("0") if rest else f"{sign}{whole}"
    return msgspec.Raw(text.encode())


def milli(raw: msgspec.Raw) -> int:
    """The exact integer of milli-units in a SenML number. Raises Malformed for inexact forms."""
    text = bytes(raw)
    if text.isdigit() and len(text) <= 15:  # most numbers, without the price of a pattern
        return int(text) * 1000
    if not _EXACT.match(text):
        raise Malformed(f"number {text[:40]!r} is not a decimal of at most three places")
    whole, _, rest = text.partition(b".")
    value = abs(int(whole)) * 1000 + int(rest.ljust(3, b"0"))
    return -value if text[:1] == b"-" else value


def element(device: str, reading: Reading, *, base_ms: int) -> Element:
    """One reading of `device`; its time is given relative to the pack's base time."""
    name = f"{device}/{reading.register.replace('*', '_')}"
    t = decimal(reading.at_ms - base_ms) if reading.at_ms is not None else NO_NUMBER
    if isinstance(reading.value, str):
        return Element(n=name, vs=reading.value, t=t, serial=reading.serial, doubt=reading.doubt)
    unit = UNITS.get(reading.unit)
    v = decimal(reading.value) if unit else msgspec.Raw(str(reading.value).encode())
    return Element(
        n=name, u=unit or reading.unit, v=v, t=t, serial=reading.serial, doubt=reading.doubt
    )


def make(identity: Identity, elements: list[Element], *, typ: str, key: SigningKey) -> bytes:
    """The two lines of a new record. `bt` of the pack is `made_ms`; element times count from it."""
    head = Element(
        bn=f"mk:{identity.community}:{identity.gateway}:",
        bt=decimal(identity.made_ms) if identity.made_ms is not None else NO_NUMBER,
        n="record",
        vs=typ,
        community=identity.community,
        gateway=identity.gateway,
        chain=identity.chain,
        seq=identity.seq,
        prev=identity.prev,
        boot=identity.boot,
        mono=decimal(identity.mono_ms),
        clock=identity.clock,
    )
    return signed.sign(msgspec.json.encode([head, *elements]), typ=typ, key=key)


_pack = msgspec.json.Decoder(list[Element])


def read(document: Signed) -> Record:
    """The record in the first line. Raises Malformed; unknown members are ignored."""
    try:
        document.payload.decode()  # msgspec passes over the text of members it does not know
        pack = _pack.decode(document.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"first line is not a SenML pack: {error}") from error
    if not pack:
        raise Malformed("the pack is empty")
    head = pack[0]
    is_named = is_id(head.community) and is_id(head.gateway) and is_id(head.chain)
    if not is_named or not 1 <= head.seq <= SEQ_MAX:
        raise Malformed("the first element names no community, gateway, chain and number")
    identity = Identity(
        community=head.community,
        gateway=head.gateway,
        chain=head.chain,
        seq=head.seq,
        prev=head.prev,
        boot=head.boot,
        mono_ms=milli(head.mono) if bytes(head.mono) else 0,
        clock=head.clock,
        made_ms=milli(head.bt) if bytes(head.bt) else None,
    )
    return Record(identity, pack[1:], document.typ)


def parse(data: bytes) -> tuple[Signed, Record]:
    """Both lines taken apart, not yet checked. Raises Malformed."""
    document = signed.parse(data)
    return document, read(document)


def to_json(data: Any) -> bytes:
    """Compact JSON with sorted keys: the one form of everything that is hashed or signed."""
    return msgspec.json.encode(data, order="deterministic")
