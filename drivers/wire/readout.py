"""Read-outs of an optical head out of a stream: identification, data block, block check.

Spec: IEC 62056-21, 6.3 (messages), 6.4 (modes A to D), annex A (block check character: exclusive
or of what follows STX, up to and with ETX). Characters have seven bits and even parity. The line
is taken as 8N1, so that parity stands in bit 7 and is checked here, where it can refuse the
telegram it belongs to; a stream with bit 7 clear everywhere is taken as well.
"""

import re
from functools import reduce
from operator import xor

from drivers.reading import Fault, Message, Reading
from drivers.sdk import Step
from drivers.wire.datasets import read_sets
from drivers.wire.noise import Noise

BUFFER_MAX = 16 * 1024  # a read-out with 15 months of history has some 6 KB
# What may stand between the identification and STX: our own acknowledgement, which an optical
# head hears as well, and what a change of speed makes of a byte or two.
GAP_MAX = 16
# The speeds that an identification proposes: digits in mode C, letters in mode B.
SPEEDS = {
    **dict(zip("0123456", (300, 600, 1200, 2400, 4800, 9600, 19200), strict=True)),
    **dict(zip("ABCDEF", (600, 1200, 2400, 4800, 9600, 19200), strict=True)),
}

_STX, _ETX, _SLASH = 2, 3, 0x2F
_IDENT = re.compile(rb"/[A-Za-z]{3}([0-9A-Za-z])[ \x22-'*-.0-~]{0,40}\r\n")
_REQUEST = re.compile(rb"/\?[0-9A-Za-z ]{0,32}!\r\n")
_BEGIN = re.compile(_IDENT.pattern + b"|" + _REQUEST.pattern)
_BEGIN_MAX = 48  # bytes: none of the two is longer
_SELECT = re.compile(rb"\x06[0-9][0-9A-Z][0-9A-Z]\r\n")
_SELECT_BYTES = 6
# What ends a data block without block check, or begins another telegram within any. Some makers
# end the last line with `!`; within a value it does not occur. Each way begins with a byte of its
# own, by which `re` finds it much sooner.
_END_OR_NEXT = re.compile(rb"!(?<=[\n)]!)\r\n|" + _IDENT.pattern)
_ETX_OR_NEXT = re.compile(rb"\x03|" + _IDENT.pattern)
_SILENT = b"\0\r\n"  # a wake-up that the head hears as well, and blank lines

_SEVEN = bytes(byte & 0x7F for byte in range(256))
_EVEN = bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0)
_PARITY = bytes(byte | (byte.bit_count() & 1) << 7 for byte in range(128)) + bytes(128)

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


def with_parity(data: bytes) -> bytes:
    """Characters of seven bits with even parity in bit 7, as a 7E1 line carries them.

    >>> with_parity(b"/?!").hex()
    'af3f21'
    """
    assert data.isascii()
    return data.translate(_PARITY)


