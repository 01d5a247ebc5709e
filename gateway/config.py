"""gateway.toml: who this gateway is, what hangs on which line, and where its records go."""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict

from drivers import sdk
from gateway import addresses
from gateway.contract import settings, tls
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.keys import PublicKey
from gateway.contract.link import Broker
from gateway.contract.settings import Id, Mistake, Settings
from gateway.contract.tls import Tls
from gateway.journal import room
from gateway.kiosk import settings as kiosk
from gateway.kiosk.settings import KioskSettings
from gateway.lines import portnames

# Keys of a device's block that are not the driver's own.
DEVICE_KEYS = ("driver", "port", "line")
# Where Home Assistant looks for devices: the beginning of a topic, or nothing for nowhere.
_DISCOVERY = re.compile(r"([\w-]+(/[\w-]+)*)?", re.ASCII)
_LINE = re.compile(r"(\d{2,6}) ([78][NEO][12])")


class DeviceSettings(Settings):
    """One device: which driver reads which port; further keys are the driver's own settings.

    `line` is speed and frame, as in "9600 7E1", where they are not the driver's.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    driver: str
    port: str
    line: str | None = None

    def own(self) -> dict[str, str]:
        """The settings that the driver itself declares; once loaded, files as their text."""
        return _own(self.model_extra or {})

    def speed(self) -> sdk.Line | None:
        return line_of(self.line) if self.line else None


class Config(Settings):
    """All of gateway.toml; paths are absolute once `load` has given it."""

    community: Id | None = None
    gateway: Id
    data: Path = Path("data")
    key: Path = Path("gateway.key")
    bridge_key: str | None = None
    broker: str | None = None
    broker_tls: Tls | None = None
    home_broker: str | None = None
    home_broker_tls: Tls | None = None
    journal_max: str = "1 GB"
    discovery: str = "homeassistant"
    page: str | None = None
    health: str | None = None
    language: Literal["nl", "en"] = "nl"
    samples_shared_since: date | None = None
    device: dict[Id, DeviceSettings]
    kiosk: KioskSettings | None = None


def load(path: Path) -> Config:
    """The settings in `path`. Raises ConfigError with every mistake."""
    if not os.path.lexists(path):
        makes = "meterkast discover --write makes it; or another, with --config FILE"
        try_ = settings.elsewhere(path) or makes
        raise ConfigError(Problem("there is no such file", str(path.absolute()), try_))
    base = path.resolve().parent
    config = settings.load(path, Config, check=partial(mistakes, base=base))
    point = config.kiosk and config.kiosk.model_copy(
        update={
            "card_key": base / config.kiosk.card_key,
            "pin": config.kiosk.pin and base / config.kiosk.pin,
        }
    )
    devices = {
        name: device.model_copy(update=_texts(device.driver, device.own(), base=base))
        for name, device in config.device.items()
    }
    return config.model_copy(
        update={
            "data": base / config.data,
            "key": base / config.key,
            "broker_tls": config.broker_tls and config.broker_tls.under(base),
            "home_broker_tls": config.home_broker_tls and config.home_broker_tls.under(base),
            "kiosk": point,
            "device": devices,
        }
    )


def line_of(text: str) -> sdk.Line:
    """Speed and frame of `9600 7E1`. Raises ValueError."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return sdk.Line(int(match[1]), match[2])


def _own(keys: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in keys.items()
        if name not in DEVICE_KEYS
    }


def _texts(driver: str, own: Mapping[str, str], *, base: Path) -> dict[str, str]:
    """The files that a device's settings name, as text. Raises SettingError."""
    texts = {}
    for setting in sdk.load(driver).settings:
        if setting.is_file and setting.name in own:
            path = base / own[setting.name]
            try:
                texts[setting.name] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                what = f"{path} cannot be read as text: {error}"
                raise sdk.SettingError(setting.name, what, "the path of a file") from error
    return texts


def mistakes(tables: dict[str, Any], *, base: Path) -> Iterator[Mistake]:
    """What no type can tell: names of drivers and devices, ports, addresses, keys.

    `base` is the folder that the file's paths start from.
    """
    yield from _community(tables)
    yield from _addresses(tables)
    yield from _journal(tables)
    for broker in ("broker", "home_broker"):
        yield from tls.mistakes(tables, broker=broker, base=base)
    devices = tables.get("device")
    devices = devices if isinstance(devices, dict) else {}
    if "device" in tables and not devices:
        try_ = 'meterkast discover --write; or add [device.hall] with driver = "p1"'
        yield Mistake(("device",), "no device at all", try_)
    for name, device in devices.items():
        if isinstance(device, dict):
            yield from _device(name, device, base=base)
    yield from _shared_ports(devices)
    if isinstance(tables.get("kiosk"), dict):
        yield from kiosk.mistakes(tables, devices)


