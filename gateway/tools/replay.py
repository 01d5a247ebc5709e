"""`meterkast replay FILE`: a capture drives the whole gateway instead of the device's line."""

import asyncio
import contextlib
import os
import sys
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
from cyclopts import Parameter

from drivers import sdk
from gateway import config as settings
from gateway import run
from gateway.building import interval_s
from gateway.config import Config
from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.house import House
from gateway.tools import captures
from gateway.tools.captures import Piece

CHUNK_BYTES = 256
BITS_PER_BYTE = 10  # start, eight, stop
QUIET_S = 0.3
# A device that is asked has an interval of its own; nobody is waited for longer than two of them.
ASKED_S_MAX = 30.0
RECEIPTS_S_MAX = 10.0
ConfigFile = Annotated[Path, Parameter(name="--config")]


def replay(
    file: Path,
    *,
    config: ConfigFile = Path("gateway.toml"),
    device: str | None = None,
    speed: float | None = None,
) -> int:
    """Feed a capture to the gateway as if the device said it now.

    A device that is asked gives each answer once the gateway has asked for it.

    Parameters
    ----------
    file
        made by `meterkast capture`, or the raw bytes as they came from the line
    config
        the gateway's settings; the gateway itself must not be running
    device
        whose line is replaced; needed where there are several and the capture does not say
    speed
        1 is as fast as it came, 10 ten times as fast; without it as fast as possible
    """
    loaded = settings.load(config)
    name = _name(loaded, device or _captured(loaded, file), config)
    if speed is not None and speed <= 0:
        raise UsageError(Problem(f"no speed: {speed}", "--speed", "1 is the line's own speed"))
    with _opened(file) as stream:
        for _ in captures.pieces(stream, str(file)):
            pass  # what is wrong with it is told before anything is fed
        stream.seek(0)
        return _replay(loaded, name, captures.pieces(stream, str(file)), speed)


def _captured(config: Config, file: Path) -> str | None:
    """The device that the capture says it is of, where there is one of that name here."""
    if not file.is_file():
        return None  # whoever opens it tells why
    with _opened(file) as stream:
        name = captures.captured(stream)
    return name if name in config.device else None


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        what = f"the capture cannot be read: {error.strerror}"
        raise Unreachable(Problem(what, str(file), "give the path of a capture")) from error


def _replay(config: Config, name: str, pieces: Iterator[Piece], speed: float | None) -> int:
    block = config.device[name]
    driver = sdk.load(block.driver)
    baud = (block.speed() or driver.line).baud
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    patience_s = ASKED_S_MAX + 2 * interval_s(driver, block)
    try:
        player = _Player(name, _timed(pieces, baud), ours, speed, patience_s)
        return run.run(_with_port(config, name, os.ttyname(theirs)), until=player.play)
    finally:
        os.close(ours)
        os.close(theirs)


def _timed(pieces: Iterator[Piece], baud: int) -> Iterator[Piece]:
    """In short pieces; the bytes of a file without times follow each other as on the line."""
    sent = 0
    for piece in pieces:
        for at in range(0, max(1, len(piece.rx)), CHUNK_BYTES):
            line_ms = sent * BITS_PER_BYTE * 1000 // baud
            sent += CHUNK_BYTES
            yield Piece(piece.ms or line_ms, piece.rx[at : at + CHUNK_BYTES], piece.tx)


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
    """All devices of this one's line hang on the other port."""
    replaced = {
        one: block.model_copy(update={"port": port})
        for one, block in config.device.items()
        if block.port == config.device[name].port
    }
    return config.model_copy(update={"device": config.device | replaced})


@dataclass(slots=True)
class _Player:
    """Plays the device at the far end of the pseudo-terminal `ours`.

    `speed` None: as fast as it is read. The gateway is waited for no longer than `patience_s` to
    ask what it asked when the capture was made.
    """

    name: str
    pieces: Iterator[Piece]
    ours: int
    speed: float | None
    patience_s: float
    asked: int = 0  # bytes that the gateway has asked and the capture has not come to

    async def play(self, house: House) -> None:
        """All of the capture, then wait until it is read, and for receipts if there is a link."""
        loop = asyncio.get_running_loop()
        while not house.devices[self.name].open:
            await asyncio.sleep(0.01)
        began_s = loop.time()
        for piece in self.pieces:
            if piece.tx:
                await self._hear(len(piece.tx))
            if self.speed:
                due_s = began_s + piece.ms / 1000 / self.speed
                await asyncio.sleep(due_s - loop.time())
            await self._say(piece.rx)
        await asyncio.sleep(QUIET_S)
        house.intake.finish()
        await _receipts(house)
        print(msgspec.json.encode(_told(house, self.name)).decode())
        sys.stdout.flush()

    async def _hear(self, count: int) -> None:
        """Wait until the gateway has asked so much."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.patience_s):
                while self.asked < count:
                    with contextlib.suppress(BlockingIOError):
                        self.asked += len(os.read(self.ours, CHUNK_BYTES))
                    await asyncio.sleep(0.005)
        self.asked = max(0, self.asked - count)

    async def _say(self, data: bytes) -> None:
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self.ours, data) :]
            await asyncio.sleep(0 if not data else 0.005)


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
