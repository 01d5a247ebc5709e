"""`meterkast sim`: one device that does not exist, on a pseudo-terminal, in real time."""

import asyncio
import contextlib
import difflib
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from firmware_sim import mtsics, rdm6300, street
from firmware_sim.household import STEP_MS, Household
from firmware_sim.p1 import telegram
from firmware_sim.terminal import Terminal
from gateway.contract.errors import Problem, UsageError

# A DSMR 5 meter sends every second.
TELEGRAM_S = 1.0
# How long a bag lies, and how long the plate is empty between two.
BAG_S = 6.0
CARD_S = 0.6
PAUSE_S = 4.0


def _real_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def _send(port: Terminal, data: bytes) -> None:
    """A wire keeps nothing for a listener who comes later."""
    if port.unread():
        port.forget()
    port.write(data)


async def _p1(port: Terminal, seed: int) -> None:
    """A household's meter, at the time of day that it is."""
    start_ms = time.time_ns() // 1_000_000 // STEP_MS * STEP_MS
    household = Household(street.HOMES[0].house, seed=seed, start_ms=start_ms)
    while True:
        now_ms = time.time_ns() // 1_000_000_000 * 1000
        while household.at_ms + STEP_MS <= now_ms:
            household.step()
        _send(port, telegram(household.house.meter, household.shown()._replace(at_ms=now_ms)))
        await asyncio.sleep(TELEGRAM_S)


async def _mtsics(port: Terminal, seed: int) -> None:
    """A scale on which a bag comes and goes; every third one moves about for a while."""
    plate = mtsics.Plate(street.SCALE)
    scale = mtsics.Terminal(street.SCALE, plate)

    async def answer() -> None:
        while True:
            if heard := port.read():
                port.write(scale.hears(heard, now_ms=_real_ms()))
            port.write(scale.ticks(_real_ms()))
            await asyncio.sleep(0.01)

    async def bags() -> None:
        draw = Random(seed)  # noqa: S311 - a play, no secret
        while True:
            await asyncio.sleep(PAUSE_S)
            mass_mg = draw.randint(400_000, 9_000_000)
            moved_ms = 2_000 if draw.randrange(3) == 0 else 0
            _tell(f"a bag of {mass_mg // 1000 / 1000:.3f} kg is put down")
            plate.put(mass_mg, now_ms=_real_ms(), moved_ms=moved_ms)
            await asyncio.sleep(BAG_S)
            _tell("the bag is taken off")
            plate.put(0, now_ms=_real_ms())

    await asyncio.gather(answer(), bags())


async def _rdm6300(port: Terminal, seed: int) -> None:
    """A reader at which a card comes and goes."""
    draw = Random(seed)  # noqa: S311 - a play, no secret
    reader = rdm6300.Reader()
    while True:
        await asyncio.sleep(PAUSE_S)
        member = draw.choice(street.MEMBERS)
        _tell(f"the card {member.card} is held at the reader")
        reader.hold(member.card)
        until_s = time.monotonic() + CARD_S
        while time.monotonic() < until_s:
            if data := reader.sends(_real_ms()):
                _send(port, data)
            await asyncio.sleep(0.01)
        reader.take_away()


DEVICES: dict[str, Callable[[Terminal, int], Awaitable[None]]] = {
    "p1": _p1,
    "mtsics": _mtsics,
    "rdm6300": _rdm6300,
}


def sim(device: str, /, *, port: Path | None = None, seed: int = 7) -> None:
    """Run one simulated device on a pseudo-terminal, and print the path to open.

    Parameters
    ----------
    device
        p1, mtsics or rdm6300.
    port
        Where the port shall be found; the system's own name for it where this is left out.
    seed
        Another number behaves differently.
    """
    if device not in DEVICES:
        near = difflib.get_close_matches(device, DEVICES, n=1)
        what = f"no simulated device is called {device!r}"
        try_ = f"meterkast sim {near[0] if near else 'p1'}   (known: {', '.join(DEVICES)})"
        raise UsageError(Problem(what, "meterkast sim", try_))
    if port and (port.exists() or port.is_symlink()):
        raise UsageError(Problem("there is something there already", f"--port {port}", "another"))
    terminal = Terminal(port.absolute() if port else None)
    print(terminal.path, flush=True)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_run(device, terminal, seed))
    finally:
        terminal.close()


async def _run(device: str, terminal: Terminal, seed: int) -> None:
    """Until Ctrl-C or SIGTERM; the port is taken away after either."""
    here = asyncio.current_task()
    assert here
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, here.cancel)
    await DEVICES[device](terminal, seed)
