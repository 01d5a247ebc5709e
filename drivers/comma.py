"""Scales of the comma family, `ST,GS,   3.425,kg`: Dini Argeo, A&D, CAS, KERN and many others.

Spec: Dini Argeo, DFW technical manual, serial protocol (READ, REXT, PID, Z, T); A&D, GC series
manual, communication (Q, Z, T, EC codes); CAS, CI-400 series manual, appendix (22, 18, 10 bytes).
"""

from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import (
    Device,
    Example,
    Line,
    Register,
    Rest,
    Send,
    Setting,
    SettingError,
    Step,
    Wait,
    whole,
)
from drivers.wire.comma_lines import GROSS, LINE, LINE_MAX, NET, TARE, Weighed, weighed
from drivers.wire.mass import UNITS
from drivers.wire.said import KNOWN_MAX
from drivers.wire.scale_lines import Found, Lines

ASK = "READ"
INTERVAL_MS = 200
TIMEOUT_S = 1.0
ASK_MAX = 16
# A weight that is to be kept is at rest in so many answers first, for the memory wears out.
RESTS = 2
ALIBI = b"PID"
SHORTEST = 10  # bytes of a line that is a number alone
# Indicators that are asked by these say their commands otherwise than the rest of the family.
READ_WEIGHT = {"RW", "RG", "RN"}
DOUBTS = {"stable": "unchecked", "unstable": "unstable", "unjudged": "unjudged"}

_ANSWERS = {"done", "error", "no"}  # kinds of lines that say nothing of what lies there
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Session:
    """Asks for the weight, or listens where `ask` is empty; one request is under way at any time.

    With `keeps` a weight at rest is put into the scale's alibi memory, once for as long as it lies
    there, and is told with its number from then on.
    """

    def __init__(self, ask: bytes, interval_s: float, unit: bytes, *, keeps: bool) -> None:
        address, word = (ask[:2], ask[2:]) if ask[:2].isdigit() else (b"", ask)
        head = b"M" if word.decode("ascii") in READ_WEIGHT else b""
        self._ask = ask
        self._alibi = address + ALIBI
        self._words = {"zero": address + head + b"Z", "tare": address + head + b"T"}
        self._interval_s = interval_s
        self._unit = unit
        self._keeps = keeps
        self._lines = Lines(LINE, LINE_MAX)
        self._asked = b""
        self._commands: list[bytes] = []
        # A scale says the same again and again: what its lines mean, and tell without a number.
        self._known: dict[bytes, tuple[Weighed, tuple[Reading, ...]]] = {}
        self._moved()

    def feed(self, chunk: bytes) -> list[Step]:
        return self._take(self._lines.feed(chunk))

    def timeout(self) -> list[Step]:
        """The pause is over: ask. Or no answer has come; the silence may end a line."""
        asked = self._asked
        steps = self._take(self._lines.silence())
        if self._asked:
            self._asked = b""
            self._moved()
            steps.append(Rest(self._interval_s))
        elif not asked and self._ask:
            steps += self._send(self._next())
        return steps

    def command(self, word: str) -> list[Step]:
        """Said instead of the next request; at once to a scale that is never asked."""
        if not self._ask:
            return [Send(self._words[word] + b"\r\n")]
        if self._words[word] not in self._commands:
            self._commands.append(self._words[word])
        return []

    def _moved(self) -> None:
        """What lay there at rest does so no longer."""
        self._rests: tuple[tuple[str, int], ...] = ()  # the weights that were last told at rest
        self._times = 0  # in a row
        self._record = ""  # the number under which the scale keeps them
        self._is_kept = not self._keeps  # whether the scale was asked to

    def _next(self) -> bytes:
        if self._commands:
            return self._commands.pop(0)
        # An empty plate is not worth a record, nor is anything that would be refused one.
        worth = [mg for name, mg in self._rests if name != TARE]
        if not self._is_kept and self._times >= RESTS and min(worth) > 0:
            self._is_kept = True
            return self._alibi
        return self._ask

    def _send(self, request: bytes) -> list[Step]:
        self._asked = request
        return [Send(request + b"\r\n"), Wait(TIMEOUT_S)]

    def _take(self, lines: list[Message | Found]) -> list[Step]:
        steps: list[Step] = []
        for line in lines:
            if isinstance(line, Message):
                self._moved()  # perhaps: the line that said so came to grief
                steps.append(line)
                continue
            steps += self._answer(line)
            if self._asked and self._is_answered(line):
                self._asked = b""
                steps.append(Rest(self._interval_s))
        return steps

    def _is_answered(self, line: Found) -> bool:
        """Whether the line answers the request under way; a weight does not answer a command."""
        kind = line.parts.lastgroup
        if kind in _ANSWERS:
            return self._asked != self._ask or kind != "done"
        if self._asked == self._alibi:
            return line.parts["pid"] is not None or b"PID" in line.raw
        return self._asked == self._ask

    def _answer(self, line: Found) -> list[Message]:
        kind = line.parts.lastgroup
        if kind == "done" or (kind == "no" and not self._asked):
            return []
        said, readings = self._known.get(line.raw) or self._understood(line)
        if said.fault:
            if kind not in _ANSWERS:
                self._moved()
            elif self._asked == self._alibi:
                return [_fault(line, "alibi", "the scale has no alibi memory: " + said.fault[1])]
            return [_fault(line, *said.fault)]
        if said.state == "stable" and line.parts["pid"] and not said.record:
            self._moved()
            return [_fault(line, "alibi", "the scale did not keep this weight")]
        record = self._note(said)
        if record:
            readings = (*readings, _reading("alibi", record, "", readings[0].doubt))
        return [_new(Message, (line.offset, line.raw, readings, ()))]

    def _understood(self, line: Found) -> tuple[Weighed, tuple[Reading, ...]]:
        said = weighed(line.parts, self._unit)
        doubt = DOUBTS[said.state]
        readings = tuple(_reading(name, mg, "mg", doubt) for name, mg in said.weights)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[line.raw] = said, readings
        return said, readings

    def _note(self, said: Weighed) -> str:
        """Whether this is still the weight that lay there; the number under which it is kept."""
        if said.state != "stable":
            self._moved()
        elif said.record:
            if all(weight in said.weights for weight in self._rests):
                self._record = said.record
            return said.record
        elif said.weights[0][0] == TARE:
            return ""
        elif said.weights == self._rests:
            self._times += 1
        else:
            self._moved()
            self._rests, self._times = said.weights, 1
        return self._record


