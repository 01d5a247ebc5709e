"""Bytes between telegrams that mean nothing: added up and told in one Fault, never kept."""

from drivers.reading import Fault, Message
from drivers.sdk import Step

# Endless noise is told in pieces of this size, so that somebody hears of it.
NOISE_TOLD = 16 * 1024

_new = tuple.__new__  # a NamedTuple's own constructor takes three times as long


class Noise:
    """A run of skipped bytes. Told before a telegram, at a silence, or when it is too long.

    `length` is above zero as long as the run lasts.
    """

    __slots__ = ("length", "offset")

    def __init__(self) -> None:
        self.offset = 0
        self.length = 0

    def skip(self, offset: int, length: int) -> list[Step]:
        """Count `length` bytes at `offset`, which follow those counted before."""
        if not self.length:
            self.offset = offset
        told: list[Step] = []
        while self.length + length > NOISE_TOLD:
            piece = NOISE_TOLD - self.length
            self.length = NOISE_TOLD
            told += self.tell()
            self.offset += NOISE_TOLD
            length -= piece
        self.length += length
        return told

    def tell(self) -> list[Step]:
        """The run so far as one Message, and begin anew; nothing when there was none."""
        if not self.length:
            return []
        length, self.length = self.length, 0
        return [_told(self.offset, length)]

    def end(self, offset: int, length: int) -> list[Step]:
        """As skip() and then tell(), quicker where nothing was counted before."""
        if self.length or length >= NOISE_TOLD:
            return self.skip(offset, length) + self.tell()
        return [_told(offset, length)] if length else []


def _told(offset: int, length: int) -> Message:
    fault = _new(Fault, ("noise", offset, length, ""))
    return _new(Message, (offset, b"", (), (fault,)))
