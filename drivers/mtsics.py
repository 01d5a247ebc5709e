"""Scales that speak MT-SICS levels 0 and 1: Mettler Toledo, KERN (KCP), and others that follow it.

Spec: METTLER TOLEDO, MT-SICS Interface Commands, level 0 (S, SI, SIR, Z, ZI, I4, ES, ET, EL) and
level 1 (T, TI, TA); KERN Communications Protocol 1.1.2, which answers alike.
"""

import re
from collections.abc import Mapping

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Device, Example, Line, Register, Rest, Send, Step, Wait
from drivers.wire.mass import KNOWN, UNITS, weight_mg
from drivers.wire.scale_lines import Found, Lines

INTERVAL_S = 0.2  # KERN asks for at least 0.1 s between two questions
TIMEOUT_S = 1.0  # a scale answers SI within a few hundred milliseconds
ACT_S = 5.0  # Z and T wait until the scale is at rest, for some seconds
TRIES = 2  # of a question that may be none of the scale's
LINE_MAX = 128  # the longest answers are texts of at most 60 characters

WEIGH, SERIAL, TARE = b"SI", b"I4", b"TA"
# What a command sends, and what it sends where the scale does not know that.
COMMANDS = {"zero": b"Z", "tare": b"T"}
INSTEAD = {b"Z": b"ZI", b"T": b"TI"}

