"""HDLC frames of type 3, as meters push them: measured, checked and taken apart.

Spec: IEC 62056-46:2007, §6.4 (frame format type 3, addresses, HCS and FCS); ISO/IEC 13239:2002.

`7E format destination source control HCS information FCS 7E`. The format holds the type 1010, the
segmentation bit and 11 bits of length, which counts all between the flags. An address has 1, 2 or
4 bytes, the last of which is odd; the two may differ in width. Both checks are CRC-16/X-25, low
byte first. Nothing is stuffed, for the length says where the frame ends; so a flag may stand
within, and one flag may end a frame and begin the next.
"""

import re
from typing import NamedTuple

from drivers.wire import crc

FLAG = 0x7E
FORMAT_TYPE = 0xA  # the high half of the first byte
# A check over data and its own check always gives this.
_INTACT = 0x0F47
_CHECK_BYTES = 2
_SEGMENTED = 0x08

_EVEN = b"[" + b"".join(re.escape(bytes((byte,))) for byte in range(0, 256, 2)) + b"]"
_ODD = b"[^" + _EVEN[1:]
_ADDRESS = b"((?:%b|%b{3})?%b)" % (_EVEN, _EVEN, _ODD)
# Unnumbered information, with or without the final bit, and information that begins a window.
_CONTROL = rb"([\x03\x13\x10\x12\x14\x16\x18\x1a\x1c\x1e])"
# From the format to the header's check; a frame without information has its only check there.
HEAD = rb"[\xa0-\xaf]." + _ADDRESS + _ADDRESS + _CONTROL + rb".."
HEAD_BYTES_MAX = 13
_ADDRESS_BYTES = {1, 2, 4}

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Frame(NamedTuple):
    """A frame taken apart: its two addresses as they came, and what it carries."""

    addresses: bytes
    control: int
    is_segmented: bool
    information: bytes


def length(data: bytes | bytearray, at: int) -> int:
    """How many bytes there are from the format at `at` to the closing flag, this included.

    0 when more bytes must come to know, -1 when no frame is here: the head or its check is wrong,
    or no flag stands where the frame ends. The check of the whole is not looked at.
    """
    control = _control_at(data, at)
    if control < 0 or control + 3 > len(data):
        return 0 if len(data) - at < HEAD_BYTES_MAX else -1
    return measure(data, at, control + 3)


def _control_at(data: bytes | bytearray, at: int) -> int:
    """Where the control byte of a frame is, after its addresses; -1 where these are none."""
    at += 2
    for _ in range(2):
        begin = at
        while at < len(data) and not data[at] & 1:
            at += 1
        at += 1
        if at - begin not in _ADDRESS_BYTES:
            return -1
    return at


def measure(data: bytes | bytearray, at: int, end: int) -> int:
    """As `length`, of a frame whose head ends before `end`."""
    size = (data[at] & 0x07) << 8 | data[at + 1]
    closing = at + size
    is_there = closing < len(data)
    if (
        closing < end
        or (is_there and data[closing] != FLAG)
        or crc.x25(bytes(data[at:end])) != _INTACT
    ):
        return -1
    return size + 1 if is_there else 0


def expected(data: bytes | bytearray, at: int) -> int:
    """How many bytes the frame at `at` will have, its closing flag included; as `length` does,
    but for a frame that is not all there. 0 while its length has not come."""
    return ((data[at] & 0x07) << 8 | data[at + 1]) + 1 if len(data) >= at + 2 else 0


def parse(frame: bytes) -> Frame | None:
    """The frame from its format to its closing flag, as `length` measured it; None where the
    check is wrong."""
    if crc.x25(frame[:-1]) != _INTACT:
        return None
    at = _control_at(frame, 0)
    information = frame[at + 1 + _CHECK_BYTES : -1 - _CHECK_BYTES]
    return _new(Frame, (frame[2:at], frame[at], frame[0] & _SEGMENTED > 0, information))
