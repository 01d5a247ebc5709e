"""`meterkast discover`: listen on every port, recognise who speaks, and write it down.

Nothing is sent, so that nothing is disturbed: only `--probe` asks devices that are silent.
"""

import asyncio
import glob
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, NamedTuple

import msgspec
import structlog
from cyclopts import Parameter

from drivers import sdk
from gateway.contract.errors import LineLost, Problem, Unreachable, UsageError
from gateway.devices import CARD
from gateway.lines.pins import PREFIX
from gateway.lines.portnames import RENAMED_BY_PLUGGING, STABLE
from gateway.lines.ports import Port, is_absent, kind_of, open_port
from gateway.lines.serialport import is_pseudo
from gateway.tools import blocks, probe
from gateway.tools.blocks import Block
from gateway.tools.recognise import (
    CABLE,
    HEARD_BYTES_MAX,
    INVERTER,
    LEGIBLE_MIN,
    Known,
    damaged,
    drivers,
    is_inverted,
    known_by,
    legible,
    lines,
)

# Older meters speak every ten seconds; most every second.
LISTEN_S = 11.0
# The slowest that speak by themselves do so every quarter of an hour.
LISTEN_S_MAX = 3600.0
# So many bytes must be new before they are looked at again.
NEW_BYTES = 200
SETTLE_S = 0.3
# Stable names first: whatever has one is not called by another.
PLACES = (*(f"{folder}/*" for folder in STABLE), "/dev/serial0", "/dev/ttyAMA[0-9]*")
WIRING = (
    "its power, its wiring (meterkast drivers NAME shows it), A and B or 2 and 3 swapped; "
    "a Modbus meter without a driver of its own: meterkast drivers modbus"
)
# On a Raspberry Pi 5 this one leads to the debugging plug.
NO_PORTS = {"/dev/ttyAMA10"}

ConfigFile = Annotated[Path, Parameter(name="--config")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]


class Outcome(NamedTuple):
    """What a port gave: a device that is known, or why none is.

    `settings` are what its block needs beside driver and port; `others` are drivers that know it
    as well. `may_ask` says that the port could be opened and that nobody speaks on it.
    """

    port: str
    known: Known | None = None
    settings: Mapping[str, str] = MappingProxyType({})
    others: tuple[str, ...] = ()
    what: str = ""
    try_: str = ""
    may_ask: bool = False


def discover(
    *,
    config: ConfigFile = Path("gateway.toml"),
    port: list[str] | None = None,
    write: Flag = False,
    is_probing: Annotated[bool, Parameter(name="--probe", negative="")] = False,
    seconds: float = LISTEN_S,
    as_json: AsJson = False,
) -> int:
    """Find out which device speaks on which port, and give its block for gateway.toml.

    Parameters
    ----------
    config
        where the blocks are written, and whose ports are passed over
    port
        listen here instead of on all ports; may be given several times
    write
        put the blocks into the file; what else stands there is left alone
    is_probing
        also ask devices that only speak when asked; not while another program asks them
    seconds
        how long a port may be silent before it is given up
    as_json
        one JSON object a line
    """
    # What lines say of themselves is for a gateway's log.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if not 0 < seconds <= LISTEN_S_MAX:
        where, try_ = f"--seconds {seconds:g}", f"more than 0, at most {LISTEN_S_MAX:g}"
        raise UsageError(Problem("nobody listens for so long", where, try_))
    taken = blocks.taken(config)
    found = _named(port) if port else seen()
    names = [one for one in found if os.path.realpath(one) not in taken]
    for one in found:
        if one not in names:
            _say(f"{one}: is {taken[os.path.realpath(one)]!r} in {config}")
    if not names:
        if found:
            return 0
        raise Unreachable(
            Problem(
                "there is no serial port", ", ".join(PLACES), "plug the cable in, or name --port"
            )
        )
    outcomes = asyncio.run(_all(names, seconds, is_probing=is_probing))
    return _tell(outcomes, config, is_written=write, as_json=as_json)


