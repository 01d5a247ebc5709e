"""Long frames of the M-Bus in which Austrian meters push what DLMS says.

Spec: EN 13757-2:2018, §5.7.5 (long frame); EN 13757-1:2014, §7.4 (segments in the CI field,
station addresses); oesterreichsenergie, customer interface of smart meters, 2020.

`68 L L 68 C A CI STSAP DTSAP payload sum 16`: here the meter is the one that sends (C 53), to all
(A FF). CI counts the segments of a telegram from 0 in its low four bits; the bit above marks the
last. L counts C to the end of the payload, modulo 256: Sagemcom's T210-D writes 1 for 257.
"""

from typing import NamedTuple

# What follows the first 68, as far as it does not depend on the telegram.
HEAD = rb"(?P<size>.)(?P=size)\x68[\x53\x73]"
_BEFORE = 4  # bytes before what L counts
_AFTER = 2  # sum and end
_END = 0x16
_CONTENT_MIN = 5  # C, A, CI and the two station addresses
_ORDINAL, _LAST, _UNUSED = 0x0F, 0x10, 0xE0


class Segment(NamedTuple):
    """A frame taken apart: the segment's number, whether it is the last, and what it carries."""

    ordinal: int
    is_last: bool
    payload: bytes


def expected(data: bytes | bytearray, at: int) -> int:
    """How many bytes the frame whose head is at `at` has."""
    content: int = data[at + 1]
    if content < _CONTENT_MIN:
        content += 256
    return _BEFORE + content + _AFTER


def length(data: bytes | bytearray, at: int) -> int:
    """As `expected`; 0 when more bytes must come, -1 where the end is not as it must be.

    The sum is not looked at.
    """
    whole = expected(data, at)
    if at + whole > len(data):
        return 0
    return whole if data[at + whole - 1] == _END else -1


def parse(frame: bytes) -> Segment | None:
    """The segment in a whole frame; None where the sum is wrong or CI is none of a segment."""
    ci = frame[6]
    if sum(frame[_BEFORE:-_AFTER]) & 0xFF != frame[-_AFTER] or ci & _UNUSED:
        return None
    return Segment(ci & _ORDINAL, ci & _LAST > 0, frame[_BEFORE + _CONTENT_MIN : -_AFTER])
