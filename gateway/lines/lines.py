"""Lines: open one, let the drivers' sessions take turns on it, come back when it is lost."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import structlog

from drivers import sdk
from drivers.reading import Message
from gateway.contract.errors import LineLost
from gateway.lines.ports import Port, is_absent, is_set_here, open_port
from gateway.lines.quality import LineQuality

log = structlog.get_logger()

# A stick that was pulled is back within seconds; a line that stays away is asked twice a minute.
BACKOFF_S_MIN = 0.5
BACKOFF_S_MAX = 30.0
# A line that was open for less is one that comes and goes, and is tried ever more seldom as well.
STAYED_S = 5.0
# While there is no such file nothing is opened: to look for it is cheap.
PLUGGED_S = 0.5
# A meter that listens to nobody and is not understood for so long may speak at another speed. Bytes
# must have come: silence says nothing about speed.
SEARCH_S = 15.0
SEARCH_BYTES = 64
# What is heard at a wrong speed; any other fault comes from a telegram that was understood.
_UNHEARD = {"noise", "cut", "checksum", "parity", "empty"}


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens on a line; called from the event loop, must not block."""

    message: Callable[[Message], None]
    opened: Callable[[], None]
    lost: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Member:
    """A device on a line. `settings` gives its driver's settings anew at each opening, for a count
    goes on from the last one kept. `line` is what the user says, where it is not the driver's own;
    in `quality` it is noted how well the line is heard.
    """

    name: str
    device: sdk.Device
    settings: Callable[[], Mapping[str, str]]
    listener: Listener
    line: sdk.Line | None = None
    quality: LineQuality = field(default_factory=LineQuality)


class _Seat:
    """A member while the line is open. `wake_s` is when its session wants `timeout()`."""

    def __init__(self, member: Member, line: sdk.Line) -> None:
        self.member = member
        self.session = member.device.open(member.settings())
        self.line = line
        self.wake_s: float | None = 0.0  # at once: the line has been opened
        self.commands: list[str] = []  # not yet carried out; none is in it twice