def _named(ports: list[str]) -> list[str]:
    """The ports that were asked for, each once, by names that stay. Raises UsageError.

    A path counts from where the user stands; a block's counts from nowhere.
    """
    if away := next((port for port in ports if kind_of(port) or port.startswith(PREFIX)), ""):
        what = "only serial ports of this machine can be listened to"
        try_ = "write its block by hand: meterkast drivers NAME shows one"
        raise UsageError(Problem(what, f"--port {away}", try_))
    stable = {os.path.realpath(name): name for name in seen()}
    names: dict[str, str] = {}
    for path in (str(Path(port).absolute()) for port in ports):
        real = os.path.realpath(path)
        is_stable = not path.startswith(RENAMED_BY_PLUGGING)
        names.setdefault(real, path if is_stable else stable.get(real, path))
    return list(names.values())


def seen() -> list[str]:
    """The serial ports of this machine, each by its most stable name."""
    found: dict[str, str] = {}
    for place in PLACES:
        for name in sorted(glob.glob(place)):  # noqa: PTH207 - a pattern from the root
            if os.path.realpath(name) not in NO_PORTS:
                found.setdefault(os.path.realpath(name), name)
    return list(found.values())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def _all(names: Sequence[str], seconds: float, *, is_probing: bool) -> list[Outcome]:
    """All ports at the same time."""
    _say(f"listening on {', '.join(names)} …")
    among = drivers()
    return await asyncio.gather(
        *(_one(name, among, seconds, is_probing=is_probing) for name in names)
    )


async def _one(name: str, among: list[sdk.Device], seconds: float, *, is_probing: bool) -> Outcome:
    """One port, told as soon as it is known: others may take minutes."""
    outcome = await listen(name, among, seconds)
    if is_probing and outcome.may_ask:
        _say(f"{name}: nobody speaks; asking meters, scales and readers …")
        asked = [driver for driver in among if driver.polled]
        if answer := await probe.ask(name, asked, tell=_say):
            outcome = Outcome(name, answer.known, answer.settings, answer.others)
        else:
            outcome = outcome._replace(what="nobody speaks, and nobody answers", try_=WIRING)
    if outcome.known:
        _say(f"{name}: {described(outcome)}")
    else:
        _say(f"{name}: {outcome.what}\n  try: {outcome.try_}")
    return outcome


async def listen(name: str, among: list[sdk.Device], seconds: float) -> Outcome:
    """Listen at one line after the other until somebody is recognised; silence ends it."""
    noise: list[tuple[sdk.Line, bytes]] = []
    for line in lines(among):
        try:
            port = await open_port(name, line)
        except LineLost as lost:
            if noise:
                continue  # a speed that this adapter cannot do
            return _absent(name) if is_absent(name) else _lost(name, lost)
        try:
            known, heard = await hear(port, among, seconds)
        except LineLost as lost:
            return _lost(name, lost)
        finally:
            port.close()
        if known:
            return _recognised(name, line, known)
        if not heard:
            return _silence(name, seconds)
        noise.append((line, heard))
        if ill := _ill(name, line, heard, among):
            return ill
        _say(f"{name}: nothing that makes sense at {line.baud} {line.frame}; other speeds …")
    return _noise(name, noise)


def _ill(name: str, line: sdk.Line, heard: bytes, among: list[sdk.Device]) -> Outcome | None:
    """What ails a line on which somebody speaks, None where it may only be the wrong one."""
    if is_inverted(heard):
        return Outcome(name, what="the levels of the line are swapped", try_=INVERTER)
    if driver := damaged(heard, among):
        what = f"{driver.title}: it speaks at {line.baud} {line.frame}, and all of it is damaged"
        return Outcome(name, what=what, try_=CABLE)
    return None


def _recognised(name: str, line: sdk.Line, known: list[Known]) -> Outcome:
    driver = known[0].driver
    settings = dict(driver.unasked)
    # A pseudo-terminal has no speed: heard at one is heard at all.
    if not is_pseudo(name) and line not in {driver.line, *driver.other_lines}:
        settings["line"] = f"{line.baud} {line.frame}"
    return Outcome(name, known[0], settings, tuple(one.driver.name for one in known[1:]))


