"""Two-point calibration of a load cell: the empty plate, a known weight, and a file with both."""

import asyncio
import datetime as dt
import sys
import tomllib
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from drivers import sdk
from drivers.reading import Message
from drivers.wire import mass
from drivers.wire.calibration import COUNTS_MAX, SPAN_MIN, Calibration
from gateway.contract.errors import (
    ConfigError,
    LineLost,
    PeopleError,
    Problem,
    Unreachable,
    UsageError,
)
from gateway.lines.loadcell import FRAME
from gateway.lines.ports import open_port
from gateway.tools.hearing import SILENT_S, Heard, Hearing

DRIVER = "hx711"
# The counts of a cell that nobody touches wander by some hundred.
STEADY_S, STEADY_COUNTS = 2, 1_000
PATIENCE_S = 60
# Of what the chip can count, the least that the weight must bend the cell; and of the difference
# between the two points, the most that the counts may wander.
RANGE_PART, WANDER_PART = 200, 200
CAPACITY_PART = 10  # of the block's capacity, the least weight that says anything about the rest


class Block(NamedTuple):
    """What is known of the cell: its block, the file to write, and the line to add, if any."""

    port: str
    capacity_mg: int
    file: Path
    key: str


class Point(NamedTuple):
    """Counts that stood still, by how much they wandered, and the gain they came with."""

    counts: int
    wander: int
    gain: int


class Ear(Protocol):
    """What hears the cell; a Hearing."""

    def hear(self, seconds: float) -> list[Heard]: ...

    def drain(self) -> None: ...


def calibrate(name: str, weight: str, config: Path, *, asks: bool) -> int:
    """Measure, show, and write. Raises PeopleError where it cannot be done."""
    block = find(name, config)
    mass_mg = heavy_enough(weight, block)
    session = sdk.load(DRIVER).open({})
    try:
        port = asyncio.run(open_port(block.port, sdk.load(DRIVER).line))
    except LineLost as lost:
        raise Unreachable(Problem(str(lost), f"{name}: {block.port}", lost.try_)) from lost
    try:
        empty, loaded = measure(Hearing(port, session), weight, name, asks=asks)
    except LineLost as lost:
        raise Unreachable(Problem(str(lost), f"{name}: {block.port}", lost.try_)) from lost
    finally:
        port.close()
    today = dt.datetime.now().astimezone().date().isoformat()
    known = Calibration(name, today, empty.gain, empty.counts, mass_mg, loaded.counts)
    return _write(known, block, asks=asks)


