"""What a recycling point says in its records, as facts. Pure, and the same for verify.

Masses are in mg; a number of pieces in thousandths of a piece, so that rates per kg and per piece
are one arithmetic.
"""

from typing import NamedTuple

from gateway.contract.record import (
    CONTAINER,
    CORRECTION,
    DEPOSIT,
    REFUSAL,
    TEST_WEIGHT,
    Element,
    Record,
    is_id,
    milli,
)
from ledger_bridge.books.facts.when import measured_ms

# What a fraction is counted in, as a policy says it.
KG, PIECE = "kg", "piece"
# The SenML units of the two.
_UNITS = {"g": KG, "count": PIECE}

# Who corrects, and what happens to a container, as records say it.
OPERATOR = "operator"
EMPTIED, HAULED = "emptied", "hauled"

# An operator's reason is a sentence.
REASON_CHARS_MAX = 200

_KIOSK = "kiosk/"


class Deposit(NamedTuple):
    """One fraction brought once. `amount` is what counts, in mg or thousandths of a piece.

    `card` and `claim` are keyed hashes, "" where there is none: of the card, and of the code on the
    slip. `scale_record` is the number under which the scale itself keeps the weighing, with what
    the scale is called. `gross_mg` is as the scale said it, None where it told none.
    """

    gateway: str
    chain: str
    seq: int
    id: str
    at_ms: int
    boot: str
    mono_ms: int
    card: str
    claim: str
    club: str
    fraction: str
    unit: str
    amount: int
    by_operator: bool
    crate: str
    crate_mg: int
    device: str
    serial: str
    scale_record: str
    gross_mg: int | None
    division_mg: int | None


class Correction(NamedTuple):
    """A deposit taken back (`fraction` is ""), or said to be of another fraction.

    `at_ms` is when it was said, None while the gateway had no clock, or none to believe.
    """

    gateway: str
    chain: str
    seq: int
    deposit: str
    at_ms: int | None
    boot: str
    mono_ms: int
    fraction: str
    by: str
    reason: str


class ContainerEvent(NamedTuple):
    """A container emptied, or what the haulier weighed of an emptying."""

    gateway: str
    chain: str
    seq: int
    at_ms: int
    fraction: str
    event: str
    emptying: str
    hauled_mg: int | None


class KnownWeight(NamedTuple):
    """What a scale showed for a weight that is known; its division, None where it told none."""

    gateway: str
    chain: str
    seq: int
    at_ms: int
    device: str
    serial: str
    nominal_mg: int
    shown_mg: int
    division_mg: int | None


class Turned(NamedTuple):
    """Something that the point did not accept, and why; of nobody in particular."""

    gateway: str
    chain: str
    seq: int
    at_ms: int
    reason: str
    fraction: str
    gross_mg: int | None


Fact = Deposit | Correction | ContainerEvent | KnownWeight | Turned