def _reading(name: str, value: int | str, unit: str, doubt: str) -> Reading:
    return _new(Reading, (name, value, unit, None, "", None, doubt))


def _fault(line: Found, kind: str, detail: str) -> Message:
    fault = _new(Fault, (kind, line.offset, len(line.raw), detail))
    return _new(Message, (line.offset, line.raw, (), (fault,)))


def _recognise(sample: bytes) -> bool:
    """Whether a line of the sample has the family's header, or all of them are numbers alone."""
    kinds = {"plain", "cas", "extended", "alibi", "out"}
    numbers = 0
    for line in LINE.finditer(sample + b"\n"):
        if line.lastgroup in kinds:
            return True
        if line.lastgroup == "bare":
            numbers += len(line[0])
    # The sample may begin and end within a line.
    return 0 < numbers >= len(sample) - 2 * SHORTEST


def _choice(settings: Mapping[str, str], name: str, default: str, *allowed: str) -> str:
    text = settings.get(name, default).strip()
    if text not in allowed:
        known = ", ".join(one for one in allowed if one)
        raise SettingError(name, f"there is no {text[:40]!r}", f"allowed are {known}")
    return text


def _open(settings: Mapping[str, str]) -> Session:
    ask = settings.get("ask", ASK).strip()
    if len(ask) > ASK_MAX or not (ask.isascii() and ask.isprintable()):
        what = f"{ask[:40]!r} is no request"
        raise SettingError("ask", what, f"up to {ASK_MAX} letters and digits, as in {ASK}")
    alibi = _choice(settings, "alibi", "no", "no", "yes")
    if alibi == "yes" and not ask:
        what = "a scale that is never asked cannot be asked to keep a weight"
        raise SettingError("ask", what, f"say a request beside alibi, as in {ASK}")
    return Session(
        ask.encode("ascii"),
        whole(settings, "interval_ms", 100, 10_000, INTERVAL_MS) / 1000,
        _choice(settings, "unit", "", "", *(unit.decode() for unit in UNITS)).encode(),
        keeps=alibi == "yes",
    )


