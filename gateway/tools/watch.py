"""`meterkast watch`: what the devices say, live in the terminal.

A running gateway has the lines to itself, so its page is asked; without one the lines are opened
here, and asked as a gateway would ask them. Nothing is kept.
"""

import asyncio
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import structlog
from cyclopts import Parameter

from drivers import sdk
from drivers.reading import UNITS, Message, Reading
from gateway import config as files
from gateway.addresses import reached
from gateway.config import Config
from gateway.contract.errors import Problem, Unreachable, UsageError
from gateway.contract.record import decimal
from gateway.devices import CARD
from gateway.lines.lines import DeviceLine, Listener, Member
from gateway.lines.quality import LineQuality
from gateway.meanings import meaning
from gateway.tools.running import is_running

ANSWER_S_MAX = 3.0
CLEAR = "\x1b[H\x1b[J"

ConfigFile = Annotated[Path, Parameter(name="--config")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]


class Value(NamedTuple):
    """What a register shows; milli-units as in a Reading."""

    value: int | str
    unit: str


class Now(NamedTuple):
    """One device: `state` is ok, silent or lost, with the reason where it is known."""

    state: str
    values: Mapping[str, Value]


House = dict[str, Now]
Show = Callable[[House], None]


def watch(
    device: str | None = None,
    /,
    *,
    config: ConfigFile = Path("gateway.toml"),
    as_json: AsJson = False,
) -> int:
    """Show what the devices say until Ctrl-C.

    Parameters
    ----------
    device
        only this one of the settings
    config
        the gateway's settings
    as_json
        one JSON object a line, for each register that changed
    """
    loaded = files.load(config)
    if device is not None and device not in loaded.device:
        what, known = f"no device is called {device!r}", ", ".join(loaded.device)
        raise UsageError(Problem(what, str(config), f"devices here: {known}"))
    names = [device] if device else list(loaded.device)
    show = _shower(names, as_json=as_json)
    with contextlib.suppress(KeyboardInterrupt):
        if answer := _gateway(loaded):
            print(f"as the gateway at {loaded.page} hears it", file=sys.stderr)
            for state in _events(answer, loaded):
                show(_house(state))
            raise Unreachable(
                Problem("the gateway has ended", f"http://{loaded.page}", "meterkast gateway")
            )
        if is_running(loaded):
            what = "a gateway has the lines, and its page does not tell what they say"
            raise Unreachable(Problem(what, str(config), 'page = "127.0.0.1:7081"'))
        asyncio.run(_listen(loaded, names, show))
    return 0


def _gateway(config: Config) -> HTTPConnection | None:
    """A connection to the running gateway's page, None where none answers."""
    if not config.page:
        return None
    connection = HTTPConnection(*reached(config.page), timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/events")
    except OSError:
        return None
    return connection


def _events(connection: HTTPConnection, config: Config) -> Iterator[dict[str, Any]]:
    """The states that the page sends, as they change, until it ends. Raises Unreachable."""
    where = f"http://{config.page}"
    try:
        answer = connection.getresponse()
        if connection.sock:
            connection.sock.settimeout(None)
        while line := answer.readline():
            if line.startswith(b"data: "):
                state = msgspec.json.decode(line[6:])
                if state["gateway"] != config.gateway:
                    what = f"the page is that of another gateway: {state['gateway']}"
                    raise Unreachable(Problem(what, where, "page = another address"))
                yield state
    except (OSError, HTTPException):
        return
    if answer.status != HTTPStatus.OK:
        what = f"whoever listens there does not tell what devices say: {answer.status}"
        raise Unreachable(Problem(what, where, "close other pages; page = another address"))


def _house(state: Mapping[str, Any]) -> House:
    return {
        name: Now(
            told["state"],
            {
                register: Value(said["value"], said["unit"])
                for register, said in told["readings"].items()
            },
        )
        for name, told in state["devices"].items()
    }


async def _listen(config: Config, names: list[str], show: Show) -> None:
    """Open the lines of these devices and show what they say."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    house: House = {name: Now("lost", {}) for name in names}
    members: dict[str, list[Member]] = {}
    for name in names:
        device, quality = config.device[name], LineQuality()
        member = Member(
            name,
            sdk.load(device.driver),
            device.own,
            _listener(name, house, show, quality),
            device.speed(),
            quality,
        )
        members.setdefault(device.port, []).append(member)
    show(house)
    # No task group: a pipe whose reader has seen enough must end this by its own name.
    await asyncio.gather(*(DeviceLine(port, sharing).run() for port, sharing in members.items()))


def _listener(name: str, house: House, show: Show, quality: LineQuality) -> Listener:
    def tell(now: Now) -> None:
        house[name] = now
        show(house)

    def message(said: Message) -> None:
        if said.readings:
            values = {one.register: _value(one) for one in said.readings}
            tell(Now("ok", values))

    return Listener(
        message,
        opened=lambda: tell(house[name]._replace(state="ok")),
        lost=lambda: tell(house[name]._replace(state=f"lost: {quality.why}")),
    )


def _value(reading: Reading) -> Value:
    """Without the number of a card, which is its member's."""
    return Value("read", "") if reading.register == CARD else Value(reading.value, reading.unit)


def _shower(names: list[str], *, as_json: bool) -> Show:
    """How to show it: a table that is drawn anew on a terminal, else a line for each change."""
    if sys.stdout.isatty() and not as_json:
        return lambda house: _draw({name: house[name] for name in names if name in house})
    shown: House = {}

    def changes(house: House) -> None:
        for name in names:
            now, before = house.get(name), shown.get(name)
            if now is None or now == before:
                continue
            shown[name] = now
            if before is None or before.state != now.state:
                _line(name, {"state": now.state}, as_json=as_json)
            for register, value in now.values.items():
                if before is None or before.values.get(register) != value:
                    told = {"register": register, "value": value.value, "unit": value.unit}
                    _line(name, told, as_json=as_json)
        sys.stdout.flush()

    return changes


def _line(device: str, told: dict[str, int | str], *, as_json: bool) -> None:
    if as_json:
        print(msgspec.json.encode({"device": device, **told}).decode())
    elif "state" in told:
        print(device, told["state"])
    else:
        print(device, told["register"], amount(Value(told["value"], str(told["unit"]))))


def amount(value: Value) -> str:
    """Exactly, in the base unit.

    >>> amount(Value(4426500, "mWh"))
    '4426.5 Wh'
    """
    if isinstance(value.value, str):
        return value.value
    unit = UNITS.get(value.unit)
    return (
        f"{bytes(decimal(value.value)).decode()} {unit}" if unit else f"{value.value} {value.unit}"
    )


def _draw(house: House) -> None:
    """The table, cut to the window."""
    columns, rows = shutil.get_terminal_size()
    lines = [time.strftime("%H:%M:%S   Ctrl-C ends")]
    for name, now in house.items():
        lines += ["", f"{name}: {now.state}"]
        for register, value in now.values.items():
            lines.append(f"  {register:<14} {amount(value):>22}  {_words(register)}")
    if len(lines) > rows - 1:
        lines = [*lines[: rows - 2], f"… {len(lines) - rows + 2} more; name one device"]
    print(CLEAR + "\n".join(line[: columns - 1] for line in lines), flush=True)


def _words(register: str) -> str:
    known = meaning(register)
    return known.en if known else ""
