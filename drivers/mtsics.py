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

_WEIGHT = rb"S ([SD]) {1,10}(-?)(\d{1,9})(?:\.(\d{1,9}))? (\S{1,8})"
# A line of its own, which is shorter than LINE_MAX; between two of them everything is noise.
_ANSWER = re.compile(
    rb"^(?:" + _WEIGHT + rb'|(S [I+-]|E[STL])|I4 A "([^"\n]{0,60})")[\r ]{0,16}\n', re.MULTILINE
)
_PAUSE = Wait(INTERVAL_S)
_BLANK = b"\r\n "
_PLACES = {"mg": 0, "g": 3, "kg": 6, "t": 9}  # powers of ten down to milligrams
_FAULTS = {
    b"S I": ("busy", "the scale weighs, tares or shows a menu"),
    b"S +": ("over", "more than the scale's maximum"),
    b"S -": ("under", "less than the scale's minimum: is the pan in its place?"),
    b"ES": ("syntax", "the scale does not know the question"),
    b"ET": ("transmission", "the question arrived damaged"),
    b"EL": ("logic", "the scale cannot do this now"),
}


class Session:
    """Asks for the weight, again and again; one question is under way at any time."""

    def __init__(self) -> None:
        self._buffer = bytearray()  # a line that has not ended
        self._offset = 0
        self._torn = False  # whether the beginning of that line was too much to be kept
        self._serial = ""
        self._noise = Noise()
        self._noisy = False

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = buffer.find(b"\n") + 1 if self._torn else 0
        if start:
            self._torn = False
            steps += self._gap(0, start)
        while not self._torn and (answer := _ANSWER.search(buffer, start)):
            at, end = answer.span()
            if at > start:
                steps += self._gap(start, at)
            steps += self._answer(answer, bytes(answer[0]), self._offset + at)
            start = end
        stop = buffer.rfind(b"\n", start) + 1 or start
        if self._torn or len(buffer) - stop >= LINE_MAX:
            self._torn = True
            stop = len(buffer)
        steps += self._gap(start, stop)
        del buffer[:stop]
        self._offset += stop
        return steps

    def timeout(self) -> list[Step]:
        """The pause is over, or the scale was silent, which ends a line: ask (again)."""
        raw = bytes(self._buffer)
        steps: list[Step] = []
        answer = None if self._torn else _ANSWER.fullmatch(raw + b"\n")
        if answer:
            steps += self._answer(answer, raw, self._offset)
        else:
            steps += self._gap(0, len(raw))
        self._buffer.clear()
        self._offset += len(raw)
        self._torn = self._noisy = False
        return [*steps, *self._noise.tell(), Send(ASK), Wait(TIMEOUT_S)]

    def _gap(self, start: int, stop: int) -> list[Step]:
        """Bytes of the buffer that are no answer: noise, blank ones only after others."""
        if not self._noisy:
            start = stop - len(self._buffer[start:stop].lstrip(_BLANK))
        if stop <= start:
            return []
        self._noisy = True
        return self._noise.skip(self._offset + start, stop - start)

    def _answer(self, answer: re.Match[bytes], raw: bytes, offset: int) -> list[Step]:
        word, serial = answer[6], answer[7]
        if serial is not None:
            self._serial = serial.decode("latin-1")
            return []
        readings: tuple[Reading, ...] = ()
        faults: tuple[Fault, ...] = ()
        if word:
            kind, detail = _FAULTS[word]
            faults = (Fault(kind, offset, len(raw), detail),)
        else:
            readings, faults = self._weighed(answer, offset, len(raw))
        told: list[Step] = [Message(offset, raw, readings, faults), _PAUSE]
        if not self._noisy:
            return told
        self._noisy = False
        return self._noise.tell() + told

    def _weighed(
        self, weight: re.Match[bytes], offset: int, length: int
    ) -> tuple[tuple[Reading, ...], tuple[Fault, ...]]:
        """Milligrams; a balance that shows less than one has the rest cut off downwards."""
        state, sign, whole, fraction, written = weight.groups(b"")[:5]
        unit = written.decode("latin-1")
        if unit not in _PLACES:
            what = f"unit {unit!r}, known are {', '.join(_PLACES)}"
            return (), (Fault("unit", offset, length, what),)
        value = int(sign + whole + fraction) * 10 ** _PLACES[unit] // 10 ** len(fraction)
        doubt = "unchecked" if state == b"S" else "unstable"
        return (Reading("net", value, "mg", None, self._serial, None, doubt),), ()


def _recognise(sample: bytes) -> bool:
    """Whether a line of the sample is an answer to SI."""
    answers = _ANSWER.finditer(sample + b"\n")
    return any(answer[7] is None for answer in answers)


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
