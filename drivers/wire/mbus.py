"""Frames of the M-Bus: finding them in a stream, taking them apart, and asking a meter.

Spec: EN 13757-2:2018, §5.7 (format class FT 1.2 of EN 60870-5-1), §5.7.3 and §5.7.5;
EN 13757-7:2018 (selection by secondary address).

A frame is one of three: the acknowledgement E5; short `10 C A sum 16`; long `68 L L 68 C A CI
body sum 16`, where L counts C to the end of the body. The sum is of those same bytes, modulo 256.
"""

import re
from typing import NamedTuple

ACK = 0xE5
FRAME_BYTES_MAX = 255 + 6
SHORT_BYTES = 5  # of a whole short frame
HEAD_BYTES = 7  # before the body of a long frame

# Control fields. The frame count bit turns with every new request, so that a meter knows a
# repeated one; a meter answers RSP_UD with or without the bits for access demand and flow control.
SND_NKE = 0x40
SND_UD = 0x53
REQ_UD2 = 0x5B
FRAME_COUNT_BIT = 0x20
RSP_UD = 0x08

BROADCAST_WITH_ANSWER = 254
SELECTED = 253  # whichever meter was selected by its secondary address
CI_SELECT = 0x52

_START_SHORT, _START_LONG, _END = 0x10, 0x68, 0x16
_CONTENT_MIN = 3  # a long frame has at least C, A and CI
_NONE = -1
# The head of a long frame. A long row of 68 is full of them; there the end is looked for at once.
# An answer too short for its own header, of 12 bytes after CI 72 and of 4 after 7A, says nothing.
_LONG_HEAD = rb"""
    \x68 (?=
        ([\x03-\x06]) \1 \x68 (?! [\x08\x18\x28\x38] . [\x72\x7a])
        | ([\x07-\x0e]) \2 \x68 (?! [\x08\x18\x28\x38] . \x72)
        | ([^\x00-\x0e\x68]) \3 \x68
        | \x68 \x68 \x68 .{105} \x16
    )"""
_LONG = re.compile(_LONG_HEAD, re.DOTALL | re.VERBOSE)
# Or a whole short frame, which a master sent.
_LONG_OR_SHORT = re.compile(
    _LONG_HEAD + rb"| \x10 (?= [\x40-\x7f] . . \x16)", re.DOTALL | re.VERBOSE
)
_ROW = b"\x68" * 4
_ROW_BYTES = 0x68 + 6  # of the frame that begins with these four
_SECONDARY = re.compile(r"[0-9F]{8}[0-9A-F]{8}")

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Frame(NamedTuple):
    """A frame taken apart. What its kind does not have is -1 (an acknowledgement has nothing)."""

    control: int = _NONE
    address: int = _NONE
    ci: int = _NONE
    body: bytes = b""

    @property
    def answers(self) -> bool:
        """Whether this is RSP_UD, a meter's data; the flags for access and flow may be set."""
        return self.ci >= 0 and is_answer(self.control)


def is_answer(control: int) -> bool:
    """Whether the control field of a long frame says RSP_UD, with or without its two flags."""
    return control & 0xCF == RSP_UD


def length(data: bytes | bytearray, at: int = 0) -> int:
    """How many bytes the frame at `at` has, once they are all there.

    0 when more bytes must come, -1 when no frame can begin here: a start, a length or an end is
    not as it must be. The sum is not looked at.

    >>> length(bytes.fromhex("1040fe3e16"))
    5
    """
    start = data[at] if at < len(data) else _NONE
    if start == _START_LONG:
        return _long_length(data, at, len(data) - at)
    if start == _START_SHORT and len(data) - at >= SHORT_BYTES:
        return SHORT_BYTES if data[at + 4] == _END else -1
    return 1 if start == ACK else -(start not in {_NONE, _START_SHORT})


def _long_length(data: bytes | bytearray, at: int, there: int) -> int:
    content = data[at + 1] if there > 1 else _CONTENT_MIN
    if (
        content < _CONTENT_MIN
        or (there > 2 and data[at + 2] != content)
        or (there > 3 and data[at + 3] != _START_LONG)
    ):
        return -1
    whole = content + 6
    if there < 4 or there < whole:
        return 0
    return whole if data[at + whole - 1] == _END else -1


class Found(NamedTuple):
    """Where a frame is, and its length: 0 when more bytes must come before that is known."""

    at: int
    length: int