def _weights(doubt: str, alibi: str = "", **weights_mg: int) -> tuple[Reading, ...]:
    readings = tuple(_reading(name, mg, "mg", doubt) for name, mg in weights_mg.items())
    return (*readings, _reading("alibi", alibi, "", doubt)) if alibi else readings


DEVICE = Device(
    name="comma",
    title="Scale, comma family (Dini Argeo, A&D, CAS, KERN and kin)",
    line=Line(9600),
    wiring=(
        "RS-232 or RS-485 through a USB adapter; the pins differ, see the scale's manual. Dini "
        "Argeo: set the PC port to `ondE` (on demand). CAS: 22 bytes, streaming. A&D: often 2400 "
        '7E1, say so by line = "2400 7E1".'
    ),
    registers=(
        Register(GROSS, "mg", "the weight without any tare taken off"),
        Register(TARE, "mg", "the tare that the scale holds"),
        Register(NET, "mg", "the weight less the tare, or what the scale shows"),
        Register("alibi", "", "rewritings and number of the weight in the alibi memory"),
    ),
    examples=(
        Example(
            "Dini Argeo, a bag comes to rest and a tare is taken",
            b"US,GS,   3.410,kg\r\nST,GS,   3.425,kg\r\nST,NT,   0.000,kg\r\n",
            (
                *_weights("unstable", gross=3410000),
                *_weights("unchecked", gross=3425000),
                *_weights("unchecked", net=0),
            ),
        ),
        Example(
            "Dini Argeo asked by REXT: gross, tare and net",
            b"1,ST,     3.425,        1.500,         0,         0,kg\r\n",
            _weights("unchecked", gross=4925000, tare=1500000, net=3425000),
        ),
        Example(
            "A&D",
            b"ST,+00012.34  g\r\nUS,-00001.50  g\r\n",
            (*_weights("unchecked", net=12340), *_weights("unstable", net=-1500)),
        ),
        Example(
            "CAS, 22 bytes and 18 bytes",
            b"ST,GS,1\xe4,   13.50 kg\r\nUS,NT,+00012.5kg\r\n",
            (*_weights("unchecked", gross=13500000), *_weights("unstable", net=12500000)),
        ),
        Example(
            "a weight that the scale keeps in its alibi memory",
            b"US,GS,   3.410,kg\r\nST,GS,   3.425,kg\r\nST,GS,   3.425,kg\r\n"
            b"PIDST,1,     3.425kg,       0.000kg,00000-000158\r\nST,GS,   3.425,kg\r\n",
            (
                *_weights("unstable", gross=3410000),
                *_weights("unchecked", gross=3425000) * 2,
                *_weights("unchecked", "00000-000158", gross=3425000, tare=0, net=3425000),
                *_weights("unchecked", "00000-000158", gross=3425000),
            ),
            settings={"alibi": "yes"},
        ),
        Example(
            "CAS, 10 bytes: neither unit nor rest are told",
            b"  13.500\r\n",
            _weights("unjudged", net=13500000),
            settings={"unit": "kg", "ask": ""},
            polled=False,
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    unasked={"ask": ""},
    other_lines=(Line(2400, "7E1"), Line(9600, "7E1")),
    buffer_max=LINE_MAX,
    settings=(
        Setting("ask", ASK, "the request: READ or REXT (Dini), Q (A&D), 01RW (CAS); empty listens"),
        Setting("interval_ms", str(INTERVAL_MS), "milliseconds from an answer to the next request"),
        Setting("unit", "", "unit of lines that tell none, of 10 bytes: kg, g"),
        Setting("alibi", "no", "yes keeps each weight at rest in the scale's alibi memory (PID)"),
    ),
    commands=("zero", "tare"),
    quirks=(
        "No checksum: a stable weight carries the doubt 'unchecked', a moving one 'unstable'.",
        "Lines of 10 bytes never say whether the scale rests: 'unjudged'.",
        "GS is gross and NT is net; a line with neither is what the scale shows, told as net.",
        "A&D writes 't' for tola on balances: without GS or NT it is refused.",
        "Pieces (QT, PC), percent, pounds, ounces and held weights are refused.",
        "A line whose header and lamps (CAS) do not agree is refused.",
        "ask = RW, RG or RN has MZ and MT for zero and tare, all others have Z and T.",
        'With ask = "" the speeds 2400 7E1 and 9600 7E1 are tried as well.',
    ),
)
