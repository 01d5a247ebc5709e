"""Bytes between telegrams that mean nothing: added up and told in one Fault, never kept."""

from drivers.reading import Fault, Message
from drivers.sdk import Step

# Endless noise is told in pieces of this size, so that somebody hears of it.
NOISE_TOLD = 16 * 1024


class Noise:
    """A run of skipped bytes. Told before a telegram, at a silence, or when it is long."""

    __slots__ = ("length", "offset")

    def __init__(self) -> None:
        self.offset = 0
        self.length = 0

    def skip(self, offset: int, length: int) -> list[Step]:
        """Count `length` bytes at `offset`, which follow those counted before."""
        if not self.length:
            self.offset = offset
        told: list[Step] = []
        while self.length + length >= NOISE_TOLD:
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
        fault = Fault("noise", self.offset, self.length)
        self.length = 0
        return [Message(fault.offset, b"", (), (fault,))]
