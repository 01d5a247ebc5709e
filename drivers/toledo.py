"""Scale terminals that tell their weight by themselves: Toledo continuous, by many makers.

Spec: METTLER TOLEDO WILDCAT technical manual, appendix 2, tables 6-8 to 6-11; the same of KERN FTC,
Cardinal 225 (short form) and Fairbanks FB3000. Bits that these hold for constant differ, and are
left alone.
"""

import re
from collections.abc import Iterator, Mapping

from drivers.reading import Message, Reading
from drivers.sdk import Device, Example, Line, Register, Send, Setting, SettingError, Step
from drivers.wire import sevenbits
from drivers.wire.noise import Noise
from drivers.wire.said import KNOWN_MAX, WRONG_PARITY, Said, message

FRAME_MAX = 18
# So many frames in a row, all with a right checksum or all with none, tell what this line has.
LEARNED_FROM = 3
LEARNING_MAX = LEARNED_FROM * FRAME_MAX

_HEAD = rb"\x02[\0-\x7f]{3}"
_BODY = rb"\x02([\0-\x7f]{3})([ \d]{6})([ \d]{6})?\r"
_PLAIN, _SUMMED = re.compile(_BODY), re.compile(_BODY + rb"[\0-\x7f]")
_PLAIN_RUN = re.compile(rb"(?:%b){%d}" % (_BODY, LEARNED_FROM))
# What may yet become a frame.
_BEGUN = re.compile(rb"\x02[\0-\x7f]{0,3}\Z|%b(?:[ \d]{1,12}|[ \d]{6}(?:[ \d]{6})?\r)\Z" % _HEAD)
# What looks like one as far as it has come.
_LOOKS = re.compile(rb"%b[ \d]{6}|\x02[\0-\x7f]{0,3}\Z|%b[ \d]{1,5}\Z" % (_HEAD, _HEAD))
_FORMS = {"auto": None, "yes": _SUMMED, "no": _PLAIN}

# Status byte A: where the point is; 2 is behind the last digit, 0 and 1 are two zeros and one more.
_POINT, _POINT_LAST = 0b0111, 2
# Status byte B.
_NET, _MINUS, _OUT, _MOVES, _KG, _UNZEROED = 0x01, 0x02, 0x04, 0x08, 0x10, 0x40
# Status byte C; bit 3 is the print key.
_UNIT, _EXPANDED = 0b0111, 0x10
_UNITS = ("", "g", "t", "oz", "ozt", "dwt", "ton", "custom")
_TENS = {"g": 3, "kg": 6, "t": 9}  # powers of ten down to milligrams

_COMMANDS = {"zero": b"Z\r\n", "tare": b"T\r\n"}


