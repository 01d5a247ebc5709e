"""Telegrams out of the frames that carry them: which frame comes next, and what it completes.

Spec: IEC 62056-46:2007, §6.4.4 (segmentation); Green Book, edition 10, §9.3.5 (general block
transfer) and §8.4 (LLC). Reference: drivers/wire/hdlc.py and mbus_push.py know the frames.
"""

import re
from typing import NamedTuple

from drivers.wire import axdr, hdlc, mbus_push, push

LLC = b"\xe6\xe7\x00"
BLOCK = 0xE0
_BLOCK = bytes((BLOCK,))
TELEGRAM_BYTES_MAX = 8 * 1024  # the longest known, an Iskra with its push list, has 1.2 kB

_BLOCK_LAST = 0x80
# Looking ahead lets one frame begin within the head of what is none. The group has the head of an
# HDLC frame.
_BEGIN = re.compile(rb"\x7e(?=(%b))|\x68(?=%b)" % (hdlc.HEAD, mbus_push.HEAD), re.DOTALL)
# Where a frame may begin whose head is not all there.
_STARTS = re.compile(rb"[\x7e\x68]")
_TAIL = hdlc.HEAD_BYTES_MAX  # after the first byte of a frame; M-Bus needs fewer

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Found(NamedTuple):
    """A whole frame from `at` on, with `length` 0 when more bytes must come.

    Then `at` is where a frame may begin, or the end, and nothing is found before there are
    `needed` bytes. `frame` is None where a check is wrong.
    """

    at: int
    length: int
    frame: hdlc.Frame | mbus_push.Segment | None
    needed: int


def find(data: bytes | bytearray, start: int, *, follows_flag: bool, final: bool) -> Found:
    """The first frame at `start` or after. `follows_flag`: a flag has ended a frame right before
    `start` and may begin another. With `final` nothing more will come, only whole frames count.
    """
    end = len(data)
    if follows_flag and start < end and data[start] >> 4 == hdlc.FORMAT_TYPE:
        begun = _BEGIN.match(b"\x7e" + data[start : start + hdlc.HEAD_BYTES_MAX])
        found = _hdlc(data, start, start, begun[1], final=final) if begun else None
        if begun is None and end - start < hdlc.HEAD_BYTES_MAX and not final:
            found = Found(start, 0, None, end + 1)
        if found is not None:
            return found
    for match in _BEGIN.finditer(data, start):
        at, head = match.start(), match[1]
        if head is None:
            found = _mbus(data, at, final=final)
        else:
            found = _hdlc(data, at, at + 1, head, final=final)
        if found is not None:
            return found
    if final:
        return Found(end, 0, None, end)
    begun = _STARTS.search(data, max(start, end - _TAIL))
    return _new(Found, (begun.start() if begun else end, 0, None, end + 1))


def _hdlc(
    data: bytes | bytearray, at: int, begin: int, octets: bytes, *, final: bool
) -> Found | None:
    """The frame from `at` on, its format at `begin` and its head these octets; None where the
    head is none or no flag stands where the frame ends."""
    head = hdlc.head(octets)
    if head is None:
        return None
    closing = begin + head.size
    if closing >= len(data):
        return None if final else _new(Found, (at, 0, None, closing + 1))
    if data[closing] != hdlc.FLAG:
        return None
    frame = hdlc.parse(bytes(data[begin:closing]), head)
    return _new(Found, (at, closing + 1 - at, frame, 0))


def _mbus(data: bytes | bytearray, at: int, *, final: bool) -> Found | None:
    """The M-Bus frame whose head is at `at`; None where its end is not as it must be."""
    there = mbus_push.length(data, at)
    if there > 0:
        return _new(Found, (at, there, mbus_push.parse(bytes(data[at : at + there])), 0))
    if there < 0 or final:
        return None
    return _new(Found, (at, 0, None, at + mbus_push.expected(data, at)))