_NUMBER = r" {1,10}(?P<%s>-?\d{1,9})(?:\.(?P<%s>\d{1,9}))?(?P<%s>:[\d.]{1,12})? (?P<%s>\S{1,8})"
_NET = tuple(f"net_{part}" for part in ("number", "fraction", "rest", "unit"))
_TARE = tuple(f"tare_{part}" for part in ("number", "fraction", "rest", "unit"))
# Which of the outer groups matched is the kind of the answer.
_ANSWER = re.compile(
    (
        rf"^(?:(?P<weight>S (?P<state>[SD]){_NUMBER % _NET})"
        r"|(?P<none>S [I+-])"
        r"|(?P<error>E[STL])"
        r'|(?P<serial>I4 A "(?P<number>[^"\n]{0,60})")'
        rf"|(?P<tare>TA A{_NUMBER % _TARE})"
        r"|(?P<unable>(?P<what>I4|TA) [IL])"
        r"|(?P<acted>(?P<command>ZI|TI|Z|T) (?P<how>[ADSIL+-])(?: {1,10}-?[\d.:]{1,22} \S{1,8})?)"
        r")[\r ]{0,16}\n"
    ).encode(),
    re.MULTILINE,
)
_WEIGHT = tuple(_ANSWER.groupindex[name] for name in ("state", *_NET))
_QUESTIONS = {"serial": SERIAL, "tare": TARE}
_NONE = {
    b"S I": ("busy", "the scale weighs, tares or shows a menu"),
    b"S +": ("over", "more than the scale's maximum"),
    b"S -": ("under", "less than the scale's minimum: is the pan in its place?"),
}
_ERRORS = {
    b"ES": ("syntax", "the scale does not know the question"),
    b"ET": ("transmission", "the question arrived damaged"),
    b"EL": ("logic", "the scale cannot do this now"),
}
_NOT_ACTED = {
    b"I": ("busy", "the scale did not come to rest, or does something else"),
    b"+": ("refused", "more lies there than may be made zero or tare"),
    b"-": ("refused", "the scale is below its zero"),
    b"L": ("refused", "the scale cannot do this"),
}
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Session:
    """Asks for the weight, again and again; one question is under way at any time.

    A scale of level 1 tells its tare apart from the weight. Between the two somebody may press a
    key, so gross and tare are told of a weight at rest only where the same net weight was there
    before the tare was asked for and after.
    """

    def __init__(self) -> None:
        self._lines = Lines(_ANSWER, LINE_MAX)
        self._asked = b""  # the question under way
        self._commands: list[bytes] = []
        self._forget()

    def feed(self, chunk: bytes) -> list[Step]:
        return self._take(self._lines.feed(chunk))

    def timeout(self) -> list[Step]:
        """The pause is over: ask. Or no answer has come; the silence may end a line."""
        asked = self._asked
        steps = self._take(self._lines.silence())
        if not asked:
            return steps + self._ask()
        if self._asked:
            self._miss()
            steps.append(Rest(INTERVAL_S))
        return steps

    def command(self, word: str) -> list[Step]:
        """Said instead of the next question, which is at most an answer and a pause away."""
        if COMMANDS[word] not in self._commands:
            self._commands.append(COMMANDS[word])
        return []

    def _forget(self) -> None:
        """The scale is silent: another one may be there next time."""
        self._serial = ""
        self._is_there = False
        self._tries = {SERIAL: TRIES, TARE: TRIES}  # 0 of a question that need not be asked again
        self._tare_mg: int | None = None
        self._moved()

    def _moved(self) -> None:
        """Whatever lay there at rest, what comes next is something else."""
        self._rests_mg: int | None = None  # the net weight that was last at rest
        self._sure_mg: int | None = None  # the one at rest while the tare was told

    def _ask(self) -> list[Step]:
        self._asked = WEIGH
        if self._commands:
            self._asked = self._commands.pop(0)
            return [Send(self._asked + b"\r\n"), Wait(ACT_S)]
        if self._is_there and self._tries[SERIAL]:
            self._asked = SERIAL
        elif self._rests_mg is not None and self._sure_mg is None and self._tries[TARE]:
            self._asked = TARE
        return [Send(self._asked + b"\r\n"), Wait(TIMEOUT_S)]

    def _miss(self) -> None:
        """What was asked is not answered."""
        if self._asked in self._tries:
            self._tries[self._asked] -= 1
        else:
            self._forget()
        self._asked = b""

    def _take(self, lines: list[Message | Found]) -> list[Step]:
        steps: list[Step] = []
        for line in lines:
            if isinstance(line, Message):
                self._moved()  # perhaps: the line that said so came to grief
                steps.append(line)
                continue
            told, question = self._answer(line)
            steps += told
            if question and question == self._asked:
                self._asked = b""
                steps.append(Rest(INTERVAL_S))
        return steps

    def _answer(self, line: Found) -> tuple[list[Message], bytes]:
        """What an answer tells, and the question that it answers."""
        parts = line.parts
        kind = parts.lastgroup
        if kind == "weight":
            self._is_there = True
            return [self._weighed(line)], WEIGH
        if kind == "none":
            self._is_there = True
            self._moved()
            return [_fault(line, *_NONE[parts["none"]])], WEIGH
        question = _QUESTIONS.get(kind or "") or parts["what"] or parts["command"] or self._asked
        if kind == "tare":
            return self._tared(line), question
        if kind == "serial":
            self._serial = parts["number"].decode("latin-1")
            self._tries[SERIAL] = 0
        elif kind == "unable":
            self._tries[question] = max(0, self._tries[question] - 1)
        elif kind == "error":
            return self._error(line), question
        else:
            self._moved()
            why = _NOT_ACTED.get(parts["how"])
            return [_fault(line, *why)] if why else [], question
        return [], question

    def _error(self, line: Found) -> list[Message]:
        """The scale does not know what was asked, or did not understand it this time."""
        if not self._asked:
            return []  # whoever asked waits no longer
        kind, detail = _ERRORS[line.parts["error"]]
        if self._asked in self._tries:
            left = self._tries[self._asked] - 1 if kind == "transmission" else 0
            self._tries[self._asked] = left
            return []
        if self._asked in INSTEAD and kind == "syntax":
            self._commands.insert(0, INSTEAD[self._asked])
            return []
        return [_fault(line, kind, detail)]

    def _weighed(self, line: Found) -> Message:
        state, number, fraction, rest, unit = line.parts.group(*_WEIGHT)
        if rest or unit not in UNITS:
            self._moved()
            return _fault(line, "unit", _unknown(unit))
        net_mg = weight_mg(number, fraction, unit)
        doubt, tare_mg = "unchecked", None
        if state == b"D":
            self._moved()
            doubt, tare_mg = "unstable", self._tare_mg
        elif net_mg != self._rests_mg:
            self._moved()
            self._rests_mg = net_mg
        elif net_mg == self._sure_mg:
            tare_mg = self._tare_mg
        readings: tuple[Reading, ...] = (self._reading("net", net_mg, doubt),)
        if tare_mg is not None:
            gross = self._reading("gross", net_mg + tare_mg, doubt)
            readings = (gross, self._reading("tare", tare_mg, doubt), *readings)
        return _new(Message, (line.offset, line.raw, readings, ()))

    def _reading(self, name: str, mg: int, doubt: str) -> Reading:
        return _new(Reading, (name, mg, "mg", None, self._serial, None, doubt))

    def _tared(self, line: Found) -> list[Message]:
        number, fraction, rest, unit = line.parts.group(*_TARE)
        if rest or unit not in UNITS:
            self._tries[TARE] = 0
            return [_fault(line, "unit", _unknown(unit))]
        self._tare_mg = weight_mg(number, fraction, unit)
        self._sure_mg = self._rests_mg
        tare = self._reading("tare", self._tare_mg, "unchecked")
        return [Message(line.offset, line.raw, (tare,))]


