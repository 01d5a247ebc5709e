"""An RDM6300 reader: it says the number of the card again and again while the card is held.

Spec: RDM6300 data sheet: 0x02, 10 hexadecimal digits (version and 32-bit number), 2 digits
(exclusive or of those five bytes), 0x03; 9600 8N1.
"""

from functools import reduce
from operator import xor
from random import Random

from firmware_sim.device import Shown, Simulator, Source

# The reader repeats a frame about fifteen times a second while a card is near.
REPEAT_S = 0.065


def frame(number: str) -> bytes:
    """The frame of the card whose number is ten hexadecimal digits.

    >>> frame("0A00C0FFEE")
    b'\\x020A00C0FFEEDB\\x03'
    """
    card = bytes.fromhex(number)
    assert len(card) == 5, number
    return b"\x02" + f"{number.upper()}{reduce(xor, card):02X}".encode() + b"\x03"


class Reader:
    """The coil: `hold` brings a card near, `take_away` removes it, `frames` is what it sends."""

    def __init__(self) -> None:
        self._frame = b""
        self._next_ms = 0

    def hold(self, number: str) -> None:
        self._frame = frame(number)

    def take_away(self) -> None:
        self._frame = b""

    def sends(self, now_ms: int) -> bytes:
        """The bytes due at this moment: one frame per repeat while a card is held."""
        if not self._frame or now_ms < self._next_ms:
            return b""
        self._next_ms = now_ms + round(REPEAT_S * 1000)
        return self._frame


class Gate:
    """A reader to which cards come as the source says; it has no ears."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reader = Reader()
        self._near: int | str = ""
        self._said: Shown = {}

    def hears(self, data: bytes, *, now_ms: int) -> bytes:
        del data, now_ms
        return b""

    def ticks(self, now_ms: int) -> bytes:
        near = self._source(now_ms)["card"]
        if near != self._near:
            self._near = near
            if near:
                self._reader.hold(str(near))
            else:
                self._reader.take_away()
        sent = self._reader.sends(now_ms)
        if sent:
            self._said = {"card": near}
        return sent

    def truth(self) -> Shown:
        return self._said


def _cards(seed: int) -> Source:
    """A card is held for 0.6 s of every five."""

    def shown(at_ms: int) -> Shown:
        card, within_ms = divmod(at_ms, 5_000)
        draw = Random(f"{seed}/{card}")  # noqa: S311 - a play, no secret
        return {"card": f"0A{draw.randrange(1 << 32):08X}" if within_ms >= 4_400 else ""}

    return shown


SIMULATOR = Simulator(
    variants={"RDM6300": {}},
    begin=lambda _variant, source, _seed, _at_ms: Gate(source),
    source=_cards,
)
