"""What the bridge has done since it started."""

from typing import NamedTuple


class Delivered(NamedTuple):
    """Records stored, and those it had already; deliveries refused; receipts sent."""

    stored: int = 0
    repeated: int = 0
    refused: int = 0
    receipts: int = 0

    def more(
        self, *, stored: int = 0, repeated: int = 0, refused: int = 0, receipts: int = 0
    ) -> "Delivered":
        more = stored, repeated, refused, receipts
        return Delivered(*(a + b for a, b in zip(self, more, strict=True)))