def _community(tables: dict[str, Any]) -> Iterator[Mistake]:
    needed = {
        "broker": 'broker = "mqtt://127.0.0.1:1883"',
        "bridge_key": "the hub's public key, as `meterkast hub init` prints it",
    }
    for key, example in needed.items():
        if "community" in tables and key not in tables:
            yield Mistake((key,), f"a community needs the key {key!r}", f"add {example}")
    for key in ("broker", "broker_tls", "bridge_key", "samples_shared_since", "kiosk"):
        if key in tables and "community" not in tables:
            yield Mistake((key,), f"{key!r} without a community", 'add community = "…" or leave it')
    if isinstance(tables.get("bridge_key"), str):
        try:
            PublicKey(tables["bridge_key"])
        except ValueError:
            what = f"{tables['bridge_key']!r} is not 32 bytes in base64url"
            yield Mistake(("bridge_key",), what, "copy the key that `meterkast hub init` printed")


def _addresses(tables: dict[str, Any]) -> Iterator[Mistake]:
    for key in ("broker", "home_broker"):
        if isinstance(tables.get(key), str):
            try:
                Broker.parse(tables[key], where=key)
            except ConfigError as error:
                for problem in error.problems:
                    yield Mistake((key,), problem.what, problem.try_)
    yield from addresses.mistakes(tables)
    discovery = tables.get("discovery")
    if isinstance(discovery, str) and not _DISCOVERY.fullmatch(discovery):
        what = f"{discovery!r} is not where a topic begins"
        yield Mistake(("discovery",), what, 'discovery = "homeassistant", or "" for nowhere')


def _journal(tables: dict[str, Any]) -> Iterator[Mistake]:
    text = tables.get("journal_max")
    if isinstance(text, str):
        try:
            room.bytes_of(text)
        except ValueError as error:
            yield Mistake(("journal_max",), str(error), 'journal_max = "1 GB", at least "16 MB"')


def _device(name: str, device: dict[str, Any], *, base: Path) -> Iterator[Mistake]:
    driver, port, line = (device.get(key) for key in DEVICE_KEYS)
    if isinstance(driver, str):
        known = sorted(sdk.names())
        if driver in known:
            yield from _driver_settings(name, sdk.load(driver), device, base=base)
        else:
            what, allowed = f"no driver is called {driver!r}", ", ".join(known)
            yield Mistake(("device", name, "driver"), what, f"known drivers: {allowed}")
    if isinstance(port, str) and (wrong := portnames.refuse(port, _loaded(driver))):
        yield Mistake(("device", name, "port"), *wrong)
    if isinstance(line, str):
        try:
            line_of(line)
        except ValueError:
            what = f"{line!r} is not a speed and a frame"
            yield Mistake(("device", name, "line"), what, 'line = "9600 8N1"')


def _loaded(driver: object) -> sdk.Device | None:
    """The driver of this name, None where it is none."""
    if isinstance(driver, str) and driver in set(sdk.names()):
        return sdk.load(driver)
    return None


def _driver_settings(
    name: str, driver: sdk.Device, device: dict[str, Any], *, base: Path
) -> Iterator[Mistake]:
    declared = [setting.name for setting in driver.settings]
    unknown = device.keys() - {*DEVICE_KEYS, *declared}
    for key in unknown:
        allowed = ", ".join([*DEVICE_KEYS, *declared])
        yield Mistake(("device", name, key), f"unknown key {key!r}", f"known here: {allowed}")
    if not unknown:
        own = _own(device)
        try:
            driver.open(own | _texts(driver.name, own, base=base))
        except sdk.SettingError as error:
            yield Mistake(("device", name, error.name), error.what, error.allowed)


def _shared_ports(devices: dict[str, Any]) -> Iterator[Mistake]:
    """Several devices may hang on one line when each speaks only if asked, and all say the same."""
    owners: dict[str, list[str]] = {}
    first_names: dict[str, str] = {}
    for name, device in devices.items():
        if isinstance(device, dict) and isinstance(device.get("port"), str):
            port = device["port"]
            owners.setdefault(port, []).append(name)
            first = first_names.setdefault(os.path.realpath(port), port)
            if port.startswith("/") and first != port:
                what = f"{port} is another name of {first}"
                yield Mistake(("device", name, "port"), what, f'port = "{first}"')
    for names in owners.values():
        loaded = [(name, _loaded(devices[name].get("driver"))) for name in names]
        talking = [name for name, driver in loaded if driver and not driver.polled]
        if len(names) > 1 and talking:
            what = f"{', '.join(names)} share a port, and {talking[0]} speaks without being asked"
            yield Mistake(("device", names[1], "port"), what, "a port of its own for each")
