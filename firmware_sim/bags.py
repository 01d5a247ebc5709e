"""Bags that come and go on a simulated scale, for a scale that stands alone."""

from random import Random

from firmware_sim.device import Shown, Source
from firmware_sim.scale import Plate

# A bag lies for the rest of every ten seconds.
TURN_MS, EMPTY_MS = 10_000, 4_000


def bags(seed: int) -> Source:
    """What lies on the plate, as `gross` in mg."""

    def lies(at_ms: int) -> Shown:
        bag, within_ms = divmod(at_ms, TURN_MS)
        draw = Random(f"{seed}/{bag}")  # noqa: S311 - a play, no secret
        return {"gross": draw.randrange(400_000, 9_000_000) if within_ms >= EMPTY_MS else 0}

    return lies


class Bagged:
    """A plate that bears what a source says."""

    def __init__(self, source: Source, plate: Plate) -> None:
        self._source = source
        self._plate = plate
        self._lies_mg: int | str = 0

    def lay(self, now_ms: int) -> None:
        lies_mg = self._source(now_ms)["gross"]
        if lies_mg != self._lies_mg:
            self._lies_mg = lies_mg
            self._plate.put(int(lies_mg), now_ms=now_ms)
