"""Buttons, lamps and a buzzer on pins of the Pi, through gpiozero: a recycling point for gloves.

Pins are looked at rather than listened to, fifty times a second by the one event loop: a contact
that bounces, a button that is held down and one that is stuck are then all the same question.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from gateway.contract.errors import LineLost
from gateway.kiosk.point import Point
from gateway.kiosk.settings import LAMPS, PanelSettings
from gateway.kiosk.signals import CANCEL, CONFIRM, SILENCE, STEP_MS, events_of, lamps_of, sounds_of
from gateway.lines import pins

log = structlog.get_logger()

LOOK_S = 0.02
# A contact has settled when it is the same in so many looks, one after the other.
SAME_LOOKS = 2
# Nobody leans on a button for so long.
STUCK_MS = 10_000


class Button:
    """One button; a press is told once, however long it lasts and however it bounces."""

    def __init__(self, contact: Any, now_ms: int) -> None:
        self._contact = contact
        # What is down when the gateway starts was not pressed for it.
        self._is_down = self._last = bool(contact.is_active)
        self._looks = 0
        self._since_ms = now_ms
        self.is_stuck = False

    def look(self, now_ms: int) -> bool:
        """Whether it has just been pressed."""
        is_active = bool(self._contact.is_active)
        self._looks = self._looks + 1 if is_active == self._last else 1
        self._last = is_active
        has_changed = is_active != self._is_down and self._looks >= SAME_LOOKS
        if has_changed:
            self._is_down, self._since_ms = is_active, now_ms
        self.is_stuck = self._is_down and now_ms - self._since_ms >= STUCK_MS
        return has_changed and is_active


class Panel:
    """What of `settings` there is, wired to the point; `real_ms` is a monotonic clock."""

    def __init__(
        self, point: Point, settings: PanelSettings, *, real_ms: Callable[[], int]
    ) -> None:
        """Takes the pins. Raises LineLost, and has given them back then."""
        self._point = point
        self._real_ms = real_ms
        self._opened: list[Any] = []
        self.stuck: set[str] = set()  # buttons that seem to be
        try:
            with _failures():
                self._buttons = {
                    name: Button(self._input(pin), real_ms())
                    for name, pin in _buttons(settings).items()
                }
                self._lamps = {
                    name: self._output(pin)
                    for name in LAMPS
                    if (pin := getattr(settings, name)) is not None
                }
                buzzer = settings.buzzer
                self._buzzer = None if buzzer is None else self._output(buzzer)
        except LineLost:
            self.close()
            raise
        self._view = point.view()
        self._sound: tuple[bool, ...] = SILENCE
        self._step = -1

    def _input(self, pin: int) -> Any:
        """A contact to ground; the pin pulls up."""
        from gpiozero import DigitalInputDevice  # noqa: PLC0415 - an extra that only a Pi has

        self._opened.append(DigitalInputDevice(pin, pull_up=True))
        return self._opened[-1]

    def _output(self, pin: int) -> Any:
        from gpiozero import DigitalOutputDevice  # noqa: PLC0415 - an extra that only a Pi has

        self._opened.append(DigitalOutputDevice(pin))
        return self._opened[-1]

    def look(self) -> None:
        """Whether a button has been pressed, and what lamps and buzzer show now.

        Raises LineLost when the pins are gone.
        """
        now_ms = self._real_ms()
        with _failures():
            pressed = [name for name, one in self._buttons.items() if one.look(now_ms)]
        for name in pressed:
            self._press(name)
        self._tell_stuck()
        step = now_ms // STEP_MS
        if pressed or step != self._step:
            self._show(now_ms, is_step=step != self._step)
            self._step = step

    def _press(self, name: str) -> None:
        units = {one.id: one.unit for one in self._point.offer().fractions}
        for event in events_of(name, self._point.view(), units.get(name, "")):
            self._point.take(event)

    def _tell_stuck(self) -> None:
        for name, button in self._buttons.items():
            if button.is_stuck and name not in self.stuck:
                held_s = STUCK_MS // 1000
                log.warning("button_stuck", button=name, held_s=held_s, try_="free the button")
        self.stuck = {name for name, button in self._buttons.items() if button.is_stuck}

    def _show(self, now_ms: int, *, is_step: bool) -> None:
        before, self._view = self._view, self._point.view()
        # A longer sound that has begun is heard to its end.
        sound = sounds_of(before, self._view)
        if len(sound) > len(self._sound):
            self._sound = sound
        lamps = lamps_of(self._view, now_ms)._asdict()
        with _failures():
            for name, lamp in self._lamps.items():
                lamp.value = lamps[name]
            if is_step and self._buzzer:
                self._buzzer.value = bool(self._sound and self._sound[0])
        if is_step:
            self._sound = self._sound[1:]

    def health(self) -> dict[str, object]:
        """Whether the pins are there, and which buttons seem to be stuck."""
        return {"panel": "ok" if self._opened else "lost", "buttons_stuck": sorted(self.stuck)}

    def close(self) -> None:
        """Give the pins back; they go dark."""
        for device in self._opened:
            device.close()
        self._opened.clear()


def _buttons(settings: PanelSettings) -> dict[str, int]:
    """The pin of each button: of the fractions, and of the two words."""
    words = {CONFIRM: settings.confirm, CANCEL: settings.cancel}
    return settings.buttons | {word: pin for word, pin in words.items() if pin is not None}


@contextmanager
def _failures() -> Iterator[None]:
    """What pins can fail with, as LineLost; gpiozero lets an error of lgpio's own by."""
    own = getattr(sys.modules.get("lgpio"), "error", OSError)
    try:
        from gpiozero.exc import GPIOZeroError  # noqa: PLC0415 - an extra that only a Pi has
    except ImportError as error:
        raise LineLost("pins need a package that is not installed", pins.PACKAGE) from error
    try:
        yield
    except (GPIOZeroError, OSError, RuntimeError, own) as error:
        raise LineLost(str(error), f"{pins.PACKAGE}; {pins.GROUP}") from error


async def run(panel: Panel) -> None:
    """Serve the panel; without its pins the point goes on by its screen."""
    try:
        while True:
            panel.look()
            await asyncio.sleep(LOOK_S)
    except LineLost as lost:
        _log_lost(lost)
    finally:
        panel.close()


def opened(point: Point, settings: PanelSettings, *, real_ms: Callable[[], int]) -> Panel | None:
    """The panel, None where its pins cannot be had, which is said in the log."""
    try:
        return Panel(point, settings, real_ms=real_ms)
    except LineLost as lost:
        _log_lost(lost)
        return None


def _log_lost(lost: LineLost) -> None:
    facts = {"try_": lost.try_} if lost.try_ else {}
    log.error("panel_lost", where="gateway.toml, [kiosk.panel]", reason=str(lost), **facts)
