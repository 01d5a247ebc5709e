"""Scales that speak in lines: the lines that a family knows, cut out of a stream."""

import re
from typing import NamedTuple

from drivers.reading import Message
from drivers.sdk import Step
from drivers.wire.noise import Noise

_BLANK = b"\r\n "
_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Found(NamedTuple):
    """A line of the family: where it stands, its bytes, and its parts."""

    offset: int
    raw: bytes
    parts: re.Match[bytes]


class Lines:
    """A stream, cut into lines that `known` matches from a line's first byte to its line feed.

    `known` is compiled with MULTILINE, begins with `^`, and matches no line of `line_max` bytes or
    more. All else is noise, which is told before the next line or when the scale falls silent.
    """

    def __init__(self, known: re.Pattern[bytes], line_max: int) -> None:
        self._known = known
        self._line_max = line_max
        self._held = b""  # a line that has not ended
        self._offset = 0  # of its first byte
        self._torn = False  # whether the beginning of that line was too much to be kept
        self._noise = Noise()
        self._noisy = False  # whether the last bytes were noise

    def feed(self, chunk: bytes) -> list[Message | Found]:
        data = self._held + chunk
        told: list[Message | Found] = []
        start = data.find(b"\n") + 1 if self._torn else 0
        if start:
            self._torn = False
            told += self._skip(data[:start], self._offset)
        offset = self._offset
        for parts in () if self._torn else self._known.finditer(data, start):
            at, end = parts.span()
            if at > start:
                told += self._skip(data[start:at], offset + start)
            if self._noisy:
                told += self._end_of_noise()
            told.append(_new(Found, (offset + at, parts[0], parts)))
            start = end
        stop = data.rfind(b"\n", start) + 1 or start
        if self._torn or len(data) - stop >= self._line_max:
            self._torn = True
            stop = len(data)
        told += self._skip(data[start:stop], self._offset + start)
        self._held = data[stop:]
        self._offset += stop
        return told

    def silence(self) -> list[Message | Found]:
        """The scale has said all: what is left is a line without its end, or noise."""
        raw, offset = self._held, self._offset
        self._held = b""
        self._offset += len(raw)
        parts = None if self._torn else self._known.fullmatch(raw + b"\n")
        self._torn = False
        if parts:
            return [*self._end_of_noise(), Found(offset, raw, parts)]
        return [*self._skip(raw, offset), *self._end_of_noise()]

    def _skip(self, data: bytes, offset: int) -> list[Message]:
        """Bytes that are no line: noise, blank ones only after others."""
        if not self._noisy:
            kept = data.lstrip(_BLANK)
            data, offset = kept, offset + len(data) - len(kept)
        if not data:
            return []
        self._noisy = True
        return _messages(self._noise.skip(offset, len(data)))

    def _end_of_noise(self) -> list[Message]:
        self._noisy = False
        return _messages(self._noise.tell())


def _messages(steps: list[Step]) -> list[Message]:
    return [step for step in steps if isinstance(step, Message)]
