"""Telegrams `/…!CRC` out of a stream, as P1 ports print them.

Spec: DSMR P1 companion 5.0.2, 5.2 (telegram and CRC) and 6.2; IEC 62056-21, 6.2 and mode D.
Reference: drivers/wire/iec62056.py reads the lines between `/` and `!`.
"""

import re
from collections.abc import Callable

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Step
from drivers.wire import crc
from drivers.wire.iec62056 import read_objects
from drivers.wire.noise import Noise

BUFFER_MAX = 16 * 1024  # the longest known telegrams, Hungary's and Luxembourg's, have 4 to 8 kB
END_MAX = 32  # `!`, four digits, CRLF; some senders add a NUL or blanks
AHEAD = 8  # enough of what follows to see the next telegram begin

# A telegram begins with `/`, three letters and the meter's name, then an empty line. It may begin
# anywhere, as the one before may have been cut off; a name holds neither `/` nor `!`.
_BEGIN = re.compile(rb"/[A-Za-z]{3}[^\r\n/!]{0,59}\r?\n(?=\r?\n|\d-\d:)")
BEGIN_MAX = 80  # longer than what this looks at
# A push of mode D begins alike, and may go on with a short code.
_FIRST = re.compile(_BEGIN.pattern + rb"(?:\r?\n)?\d-\d:\d[^\n(]*\(")
_SLASH = re.compile(rb"[/\xaf]")  # with and without parity
_STOP = re.compile(rb"\n|(?=/)")  # some senders leave the line end away
_END = re.compile(rb"([0-9A-Fa-f]{0,4})[ \t\0\r]*\n?")
_NEXT = re.compile(rb"[\r\n\0 ]*(?:/[A-Za-z]{3}|\Z)")
# Blank space between telegrams; after its `!` a Q3D meter tells its seconds of life and its key.
_TRAILER = re.compile(rb"[\r\n\0 ]*(?:\d{8}\r?\n(?:[0-9A-Z]{33}|\xff{33})\r?\n[\r\n\0 ]*)?")
# Dialects with a clock, a version number or stamps that say S or W have a checksum as well.
_CHECKED = re.compile(rb"\n(?:0-0:1\.0\.0|1-3:0\.2\.8|0-0:96\.1\.4)\b|\(\d{12}[SW]\)")
# A telegram without one data line is noise.
_OBJECT = re.compile(rb"\n\d{1,3}-\d{1,3}:\d[^\n(]*\(")
# And so is one that is shorter than any meter's; a row of such is passed over in one step.
_SHORT = re.compile(rb"(?:/[^/!]{0,36}\n![0-9A-Fa-f]{0,4}[ \t\0\r]{0,20}(?:\n|(?=/)))+")
_SHORT_MAX = 64

_EVEN = bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0)
_SEVEN = bytes(byte & 0x7F if byte in _EVEN else byte for byte in range(256))


def begins(sample: bytes) -> bool:
    """Whether a telegram begins in the sample, seen with or without parity."""
    return _FIRST.search(sample.translate(_SEVEN)) is not None


def begin_in(data: bytearray, start: int, end: int) -> int:
    """Where a telegram without parity begins between these two places; -1 for nowhere."""
    begin = _BEGIN.search(data, start, end)
    return begin.start() if begin else -1


# What a telegram says; no readings and one fault where it is refused.
Told = tuple[list[Reading], list[Fault]]


