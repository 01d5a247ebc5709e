"""`meterkast check`: whether a gateway can run with its settings, and what it would do."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from drivers import sdk
from gateway import config as settings
from gateway.config import Config
from gateway.contract import cards
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.keys import SigningKey
from gateway.contract.link import Broker
from gateway.kiosk.pin import Door
from gateway.lines.holders import OURS, holder
from gateway.lines.ports import kind_of
from gateway.lines.serialport import is_pseudo, is_serial, may_open
from gateway.tools.discover import seen

ConfigFile = Annotated[Path, Parameter(name="--config")]
AsJson = Annotated[bool, Parameter(name="--json", negative="")]


class Part(NamedTuple):
    """One thing that the gateway would do; `missing` says what it lacks now, "" for nothing."""

    name: str
    does: str
    where: str
    missing: str = ""


def check(*, config: ConfigFile = Path("gateway.toml"), as_json: AsJson = False) -> int:
    """Read the settings, name every mistake, and tell what would run. Starts nothing.

    Ends with 3 where the settings cannot be used, with 1 where something is not there yet.

    Parameters
    ----------
    config
        the gateway's settings
    as_json
        one JSON object
    """
    loaded = settings.load(config)
    _must_have_keys(loaded)
    parts = list(found(loaded))
    if as_json:
        told = {"gateway": loaded.gateway, "community": loaded.community}
        print(msgspec.json.encode({**told, "parts": [part._asdict() for part in parts]}).decode())
    else:
        _show(loaded, parts)
    return 1 if any(part.missing for part in parts) else 0


def _must_have_keys(config: Config) -> None:
    """Raises ConfigError with every key, and the PIN, that cannot be read."""
    problems: list[Problem] = []
    if config.community:
        try:
            SigningKey.load(config.key)
        except ConfigError as error:
            (problem,) = error.problems
            made = problem._replace(try_="meterkast enrol makes it, where none was made before")
            problems.append(problem if config.key.exists() else made)
    if config.kiosk:
        try:
            cards.load_key(config.kiosk.card_key)
        except ConfigError as error:
            problems += error.problems
        if config.kiosk.pin:
            try:
                Door(config.kiosk.pin, real_ms=lambda: 0)
            except ConfigError as error:
                problems += error.problems
    if problems:
        raise ConfigError(*problems)


def found(config: Config) -> Iterator[Part]:
    """What a gateway with these settings does, in the order of the file."""
    for name, device in config.device.items():
        title, _, _ = sdk.load(device.driver).title.partition(" (")
        yield Part(name, title, device.port, _missing(device.port))
    if config.community:
        assert config.broker
        yield Part("community", f"records to {config.community}", _address(config.broker))
    if config.home_broker:
        yield Part("home", "values for the house", _address(config.home_broker))
    if config.page:
        yield Part("page", "a page to look at", f"http://{config.page}")
    if config.health:
        yield Part("health", "figures for monitors", f"http://{config.health}/metrics")
    if config.kiosk and config.kiosk.screen:
        yield Part("kiosk", "the screen of the recycling point", f"http://{config.kiosk.screen}")


def _address(broker: str) -> str:
    """Without the password that may stand in it."""
    return str(Broker.parse(broker, where="broker"))


def _missing(port: str) -> str:
    """Why a serial port cannot be opened now; what lies beyond a network is not asked."""
    if not port.startswith("/"):
        return ""
    if not os.path.exists(port):  # noqa: PTH110 - also where the folder may not be looked into
        return f"it is not plugged in; ports there now: {', '.join(seen()) or 'none'}"
    if not kind_of(port) and not is_serial(port):
        return "it is no serial port: meterkast discover"
    if not os.access(port, os.R_OK | os.W_OK):
        return f"this user may not open it: {may_open(port)}"
    if is_pseudo(port):
        return ""  # its far end always has it open
    by = holder(port)
    return f"it is held by {by}: {by.try_}" if by and by.program != OURS else ""


def _show(config: Config, parts: list[Part]) -> None:
    of = f" of {config.community}" if config.community else ""
    print(f"gateway {config.gateway}{of}")
    widths = [max(len(part[column]) for part in parts) for column in range(2)]
    for part in parts:
        print(f"  {part.name:<{widths[0]}}  {part.does:<{widths[1]}}  {part.where}")
        if part.missing:
            print(f"  {'':<{widths[0]}}  but {part.missing}")
    print("the settings are good")
