"""Bags that come and go on the plate of a scale that stands alone."""

from functools import lru_cache
from random import Random

from firmware_sim.device import Shown, Source
from firmware_sim.scale import Plate

EVERY_MS = 10_000
LIES_MS = 6_000
# Kitchen waste to a bag of paper.
LIGHTEST_MG, HEAVIEST_MG = 400_000, 9_000_000


def bags(seed: int) -> Source:
    """A bag lies for six seconds of every ten: `gross` in mg."""

    @lru_cache(maxsize=2)  # a scale asks many times for as long as a bag lies there
    def mass_mg(bag: int) -> int:
        draw = Random(f"{seed}/{bag}")  # noqa: S311 - a play, no secret
        return draw.randrange(LIGHTEST_MG, HEAVIEST_MG)

    def shown(at_ms: int) -> Shown:
        bag, within_ms = divmod(at_ms, EVERY_MS)
        lies = within_ms >= EVERY_MS - LIES_MS
        return {"gross": mass_mg(bag) if lies else 0}

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
