"""What a scale's message means for the session, and which readings of a card are a tap."""

from collections.abc import Iterable

from drivers.reading import Message, Reading
from gateway.devices import CARD
from gateway.kiosk.events import OutOfRange, Unreadable, Weight

# A card held at the reader is read again and again; a gap this long is a new tap.
TAP_MS = 1_000
# Faults of the line rather than of the scale: no word of it was understood.
UNHEARD = {"noise", "cut", "checksum", "parity", "empty"}
MASSES = ("gross", "net", "tare")


def weight_of(message: Message, *, tare_mg: int = 0) -> Weight | OutOfRange | Unreadable | None:
    """What a message of the scale says about weight, None where it says nothing.

    Of gross, tare and net the scale may leave out any: what is missing follows from the others. A
    lone net weight goes with the tare that the scale told last, a lone gross weight with none.
    """
    shown = {r.register: r for r in message.readings if r.register in MASSES and r.unit == "mg"}
    mass = {register: int(reading.value) for register, reading in shown.items()}
    if "net" not in mass and "gross" not in mass:
        return _trouble(message)
    tare_mg = tare_of(message, tare_mg)
    net_mg = mass["net"] if "net" in mass else mass["gross"] - tare_mg
    return Weight(
        net_mg=net_mg,
        gross_mg=mass.get("gross", net_mg + tare_mg),
        tare_mg=tare_mg,
        steady=_steady(shown.values()),
        serial=next((r.serial for r in shown.values() if r.serial), ""),
        alibi=next((str(r.value) for r in message.readings if r.register == "alibi"), ""),
        raw=message.raw,
    )


def tare_of(message: Message, tare_mg: int) -> int:
    """The tare in use after this message, `tare_mg` being that before it."""
    mass = {r.register: int(r.value) for r in message.readings if r.unit == "mg"}
    if "tare" in mass:
        return mass["tare"]
    if "gross" in mass:
        return mass["gross"] - mass.get("net", mass["gross"])
    return tare_mg


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
