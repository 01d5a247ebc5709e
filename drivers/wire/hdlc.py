"""HDLC frames of type 3, as meters push them: measured, checked and taken apart.

Spec: IEC 62056-46:2007, §6.4 (frame format type 3, addresses, HCS and FCS); ISO/IEC 13239:2002.

`7E format destination source control HCS information FCS 7E`. The format holds the type 1010, the
segmentation bit and 11 bits of length, which counts all between the flags. An address has 1, 2 or
4 bytes, the last of which is odd; the two may differ in width. Both checks are CRC-16/X-25, low
byte first. Nothing is stuffed, for the length says where the frame ends; so a flag may stand
within, and one flag may end a frame and begin the next.
"""

import re
from functools import lru_cache
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
_ADDRESS = b"(?:(?:%b|%b{3})?%b)" % (_EVEN, _EVEN, _ODD)
# Unnumbered information, with or without the final bit, and information that begins a window.
_CONTROL = rb"[\x03\x13\x10\x12\x14\x16\x18\x1a\x1c\x1e]"
# From the format to the header's check; a frame without information has its only check there.
HEAD = rb"[\xa0-\xaf]." + _ADDRESS + _ADDRESS + _CONTROL + rb".."
HEAD_BYTES_MAX = 13

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Head(NamedTuple):
    """What the beginning of a frame says: how many bytes there are up to the closing flag, and how
    many of these the head has; its two addresses as they came."""

    size: int
    head_size: int
    addresses: bytes
    control: int
    is_segmented: bool


class Frame(NamedTuple):
    """A frame taken apart: its two addresses as they came, and what it carries."""

    addresses: bytes
    control: int
    is_segmented: bool
    information: bytes


@lru_cache(maxsize=64)
def head(octets: bytes) -> Head | None:
    """The head in bytes that `HEAD` matches; None where its check is wrong, or the frame would end
    within. A meter has two or three."""
    size = (octets[0] & 0x07) << 8 | octets[1]
    if size < len(octets) or crc.x25(octets) != _INTACT:
        return None
    return Head(size, len(octets), octets[2:-3], octets[-3], octets[0] & _SEGMENTED > 0)


def is_intact(frame: bytes) -> bool:
    """Whether the check at the end of a frame is right; neither of its flags is part of it."""
    return crc.x25(frame) == _INTACT


def parse(frame: bytes, told: Head) -> Frame | None:
    """The frame from its format to what stands before the closing flag, with its head; None where
    the check is wrong."""
    if not is_intact(frame):
        return None
    _, begin, addresses, control, is_segmented = told
    return _new(Frame, (addresses, control, is_segmented, frame[begin:-_CHECK_BYTES]))