def _fault(line: Found, kind: str, detail: str) -> Message:
    fault = _new(Fault, (kind, line.offset, len(line.raw), detail))
    return _new(Message, (line.offset, line.raw, (), (fault,)))


def _unknown(unit: bytes) -> str:
    return f"unit {unit.decode('latin-1')!r}, known are {KNOWN}"


def _recognise(sample: bytes) -> bool:
    """Whether a line of the sample is an answer to SI."""
    answers = _ANSWER.finditer(sample + b"\n")
    return any(answer.lastgroup in {"weight", "none"} for answer in answers)


def _open(settings: Mapping[str, str]) -> Session:
    del settings  # every scale of this family answers alike
    return Session()


def _weights(doubt: str, serial: str = "", **weights_mg: int) -> tuple[Reading, ...]:
    return tuple(
        Reading(name, mg, "mg", None, serial, None, doubt) for name, mg in weights_mg.items()
    )


DEVICE = Device(
    name="mtsics",
    title="Scale, MT-SICS (Mettler Toledo, KERN and kin)",
    line=Line(9600),
    wiring=(
        "RS-232, 9-pin: 2 data to the Pi, 3 data to the scale, 5 ground, through a USB adapter. "
        "Set the scale's interface to host mode, 9600 8N1, no handshake."
    ),
    registers=(
        Register("net", "mg", "the weight shown, less the tare that the scale holds"),
        Register("gross", "mg", "net and tare together, where the scale tells its tare"),
        Register("tare", "mg", "the tare that the scale holds (level 1)"),
    ),
    examples=(
        Example(
            "a bag comes to rest",
            b"S D     3.412 kg\r\nS S     3.425 kg\r\n",
            (
                *_weights("unstable", net=3412000),
                *_weights("unchecked", net=3425000),
            ),
        ),
        Example(
            "switched on with its serial number, tared, empty",
            b'I4 A "B021002593"\r\nS S     -0.50 g\r\n',
            _weights("unchecked", "B021002593", net=-500),
        ),
        Example(
            "a crate's tare is told between two equal weights",
            b"S S      2.605 kg\r\nTA A      1.500 kg\r\nS S      2.605 kg\r\n",
            (
                *_weights("unchecked", net=2605000),
                *_weights("unchecked", tare=1500000),
                *_weights("unchecked", gross=4105000, tare=1500000, net=2605000),
            ),
        ),
    ),
    recognise=_recognise,
    open=_open,
    polled=True,
    buffer_max=LINE_MAX,
    commands=tuple(COMMANDS),
    quirks=(
        "No checksum: a stable weight carries the doubt 'unchecked', a moving one 'unstable'.",
        "A scale of level 0 tells the net weight only, and is not asked for its tare again.",
        "The tare is asked for once a weight rests; until then the net weight stands alone.",
        "The unit can be changed at the scale; all but mg, g, kg and t are refused, lb:oz too.",
        "Some scales leave the factory with 2400 7E1, and are not searched for: set the line.",
        "A scale that was told to repeat (SIR) or to print is understood without being asked.",
    ),
)
