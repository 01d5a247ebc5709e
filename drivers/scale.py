"""Any scale that says its weight in lines, by a description of them in a file.

Spec: docs/scale-map.md; drivers/wire/scalefile.py reads it. The two scales shown here: RADWAG,
PUE C/31H user manual, 18.4 (SI, Z, T); Società Cooperativa Bilanciai, D70 and DD700 manuals, 9.2
and 2.2 (the string CB).
"""

import re
from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Send, Setting, SettingError, Step, Wait
from drivers.wire import scalefile
from drivers.wire.linepattern import LINE_MAX
from drivers.wire.noise import Noise
from drivers.wire.said import KNOWN_MAX, Said, message

TIMEOUT_S = 1.0  # until a question is repeated

RADWAG = r"""# RADWAG PUE and its kin: asked, fixed columns, a mark for the state.
title = "RADWAG indicator"
line = "9600 8N1"
ends = "\r\n"
pattern = [
    'SI (?P<state>.) (?P<net>.{10}) (?P<unit>.{3})',
    'SI (?P<busy>I)',
    '[ZT] (?P<refused>[\^vEI])',
    '(?P<error>ES)',
]
skip = ['[ZT] [AD]']    # a command was understood, a command was done

ask = "SI\r\n"
interval_ms = 200
zero = "Z\r\n"
tare = "T\r\n"

[means.state]
" " = "stable"
"?" = "unstable"
"^" = "over"
"v" = "under"

[means.busy]
I = "busy"

[means.refused]
"^" = "logic"
v = "logic"
E = "busy"
I = "busy"

[means.error]
ES = "syntax"

[[sample]]
line = "SI       12.345 kg "
says = { net = "12.345 kg", stable = true }

[[sample]]
line = "SI ? -      8.5 g  "
says = { net = "-8.5 g", stable = false }

[[sample]]
line = "SI ^     61.000 kg "
fault = "over"

[[sample]]
line = "SI        1.000 lb "
fault = "unit"

[[sample]]
line = "SI I"
fault = "busy"

[[sample]]
line = "Z ^"
fault = "logic"

[[sample]]
line = "ES"
fault = "syntax"

[[sample]]
line = "Z D"
says = {}
"""

BILANCIAI = r"""# The string CB of Bilanciai: sent by itself, neither unit nor decimal point.
title = "Bilanciai D70, DD700"
line = "4800 7E2"
ends = "\r"
pattern = '\$(?P<state>[013])(?P<net>\d{5})'
unit = "kg"
places = 3              # as on the display of this scale: 12.345

[means.state]
0 = "stable"
1 = "unstable"
3 = "range"

[[sample]]
line = "$012345"
says = { net = "12.345 kg", stable = true }

[[sample]]
line = "$100250"
says = { net = "0.25 kg", stable = false }

[[sample]]
line = "$399999"
fault = "range"
"""


class Session:
    """Lines of one scale; asks where its file says how, one question at any time."""

    def __init__(self, described: scalefile.Described) -> None:
        self._reader = described.reader
        self._sends = described.sends
        self._pause = Wait(described.interval_ms / 1000)
        self._buffer = bytearray()  # a line that has not ended
        self._offset = 0
        self._torn = False  # whether the beginning of that line was too much to be kept
        self._end = described.reader.end
        self._command = b""  # to be sent instead of the next question
        self._serial = ""
        self._noise = Noise()
        self._is_asked = "ask" in described.sends
        self._known: dict[bytes, Said | None] = {}  # what its lines say; None is nothing

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        buffer += chunk
        steps: list[Step] = []
        start = buffer.find(self._end) + 1 if self._torn else 0
        if start:
            self._torn = False
            steps += self._skip(0, start)
        while not self._torn and (line := self._reader.search(buffer, start)):
            at, end = line.span()
            if at > start:
                steps += self._skip(start, at)
            if self._noise.length:
                steps += self._noise.tell()
            self._line(line, self._offset + at, steps)
            start = end
        stop = buffer.rfind(self._end, start) + 1 or start
        if self._torn or len(buffer) - stop >= LINE_MAX:
            self._torn = True
            stop = len(buffer)
        steps += self._skip(start, stop)
        del buffer[:stop]
        self._offset += stop
        return steps

    def timeout(self) -> list[Step]:
        """The pause is over, or the scale was silent: what has come of a line is none."""
        length = len(self._buffer)
        steps = [*self._skip(0, length), *self._noise.tell()]
        self._buffer.clear()
        self._offset += length
        self._torn = False
        if not self._is_asked:
            return steps
        sent, self._command = self._command or self._sends["ask"], b""
        return [*steps, Send(sent), Wait(TIMEOUT_S)]

    def command(self, word: str) -> list[Step]:
        """Sent in the place of the next question; at once to a scale that is not asked."""
        if word not in self._sends:
            what = f"the scale's file says no {word}"
            return [Message(self._offset, b"", (), (Fault("logic", self._offset, 0, what),))]
        if not self._is_asked:
            return [Send(self._sends[word])]
        self._command = self._sends[word]
        return []

    def _skip(self, start: int, stop: int) -> list[Step]:
        """Bytes of the buffer that are no line of the scale."""
        return self._noise.skip(self._offset + start, stop - start) if stop > start else []

    def _line(self, line: re.Match[bytes], offset: int, steps: list[Step]) -> None:
        raw = line[0]
        if raw not in self._known:
            self._understood(line, raw)
        said = self._known[raw]
        if said is not None:
            steps.append(message(offset, raw, said))
            if self._is_asked:
                steps.append(self._pause)

    def _understood(self, line: re.Match[bytes], raw: bytes) -> None:
        said = self._reader.read(line, self._serial)
        if said and said[0] and said[0][0].serial != self._serial:
            # Lines that tell no serial number are now of this one.
            self._serial = said[0][0].serial
            self._known.clear()
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[raw] = said