class Telegrams:
    """Telegrams out of a stream. A frame ends at a `!` that starts a line."""

    def __init__(self, arc: Callable[[bytes], int] = crc.arc) -> None:
        """`arc` computes CRC-16/ARC."""
        self._arc = arc
        self._buffer = bytearray()
        self._offset = 0  # place in the stream of the buffer's first byte
        self._scan = 0  # no frame ends before this index
        self._begun = False  # whether a `/` stands before that index
        self._open_end = False  # whether the buffer holds a `!` that may end a frame
        self._noise = Noise()

    def feed(self, chunk: bytes) -> list[Step]:
        buffer = self._buffer
        if len(buffer) + len(chunk) < BUFFER_MAX:
            buffer += chunk
            if self._open_end or b"!" in chunk:
                return self._drain(silent=False)
            return []
        steps: list[Step] = []
        fed = 0
        while fed < len(chunk):
            room = BUFFER_MAX - len(buffer)
            buffer += chunk[fed : fed + room]
            fed += room
            steps += self._drain(silent=False)
            if len(buffer) >= BUFFER_MAX:
                steps += self._overflow()
        return steps

    def timeout(self) -> list[Step]:
        """Nothing more of a telegram comes: tell what stands, drop the rest."""
        steps = self._drain(silent=True)
        steps += self._skip(bytes(self._buffer), self._offset)
        self._advance(len(self._buffer))
        self._begun = False
        return [*steps, *self._noise.tell()]

    @property
    def offset(self) -> int:
        """The place in the stream of what is told next."""
        return self._offset

    def pass_over(self, length: int) -> None:
        """After `timeout`: the next bytes of the stream are another's."""
        assert not self._buffer
        self._offset += length

    def _drain(self, *, silent: bool) -> list[Step]:
        buffer = self._buffer
        steps: list[Step] = []
        start = 0
        self._open_end = False
        while True:
            if not self._begun:  # an end before any beginning is noise and costs no look
                slash = _SLASH.search(buffer, self._scan)
                self._begun = slash is not None
                self._scan = slash.start() if slash else len(buffer)
                short = _SHORT.match(buffer, self._scan)
                if short:
                    begin, end = short.span()
                    steps += self._skip(bytes(buffer[start:begin]), self._offset + start)
                    steps += self._noise.skip(self._offset + begin, end - begin)
                    start = self._scan = end
                    self._begun = False
                    continue
            bang = buffer.find(b"\n!", self._scan) + 1
            if not bang:
                self._scan = max(start, self._scan, len(buffer) - 1)
                break
            found = _STOP.search(buffer, bang, bang + END_MAX)
            if found:
                stop = found.end()
            else:
                if len(buffer) >= bang + END_MAX:
                    self._scan = bang  # text follows the `!`: no end
                    continue
                if not silent:
                    self._scan = bang - 1
                    self._open_end = True
                    break
                stop = len(buffer)
            if buffer.find(b"(", start, stop) < 0:  # not one value
                steps += self._noise.skip(self._offset + start, stop - start)
                start = self._scan = stop
                self._begun = False
                continue
            span = bytes(buffer[start:stop])
            ahead = bytes(buffer[stop : stop + AHEAD])
            told = self._frame(span, bang - start, self._offset + start, ahead, silent=silent)
            if told is None:
                self._scan = bang - 1
                self._open_end = True
                break
            steps += told
            start = self._scan = stop
            self._begun = False
        self._advance(start)
        return steps

    def _advance(self, length: int) -> None:
        if length:
            del self._buffer[:length]
            self._offset += length
            self._scan = max(0, self._scan - length)

    def _overflow(self) -> list[Step]:
        """The buffer is full without a frame: keep what may be the beginning of one."""
        held = bytes(self._buffer).translate(_SEVEN)
        starts = [match.start() for match in _BEGIN.finditer(held)]
        keep = starts[-1] if starts else 0
        if not keep:
            keep = max(held.rfind(b"/", BUFFER_MAX - 64), 0) or BUFFER_MAX
        steps = self._skip(bytes(self._buffer[:keep]), self._offset)
        self._advance(keep)
        self._begun = False
        self._scan = 0
        return steps

    def _skip(self, skipped: bytes, offset: int) -> list[Step]:
        """Tell bytes that are in no telegram."""
        if not skipped or (not self._noise.length and _TRAILER.fullmatch(skipped)):
            return []
        seen = skipped.translate(_SEVEN)
        if _BEGIN.search(seen) is None or _OBJECT.search(seen) is None:
            return self._noise.skip(offset, len(skipped))
        fault = Fault("cut", offset, len(skipped), "a telegram without its end")
        return [*self._noise.tell(), Message(offset, skipped, (), (fault,))]

    def _frame(
        self, span: bytes, bang: int, offset: int, ahead: bytes, *, silent: bool
    ) -> list[Step] | None:
        """What `span`, whose `!` stands at `bang`, says; None when more must come to tell."""
        begin = 0
        if not _FIRST.match(span) or span.rfind(b"/") or not (span.isascii() or _bare(span)):
            seen = span.translate(_SEVEN)
            # Of several beginnings the last one counts: the others were cut off.
            starts = [match.start() for match in _BEGIN.finditer(seen)]
            if not starts or _OBJECT.search(seen, starts[-1]) is None:
                return self._skip(span, offset)
            begin = starts[-1]
        raw = span[begin:] if begin else span
        if len(raw) <= _SHORT_MAX and _SHORT.fullmatch(raw):
            steps = self._skip(span[:begin], offset)
            return [*steps, *self._noise.skip(offset + begin, len(raw))]
        told = self._telegram(raw, bang - begin, offset + begin, ahead, silent=silent)
        if told is None:
            return None
        readings, faults = told
        message = Message(offset + begin, raw, tuple(readings), tuple(faults))
        if begin or self._noise.length:
            return [*self._skip(span[:begin], offset), *self._noise.tell(), message]
        return [message]

    def _telegram(
        self, frame: bytes, bang: int, offset: int, ahead: bytes, *, silent: bool
    ) -> Told | None:
        """The readings and faults of one telegram from `/` to its line's end."""
        if frame[:1] != b"/":  # a 7E1 sender seen as 8N1 shows its parity in bit 7
            wrong = len(frame.translate(None, _EVEN))
            if wrong:
                return _refused("parity", offset, frame, f"{wrong} bytes of wrong parity")
            frame = frame.translate(_SEVEN)
        doubt, wrong_sum = weigh(frame, bang, self._arc)
        # Where a checksum belongs, half a line of it may have been damaged into line ends.
        # Then the other half follows, and not another telegram.
        if doubt and _CHECKED.search(frame):
            if len(ahead) < AHEAD and not silent:
                return None
            stands_alone = frame.endswith(b"\n") or not ahead
            if not stands_alone or _NEXT.match(ahead.translate(_SEVEN)) is None:
                wrong_sum = "no checksum, and then no telegram"
        if wrong_sum:
            return _refused("checksum", offset, frame, wrong_sum)
        return read_objects(frame[:bang].decode("latin-1"), offset=offset, doubt=doubt)