class Session:
    """Frames out of a stream. The first ones are held until the line has shown its form."""

    def __init__(self, form: re.Pattern[bytes] | None) -> None:
        self._form = form  # None until it is learned
        self._buffer = bytearray()
        self._offset = 0
        self._noise = Noise()
        self._parity = sevenbits.EVEN
        self._known: dict[bytes, tuple[bytes, Said]] = {}

    def feed(self, chunk: bytes) -> list[Step]:
        self._buffer += chunk
        seven = self._buffer.translate(sevenbits.PLAIN)
        steps: list[Step] = []
        stop = 0 if self._form else self._learn(seven)
        if stop:
            steps += self._noise.skip(self._offset, stop)
        if self._form:
            begin = stop
            stop = self._frames(self._form, seven, begin, steps)
        del self._buffer[:stop]
        self._offset += stop
        return steps

    def timeout(self) -> list[Step]:
        """After a silence what has not become a frame is noise."""
        steps = self._noise.skip(self._offset, len(self._buffer)) if self._buffer else []
        self._offset += len(self._buffer)
        self._buffer.clear()
        return [*steps, *self._noise.tell()]

    def command(self, word: str) -> list[Step]:
        """At once, for the scale never waits for an answer."""
        sent = _COMMANDS.get(word)
        return [Send(sent.translate(self._parity))] if sent else []

    def _learn(self, seven: bytearray) -> int:
        """Find out the form if enough has come; gives where the first frame may begin."""
        at = 0
        while looks := _LOOKS.search(seven, at):
            at = looks.start()
            self._form = _form(seven, at)
            if self._form or len(seven) - at < LEARNING_MAX:
                return at
            at += 1
        return len(seven)

    def _frames(
        self, form: re.Pattern[bytes], seven: bytearray, start: int, steps: list[Step]
    ) -> int:
        """Tell all frames from `start` on; gives where what is left begins."""
        while frame := form.search(seven, start):
            at, end = frame.span()
            wrong = sum(frame[0]) % 128 if form is _SUMMED else 0
            if wrong and seven[end - 1] == seven[at]:
                end -= 1  # the next frame, where a checksum was due
            if at > start or self._noise.length:
                steps += self._noise.end(self._offset + start, at - start)
            raw = bytes(self._buffer[at:end])
            parity, said = self._known.get(raw) or self._understood(frame, raw, wrong)
            if parity:
                self._parity = parity
            steps.append(message(self._offset + at, raw, said))
            start = end
        begun = _BEGUN.search(seven, max(start, len(seven) - FRAME_MAX))
        stop = begun.start() if begun else len(seven)
        if stop > start:
            steps += self._noise.skip(self._offset + start, stop - start)
        return stop

    def _understood(self, frame: re.Match[bytes], raw: bytes, wrong: int) -> tuple[bytes, Said]:
        """The parity of a frame, and what it says; `wrong` is what its sum is instead of zero."""
        parity = sevenbits.parity(raw)
        if wrong:
            said: Said = (), (("checksum", f"the sum is {wrong:#04x}, not zero"),)
        elif not parity:
            said = WRONG_PARITY
        else:
            said = _said(frame, "" if self._form is _SUMMED else "unchecked")
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[raw] = parity, said
        return parity, said


def _said(frame: re.Match[bytes], doubt: str) -> Said:
    a, b, c = frame[1]
    against = tuple(_against(frame, b, c))
    if against:
        return (), against
    if b & _MOVES:
        doubt = "unstable"
    tens = _TENS[_unit(b, c)] + _POINT_LAST - (a & _POINT)
    shown = _milligrams(frame[2], tens)
    told = [_reading("net" if b & _NET else "gross", -shown if b & _MINUS else shown, doubt)]
    if frame[3] and not frame[3].isspace():
        told.append(_reading("tare", _milligrams(frame[3], tens), doubt))
    return tuple(told), ()


def _form(seven: bytearray, at: int) -> re.Pattern[bytes] | None:
    """What the frames that begin at this place have in common, as far as enough have come."""
    if _PLAIN_RUN.match(seven, at):
        return _PLAIN
    for _ in range(LEARNED_FROM):
        frame = _SUMMED.match(seven, at)
        if not frame or sum(frame[0]) % 128:
            return None
        at = frame.end()
    return _SUMMED


def _unit(b: int, c: int) -> str:
    return _UNITS[c & _UNIT] or ("kg" if b & _KG else "lb")


def _against(frame: re.Match[bytes], b: int, c: int) -> Iterator[tuple[str, str]]:
    """Kind and detail of all that speaks against what is shown."""
    if b & _OUT and b & _MINUS:
        yield "under", "less than the scale's minimum"
    elif b & _OUT:
        yield "over", "more than the scale's maximum"
    if b & _UNZEROED:
        yield "unzeroed", "switched on and not set to zero since"
    if (unit := _unit(b, c)) not in _TENS:
        yield "unit", f"unit {unit!r}, known are {', '.join(_TENS)}"
    if c & _EXPANDED:
        yield "expanded", "ten times the digits that count"
    weight, tare = frame.group(2, 3)
    # A tare that is not there may be blank, a weight may not.
    for digits in (weight, tare if tare and not tare.isspace() else b"0"):
        if not digits.lstrip().isdigit():
            yield "blank", f"{digits.decode('ascii')!r} is no number"


