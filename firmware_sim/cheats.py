"""People who try what must not work: each has a script, and leaves with what came of it. Pure."""

from firmware_sim.people import (
    ACT_MS,
    LEFT_BEHIND,
    PATIENCE_MS,
    Act,
    Hold,
    Leave,
    Lift,
    Load,
    Press,
    Put,
    Screen,
    TakeAway,
    Touch,
)

# An act, and the screen on which it is done; "" for any.
Step = tuple[str, Act]


class Cheat:
    """One try: the script's steps in turn, each when the screen it waits for is there.

    `seen` are the deposits of everybody before. Ends with a Leave: the word of the refusal, or the
    slip that should not be.
    """

    def __init__(self, script: tuple[Step, ...], *, seen: set[str]) -> None:
        self.is_gone = False
        self._script = list(script)
        self._seen = set(seen)
        self._begun = False
        self._acted_ms: int | None = None

    def looks(self, screen: Screen | None, *, now_ms: int) -> list[Act]:
        """What this one does on seeing this screen; real ms."""
        if screen is None:
            return []
        if self._acted_ms is None:
            self._acted_ms = now_ms
        if outcome := self._outcome(screen, now_ms - self._acted_ms):
            self.is_gone = True
            return [TakeAway(), Lift(), outcome]
        if now_ms - self._acted_ms < ACT_MS or not self._script:
            return []
        if not self._begun and screen.screen in LEFT_BEHIND:
            self._acted_ms = now_ms
            return [Touch({"act": "leave"})]
        wanted, act = self._script[0]
        if wanted and screen.screen != wanted:
            return []
        del self._script[0]
        self._acted_ms, self._begun = now_ms, True
        return [TakeAway(), act]

    def _outcome(self, screen: Screen, waited_ms: int) -> Leave | None:
        if screen.slip and screen.slip.deposit not in self._seen:
            return Leave(screen.slip)
        if self._begun and (screen.screen == "refused" or waited_ms > 4 * PATIENCE_MS):
            return Leave(None, screen.word, screen.sentence)
        return None


def _choose(load: Load) -> Touch:
    return Touch({"act": "choose", "fraction": load.fraction})


def same_bag_again(load: Load, card: str) -> tuple[Step, ...]:
    """Puts a bag that was accepted a moment ago down once more."""
    return ("put", Put(load.mass_mg)), ("what", _choose(load)), ("whose", Hold(card))


def two_cards(card: str, other: str) -> tuple[Step, ...]:
    """Holds a friend's card to the reader after their own."""
    return ("put", Hold(card)), ("put", Hold(other))


def leans(load: Load, card: str, *, creep_mg_s: int) -> tuple[Step, ...]:
    """Leans on the bag, ever more, until something is believed."""
    down = Put(load.mass_mg, creep_mg_s=creep_mg_s)
    return ("put", Hold(card)), ("put", _choose(load)), ("put", down)


def brick_in_the_tare(load: Load, card: str, *, brick_mg: int) -> tuple[Step, ...]:
    """Tares a brick away with the scale's own key, and lets it count again with the bag."""
    return (
        ("put", Hold(card)),
        ("put", _choose(load)),
        ("put", Put(brick_mg)),
        ("", Press("tare")),
        ("", Put(brick_mg + load.mass_mg)),
        ("", Press("untare")),
    )


def walks_away(load: Load) -> tuple[Step, ...]:
    """Leaves a bag behind without a word; whoever comes next finds it there."""
    return (("put", Put(load.mass_mg)), ("what", _choose(load)))