def _bare(span: bytes) -> bool:
    """Whether no `/` with its parity stands in it."""
    return b"\xaf" not in span


def _refused(kind: str, offset: int, frame: bytes, what: str) -> Told:
    return [], [Fault(kind, offset, len(frame), what)]


def weigh(frame: bytes, bang: int, arc: Callable[[bytes], int]) -> tuple[str, str]:
    """The doubt that the checksum behind the `!` at `bang` leaves, and what is wrong with it.

    It runs over lines that end in CRLF also where something on the way has taken the CRs off.
    """
    end = _END.fullmatch(frame, bang + 1)
    if end is None:
        return "", f"end line {frame[bang : bang + 12]!r}"
    if not end[1]:
        return "unchecked", ""
    said = int(end[1], 16)
    summed = frame[: bang + 1]
    counted = arc(summed)
    if counted == said or (b"\r" not in frame and arc(summed.replace(b"\n", b"\r\n")) == said):
        return "", ""
    return "", f"telegram says {end[1].decode()}, its bytes give {counted:04X}"


def inside(text: bytes, offset: int, doubt: str, arc: Callable[[bytes], int]) -> Told | None:
    """What a telegram says that came sealed and at `offset`; None where there is no telegram.

    `doubt` is that of the seal. Where nothing at all vouches for the bytes, neither the seal nor a
    checksum of the telegram, its readings are "unchecked".
    """
    bang = text.rfind(b"\n!") + 1
    if not bang or _BEGIN.match(text) is None:
        return None
    unsummed, wrong = weigh(text, bang, arc)
    if wrong:
        return _refused("checksum", offset, text, wrong)
    doubt = unsummed if doubt and unsummed else doubt
    return read_objects(text[:bang].decode("latin-1"), offset=offset, doubt=doubt)
