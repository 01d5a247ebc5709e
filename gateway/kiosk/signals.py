"""What lamps and buzzer say of the picture, and what a button means in it. Pure.

Green: put something down; twice in a second: it was kept. Amber: steady, something is awaited of
whoever stands there; blinking: it is being weighed. Red: turned away, or closed; blinking: that
does not go.
"""

from typing import NamedTuple

from gateway.kiosk.drafting import PIECES_MAX
from gateway.kiosk.events import Cancel, Choose, Confirm, Event, Pieces
from gateway.kiosk.view import CLOSED, PUT, REFUSED, SLIP, View

# Blinks and sounds go in steps of this.
STEP_MS = 100
BLINK_STEPS = 5  # half of them on
DOUBLE_BLINK = (True, False, True, False, False, False, False, False, False, False)

# Each sound as steps, on or off.
HEARD, KEPT, TURNED_AWAY = (
    (True, False),
    (True, False, True, False),
    (True, True, True, True, True, True, False),
)
SILENCE: tuple[bool, ...] = ()

# What is said as a matter of course; any other word on an open screen is an objection.
USUAL = {
    *("put", "settling", "what", "how_many", "whose", "confirm", "keeping", "can_undo"),
    *("kept", "take_off", "last", "undone", "clear", "tared"),
}

CONFIRM, CANCEL = "confirm", "cancel"


class Lamps(NamedTuple):
    """Which of the three are on."""

    green: bool = False
    amber: bool = False
    red: bool = False


def lamps_of(view: View, now_ms: int) -> Lamps:
    """The lamps at `now_ms` of any clock that goes on."""
    step = now_ms // STEP_MS
    blink = step % (2 * BLINK_STEPS) < BLINK_STEPS
    if view.screen in {REFUSED, CLOSED}:
        return Lamps(red=True)
    red = blink and _objects(view)
    if view.screen == SLIP:
        green = DOUBLE_BLINK[step % len(DOUBLE_BLINK)]
        return Lamps(green, amber=view.word == "take_off", red=red)
    if view.word == "settling":
        return Lamps(amber=blink)
    is_free = view.screen == PUT and view.word in {"put", "can_undo"}
    return Lamps(green=is_free, amber=not is_free, red=red)


def _objects(view: View) -> bool:
    return view.screen in {REFUSED, CLOSED} or view.word not in USUAL


def sounds_of(before: View, after: View) -> tuple[bool, ...]:
    """What is to be heard of the change from one picture to the next."""
    if after.screen == SLIP and _slip(before) != _slip(after):
        return KEPT
    is_new = (before.screen, before.word) != (after.screen, after.word)
    if after.screen != CLOSED and is_new and _objects(after):
        return TURNED_AWAY
    is_tapped = after.who == "card" != before.who
    is_chosen = after.fraction and (after.fraction, after.pieces) != (
        before.fraction,
        before.pieces,
    )
    return HEARD if is_tapped or is_chosen else SILENCE


def _slip(view: View) -> tuple[str, bool]:
    """Which deposit is shown on a slip, and whether it was taken back."""
    if view.screen != SLIP or view.slip is None:
        return "", False
    return view.slip.deposit, view.word == "undone"


def events_of(button: str, view: View, unit: str) -> list[Event]:
    """What a press means: `button` is a fraction's, measured in `unit`, or `CONFIRM` or `CANCEL`.

    Each press of a button for what is counted counts one more.
    """
    if button == CONFIRM:
        return [Confirm()]
    if button == CANCEL:
        return [Cancel()]
    if unit != "piece":
        return [Choose(button)]
    if view.fraction != button:
        return [Choose(button), Pieces(1)]
    return [Pieces(min(view.pieces + 1, PIECES_MAX))]