def find(name: str, config: Path) -> Block:
    """The block of a load cell. The file it names as its calibration need not be there yet."""
    try:
        top = tomllib.loads(config.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problem = Problem(f"the file cannot be read: {error}", str(config), "--config gateway.toml")
        raise ConfigError(problem) from error
    devices = top.get("device", {})
    if not isinstance(devices, dict) or not isinstance(devices.get(name), dict):
        known = ", ".join(devices) or "none"
        raise UsageError(Problem(f"no device {name!r}", str(config), f"devices here: {known}"))
    block: dict[str, Any] = devices[name]
    driver, port = block.get("driver"), block.get("port")
    if driver != DRIVER:
        what = f"{name} is a {driver}: such a scale is calibrated at the scale itself"
        try_ = "its own menu and weights; a verified one only by who may break its seal"
        raise UsageError(Problem(what, str(config), try_))
    if not isinstance(port, str):
        raise ConfigError(Problem(f"{name} has no port", str(config), 'port = "hx711:5,6"'))
    named = block.get("calibration")
    file = config.resolve().parent / str(named or f"{name}.calibration.toml")
    capacity_mg = mass.milligrams(str(block.get("capacity", ""))) or 0
    key = "" if named else f'calibration = "{file.name}"'
    return Block(port, capacity_mg, file, key)


def heavy_enough(weight: str, block: Block) -> int:
    """Milligrams of the weight. Raises UsageError."""
    mass_mg = mass.milligrams(weight)
    where = f"--weight {weight}"
    if mass_mg is None or mass_mg <= 0:
        raise UsageError(Problem(f"{weight!r} is no weight", where, "--weight 20 kg"))
    if block.capacity_mg and mass_mg > block.capacity_mg:
        what = f"more than the capacity, {mass.kilograms(block.capacity_mg)}"
        raise UsageError(Problem(what, where, "a lighter weight, or another capacity"))
    if mass_mg * CAPACITY_PART < block.capacity_mg:
        what = f"too small a part of the capacity, {mass.kilograms(block.capacity_mg)}"
        least = mass.kilograms(-(-block.capacity_mg // CAPACITY_PART))
        raise UsageError(Problem(what, where, f"at least {least}, better half of it"))
    return mass_mg


def measure(ear: Ear, weight: str, name: str, *, asks: bool) -> tuple[Point, Point]:
    """The two points. Raises PeopleError where they say nothing."""
    _ask("Take everything off the plate.", asks=asks)
    empty = settled(ear, name)
    _say(f"empty: {empty.counts} counts, within {empty.wander}")
    _ask(f"Put {weight} on the plate, in its middle.", asks=asks)
    loaded = settled(ear, name, other_than=None if asks else empty.counts)
    _say(f"{weight}: {loaded.counts} counts, within {loaded.wander}")
    judge(empty, loaded, weight, name)
    return empty, loaded


def settled(ear: Ear, name: str, other_than: int | None = None) -> Point:
    """Counts that have stood still for `STEADY_S`; with `other_than`, away from those.

    Raises PeopleError where that takes too long.
    """
    ear.drain()
    seen = _Seen(other_than)
    while seen.point is None:
        told = ear.hear(SILENT_S)
        if not told:
            what = f"nothing heard for {SILENT_S:.0f} s"
            raise Unreachable(Problem(what, name, f"meterkast scale watch {name}"))
        for one in told:
            seen.take(one.message)
        if seen.point is None and seen.passed_ns > PATIENCE_S * 10**9:
            what = f"the plate was not at rest within {PATIENCE_S} s: {seen.trouble}"
            raise PeopleError(Problem(what, name, f"meterkast scale watch {name}"))
    return seen.point


class _Seen:
    """The counts of the last seconds, by the stamps of the conversions."""

    def __init__(self, other_than: int | None) -> None:
        self._other_than = other_than
        self._runs: deque[tuple[int, int]] = deque()  # stamp and counts
        self._begun_ns = 0
        self.passed_ns = 0
        self.trouble = "it gives no conversions"
        self.point: Point | None = None

    def take(self, message: Message) -> None:
        for fault in message.faults:
            self.trouble = f"{fault.kind}: {fault.detail}"
        if len(message.raw) < FRAME.size:
            return  # noise
        _, stamp, _, gain, _, _ = FRAME.unpack(message.raw[-FRAME.size :])
        self._begun_ns = self._begun_ns or stamp
        self.passed_ns = stamp - self._begun_ns
        for reading in message.readings:
            assert isinstance(reading.value, int)
            self._runs.append((stamp, reading.value))
        while self._runs and self._runs[0][0] < stamp - (STEADY_S + 1) * 10**9:
            self._runs.popleft()
        if message.readings:
            self._look(gain)

    def _look(self, gain: int) -> None:
        counts = sorted(count for _, count in self._runs)
        middle, wander = counts[len(counts) // 2], counts[-1] - counts[0]
        if self._runs[-1][0] - self._runs[0][0] < STEADY_S * 10**9 or wander > STEADY_COUNTS:
            self.trouble = f"the counts wander by {wander}"
        elif self._other_than is not None and abs(middle - self._other_than) < SPAN_MIN:
            self.trouble = "the counts stay those of the empty plate"
        else:
            self.point = Point(middle, wander, gain)


def judge(empty: Point, loaded: Point, weight: str, name: str) -> None:
    """Raises PeopleError for two points through which no line is to be drawn."""
    span = abs(loaded.counts - empty.counts)
    if span < SPAN_MIN:
        what = f"the same counts with {weight} as without: {span} apart"
        raise PeopleError(Problem(what, name, "was it put on the plate? Look at A+ and A-"))
    if span * RANGE_PART < COUNTS_MAX:
        what = f"{weight} is too small a part of the range: {span} of {COUNTS_MAX} counts"
        raise PeopleError(Problem(what, name, "a heavier weight"))
    wander = empty.wander + loaded.wander
    if wander * WANDER_PART > span:
        what = f"unsteady: the counts wander by {wander}, {weight} are {span}"
        raise PeopleError(Problem(what, name, "no wind, no hand on the plate; a heavier weight"))
    if empty.gain != loaded.gain:
        what = f"the gain was changed meanwhile, {empty.gain} to {loaded.gain}"
        raise PeopleError(Problem(what, name, "once more"))


def _write(known: Calibration, block: Block, *, asks: bool) -> int:
    print(f"{block.file}:\n\n{known.text()}", end="", flush=True)
    _say("")
    if asks and not _agrees(f"Write {block.file.name}? [y/N] "):
        _say("nothing was written")
        return 1
    beside = block.file.with_name(block.file.name + ".new")
    try:
        beside.write_text(known.text(), "utf-8")
        beside.replace(block.file)
    except OSError as error:
        problem = Problem(
            f"it cannot be written: {error.strerror}", str(block.file), "another user"
        )
        raise PeopleError(problem) from error
    _say(f"written: {block.file}")
    if block.key:
        _say(f"add to [device.{known.scale}]: {block.key}")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _ask(text: str, *, asks: bool) -> None:
    """Wait for Enter, where somebody is asked."""
    if asks:
        _answer(f"{text} Then press Enter. ")
    else:
        _say(text)


def _agrees(question: str) -> bool:
    return _answer(question).strip().lower() in {"y", "yes", "j", "ja"}


def _answer(question: str) -> str:
    """A line from standard input. Raises UsageError where there is none."""
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise UsageError(Problem("nobody answers", "standard input", "--yes asks nothing"))
    return line