class DeviceLine:
    """One line and the devices on it; `run` keeps it open for ever.

    From its Send to its Rest the line belongs to one device; nobody else speaks meanwhile.
    """

    def __init__(
        self,
        port: str,
        members: Sequence[Member],
        *,
        tap: Callable[[Port, sdk.Line], Port] = lambda port, _: port,
    ) -> None:
        """`tap` is given each port that was opened, and gives the one to use."""
        assert members
        self._port = port
        self._tap = tap
        self._members = members
        self._is_lost = False
        self._opened_s: float | None = None  # when this life of the line began
        self._set: sdk.Line | None = None
        lines = [members[0].line or members[0].device.line]
        if len(members) == 1 and members[0].line is None and is_set_here(port):
            lines += members[0].device.other_lines
        self._lines = lines
        self._trial = 0  # which of them is in use; remembered over losses
        self._trials = 0  # since something was understood
        self._strange_s: float | None = None  # since when bytes come that nobody understands
        self._strange_bytes = 0
        self._seats: list[_Seat] = []  # of the open line, empty while it is lost
        self._nudge: Callable[[], None] | None = None  # ends the wait for bytes

    @property
    def name(self) -> str:
        return "+".join(member.name for member in self._members)

    def command(self, member: str, word: str) -> bool:
        """Have a device told one of its `commands`, as soon as the line is its own to use.

        False where the line is lost: nothing is kept for when it comes back, for by then something
        else may lie on the scale.
        """
        for seat in self._seats:
            if seat.member.name == member:
                assert word in seat.member.device.commands, word
                if word not in seat.commands:
                    seat.commands.append(word)
                if self._nudge:
                    self._nudge()
                return True
        return False

    async def run(self) -> None:
        """Serve the line, open it again when it is lost; ends only when cancelled."""
        loop = asyncio.get_running_loop()
        backoff_s = BACKOFF_S_MIN
        while True:
            self._opened_s = None
            try:
                await self._serve()
            except LineLost as lost:
                self._lose(lost, loop.time())
            has_stayed = self._opened_s is not None and loop.time() - self._opened_s >= STAYED_S
            backoff_s = BACKOFF_S_MIN if has_stayed else min(backoff_s * 2, BACKOFF_S_MAX)
            await asyncio.sleep(backoff_s)
            while is_absent(self._port):
                await asyncio.sleep(PLUGGED_S)

    def _lose(self, lost: LineLost, now_s: float) -> None:
        """Logged once; a port that opens and says nothing is not back yet."""
        for member in self._members:
            member.quality.lose(now_s, why=str(lost), try_=lost.try_)
            member.listener.lost()
        if not self._is_lost:
            facts = {"try_": lost.try_} if lost.try_ else {}
            log.warning("line_lost", line=self.name, port=self._port, reason=str(lost), **facts)
        self._is_lost = True

    def _hear(self, seat: _Seat, count: int) -> None:
        """Bytes have come."""
        seat.member.quality.hear(count, asyncio.get_running_loop().time())
        if self._is_lost:
            log.info("line_back", line=self.name)
            self._is_lost = False

    async def _serve(self) -> None:
        """One life of the line. Raises LineLost."""
        self._set = self._lines[self._trial]
        port = self._tap(await open_port(self._port, self._set), self._set)
        try:
            if not self._is_lost:
                log.info("line_open", line=self.name)
            self._strange_s = None
            self._opened_s = asyncio.get_running_loop().time()
            for member in self._members:
                member.quality.open(self._opened_s)
                member.listener.opened()
            self._seats = [_Seat(member, self._own_line(member)) for member in self._members]
            await self._take_turns(port, self._seats)
        finally:
            self._seats = []
            port.close()

    def _own_line(self, member: Member) -> sdk.Line:
        if len(self._members) == 1:
            return self._lines[self._trial]
        return member.line or member.device.line

    async def _take_turns(self, port: Port, seats: list[_Seat]) -> None:
        seat = seats[0]
        has_line = False
        while True:
            if not has_line:
                seat = min(
                    seats, key=lambda one: float("inf") if one.wake_s is None else one.wake_s
                )
            told = [one for one in seats if one.commands and (one is seat or not has_line)]
            if told:
                seat, chunk = told[0], None
            else:
                chunk = await self._read(port, seat.wake_s)
            if chunk is None and not has_line:
                self._set_line(port, seat.line)
            if told:
                steps = _commanded(seat)
            elif chunk is None:
                seat.wake_s = None
                steps = seat.session.timeout()
            else:
                if chunk:
                    self._hear(seat, len(chunk))
                steps = seat.session.feed(chunk)
            for step in steps:
                has_line = self._take(port, seat, step, has_line=has_line)
            if chunk and len(self._lines) > 1:
                self._search(port, seat, steps, len(chunk))

    async def _read(self, port: Port, until_s: float | None) -> bytes | None:
        """The next bytes; b"" when a command was given before any came, None when the time was up.

        Raises LineLost.
        """
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[bool] = loop.create_future()
        self._nudge = partial(_wake, readable, has_bytes=False)
        descriptor = port.fileno()
        loop.add_reader(descriptor, partial(_wake, readable, has_bytes=True))
        try:
            async with asyncio.timeout_at(until_s):
                has_bytes = await readable
        except TimeoutError:
            return None
        finally:
            self._nudge = None
            loop.remove_reader(descriptor)
        return port.read() if has_bytes else b""

    def _take(self, port: Port, seat: _Seat, step: sdk.Step, *, has_line: bool) -> bool:
        """Do one step; gives whether the line belongs to this seat after it."""
        match step:
            case Message():
                seat.member.quality.take(step, asyncio.get_running_loop().time())
                seat.member.listener.message(step)
            case sdk.Send(data):
                port.write(data)
                return True
            case sdk.Wait(seconds):
                seat.wake_s = asyncio.get_running_loop().time() + seconds
                return True
            case sdk.Rest(seconds):
                seat.wake_s = asyncio.get_running_loop().time() + seconds
                return False
            case sdk.SetLine(line):
                self._set_line(port, line)
        return has_line

    def _set_line(self, port: Port, line: sdk.Line) -> None:
        if line != self._set:
            port.set_line(line)
            self._set = line

    def _search(self, port: Port, seat: _Seat, steps: list[sdk.Step], count: int) -> None:
        """Try the device's next line when what comes is not understood."""
        now_s = asyncio.get_running_loop().time()
        messages = [step for step in steps if isinstance(step, Message)]
        faults = {fault.kind for message in messages for fault in message.faults}
        if faults - _UNHEARD or any(message.readings for message in messages):
            self._strange_s = None
            self._trials = 0
            return
        if self._strange_s is None:
            self._strange_s, self._strange_bytes = now_s, 0
        self._strange_bytes += count
        if now_s - self._strange_s >= SEARCH_S and self._strange_bytes >= SEARCH_BYTES:
            self._strange_s = None
            self._trial = (self._trial + 1) % len(self._lines)
            seat.line = self._lines[self._trial]
            self._trials += 1
            if self._trials <= len(self._lines):  # each is told once
                log.info("line_tried", line=self.name, baud=seat.line.baud, frame=seat.line.frame)
            self._set_line(port, seat.line)


def _commanded(seat: _Seat) -> list[sdk.Step]:
    """What the seat's session does about the first of its commands."""
    session = seat.session
    assert hasattr(session, "command"), f"{seat.member.device.name} has commands and obeys none"
    return cast("sdk.Commanded", session).command(seat.commands.pop(0))


def _wake(readable: asyncio.Future[bool], *, has_bytes: bool) -> None:
    if not readable.done():
        readable.set_result(has_bytes)
