"""Bags that come and go on the plate of a scale that stands alone."""

from random import Random

from firmware_sim.device import Shown, Source
from firmware_sim.scale import Plate

EVERY_MS = 10_000
LIES_MS = 6_000
# Kitchen waste to a bag of paper.
LIGHTEST_MG, HEAVIEST_MG = 400_000, 9_000_000


def bags(seed: int) -> Source:
    """A bag lies for six seconds of every ten: `gross` in mg."""

    def shown(at_ms: int) -> Shown:
        bag, within_ms = divmod(at_ms, EVERY_MS)
        draw = Random(f"{seed}/{bag}")  # noqa: S311 - a play, no secret
        lies = within_ms >= EVERY_MS - LIES_MS
        return {"gross": draw.randrange(LIGHTEST_MG, HEAVIEST_MG) if lies else 0}

    return shown


class Bagged:
    """A plate on which lies what a source says."""

    def __init__(self, source: Source, plate: Plate) -> None:
        self.plate = plate
        self._source = source
        self._lies_mg = 0

    def lay(self, now_ms: int) -> None:
        """Put down what is to lie there now, if it is something else than before."""
        lies_mg = int(self._source(now_ms)["gross"])
        if lies_mg != self._lies_mg:
            self._lies_mg = lies_mg
            self.plate.put(lies_mg, now_ms=now_ms)
