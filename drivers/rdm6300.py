"""RDM6300 and kin: a reader of 125 kHz cards (EM4100) on a serial line.

Spec: Itead, RDM6300 data sheet: STX, ten hex digits, two hex digits of their XOR, ETX.
"""

import re
from collections.abc import Mapping
from functools import reduce
from operator import xor

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Step
from drivers.wire.noise import Noise

FRAME = 14  # bytes from STX to ETX

_DIGITS = re.compile(rb"\x02([0-9A-Fa-f]{12})\x03")
_BEGUN = re.compile(rb"(?:\x02[0-9A-Fa-f]{0,12})?\Z")


class Session:
    """Cards out of a stream; a card that is held is told again and again."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = 0
        while digits := _DIGITS.search(buffer, start):
            at, end = digits.span()
            if at > start:
                steps += self._skip(start, at)
            if self._noise.length:
                steps += self._noise.tell()
            steps.append(_card(digits, self._offset + at))
            start = end
        begun = _BEGUN.search(buffer, max(start, len(buffer) - FRAME))
        stop = begun.start() if begun else len(buffer)
        if stop > start:
            steps += self._skip(start, stop)
        del buffer[:stop]
        self._offset += stop
        return steps

    def _skip(self, start: int, stop: int) -> list[Step]:
        """Bytes of the buffer that belong to no card."""
        return self._noise.skip(self._offset + start, stop - start)

    def timeout(self) -> list[Step]:
        """After a silence half a frame is noise."""
        steps = self._noise.skip(self._offset, len(self._buffer)) if self._buffer else []
        self._offset += len(self._buffer)
        self._buffer.clear()
        return [*steps, *self._noise.tell()]


def _card(frame: re.Match[bytes], offset: int) -> Message:
    raw = bytes(frame[0])
    number, told = frame[1][:10].decode("ascii").upper(), int(frame[1][10:], 16)
    counted = reduce(xor, bytes.fromhex(number))
    if counted != told:
        what = f"frame says {told:02X}, its bytes give {counted:02X}"
        return Message(offset, raw, (), (Fault("checksum", offset, FRAME, what),))
    return Message(offset, raw, (Reading("card", number),))


def _recognise(sample: bytes) -> bool:
    """Whether a whole frame is in the sample; a reader is silent without a card."""
    return _DIGITS.search(sample) is not None


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # the reader has none
    return Session()


DEVICE = Device(
    name="rdm6300",
    title="Card reader, RDM6300 (125 kHz, EM4100 cards)",
    line=Line(9600),
    wiring=(
        "P1 of the board: pin 1 TX (5 V: use a divider or a 5 V USB adapter), pin 4 ground, "
        "pin 5 +5 V. P2: the coil, away from metal."
    ),
    registers=(
        Register("card", "", "ten hex digits: one byte of version, four of the card's number"),
    ),
    examples=(
        Example("a card", b"\x020A00F3C2B18A\x03", (Reading("card", "0A00F3C2B1"),)),
        Example(
            "the same card held, then another",
            b"\x020A00F3C2B18A\x03\x020A00F3C2B18A\x03\x0201023C4D5E2C\x03",
            (
                Reading("card", "0A00F3C2B1"),
                Reading("card", "0A00F3C2B1"),
                Reading("card", "01023C4D5E"),
            ),
        ),
    ),
    recognise=_recognise,
    open=_open,
    checksum_bits=8,
    buffer_max=FRAME,
    quirks=(
        "A held card is repeated several times a second; some boards tell it once.",
        "EM4100 numbers can be copied: a card says who claims to be there, no more.",
        "The number printed on a card is often its last three bytes, in decimal.",
    ),
)
