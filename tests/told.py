"""A deposit session that is told what happens, one event every 250 ms of no real time."""

from collections.abc import Iterable
from typing import NamedTuple

from gateway.kiosk.events import (
    Card,
    Choose,
    Club,
    Confirm,
    Crate,
    Deposit,
    Event,
    Fraction,
    Kept,
    Outcome,
    Refused,
    Terms,
    Tick,
    Undone,
    Weight,
)
from gateway.kiosk.picture import view_of
from gateway.kiosk.session import advance
from gateway.kiosk.standing import Session
from gateway.kiosk.view import View

STEP_MS = 250
D = 5_000  # the division, mg

FRACTIONS = {
    "glass": Fraction("glass", "kg", "glas", "glass"),
    "paper": Fraction("paper", "kg", "papier", "paper", most=20_000_000),
    "lamps": Fraction("lamps", "piece", "lampen", "lamps"),
    "paint": Fraction("paint", "kg", "verf", "paint", by_operator=True),
}
TERMS = Terms(
    FRACTIONS,
    crates={"blue": Crate("blue", 1_500_000, "blauwe krat", "blue crate")},
    clubs={"vv-dorp": Club("vv-dorp", "vv Dorp", "Village FC"), "fanfare": Club("fanfare", "", "")},
    division_mg=D,
)
BY_CLOCK = TERMS._replace(steady_by_clock=True)


def weight(gross_mg: int, *, tare_mg: int = 0, steady: str = "yes", **also: object) -> Weight:
    return Weight(gross_mg - tare_mg, gross_mg, tare_mg, steady, **also)


def lies(gross_mg: int, *, times: int = 3, tare_mg: int = 0, steady: str = "yes") -> list[Event]:
    """The scale says so, so many times; three of them settle."""
    return [weight(gross_mg, tare_mg=tare_mg, steady=steady)] * times


EMPTY = lies(0)
BAG_MG = 3_250_000
BAG = lies(BAG_MG)
NOOR, SAM = Card("noor"), Card("sam")
GLASS = Choose("glass")
# Long enough to have seen a weight that settled, and not so long that it is stale.
LOOK_MS = 500
NOORS_BAG = [*EMPTY, NOOR, LOOK_MS, GLASS, *BAG, LOOK_MS, Confirm()]

Step = Event | int | Iterable["Step"]


class Told(NamedTuple):
    """Where the telling has come to; `view` is what the screen shows at that moment."""

    session: Session
    outcomes: list[Outcome]
    now_ms: int
    view: View

    def deposits(self) -> list[Deposit]:
        return [one for one in self.outcomes if isinstance(one, Deposit)]

    def refused(self) -> list[str]:
        return [one.reason for one in self.outcomes if isinstance(one, Refused)]

    def undone(self) -> list[str]:
        return [one.deposit for one in self.outcomes if isinstance(one, Undone)]


def tell(*steps: Step, terms: Terms = TERMS, start: Session | Told | None = None) -> Told:
    """Each event a step after the one before; a number lets so many ms more pass.

    What is handed out is kept at once, under the names d1, d2, …
    """
    told = start if isinstance(start, Told) else Told(start or Session(), [], 0, None)
    session, outcomes, now_ms = told.session, list(told.outcomes), told.now_ms
    for step in _flat(steps):
        if isinstance(step, int):
            now_ms += step
            continue
        now_ms += STEP_MS
        session, outcome = advance(session, step, terms=terms, now_ms=now_ms)
        if outcome is None:
            continue
        outcomes.append(outcome)
        if isinstance(outcome, Deposit):
            id_ = f"d{sum(isinstance(one, Deposit) for one in outcomes)}"
            session, _ = advance(session, Kept(id_), terms=terms, now_ms=now_ms)
        elif isinstance(outcome, Undone):
            session, _ = advance(session, Kept(outcome.deposit), terms=terms, now_ms=now_ms)
    return Told(session, outcomes, now_ms, view_of(session, terms=terms, now_ms=now_ms))


def waits(ms: int, *saying: Event) -> list[Event | int]:
    """So much time passes, the scale going on to say the same (or the clock to tick)."""
    return [saying[n % len(saying)] if saying else Tick() for n in range(ms // STEP_MS)]


def _flat(steps: Iterable[Step]) -> Iterable[Event | int]:
    for step in steps:
        # Events are tuples too: only lists are stories.
        if isinstance(step, list):
            yield from _flat(step)
        else:
            yield step
