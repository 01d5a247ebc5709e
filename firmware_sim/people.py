"""Honest people at the recycling point: they look at the screen, act, hesitate and leave. Pure.

A person sees only the screen. What a slip says is kept; after anything else an honest one begins
again, so no bag is weighed twice and none is given up. Eyes and clock are passed in.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

# How long a card is held, in real milliseconds.
HOLD_MS = 300
# Nobody does two things faster than this, nor expects an answer sooner.
ACT_MS = 800
# Somebody who gets no further gives up and begins again.
PATIENCE_MS = 25_000
# Between two tries: longer than the second in which a reader takes two taps for one.
PAUSE_MS = 1_500


class Slip(NamedTuple):
    """A deposit as the slip on the screen tells it."""

    deposit: str
    fraction: str
    net_mg: int | None
    pieces: int | None
    code: str


class Screen(NamedTuple):
    """What can be seen at the point."""

    screen: str
    word: str
    sentence: str
    fraction: str
    pieces: int
    crate: str
    who: str
    can_confirm: bool
    slip: Slip | None


def screen_of(now: Any) -> Screen | None:
    """The screen in the kiosk's `/api/now`, None where there is none."""
    view = now.get("view") if isinstance(now, dict) else None
    if not view:
        return None
    slip = view["slip"]
    return Screen(
        view["screen"],
        view["word"],
        view["en"],
        view["fraction"],
        view["pieces"],
        view["crate"],
        view["who"],
        view["can_confirm"],
        Slip(*(slip[name] for name in Slip._fields)) if slip else None,
    )


class Load(NamedTuple):
    """What somebody brings, of one fraction: a mass, or so many pieces.

    `crate` is the point's own crate in which it lies, of `crate_mg`. `moved_ms` is how long it goes
    on moving once it is down.
    """

    fraction: str
    mass_mg: int = 0
    pieces: int = 0
    crate: str = ""
    crate_mg: int = 0
    moved_ms: int = 0


class Depositor(NamedTuple):
    """Who it is for: a card's number, a club, or with neither a code on the slip."""

    card: str = ""
    club: str = ""


class Hold(NamedTuple):
    """Hold a card at the reader."""

    number: str


class TakeAway(NamedTuple):
    """Take the card away."""


class Put(NamedTuple):
    """Put it down; it moves about for a while. `creep_mg_s`: somebody leans on it ever more."""

    mass_mg: int
    moved_ms: int = 0
    creep_mg_s: int = 0


class Lift(NamedTuple):
    """Take everything off the scale."""


class Touch(NamedTuple):
    """Touch the screen: `act` is what is posted to `/api/act`."""

    act: Mapping[str, str | int]


class Press(NamedTuple):
    """Press a key of the scale itself: "tare" or "untare"."""

    key: str


class Leave(NamedTuple):
    """Go home: with a slip, or turned away, with the word and the sentence on the screen."""

    slip: Slip | None
    refused: str = ""
    why: str = ""


class Grumble(NamedTuple):
    """It did not work; `why` is the sentence on the screen. The person begins again."""

    why: str
    word: str


Act = Hold | TakeAway | Put | Lift | Touch | Press | Leave | Grumble

# What the one before has left on the screen, and who comes next puts away.
LEFT_BEHIND = ("slip", "refused")

# The three things that a deposit needs, in the order in which somebody may give them.
ORDERS = (
    ("put", "what", "whose"),
    ("whose", "what", "put"),
    ("what", "put", "whose"),
    ("whose", "put", "what"),
)


class Person:
    """One honest visit, from the first look to leaving with a slip.

    `seen` are the deposits of everybody before. `hesitates_ms` is how long somebody stands there
    before each step.
    """

    def __init__(
        self,
        load: Load,
        depositor: Depositor,
        *,
        seen: set[str],
        order: tuple[str, ...] = ORDERS[0],
        hesitates_ms: int = 0,
    ) -> None:
        self.is_gone = False
        self._load = load
        self._depositor = depositor
        self._seen = set(seen)
        self._order = order
        self._hesitates_ms = hesitates_ms
        self._begun = False
        self._lies = False
        self._held_ms: int | None = None
        self._since_ms = 0
        self._acted_ms = -ACT_MS
        self._not_before_ms = 0

    def looks(self, screen: Screen | None, *, now_ms: int) -> list[Act]:
        """What the person does on seeing this screen, None being a dark one; real ms."""
        acts: list[Act] = []
        if self._held_ms is not None and now_ms - self._held_ms >= HOLD_MS:
            self._held_ms = None
            acts.append(TakeAway())
        if screen is None:
            # What lies there stays until the screen says whether it was kept.
            self._since_ms = now_ms
            return acts
        if screen.slip and screen.slip.deposit not in self._seen:
            if self._begun:
                return [*acts, *self._done(screen.slip)]
            self._seen.add(screen.slip.deposit)
        return acts + self._goes_on(screen, now_ms)

    def _goes_on(self, screen: Screen, now_ms: int) -> list[Act]:
        is_over = screen.screen in {"refused", "closed", "clear"}
        if is_over and (self._begun or self._lies):
            return self._again(screen, now_ms)
        if now_ms < self._not_before_ms or now_ms - self._acted_ms < ACT_MS + self._hesitates_ms:
            return []
        if not self._begun:
            if screen.screen in LEFT_BEHIND:
                self._acted_ms = now_ms
                return [Touch({"act": "leave"})]
            if is_over or screen.fraction or screen.who:
                return []  # somebody else is not done yet
            self._begun, self._since_ms = True, now_ms
        if now_ms - self._since_ms > PATIENCE_MS + 4 * self._hesitates_ms:
            return [Touch({"act": "cancel"}), *self._again(screen, now_ms)]
        acts = self._next(screen, now_ms)
        if acts:
            self._acted_ms = now_ms
        return acts

    def _next(self, screen: Screen, now_ms: int) -> list[Act]:
        """The next step: the first of mine that the screen does not know yet."""
        for step in self._order:
            match step:
                case "put" if self._load.mass_mg and not self._lies:
                    self._lies = True
                    return [Put(self._load.mass_mg + self._load.crate_mg, self._load.moved_ms)]
                case "what" if acts := self._says_what(screen):
                    return acts
                case "whose" if not screen.who:
                    return self._says_whose(now_ms)
        return [Touch({"act": "confirm"})] if screen.can_confirm else []

    def _says_what(self, screen: Screen) -> list[Act]:
        load = self._load
        if screen.fraction != load.fraction:
            return [Touch({"act": "choose", "fraction": load.fraction})]
        if load.pieces and screen.pieces != load.pieces:
            return [Touch({"act": "pieces", "number": load.pieces})]
        if screen.crate != load.crate:
            return [Touch({"act": "crate", "crate": load.crate})]
        return []

    def _says_whose(self, now_ms: int) -> list[Act]:
        if self._depositor.club:
            return [Touch({"act": "club", "club": self._depositor.club})]
        if not self._depositor.card:
            return [Touch({"act": "no_card"})]
        self._held_ms = now_ms
        return [Hold(self._depositor.card)]

    def _done(self, slip: Slip) -> list[Act]:
        self.is_gone = True
        return [TakeAway(), Lift(), Leave(slip)]

    def _again(self, screen: Screen, now_ms: int) -> list[Act]:
        self._begun = self._lies = False
        self._held_ms = None
        self._not_before_ms = now_ms + PAUSE_MS
        return [TakeAway(), Lift(), Grumble(screen.sentence, screen.word)]