async def hear(port: Port, among: list[sdk.Device], seconds: float) -> tuple[list[Known], bytes]:
    """Who is recognised within the time, and what was heard. Raises LineLost."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds
    heard, new = b"", 0
    known: list[Known] = []
    while True:
        chunk = await _read(port, min(until_s, loop.time() + SETTLE_S))
        heard = (heard + chunk)[-HEARD_BYTES_MAX:]
        is_over = loop.time() >= until_s
        # Looked at when the line rests or enough is new: a telegram is known by its end.
        new += len(chunk)
        if new and (is_over or not chunk or new >= NEW_BYTES):
            new = 0
            known = known_by(heard, among)
        # What is in a cipher may yet turn out to be somebody else's.
        if is_over or (known and not known[0].needs_key):
            return known, heard


async def _read(port: Port, until_s: float) -> bytes:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(port.fileno(), readable.set)
    try:
        async with asyncio.timeout_at(until_s):
            await readable.wait()
    except TimeoutError:
        return b""
    finally:
        loop.remove_reader(port.fileno())
    return port.read()


def _lost(name: str, lost: LineLost) -> Outcome:
    return Outcome(name, what=str(lost), try_=lost.try_ or "another cable; meterkast doctor")


def _absent(name: str) -> Outcome:
    there = ", ".join(seen()) or "none"
    return Outcome(name, what="it is not plugged in", try_=f"ports there now: {there}")


def _silence(name: str, seconds: float) -> Outcome:
    what = f"nobody said anything within {seconds:g} s"
    try_ = (
        "a smart meter: is its port enabled, and does the cable bring the request line up; "
        "a card reader: hold a card to it meanwhile. "
        "A device that speaks only when asked: meterkast discover --probe"
    )
    return Outcome(name, what=what, try_=try_, may_ask=True)


def _noise(name: str, noise: list[tuple[sdk.Line, bytes]]) -> Outcome:
    """Somebody speaks whom no driver knows."""
    line, heard = max(noise, key=lambda one: legible(one[1]))
    if legible(heard) > LEGIBLE_MIN:
        shown = heard[:60].decode("latin-1").encode("unicode_escape").decode()
        what = f"somebody speaks at {line.baud} baud {line.frame} whom no driver knows: {shown}"
        return Outcome(name, what=what, try_="meterkast drivers; docs/new-device.md")
    what = f"{len(heard)} bytes came that make no sense at any speed"
    return Outcome(name, what=what, try_=f"the plug and the cable; {CABLE}")


def _tell(outcomes: list[Outcome], config: Path, *, is_written: bool, as_json: bool) -> int:
    known = [one for one in outcomes if one.known]
    made = _blocks(config, known)
    for outcome in outcomes:
        if as_json:
            print(msgspec.json.encode(_fields(outcome, made)).decode())
    if known and is_written:
        blocks.write(config, made)
        _say(f"written to {config}; go on with: meterkast check")
    elif known and not as_json:
        print(blocks.text(made).strip())
    return 0 if known else Unreachable.exit_code


def _blocks(config: Path, outcomes: list[Outcome]) -> list[Block]:
    """A block for each, none called as a device in the file is."""
    names = set(blocks.devices(config))
    made = []
    for outcome in outcomes:
        assert outcome.known
        driver = outcome.known.driver
        name = blocks.free_name(_name(driver), names)
        names.add(name)
        made.append(
            Block(
                name,
                driver.name,
                outcome.port,
                outcome.settings,
                outcome.others,
                needs_key=outcome.known.needs_key,
            )
        )
    return made


def _name(driver: sdk.Device) -> str:
    """What a device is called at first; whoever knows better writes another name."""
    codes = {register.code for register in driver.registers}
    if CARD in codes:
        return "reader"
    return "scale" if "net" in codes or "gross" in codes else "meter"


def described(outcome: Outcome) -> str:
    """What was found, in a line for people."""
    assert outcome.known
    driver, readings = outcome.known.driver, outcome.known.readings
    said = [driver.title]
    if outcome.known.serial:
        said.append(f"number {outcome.known.serial}")
    if readings:
        said.append("1 register" if len(readings) == 1 else f"{len(readings)} registers")
    else:
        said.append("in a cipher: ask the grid operator for its key")
    if outcome.others:
        said.append(f"or {' or '.join(outcome.others)}: see its type plate")
    return ", ".join(said)


def _fields(outcome: Outcome, made: list[Block]) -> dict[str, object]:
    block = next((one for one in made if one.port == outcome.port), None)
    if outcome.known is None or block is None:
        return {"port": outcome.port, "what": outcome.what, "try": outcome.try_}
    return {
        "port": outcome.port,
        "device": block.name,
        "driver": block.driver,
        "settings": dict(outcome.settings),
        "serial": outcome.known.serial,
        "registers": [reading.register for reading in outcome.known.readings],
        "needs_key": outcome.known.needs_key,
        "others": list(outcome.others),
    }
