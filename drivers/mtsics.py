"""Scales that speak MT-SICS level 0: Mettler Toledo, and KERN and others that follow it.

Spec: METTLER TOLEDO, MT-SICS Interface Commands, level 0 (S, SI, I4, ES, ET, EL); KERN KCP 1.1.
"""

import re
from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Send, Step, Wait
from drivers.wire.noise import Noise

INTERVAL_S = 0.2  # KERN asks for at least 0.1 s between two questions
TIMEOUT_S = 1.0  # a scale answers SI within a few hundred milliseconds
LINE_MAX = 128  # the longest answers of level 0 are texts of at most 60 characters

ASK = b"SI\r\n"  # the weight now, stable or not

_WEIGHT = re.compile(r"S ([SD]) {1,10}(-?)(\d{1,9})(?:\.(\d{1,9}))? (\S{1,8})")
_SERIAL = re.compile(r'I4 A "([^"]*)"')
_PLACES = {"mg": 0, "g": 3, "kg": 6, "t": 9}  # powers of ten down to milligrams
_FAULTS = {
    "S I": ("busy", "the scale weighs, tares or shows a menu"),
    "S +": ("over", "more than the scale's maximum"),
    "S -": ("under", "less than the scale's minimum: is the pan in its place?"),
    "ES": ("syntax", "the scale does not know the question"),
    "ET": ("transmission", "the question arrived damaged"),
    "EL": ("logic", "the scale cannot do this now"),
}


class Session:
    """Asks for the weight, again and again; one question is under way at any time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0
        self._serial = ""
        self._noise = Noise()

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = 0
        while True:
            stop = buffer.find(b"\n", start, start + LINE_MAX) + 1
            if not stop and len(buffer) - start >= LINE_MAX:
                stop = start + LINE_MAX
            if not stop:
                break
            steps += self._line(bytes(buffer[start:stop]), self._offset + start)
            start = stop
        del buffer[:start]
        self._offset += start
        return steps

    def timeout(self) -> list[Step]:
        """The pause is over, or the scale was silent: ask (again)."""
        steps = self._line(bytes(self._buffer), self._offset)
        self._offset += len(self._buffer)
        self._buffer.clear()
        return [*steps, *self._noise.tell(), Send(ASK), Wait(TIMEOUT_S)]

    def _line(self, raw: bytes, offset: int) -> list[Step]:
        text = raw.decode("latin-1").rstrip("\r\n ")
        weight = _WEIGHT.fullmatch(text)
        if weight is not None:
            readings, faults = self._weighed(weight, offset, len(raw))
        elif text in _FAULTS:
            kind, detail = _FAULTS[text]
            readings, faults = (), (Fault(kind, offset, len(raw), detail),)
        else:
            told = _SERIAL.fullmatch(text)
            if told is not None:
                self._serial = told[1]
                return []
            return self._noise.skip(offset, len(raw)) if text else []
        message = Message(offset, raw, readings, faults)
        return [*self._noise.tell(), message, Wait(INTERVAL_S)]

    def _weighed(
        self, weight: re.Match[str], offset: int, length: int
    ) -> tuple[tuple[Reading, ...], tuple[Fault, ...]]:
        """Milligrams; a balance that shows less than one has the rest cut off downwards."""
        state, sign, whole, fraction, unit = weight.groups("")
        if unit not in _PLACES:
            what = f"unit {unit!r}, known are {', '.join(_PLACES)}"
            return (), (Fault("unit", offset, length, what),)
        value = int(sign + whole + fraction) * 10 ** _PLACES[unit] // 10 ** len(fraction)
        doubt = "unchecked" if state == "S" else "unstable"
        return (Reading("net", value, "mg", None, self._serial, None, doubt),), ()


def _recognise(sample: bytes) -> bool:
    """Whether a line of the sample is an answer to SI."""
    lines = sample.decode("latin-1").splitlines()
    return any(line.rstrip() in _FAULTS or _WEIGHT.fullmatch(line.rstrip()) for line in lines)


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # every scale of this family answers alike
    return Session()


DEVICE = Device(
    name="mtsics",
    title="Scale, MT-SICS (Mettler Toledo, KERN and kin)",
    line=Line(9600),
    wiring=(
        "RS-232, 9-pin: 2 data to the Pi, 3 data to the scale, 5 ground, through a USB adapter. "
        "Set the scale's interface to host mode, 9600 8N1, no handshake."
    ),
    registers=(Register("net", "mg", "the weight shown, less the tare that the scale holds"),),
    examples=(
        Example(
            "a bag comes to rest",
            b"S D     3.412 kg\r\nS S     3.425 kg\r\n",
            (
                Reading("net", 3412000, "mg", None, "", None, "unstable"),
                Reading("net", 3425000, "mg", None, "", None, "unchecked"),
            ),
        ),
        Example(
            "switched on with its serial number, tared, empty",
            b'I4 A "B021002593"\r\nS S     -0.50 g\r\n',
            (Reading("net", -500, "mg", None, "B021002593", None, "unchecked"),),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=LINE_MAX,
    quirks=(
        "No checksum: a stable weight carries the doubt 'unchecked', a moving one 'unstable'.",
        "Only the net weight is told; gross and tare stay within the scale.",
        "The unit can be changed at the scale; all but mg, g, kg and t are refused.",
        "Some scales leave the factory with 2400 7E1.",
    ),
)
