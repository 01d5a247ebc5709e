"""A scale as a thing: a plate with something on it, and the indicator that weighs it.

All simulated scales share this model; each puts what the indicator shows into its own words.
"""

from typing import NamedTuple

# The plate swings for so long after its load has changed.
SETTLING_MS = 500


class Scale(NamedTuple):
    """What stands on the type plate: range and division, in milligrams."""

    capacity_mg: int = 60_000_000
    division_mg: int = 5_000
    serial: str = "B427100311"


class Weight(NamedTuple):
    """A weight as the plate feels it, rounded to the division."""

    mg: int
    stable: bool


class Plate:
    """What lies on the plate. It swings while it settles, and for as long as it is `moved`."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._load_mg = 0
        self._from_mg = 0
        self._changed_ms = -SETTLING_MS
        self._moved_until_ms = 0

    def put(self, load_mg: int, *, now_ms: int, moved_ms: int = 0) -> None:
        """From now on this is the load; it moves about for `moved_ms` before it settles."""
        self._from_mg, self._load_mg = self._load_mg, load_mg
        self._moved_until_ms = now_ms + moved_ms
        self._changed_ms = self._moved_until_ms

    def feels(self, now_ms: int) -> Weight:
        """The weight now: a swing that dies away, with the load as it is once it is stable."""
        left_ms = self._changed_ms + SETTLING_MS - now_ms
        if left_ms <= 0:
            return Weight(self._rounded(self._load_mg), stable=True)
        part = min(left_ms, SETTLING_MS)
        # Up and down every 80 ms, by at most a fifth of the change.
        swing = (self._load_mg - self._from_mg) * part // SETTLING_MS // 5
        sign = 1 if now_ms // 80 % 2 else -1
        return Weight(self._rounded(self._load_mg + sign * swing), stable=False)

    def _rounded(self, mg: int) -> int:
        """To the nearest division, halves upward."""
        division = self._scale.division_mg
        return (mg + division // 2) // division * division


class Display(NamedTuple):
    """What the indicator shows; net = gross - tare. `out` is "" or why there is no weight: "over",
    "under", or "unzeroed" where it was switched on with something on the plate.
    """

    gross_mg: int
    tare_mg: int
    net_mg: int
    stable: bool
    out: str = ""


class Indicator:
    """Zero, tare and range of one scale; time is passed in, real ms."""

    def __init__(self, scale: Scale, plate: Plate) -> None:
        self.scale = scale
        self.plate = plate
        self.tare_mg = 0
        self._zero_mg = 0

    def shows(self, now_ms: int) -> Display:
        felt = self.plate.feels(now_ms)
        gross_mg = felt.mg - self._zero_mg
        out = ""
        if gross_mg > self.scale.capacity_mg:
            out = "over"
        elif gross_mg < -self.scale.capacity_mg // 50:
            # A plate that was lifted off pulls the cell below what it can measure.
            out = "under"
        return Display(gross_mg, self.tare_mg, gross_mg - self.tare_mg, felt.stable, out)

    def zero(self, now_ms: int) -> str:
        """What is felt now is nothing, and the tare goes: "" done, else "over" or "under": too far
        from the zero of the factory, of which a fiftieth of the range is allowed.
        """
        felt = self.plate.feels(now_ms)
        if abs(felt.mg) > self.scale.capacity_mg // 50:
            return "over" if felt.mg > 0 else "under"
        self._zero_mg, self.tare_mg = felt.mg, 0
        return ""

    def tare(self, now_ms: int) -> str:
        """What lies there now is the tare: "" done, else "over" or "under"."""
        gross_mg = self.shows(now_ms).gross_mg
        if not 0 <= gross_mg <= self.scale.capacity_mg:
            return "over" if gross_mg > 0 else "under"
        self.tare_mg = gross_mg
        return ""