def _milligrams(digits: bytes, tens: int) -> int:
    """What is below a milligram is cut off."""
    value: int = int(digits) * 10 ** max(0, tens) // 10 ** max(0, -tens)
    return value


def _reading(register: str, value: int, doubt: str) -> Reading:
    return Reading(register, value, "mg", None, "", None, doubt)


def _recognise(sample: bytes) -> bool:
    """Whether frames stand in the sample as a line of this kind begins."""
    told = Session(None).feed(sample) + Session(_SUMMED).feed(sample)
    return any(isinstance(step, Message) and step.readings for step in told)


def _open(settings: Mapping[str, str]) -> Session:
    chosen = settings.get("checksum") or "auto"
    if chosen not in _FORMS:
        what = f"{chosen[:40]!r} cannot be used"
        raise SettingError("checksum", what, f"allowed are {', '.join(_FORMS)}")
    return Session(_FORMS[chosen])


def _summed(frame: bytes) -> bytes:
    return frame + bytes((-sum(frame) % 128,))


_EMPTY = b"\x02=0 000000000000\r"
_BAG = b"\x02=0 003425000000\r"

DEVICE = Device(
    name="toledo",
    title="Scale terminal, Toledo continuous (Mettler Toledo, Cardinal, Fairbanks, KERN)",
    line=Line(9600),
    other_lines=(Line(4800), Line(19200), Line(2400)),
    wiring=(
        "RS-232, 9-pin: 2 data to the Pi, 3 data to the scale, 5 ground, through a USB adapter. "
        "Choose continuous output in the terminal's menu, with checksum; 7E1 and 8N1 are both "
        "understood."
    ),
    registers=(
        Register("gross", "mg", "the weight shown, while the scale holds no tare"),
        Register("net", "mg", "the weight shown, less the tare"),
        Register("tare", "mg", "the tare that the scale holds; the short form does not tell it"),
    ),
    examples=(
        Example(
            "an empty scale, then a bag, with checksum",
            _summed(_EMPTY) * 2 + _summed(_BAG),
            (
                _reading("gross", 0, ""),
                _reading("tare", 0, ""),
                _reading("gross", 0, ""),
                _reading("tare", 0, ""),
                _reading("gross", 3425000, ""),
                _reading("tare", 0, ""),
            ),
            {"checksum": "yes"},
        ),
        Example(
            "the line shows that it has checksums, 7E1 seen as 8N1: net with a tare of 1.5 kg",
            (_summed(b"\x02=1   1925  1500\r") * 3).translate(sevenbits.EVEN),
            (_reading("net", 1925000, ""), _reading("tare", 1500000, "")) * 3,
            checksum_bits=0,
        ),
        Example(
            "and here that it has none; the bag moves",
            _EMPTY * 2 + b"\x02=8 003525000000\r",
            (
                _reading("gross", 0, "unchecked"),
                _reading("tare", 0, "unchecked"),
                _reading("gross", 0, "unchecked"),
                _reading("tare", 0, "unchecked"),
                _reading("gross", 3525000, "unstable"),
                _reading("tare", 0, "unstable"),
            ),
            checksum_bits=0,
        ),
        Example(
            "short form in grams, with one dummy zero, no checksum",
            b"\x02)0!000342\r" * 3,
            (_reading("gross", 3420000, "unchecked"),) * 3,
            {"checksum": "no"},
            checksum_bits=0,
        ),
    ),
    recognise=_recognise,
    open=_open,
    checksum_bits=7,
    buffer_max=LEARNING_MAX,
    settings=(
        Setting(
            "checksum",
            "auto",
            "yes or no: whether frames end in one; auto learns it from the first three in a row",
        ),
    ),
    commands=("zero", "tare"),
    quirks=(
        "The checksum is optional: switch it on. Without one every weight is 'unchecked'.",
        "Once a line has shown checksums none is believed without, until the line is opened anew.",
        "Pounds, ounces and what else a terminal may be switched to are refused.",
        "Ten times the digits ('x10') is for the service engineer and refused.",
        "After power-up nothing counts until the scale has been set to zero.",
        "Bits that are constant at one maker are not at another, and are ignored.",
    ),
)