class Stream:
    """Read-outs out of a stream, and the noise between them."""

    def __init__(self, medium: str) -> None:
        """`medium`: value group A of the codes that leave it out."""
        self._medium = medium
        self._raw = bytearray()
        self._seen = bytearray()  # the same without bit 7
        self._offset = 0
        self._ident = 0  # length of the identification at the buffer's front, 0: none there
        self._speed = ""
        self._data = 0  # where the data block begins, 0: not known yet
        self._checked = False
        self._scan = 0  # no end of a data block stands before this index
        self._noise = Noise()
        self._noisy = False

    def feed(self, chunk: bytes) -> list[Step]:
        steps: list[Step] = []
        fed = 0
        while fed < len(chunk):
            room = BUFFER_MAX - len(self._raw)
            piece = chunk[fed : fed + room]
            self._raw += piece
            self._seen += piece.translate(_SEVEN)
            fed += room
            steps += self._drain()
            if len(self._raw) >= BUFFER_MAX:
                steps += self._cut(len(self._raw), "a telegram without its end")
        return steps

    def silence(self) -> list[Step]:
        """Nothing more of a telegram comes: drop what stands, and tell it."""
        if self._ident:
            return self._cut(len(self._raw), "a telegram without its end")
        steps: list[Step] = []
        self._skip(len(self._raw), steps)
        return steps + self._tell()

    def identified(self) -> str:
        """The speed sign of an identification that waits for its data, else ""."""
        if not self._ident or self._data or not _parity_holds(self._raw[: self._ident]):
            return ""
        return self._speed

    def _drain(self) -> list[Step]:
        steps: list[Step] = []
        while True:
            if not self._ident and not self._hunt(steps):
                break
            if not self._data:
                found = self._find_data()
                if found is None:
                    break
                if not found:
                    steps += self._cut(self._ident, "no data after the identification")
                    continue
            if not self._find_end(steps):
                break
        return steps

    def _hunt(self, steps: list[Step]) -> bool:
        """Whether an identification stands at the buffer's front; what precedes it is skipped."""
        while True:
            begin = _BEGIN.search(self._seen)
            if begin is None:
                # Neither of the two has a second slash, so only the last one may become one.
                slash = self._seen.rfind(b"/", max(0, len(self._seen) - _BEGIN_MAX))
                self._skip(slash if slash >= 0 else len(self._seen), steps)
                return False
            # A match looks into the buffer, which is about to change.
            length, speed = begin.end() - begin.start(), begin[1]
            if begin.start():
                self._skip(begin.start(), steps)
            if speed:
                self._start(length, speed.decode())
                return True
            if self._noisy:
                self._skip(length, steps)
            else:  # a request, our own or another's, says nothing of the meter
                self._advance(length)

    def _start(self, length: int, speed: str) -> None:
        self._ident, self._speed = length, speed
        self._data = self._scan = 0

    def _find_data(self) -> bool | None:
        """Whether a data block follows the identification; None when more must come to tell."""
        at = self._ident
        seen = self._seen
        if seen.startswith(b"\x06", at):
            if len(seen) < at + _SELECT_BYTES:
                return None
            if _SELECT.match(seen, at):
                at += _SELECT_BYTES
        rest = bytes(seen[at : at + GAP_MAX])
        if rest in {b"", b"\r"}:
            return None
        if rest[:2] == b"\r\n" or (self._speed not in SPEEDS and rest[0] not in {_STX, _SLASH}):
            self._checked, self._data = False, at
        elif rest[0] == _SLASH:  # somebody begins anew
            return False
        else:
            stx = rest.find(_STX)
            if stx < 0:
                return False if len(rest) == GAP_MAX else None
            self._checked, self._data = True, at + stx + 1
        self._scan = self._data
        return True

    def _find_end(self, steps: list[Step]) -> bool:
        """Whether the telegram ended, or another one begins within it."""
        seen = self._seen
        # An identification is text on one line: neither ETX nor `!` stands within it.
        pattern = _ETX_OR_NEXT if self._checked else _END_OR_NEXT
        found = pattern.search(seen, max(self._data, self._scan - _BEGIN_MAX))
        if found is None:
            self._scan = len(seen)
            return False
        at, stop = found.span()
        if found[1]:
            length, speed = stop - at, found[1].decode()
            steps += self._cut(at, "another telegram begins")
            self._start(length, speed)
            return True
        stop += self._checked  # the block check follows ETX
        if stop > len(seen):
            self._scan = at
            return False
        if self._noisy:
            steps += self._tell()
        steps.append(self._telegram(stop))
        self._advance(stop)
        self._start(0, "")
        return True

    def _telegram(self, stop: int) -> Message:
        raw = bytes(self._raw[:stop])
        offset = self._offset
        readings, fault = self._believed(raw)
        if isinstance(fault, list):
            return _new(Message, (offset, raw, tuple(readings), tuple(fault)))
        refused = _new(Fault, (fault[0], offset, stop, fault[1]))
        return _new(Message, (offset, raw, (), (refused,)))

    def _believed(self, raw: bytes) -> tuple[list[Reading], list[Fault] | tuple[str, str]]:
        """Readings and faults of a whole telegram, or the kind and detail that refuse it."""
        seen = raw
        if not raw.isascii():
            begin = self._data - 1 if self._checked else self._data
            if not _parity_holds(raw[: self._ident] + raw[begin:]):
                return [], ("parity", "a byte of wrong parity")
            seen = raw.translate(_SEVEN)
        end = len(seen) - 3  # of the `!` line
        if self._checked:
            end = len(seen) - 5
            counted = reduce(xor, seen[self._data : -1])
            if counted != seen[-1]:
                what = f"telegram says {seen[-1]:02X}, its bytes give {counted:02X}"
                return [], ("checksum", what)
            if seen[end:-1] != b"!\r\n\x03":
                return [], ("cut", f"no end line before ETX: {seen[-6:-1]!r}")
        text = seen[self._data : end].decode("ascii").removesuffix("\r\n")
        place = self._offset + self._data
        if text[:2] == "\r\n" and not self._checked:
            text, place = text[2:], place + 2
        if not text:
            return [], ("empty", "a telegram without data lines")
        doubt = "" if self._checked else "unchecked"
        return read_sets(text, offset=place, medium=self._medium, doubt=doubt)

    def _cut(self, length: int, what: str) -> list[Step]:
        steps = self._tell()
        if not self._ident:
            self._skip(length, steps)
            return steps
        raw = bytes(self._raw[:length])
        steps.append(Message(self._offset, raw, (), (Fault("cut", self._offset, length, what),)))
        self._advance(length)
        self._start(0, "")
        return steps

    def _skip(self, length: int, steps: list[Step]) -> None:
        """Count the buffer's first bytes as noise, blank ones only after others."""
        blank = 0
        if not self._noisy:
            blank = length - len(self._raw[:length].lstrip(_SILENT))
        if length > blank:
            self._noisy = True
            steps += self._noise.skip(self._offset + blank, length - blank)
        self._advance(length)

    def _tell(self) -> list[Step]:
        self._noisy = False
        return self._noise.tell()

    def _advance(self, length: int) -> None:
        if length:
            del self._raw[:length]
            del self._seen[:length]
            self._offset += length


def _parity_holds(data: bytes | bytearray) -> bool:
    """Whether every byte has even parity, or none has any."""
    return data.isascii() or not data.translate(None, _EVEN)
