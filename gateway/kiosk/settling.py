"""What the scale says, put together: whether a weight has settled, and whether the plate is empty.

Pure; the clock is passed in. Times are real milliseconds of one monotonic clock.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from gateway.kiosk.events import OutOfRange, ScaleGone, Terms, Unreadable, Weight

# Equal weights in a row that the scale calls stable, and the real time that they span: some
# scales say "stable" in the middle of a swing.
STABLE_COUNT = 3
STABLE_SPAN_MS = 400
# Without the scale's own word a weight has settled once it stood still for so long.
CLOCK_MS = 3_000
# A scale that was silent for so long may have been unplugged: what it said before is stale.
STALE_MS = 2_000
# A scale that nobody has heard for so long cannot be gone by.
SILENT_MS = 10_000
# A bag that drops is over the range for a moment, and a plate that rebounds is under it; what
# stays so is no accident.
OUT_MS = 1_000
# Scales that tell no weight while it swings say one of these: no weight yet, and no accident.
SWINGING = frozenset({"moving", "busy"})

# Rain and crumbs on an empty plate, and what rounding may make of nothing.
ZERO_MG_MAX = 10_000
ZERO_DIVISIONS_MAX = 2
# The least worth a deposit, and the least of which rounding is no great part.
# Spec: EN 45501:2015, table 3: Min of class III is 20 divisions.
DEPOSIT_MG_MIN = 50_000
DEPOSIT_DIVISIONS_MIN = 20

# What goes up little by little while the scale calls it stable is no bag that was put down: water
# runs in, or somebody leans on it. A larger step is something that was added.
STEP_DIVISIONS_MIN = 3
DRIFT_DIVISIONS_MAX = 5
# Bags that are added one by one, or a weight that never comes to rest.
RESETTLED_MAX = 6


def zero_mg_max(terms: Terms) -> int:
    """The plate is empty within this, to both sides."""
    return max(ZERO_MG_MAX, ZERO_DIVISIONS_MAX * terms.division_mg)


def deposit_mg_min(terms: Terms) -> int:
    return max(DEPOSIT_MG_MIN, DEPOSIT_DIVISIONS_MIN * terms.division_mg)


class Row(NamedTuple):
    """Weights in a row within one division of the first, none of them older than `STALE_MS`.

    `yes_times` and `yes_since_ms` count the latest of them that the scale itself called stable.
    `settled_ms` is when the row had become long enough, None while it is not.
    """

    first: Weight
    times: int
    since_ms: int
    last_ms: int
    yes_times: int
    yes_since_ms: int
    settled_ms: int | None = None

    def goes_on_with(self, weight: Weight, *, terms: Terms) -> bool:
        return (
            abs(weight.gross_mg - self.first.gross_mg) <= terms.division_mg
            and weight.tare_mg == self.first.tare_mg
            and weight.serial == self.first.serial
        )

    def and_then(self, weight: Weight, now_ms: int) -> Self:
        is_yes = weight.steady == "yes"
        row = self._replace(
            times=self.times + 1,
            last_ms=now_ms,
            yes_times=self.yes_times + 1 if is_yes else 0,
            yes_since_ms=self.yes_since_ms if is_yes and self.yes_times else now_ms,
        )
        is_long = row.steady_pct() == 100
        return row._replace(settled_ms=now_ms) if is_long and row.settled_ms is None else row

    def steady_pct(self) -> int:
        """From 0 to 100, which is settled; rounded down."""
        if self.settled_ms is not None:
            return 100
        by_count = min(
            100 * self.yes_times // STABLE_COUNT,
            100 * (self.last_ms - self.yes_since_ms) // STABLE_SPAN_MS,
        )
        by_clock = min(
            100 * self.times // STABLE_COUNT,
            100 * (self.last_ms - self.since_ms) // CLOCK_MS,
        )
        return max(0, min(100, max(by_count, by_clock)))


class Out(NamedTuple):
    """The scale says no weight: "over", "under", or the kind of its fault; and since when."""

    kind: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Plate:
    """The scale as it was last heard. `weight` is None where its last word was no weight."""

    weight: Weight | None = None
    row: Row | None = None
    heard_ms: int | None = None
    out: Out | None = None
    is_gone: bool = False

    def hears(
        self, event: Weight | OutOfRange | Unreadable | ScaleGone, *, terms: Terms, now_ms: int
    ) -> "Plate":
        match event:
            case Weight():
                if event.gross_mg < -zero_mg_max(terms):
                    # Something was zeroed away that has been lifted off since.
                    return self._says("under", now_ms)
                return Plate(event, self._row(event, terms=terms, now_ms=now_ms), now_ms)
            case OutOfRange(which):
                return self._says(which, now_ms)
            case Unreadable(kind):
                return self._says(kind, now_ms)
            case ScaleGone():
                return Plate(heard_ms=self.heard_ms, is_gone=True)

    def _says(self, kind: str, now_ms: int) -> "Plate":
        is_still_out = self.out and self.out.kind not in SWINGING
        since_ms = self.out.since_ms if self.out and is_still_out else now_ms
        return Plate(heard_ms=now_ms, out=Out(kind, since_ms))

    def _row(self, weight: Weight, *, terms: Terms, now_ms: int) -> Row | None:
        is_yes = weight.steady == "yes"
        is_by_clock = weight.steady == "unjudged" or terms.steady_by_clock
        if not is_yes and not is_by_clock:
            return None
        row = self.at(now_ms).row
        if row and row.goes_on_with(weight, terms=terms):
            return row.and_then(weight, now_ms)
        return Row(weight, 1, now_ms, now_ms, int(is_yes), now_ms)

    def at(self, now_ms: int) -> "Plate":
        """The same later: an old weight is none."""
        if self.weight is None or self.heard_ms is None or now_ms - self.heard_ms <= STALE_MS:
            return self
        return replace(self, weight=None, row=None)

    def closed(self, now_ms: int) -> str:
        """Why nothing can be weighed for now, "" where it can."""
        if self.is_gone:
            return "scale_gone"
        if self.heard_ms is None or now_ms - self.heard_ms > SILENT_MS:
            return "scale_silent"
        if self.out is None or self.is_swinging() or now_ms - self.out.since_ms < OUT_MS:
            return ""
        return self.out.kind

    def is_swinging(self) -> bool:
        """Whether the scale tells no weight, but that one is coming."""
        return self.out is not None and self.out.kind in SWINGING

    def is_loaded(self, terms: Terms) -> bool:
        return self.weight is not None and self.weight.gross_mg > zero_mg_max(terms)

    def settled(self, terms: Terms) -> Row | None:
        """The row of the load that has settled, if one has."""
        is_load = self.row and self.row.first.gross_mg > zero_mg_max(terms)
        return self.row if is_load and self.row and self.row.settled_ms is not None else None

    def is_empty(self, terms: Terms) -> bool:
        """Whether nothing lies there, by the gross weight, and that has settled."""
        row = self.row
        is_settled = row is not None and row.settled_ms is not None
        return is_settled and row is not None and row.first.gross_mg <= zero_mg_max(terms)

    def is_tared(self) -> bool:
        """Whether the scale takes a tare of its own off."""
        return self.weight is not None and self.weight.tare_mg != 0

    def zero(self, terms: Terms) -> "Load | None":
        """A fresh load, where the plate is empty and the scale takes nothing off."""
        return Load() if self.is_empty(terms) and not self.is_tared() else None


@dataclass(frozen=True, slots=True)
class Load:
    """What lies, or may be put, on the scale since it was last empty.

    `gross_mg` is the latest, None while nothing was put down. `shown_mg` is the net weight that
    settled last, `resettled` how often it settled anew. `first_mg` settled first since the last
    step, None while nothing has; `drift_mg` is how far the weight has gone from there.
    """

    gross_mg: int | None = None
    shown_mg: int | None = None
    resettled: int = 0
    first_mg: int | None = None
    drift_mg: int = 0

    def after(self, plate: Plate, *, terms: Terms) -> "Load":
        """The load once the plate has been heard again."""
        fresh = plate.zero(terms)
        if fresh:
            return fresh
        if not plate.is_loaded(terms) or plate.weight is None:
            return self
        gross_mg, net_mg = plate.weight.gross_mg, plate.weight.net_mg
        is_step = plate.row is None or self._steps_to(gross_mg, terms)
        load = replace(self, gross_mg=gross_mg, first_mg=None if is_step else self.first_mg)
        row = plate.settled(terms)
        if row:
            load = load.settles(row.first.net_mg, terms)
        drift_mg = 0 if load.first_mg is None else abs(net_mg - load.first_mg)
        return replace(load, drift_mg=drift_mg)

    def _steps_to(self, gross_mg: int, terms: Terms) -> bool:
        step_mg_min = STEP_DIVISIONS_MIN * terms.division_mg
        return self.gross_mg is not None and abs(gross_mg - self.gross_mg) >= step_mg_min

    def settles(self, net_mg: int, terms: Terms) -> "Load":
        """The load once a net weight of it has settled."""
        is_anew = self.shown_mg is not None and abs(net_mg - self.shown_mg) > terms.division_mg
        return replace(
            self,
            shown_mg=net_mg,
            resettled=self.resettled + is_anew,
            first_mg=net_mg if self.first_mg is None else self.first_mg,
        )

    def creeps(self, terms: Terms) -> bool:
        is_drifting = self.drift_mg > DRIFT_DIVISIONS_MAX * terms.division_mg
        return is_drifting or self.resettled > RESETTLED_MAX
