"""What a scale's message means for the session, and which readings of a card are a tap."""

from collections.abc import Iterable
from typing import NamedTuple

from drivers.reading import Message, Reading
from gateway.devices import CARD
from gateway.kiosk.events import OutOfRange, Unreadable, Weight

# A card held at the reader is read again and again; a gap this long is a new tap.
TAP_MS = 1_000
# Faults of the line rather than of the scale: no word of it was understood.
UNHEARD = {"noise", "cut", "checksum", "parity", "empty", "overrun", "pattern"}
MASSES = ("gross", "net", "tare")


class Tare(NamedTuple):
    """The tare in use as the scale told it last; not told: it shows gross weights, and should it
    show a net one, nobody knows what it takes off.
    """

    mg: int = 0
    is_told: bool = True

    def after(self, message: Message) -> "Tare":
        """The tare once this message has been heard."""
        mass = _masses(message)
        if "tare" in mass:
            return Tare(mass["tare"])
        if "gross" in mass and "net" in mass:
            return Tare(mass["gross"] - mass["net"])
        return Tare(0, is_told=False) if "gross" in mass else self


def _masses(message: Message) -> dict[str, int]:
    return {
        r.register: int(r.value)
        for r in message.readings
        if r.register in MASSES and r.unit == "mg"
    }


def weight_of(message: Message, tare: Tare) -> Weight | OutOfRange | Unreadable | None:
    """What a message of the scale says about weight, None where it says nothing.

    `tare` is the one before this message. Of gross, tare and net the scale may leave out any: what
    is missing follows from the others. A lone net weight goes with the tare that was told before, a
    lone gross weight with none.
    """
    mass = _masses(message)
    if "net" not in mass and "gross" not in mass:
        return _trouble(message)
    if "gross" not in mass and "tare" not in mass and not tare.is_told:
        return Unreadable("tare")
    tare_mg = tare.after(message).mg
    net_mg = mass["net"] if "net" in mass else mass["gross"] - tare_mg
    shown = [r for r in message.readings if r.register in mass]
    return Weight(
        net_mg=net_mg,
        gross_mg=mass.get("gross", net_mg + tare_mg),
        tare_mg=tare_mg,
        steady=_steady(shown),
        serial=next((r.serial for r in shown if r.serial), ""),
        alibi=next((str(r.value) for r in message.readings if r.register == "alibi"), ""),
        raw=message.raw,
    )


def _steady(shown: Iterable[Reading]) -> str:
    doubts = {word for reading in shown for word in reading.doubt.split()}
    if "unstable" in doubts:
        return "no"
    return "unjudged" if "unjudged" in doubts else "yes"


def _trouble(message: Message) -> OutOfRange | Unreadable | None:
    kinds = [fault.kind for fault in message.faults if fault.kind not in UNHEARD]
    for kind in kinds:
        if kind in {"over", "under"}:
            return OutOfRange(kind)
    return Unreadable(kinds[0]) if kinds else None


class Taps:
    """Cards as the readers tell them; a card that stays is one tap, whichever reader tells it."""

    def __init__(self) -> None:
        self._number = ""
        self._at_ms = 0

    def hear(self, message: Message, *, now_ms: int) -> list[str]:
        """The numbers newly tapped, in capitals; `now_ms` is real monotonic time."""
        new = []
        for reading in message.readings:
            number = str(reading.value).strip().upper() if reading.register == CARD else ""
            if not number:
                continue
            is_held = number == self._number and now_ms - self._at_ms < TAP_MS
            self._number, self._at_ms = number, now_ms
            if not is_held:
                new.append(number)
        return new