# A line of either scale that is shown here; what another one says, only its file knows.
_SHOWN = rb"SI [ ?^v] [ -][ \d.]{8}\d [a-z ]{3}\r\n|\$[013]\d{5}\r(?!\n)"


def _recognise(sample: bytes) -> bool:
    return re.search(_SHOWN, sample) is not None


def _open(settings: Mapping[str, str]) -> Session:
    text = settings.get(scalefile.SETTING, "")
    if not text.strip():
        what = "no map of the scale's lines"
        raise SettingError(scalefile.SETTING, what, 'map = "scale.toml", see docs/scale-map.md')
    return Session(scalefile.read(text))


def _net(value: int, doubt: str) -> Reading:
    return Reading("net", value, "mg", None, "", None, doubt)


DEVICE = Device(
    name="scale",
    title="Any scale that says its weight in lines, with a map of them",
    line=Line(9600),
    wiring=(
        "RS-232, 9-pin: mostly 2 data to the Pi, 3 data to the scale, 5 ground, through a USB "
        "adapter; try 2 and 3 swapped where nothing comes. Speed and frame stand in the scale's "
        'manual or menu: line = "4800 7E1" in its block says others than 9600 8N1.'
    ),
    registers=(
        Register("net", "mg", "the weight shown, less the tare that the scale holds"),
        Register("gross", "mg", "all that lies on the scale, where the map has it"),
        Register("tare", "mg", "the tare that the scale holds, where the map has it"),
        Register("alibi", "", "the number under which it keeps this weighing, if the map has it"),
    ),
    examples=(
        Example(
            "a bag comes to rest on a RADWAG",
            b"SI ?      3.412 kg \r\nSI        3.425 kg \r\n",
            (_net(3_412_000, "unstable"), _net(3_425_000, "unchecked")),
            {"map": RADWAG},
        ),
        Example(
            "zeroed, and less than nothing",
            b"Z A\r\nZ D\r\nSI   -      8.5 g  \r\n",
            (_net(-8_500, "unchecked"),),
            {"map": RADWAG},
        ),
        Example(
            "a Bilanciai, which has no decimal point",
            b"$112340\r$012345\r",
            (_net(12_340_000, "unstable"), _net(12_345_000, "unchecked")),
            {"map": BILANCIAI},
            polled=False,
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=LINE_MAX,
    settings=(
        Setting("map", "", "the file with the scale's lines, see docs/scale-map.md", is_file=True),
    ),
    commands=("zero", "tare"),
    quirks=(
        "A map is tried on its own samples before anything is asked; one that fails is refused.",
        "Without a group for it a map cannot tell whether the scale moves: doubt 'unjudged'.",
        "A unit that the map does not name is refused: somebody may have pressed the key lb.",
        "A scale that talks by itself has its port alone, whatever others do that are asked.",
        "No checksum, unless one should be in a line: nobody looks at it.",
    ),
)