class Told(NamedTuple):
    """What a frame did to the telegram under way.

    `apdu` is there when it is complete. `is_first`: a telegram begins with this frame, whatever
    came before is left unfinished. `trouble` says why the telegram cannot go on.
    """

    apdu: bytes = b""
    is_first: bool = False
    trouble: str = ""


class Assembly:
    """The telegram under way: its segments, and the blocks within."""

    def __init__(self) -> None:
        self._addresses = b""  # of the HDLC frames whose segments are gathered
        self._gathered = bytearray()
        self._ordinal = 0  # of the next M-Bus segment, 0 when none is due
        self._blocks = bytearray()
        self._block = 0  # the number of the next block, 0 when none is due

    def forget(self) -> None:
        """Nothing is under way any more."""
        if self._addresses or self._ordinal or self._block:
            self._addresses, self._gathered, self._ordinal = b"", bytearray(), 0
            self._blocks, self._block = bytearray(), 0

    def add(self, frame: hdlc.Frame | mbus_push.Segment) -> Told:
        told = self._segment(frame) if isinstance(frame, mbus_push.Segment) else self._hdlc(frame)
        if told.trouble or told.apdu:
            self.forget()
        return told

    def _segment(self, segment: mbus_push.Segment) -> Told:
        is_first = segment.ordinal == 0
        if is_first:
            self.forget()
        elif not self._ordinal or segment.ordinal != self._ordinal & 0x0F:
            return Told(trouble=f"segment {segment.ordinal} where {self._ordinal} is due")
        self._gathered += segment.payload
        self._ordinal += 1
        if len(self._gathered) > TELEGRAM_BYTES_MAX:
            return Told(is_first=is_first, trouble="segments without end")
        return Told(bytes(self._gathered) if segment.is_last else b"", is_first)

    def _hdlc(self, frame: hdlc.Frame) -> Told:
        information = frame.information
        is_first = information.startswith(LLC)
        if is_first:
            information = information[len(LLC) :]
        elif self._addresses:
            if frame.addresses != self._addresses:
                return Told(trouble="segments from two addresses")
            information = bytes(self._gathered) + information
        elif frame.is_segmented or information[:1] not in APDUS:
            return Told(trouble="a frame without the first one of its telegram")
        else:
            is_first = information[0] != BLOCK
        if frame.is_segmented:
            if len(information) > TELEGRAM_BYTES_MAX:
                return Told(trouble="segments without end")
            self._addresses = frame.addresses
            self._gathered = bytearray(information)
            return Told(is_first=is_first)
        if self._addresses:
            self._addresses, self._gathered = b"", bytearray()
        if information[:1] == _BLOCK:
            return self._add_block(information)
        return _new(Told, (information, is_first, ""))

    def _add_block(self, apdu: bytes) -> Told:
        """`E0 control number acknowledged length data`; control has the bit of the last block."""
        if len(apdu) < _BLOCK_HEAD_BYTES:
            return Told(trouble=f"a block of {len(apdu)} bytes")
        number = int.from_bytes(apdu[2:4], "big")
        is_first = number == 1
        if is_first:
            self._blocks, self._block = bytearray(), 1
        if number != self._block:
            return Told(trouble=f"block {number} where {self._block or 1} is due")
        try:
            length, at = axdr.size(apdu, _BLOCK_HEAD_BYTES)
        except axdr.Broken:
            length, at = -1, 0
        if length != len(apdu) - at:
            return Told(is_first=is_first, trouble=f"block {number} has another length than told")
        self._blocks += apdu[at:]
        self._block += 1
        if len(self._blocks) > TELEGRAM_BYTES_MAX:
            return Told(is_first=is_first, trouble="blocks without end")
        return _new(Told, (bytes(self._blocks) if apdu[1] & _BLOCK_LAST else b"", is_first, ""))


_BLOCK_HEAD_BYTES = 6
APDUS = {bytes((tag,)) for tag in (push.DATA_NOTIFICATION, push.CIPHERED, BLOCK)}