class _Words:
    """The elements of a record by name: those of the kiosk, and those of its scale."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.device = ""
        self._kiosk: dict[str, Element] = {}
        self._scale: dict[str, Element] = {}
        for one in record.elements:
            device, _, word = one.n.partition("/")
            if one.n.startswith(_KIOSK):
                self._kiosk.setdefault(word, one)
            else:
                self.device = self.device or device
                self._scale.setdefault(word, one)

    def text(self, word: str) -> str:
        """What the kiosk says of `word`, "" for nothing, and for what would act on a terminal."""
        said = self._kiosk.get(word)
        return said.vs if said and said.vs.isprintable() else ""

    def id(self, word: str) -> str:
        """The id that the kiosk says under `word`, "" where it says none, or one that is none."""
        said = self.text(word)
        return said if is_id(said) else ""

    def kiosk(self, *words: str) -> Element | None:
        return next((self._kiosk[word] for word in words if word in self._kiosk), None)

    def scale(self, *words: str) -> Element | None:
        return next((self._scale[word] for word in words if word in self._scale), None)

    def at_ms(self, said: Element | None) -> int | None:
        """When something was measured; an element without a time was when the record was made."""
        return measured_ms(self.record.identity.made_ms, said.t) if said else None


def _mass(said: Element | None) -> int | None:
    """mg in an element, None where it tells no mass. Raises Malformed."""
    return milli(said.v) if said and said.u == "g" else None


def _deposit(words: _Words) -> Deposit | None:
    who = words.record.identity
    # The first points said no more than their scale did.
    amount = words.kiosk("net", "pieces") or words.scale("net")
    at_ms = words.at_ms(amount)
    if amount is None or at_ms is None or amount.u not in _UNITS or not words.id("deposit"):
        return None
    weighed = words.scale("gross", "net")
    serial = weighed.serial if weighed else ""
    alibi = words.scale("alibi")
    scale = serial or f"{who.gateway}/{words.device}"
    return Deposit(
        gateway=who.gateway,
        chain=who.chain,
        seq=who.seq,
        id=words.id("deposit"),
        at_ms=at_ms,
        boot=who.boot,
        mono_ms=who.mono_ms,
        card=words.text("card"),
        claim=words.text("claim"),
        club=words.text("club"),
        fraction=words.text("fraction"),
        unit=_UNITS[amount.u],
        amount=milli(amount.v),
        by_operator=words.text("operator") == "yes",
        crate=words.text("crate"),
        crate_mg=_mass(words.kiosk("crate-tare")) or 0,
        device=words.device,
        serial=serial,
        scale_record=f"{scale} {alibi.vs}" if alibi and alibi.vs else "",
        gross_mg=_mass(words.scale("gross")),
        division_mg=_mass(words.kiosk("division")),
    )


def _correction(words: _Words) -> Correction | None:
    who = words.record.identity
    if not words.id("deposit") or words.kiosk("fraction") is None:
        return None
    return Correction(
        gateway=who.gateway,
        chain=who.chain,
        seq=who.seq,
        deposit=words.id("deposit"),
        at_ms=words.at_ms(words.kiosk("fraction")),
        boot=who.boot,
        mono_ms=who.mono_ms,
        fraction=words.text("fraction"),
        by=words.text("by"),
        reason=words.text("reason")[:REASON_CHARS_MAX],
    )


def _container(words: _Words) -> ContainerEvent | None:
    who = words.record.identity
    at_ms = words.at_ms(words.kiosk("event"))
    event, emptying = words.text("event"), words.id("emptying")
    if at_ms is None or event not in {EMPTIED, HAULED} or not emptying:
        return None
    return ContainerEvent(
        gateway=who.gateway,
        chain=who.chain,
        seq=who.seq,
        at_ms=at_ms,
        fraction=words.text("container"),
        event=event,
        emptying=emptying,
        hauled_mg=_mass(words.kiosk("hauled")),
    )


def _test_weight(words: _Words) -> KnownWeight | None:
    who = words.record.identity
    shown = words.scale("net", "gross")
    nominal_mg, shown_mg, at_ms = _mass(words.kiosk("nominal")), _mass(shown), words.at_ms(shown)
    if shown is None or nominal_mg is None or shown_mg is None or at_ms is None:
        return None
    return KnownWeight(
        gateway=who.gateway,
        chain=who.chain,
        seq=who.seq,
        at_ms=at_ms,
        device=words.device,
        serial=shown.serial,
        nominal_mg=nominal_mg,
        shown_mg=shown_mg,
        division_mg=_mass(words.kiosk("division")),
    )


def _turned(words: _Words) -> Turned | None:
    who = words.record.identity
    at_ms = words.at_ms(words.kiosk("reason"))
    if at_ms is None:
        return None
    return Turned(
        gateway=who.gateway,
        chain=who.chain,
        seq=who.seq,
        at_ms=at_ms,
        reason=words.text("reason")[:REASON_CHARS_MAX],
        fraction=words.text("fraction"),
        gross_mg=_mass(words.scale("gross")),
    )


_READ = {
    DEPOSIT: _deposit,
    CORRECTION: _correction,
    CONTAINER: _container,
    TEST_WEIGHT: _test_weight,
    REFUSAL: _turned,
}


def waste_fact(record: Record) -> Fact | None:
    """What a record of a recycling point says, None where it says nothing to go by.

    Raises Malformed for numbers that are none.
    """
    read = _READ.get(record.typ)
    return read(_Words(record)) if read else None
