"""`meterkast replay FILE`: a capture drives the whole gateway instead of the device's line."""

import asyncio
import os
import sys
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from drivers import sdk
from gateway import config as settings
from gateway import run
from gateway.config import Config
from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.house import House

CHUNK_BYTES = 256
BITS_PER_BYTE = 10  # start, eight, stop
# A polled device is not asked by a capture: what it once said comes unasked.
QUIET_S = 0.3
RECEIPTS_S_MAX = 10.0
ConfigFile = Annotated[Path, Parameter(name="--config")]


def replay(
    file: Path,
    *,
    config: ConfigFile = Path("gateway.toml"),
    device: str | None = None,
    speed: float | None = None,
) -> int:
    """Feed a capture of raw bytes to the gateway as if the device had sent it now.

    Parameters
    ----------
    file
        raw bytes, as they came from the line
    config
        the gateway's settings; the gateway itself must not be running
    device
        whose line is replaced; needed where there are several
    speed
        1 sends as fast as the real line, 10 ten times as fast; without it as fast as possible
    """
    loaded = settings.load(config)
    name = _name(loaded, device, config)
    try:
        capture = file.read_bytes()
    except OSError as error:
        what = f"the capture cannot be read: {error.strerror}"
        raise Unreachable(Problem(what, str(file), "give the path of a capture")) from error
    if speed is not None and speed <= 0:
        raise UsageError(Problem(f"no speed: {speed}", "--speed", "1 is the line's own speed"))
    baud = sdk.load(loaded.device[name].driver).line.baud
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        player = _Player(name, capture, ours, baud * speed if speed else None)
        return run.run(_with_port(loaded, name, os.ttyname(theirs)), until=player.play)
    finally:
        os.close(ours)
        os.close(theirs)


def _name(config: Config, device: str | None, path: Path) -> str:
    names = ", ".join(config.device)
    if device is None and len(config.device) == 1:
        return next(iter(config.device))
    if device is None:
        problem = Problem("which device said this?", str(path), f"--device, one of {names}")
        raise UsageError(problem)
    if device not in config.device:
        problem = Problem(f"no device is called {device!r}", str(path), f"devices here: {names}")
        raise UsageError(problem)
    return device


def _with_port(config: Config, name: str, port: str) -> Config:
    replaced = config.device[name].model_copy(update={"port": port})
    return config.model_copy(update={"device": {**config.device, name: replaced}})


@dataclass(frozen=True, slots=True)
class _Player:
    """Writes the capture into the pseudo-terminal at `ours`; `baud` None: as fast as it is read."""

    name: str
    capture: bytes
    ours: int
    baud: float | None

    async def play(self, house: House) -> None:
        """All of the capture, then wait until it is read, and for receipts if there is a link."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self.ours, False)
        while not house.devices[self.name].open:
            await asyncio.sleep(0.01)
        started_s, sent = loop.time(), 0
        while sent < len(self.capture):
            if self.baud:
                due_s = started_s + sent * BITS_PER_BYTE / self.baud
                await asyncio.sleep(max(0.0, due_s - loop.time()))
            try:
                sent += os.write(self.ours, self.capture[sent : sent + CHUNK_BYTES])
                await asyncio.sleep(0)
            except BlockingIOError:
                await asyncio.sleep(0.005)
        await asyncio.sleep(QUIET_S)
        house.intake.finish()
        await _receipts(house)
        print(msgspec.json.encode(_told(house, self.name)).decode())
        sys.stdout.flush()


async def _receipts(house: House) -> None:
    """Wait until everything is receipted, as long as there is a link and something happens."""
    if house.publisher is None:
        return
    try:
        async with asyncio.timeout(RECEIPTS_S_MAX):
            while house.journal.tally().pending:
                await asyncio.sleep(0.05)
    except TimeoutError:
        return  # the next run of the gateway delivers it


def _told(house: House, name: str) -> dict[str, object]:
    device = house.devices[name]
    return {
        "messages": device.messages,
        "faults": device.faults,
        **house.journal.tally()._asdict(),
    }