def find(
    data: bytes | bytearray, start: int = 0, *, final: bool = False, only_long: bool = False
) -> Found:
    """The first short or long frame at `start` or after; an acknowledgement is not looked for.

    Where there is none the place is where one may still begin, or else the end. With `final`
    nothing more will come, so that only whole frames count. A short frame has its sum right;
    that of a long one is not looked at, and neither are short frames but a master's, nor answers
    that are too short to say anything.
    """
    end = len(data)
    search = (_LONG if only_long else _LONG_OR_SHORT).search
    match = search(data, start)
    while match:
        at = match.start()
        if data[at] == _START_SHORT:
            there = SHORT_BYTES if data[at + 1] + data[at + 2] & 0xFF == data[at + 3] else -1
        else:
            there = data[at + 1] + 6
            if at + there > end:
                there = -1 if final else 0
            elif data[at + there - 1] != _END:
                there = -1
        if there >= 0:
            row = -1  # before `at`, its end not there yet
            if not final and at > start and at > end - _ROW_BYTES:
                row = data.find(_ROW, max(start, end - _ROW_BYTES + 1), at + 3)
            return _new(Found, (at, there)) if row < 0 else Found(row, 0)
        match = search(data, at + 1)
    return Found(end if final else _unfinished(data, start), 0)


def last_of_row(data: bytes | bytearray, at: int, *, with_acks: bool) -> int:
    """Where the last of those short frames begins that follow each other from `at`, itself one.

    Only a master sends them, and nothing but the last one matters. `with_acks` takes a reset's
    acknowledgement for a part of the row.
    """
    end = len(data) - SHORT_BYTES
    while True:
        then = at + SHORT_BYTES
        if with_acks and then < end and data[then] == ACK and data[at + 1] == SND_NKE:
            then += 1
        if (
            then > end
            or data[then] != _START_SHORT
            or data[then + 4] != _END
            or not 0x40 <= data[then + 1] <= 0x7F
            or data[then + 1] + data[then + 2] & 0xFF != data[then + 3]
        ):
            return at
        at = then


def _unfinished(data: bytes | bytearray, start: int) -> int:
    """Where the first frame may begin whose head, or end if it is a row of 68, is not there."""
    end = len(data)
    row = data.find(_ROW, max(start, end - _ROW_BYTES + 1))
    if row >= 0:
        return row
    tail = range(max(start, end - SHORT_BYTES + 1), end)
    return next((at for at in tail if length(data, at) == 0), end)


def parse(frame: bytes) -> Frame | None:
    """The frame that fills these bytes exactly; None where its form, sum or end is wrong."""
    if not frame or length(frame) != len(frame):
        return None
    if len(frame) == 1:
        return Frame()
    if len(frame) == SHORT_BYTES:
        _, control, address, told, _ = frame
        return Frame(control, address) if (control + address) & 0xFF == told else None
    if sum(frame[4:-2]) & 0xFF != frame[-2]:
        return None
    return _new(Frame, (frame[4], frame[5], frame[6], frame[7:-2]))


def short(control: int, address: int) -> bytes:
    """A frame without data."""
    return bytes((_START_SHORT, control, address, (control + address) & 0xFF, _END))


def long(control: int, address: int, ci: int, body: bytes = b"") -> bytes:
    """A frame with data, at most 252 bytes of them."""
    content = bytes((control, address, ci)) + body
    size = len(content)
    assert size <= 255, f"{len(body)} bytes do not fit a frame"
    head = bytes((_START_LONG, size, size, _START_LONG))
    return head + content + bytes((sum(content) & 0xFF, _END))


def reset(address: int) -> bytes:
    """SND_NKE: begin anew; the next request has the frame count bit set. A meter answers E5."""
    return short(SND_NKE, address)


def request(address: int, *, count_bit: bool) -> bytes:
    """REQ_UD2: send your data. A repeated request keeps its bit, a new one turns it."""
    return short(REQ_UD2 | FRAME_COUNT_BIT * count_bit, address)


def select(secondary: bytes) -> bytes:
    """SND_UD to all: who has this secondary address listens to address 253 from now on.

    `secondary` as `secondary_address` gives it. The meters meant answer E5.
    """
    return long(SND_UD, SELECTED, CI_SELECT, secondary)


def secondary_address(text: str) -> bytes | None:
    """The 8 bytes on the wire of a secondary address: 16 hex digits, F for whatever it may be.

    First the 8 digits of the serial number as printed on the meter, then maker, version and
    medium, two bytes and twice one, in the order of the wire (as libmbus writes them).
    None for what is no such text.

    >>> secondary_address("14491001FFFFFFFF").hex()
    '01104914ffffffff'
    """
    if _SECONDARY.fullmatch(text) is None:
        return None
    raw = bytes.fromhex(text)
    return raw[3::-1] + raw[4:]
