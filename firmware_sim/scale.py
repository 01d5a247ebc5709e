"""A scale as a thing: a plate with something on it, and the indicator that weighs it.

All simulated scales share this model; each puts what the indicator shows into its own words. Pure:
time is passed in, real milliseconds that never fall.
"""

from typing import NamedTuple

# The plate swings for so long after its load has changed, up and down every 80 ms.
SETTLING_MS = 500
SWING_MS = 80
# Of the range, the part that may be made zero by hand, and the part when it is switched on; and
# how far below its zero a scale still shows what it feels.
# Spec: OIML R 76-1 (2006), 4.5.1: 4 % and 20 % of the range, which are the widest.
ZERO_PART, FIRST_ZERO_PART = 50, 10
# R 76-1, 4.5.7: a zero follows by at most half a division in a second.
TRACKED_DIVISIONS = 0.5


class Scale(NamedTuple):
    """What stands on the type plate: range and division, in milligrams."""

    capacity_mg: int = 60_000_000
    division_mg: int = 5_000
    serial: str = "B427100311"


class Weight(NamedTuple):
    """A weight as the plate feels it, exactly."""

    mg: int
    stable: bool


class Plate:
    """What lies on the plate. It swings while it settles, and for as long as it is `moved`."""

    def __init__(self, scale: Scale) -> None:
        self._scale = scale
        self._load_mg = 0
        self._from_mg = 0
        self._changed_ms = -SETTLING_MS
        self._creep_mg_s = 0

    def put(self, load_mg: int, *, now_ms: int, moved_ms: int = 0, creep_mg_s: int = 0) -> None:
        """From now on this is the load; it moves about for `moved_ms` before it settles.

        `creep_mg_s`: so much it gains in each second that it lies there, as when rain falls into
        it or somebody leans on it ever more.
        """
        self._from_mg, self._load_mg = self.feels(now_ms).mg, load_mg
        self._changed_ms = now_ms + moved_ms
        self._creep_mg_s = creep_mg_s

    def feels(self, now_ms: int) -> Weight:
        """The weight now: a swing that dies away, with the load as it is once it is stable.

        What creeps by more than half a division in a second never becomes stable.
        """
        left_ms = self._changed_ms + SETTLING_MS - now_ms
        crept_mg = self._creep_mg_s * max(0, now_ms - self._changed_ms) // 1000
        load_mg = self._load_mg + crept_mg
        if left_ms <= 0:
            return Weight(load_mg, 2 * abs(self._creep_mg_s) <= self._scale.division_mg)
        part = min(left_ms, SETTLING_MS)
        # By at most a fifth of the change.
        swing = (self._load_mg - self._from_mg) * part // SETTLING_MS // 5
        sign = 1 if now_ms // SWING_MS % 2 else -1
        return Weight(load_mg + sign * swing, stable=False)


class Display(NamedTuple):
    """What the indicator shows, in divisions; net = gross - tare.

    `out` is "" or why there is no weight: "over", "under", or "unzeroed" where it was switched on
    with something on the plate. `unit` is what it shows its weights in: "kg", or what somebody has
    switched it to ("lb", "pcs").
    """

    gross_mg: int
    tare_mg: int
    net_mg: int
    stable: bool
    out: str = ""
    unit: str = "kg"


class Indicator:
    """Zero, tare, range and unit of one scale that has been switched on with an empty plate."""

    def __init__(self, scale: Scale, plate: Plate) -> None:
        self.scale = scale
        self.plate = plate
        self.tare_mg = 0
        self.unit = "kg"
        self._zero_mg: int | None = 0
        self._tracked_ms = 0

    def switch_on(self, now_ms: int) -> None:
        """Power is back: what lies there is nothing, unless it is too much for that."""
        self.tare_mg, self.unit = 0, "kg"
        self._zero_mg, self._tracked_ms = None, now_ms

    def shows(self, now_ms: int) -> Display:
        felt = self.plate.feels(now_ms)
        if self._zero_mg is None:
            if not felt.stable or abs(felt.mg) > self.scale.capacity_mg // FIRST_ZERO_PART:
                return Display(0, 0, 0, felt.stable, "unzeroed", self.unit)
            self._zero_mg = felt.mg
        self._track(felt, now_ms)
        gross_mg = self._rounded(felt.mg - self._zero_mg)
        out = ""
        if gross_mg > self.scale.capacity_mg:
            out = "over"
        elif gross_mg < -self.scale.capacity_mg // ZERO_PART:
            # A plate that was lifted off pulls the cell below what it can measure.
            out = "under"
        net_mg = gross_mg - self.tare_mg
        return Display(gross_mg, self.tare_mg, net_mg, felt.stable, out, self.unit)

    def zero(self, now_ms: int) -> str:
        """What is felt now is nothing, and the tare goes: "" done, else "over" or "under": too far
        from the zero of the factory.
        """
        felt = self.plate.feels(now_ms)
        if abs(felt.mg) > self.scale.capacity_mg // ZERO_PART:
            return "over" if felt.mg > 0 else "under"
        self._zero_mg, self.tare_mg = felt.mg, 0
        return ""

    def tare(self, now_ms: int) -> str:
        """What lies there now is the tare: "" done, else "over" or "under"."""
        shown = self.shows(now_ms)
        if shown.out or not 0 <= shown.gross_mg <= self.scale.capacity_mg:
            return "under" if shown.gross_mg < 0 else "over"
        self.tare_mg = shown.gross_mg
        return ""

    def _track(self, felt: Weight, now_ms: int) -> None:
        """The zero follows what is less than half a division off: dirt, rain, warmth."""
        assert self._zero_mg is not None
        passed_ms, self._tracked_ms = now_ms - self._tracked_ms, now_ms
        off_mg = felt.mg - self._zero_mg
        if felt.stable and not self.tare_mg and 2 * abs(off_mg) < self.scale.division_mg:
            most_mg = int(self.scale.division_mg * TRACKED_DIVISIONS * passed_ms / 1000)
            self._zero_mg += max(-most_mg, min(most_mg, off_mg))

    def _rounded(self, mg: int) -> int:
        """To the nearest division, halves upward."""
        division = self.scale.division_mg
        return (mg + division // 2) // division * division
