"""A person at the recycling point: card, tag, bag, look, leave. Pure; eyes and clock are passed in.

A person sees only the screen. What it calls accepted is kept, also when it says so after a
restart; anything else is begun again, so no bag is weighed twice and none is given up.
"""

from typing import Any, NamedTuple

from firmware_sim.street import Visit

# How long a card is held, in real milliseconds, and how long somebody looks before trying again.
HOLD_MS = 300
TAP_PATIENCE_MS = 2_000
BAG_PATIENCE_MS = 15_000
# Between two tries: longer than the second in which a reader takes two taps for one.
PAUSE_MS = 1_300
# After lifting a bag the screen may still say that it had been kept.
LAST_LOOK_MS = 1_500


class Deposit(NamedTuple):
    """The deposit on the screen."""

    id: str
    net_mg: int
    fraction: str
    at_ms: int


class Screen(NamedTuple):
    """What can be seen at the point."""

    state: str
    sentence: str
    deposit: Deposit | None


class Hold(NamedTuple):
    """Hold a card or a tag at the reader."""

    number: str


class TakeAway(NamedTuple):
    """Take card or tag away."""


class Put(NamedTuple):
    """Put the bag down; it moves about for a while."""

    mass_mg: int
    moved_ms: int


class Lift(NamedTuple):
    """Take the bag off the scale."""


class Leave(NamedTuple):
    """Go home: the deposit was kept."""

    deposit: Deposit


class Grumble(NamedTuple):
    """It did not work; `why` is what was on the screen. The person begins again."""

    why: str


Act = Hold | TakeAway | Put | Lift | Leave | Grumble


def screen_of(now: Any) -> Screen | None:
    """The screen in the gateway's `/api/now`, None where there is none."""
    kiosk = now.get("kiosk") if isinstance(now, dict) else None
    if not kiosk:
        return None
    shown = kiosk["deposit"]
    deposit = (
        Deposit(shown["id"], shown["net_mg"], shown["fraction"], shown["at_ms"]) if shown else None
    )
    return Screen(kiosk["state"], kiosk["sentence"], deposit)


class Person:
    """One visit, from the first look to leaving.

    `tag` is the number of the fraction's tag; `seen` are the deposits of everybody before.
    """

    def __init__(self, visit: Visit, *, tag: str, seen: set[str]) -> None:
        self.visit = visit
        self.is_gone = False
        self._tag = tag
        self._seen = set(seen)
        self._phase = "waiting"
        self._since_ms = 0
        self._not_before_ms = 0
        self._held = False

    def looks(self, screen: Screen | None, *, now_ms: int) -> list[Act]:
        """What the person does on seeing this screen, None being a dark one; real ms."""
        if screen is None:
            return self._in_the_dark(now_ms)
        if screen.deposit and screen.deposit.id not in self._seen and self._phase != "waiting":
            return self._done(screen.deposit)
        acts: list[Act] = []
        if self._held and now_ms - self._since_ms >= HOLD_MS:
            self._held = False
            acts.append(TakeAway())
        match self._phase:
            case "waiting":
                acts += self._waiting(screen, now_ms)
            case "card":
                acts += self._tapped("card", screen, now_ms)
            case "tag":
                acts += self._tapped("weighing", screen, now_ms)
            case "bag":
                acts += self._weighing(screen, now_ms)
            case "lifted" if now_ms - self._since_ms >= LAST_LOOK_MS:
                self._to("waiting", now_ms)
        return acts

    def _to(self, phase: str, now_ms: int) -> None:
        self._phase, self._since_ms = phase, now_ms

    def _done(self, deposit: Deposit) -> list[Act]:
        self.is_gone = True
        return [TakeAway(), Lift(), Leave(deposit)]

    def _in_the_dark(self, now_ms: int) -> list[Act]:
        """The bag stays where it is until the screen says whether it was kept."""
        if self._phase in {"bag", "lifted"}:
            self._since_ms = now_ms
        elif self._phase != "waiting":
            self._to("waiting", now_ms)
            self._not_before_ms = now_ms + PAUSE_MS
        self._held = False
        return [TakeAway()]

    def _waiting(self, screen: Screen, now_ms: int) -> list[Act]:
        if now_ms < self._not_before_ms or screen.state not in {"idle", "accepted", "refused"}:
            return []
        if screen.deposit:
            self._seen.add(screen.deposit.id)
        self._to("card", now_ms)
        self._held = True
        return [Hold(self.visit.card)]

    def _tapped(self, expected: str, screen: Screen, now_ms: int) -> list[Act]:
        """Wait for the screen to answer a tap, then go on with the tag or the bag."""
        if screen.state == expected:
            if expected == "card":
                self._to("tag", now_ms)
                self._held = True
                return [Hold(self._tag)]
            self._to("bag", now_ms)
            self._held = False
            return [TakeAway(), Put(self.visit.mass_mg, self.visit.moved_ms)]
        if now_ms - self._since_ms < TAP_PATIENCE_MS:
            return []
        return self._again(screen, now_ms)

    def _weighing(self, screen: Screen, now_ms: int) -> list[Act]:
        if screen.state == "weighing" and now_ms - self._since_ms < BAG_PATIENCE_MS:
            return []
        acts = self._again(screen, now_ms)
        self._phase = "lifted"
        return [Lift(), *acts]

    def _again(self, screen: Screen, now_ms: int) -> list[Act]:
        self._to("waiting", now_ms)
        self._not_before_ms = now_ms + PAUSE_MS
        self._held = False
        return [TakeAway(), Grumble(screen.sentence)]
