"""gateway.toml: who this gateway is, what hangs on which line, and where its records go."""

import ipaddress
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from drivers import sdk
from gateway.contract import settings
from gateway.contract.errors import ConfigError
from gateway.contract.keys import PublicKey
from gateway.contract.link import Broker
from gateway.contract.settings import Id, Mistake, Settings

BY_ID = Path("/dev/serial/by-id")
# The kernel gives these out in the order of plugging in: after a restart another meter answers.
RENAMED_BY_PLUGGING = ("/dev/ttyUSB", "/dev/ttyACM")


class DeviceSettings(Settings):
    """One device: which driver reads which port; further keys are the driver's own settings."""

    model_config = ConfigDict(frozen=True, extra="allow")

    driver: str
    port: str

    def own(self) -> dict[str, str]:
        """The settings that the driver itself declares."""
        return {name: str(value) for name, value in (self.model_extra or {}).items()}


class KioskSettings(Settings):
    """The recycling point: which devices, and the number of each fraction's tag."""

    scale: Id
    reader: Id
    card_key: Path
    fractions: dict[str, Id]


class Config(Settings):
    """All of gateway.toml; paths are absolute once `load` has given it."""

    community: Id | None = None
    gateway: Id
    data: Path = Path("data")
    key: Path = Path("gateway.key")
    bridge_key: str | None = None
    broker: str | None = None
    home_broker: str | None = None
    page: str | None = None
    samples_shared_since: date | None = None
    device: dict[Id, DeviceSettings]
    kiosk: KioskSettings | None = None


def load(path: Path) -> Config:
    """The settings in `path`. Raises ConfigError with every mistake."""
    config = settings.load(path, Config, check=mistakes)
    base = path.resolve().parent
    kiosk = config.kiosk and config.kiosk.model_copy(
        update={"card_key": base / config.kiosk.card_key}
    )
    return config.model_copy(
        update={"data": base / config.data, "key": base / config.key, "kiosk": kiosk}
    )


def address(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, the host an IP address or localhost. Raises ValueError."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if host != "localhost":
        ipaddress.ip_address(host)
    if not 0 <= int(port) <= 65535:
        raise ValueError(port)
    return host, int(port)


def mistakes(tables: dict[str, Any]) -> Iterator[Mistake]:
    """What no type can tell: names of drivers and devices, ports, addresses, keys."""
    yield from _community(tables)
    yield from _addresses(tables)
    devices = tables.get("device")
    devices = devices if isinstance(devices, dict) else {}
    if "device" in tables and not devices:
        yield Mistake(("device",), "no device at all", 'add [device.hall] with driver = "p1"')
    for name, device in devices.items():
        if isinstance(device, dict):
            yield from _device(name, device)
    kiosk = tables.get("kiosk")
    if isinstance(kiosk, dict):
        yield from _kiosk(kiosk, devices)


def _community(tables: dict[str, Any]) -> Iterator[Mistake]:
    needed = {
        "broker": 'broker = "mqtt://127.0.0.1:1883"',
        "bridge_key": "the hub's public key, as `meterkast hub init` prints it",
    }
    for key, example in needed.items():
        if "community" in tables and key not in tables:
            yield Mistake((key,), f"a community needs the key {key!r}", f"add {example}")
    for key in ("broker", "bridge_key", "samples_shared_since", "kiosk"):
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
    if isinstance(tables.get("page"), str):
        try:
            address(tables["page"])
        except ValueError:
            what = f"{tables['page']!r} is not an address and a port"
            yield Mistake(("page",), what, 'page = "127.0.0.1:7081"')


def _device(name: str, device: dict[str, Any]) -> Iterator[Mistake]:
    driver, port = device.get("driver"), device.get("port")
    if isinstance(driver, str):
        known = sorted(sdk.names())
        if driver in known:
            declared = [setting.name for setting in sdk.load(driver).settings]
            for key in device.keys() - {"driver", "port", *declared}:
                allowed = ", ".join(["driver", "port", *declared])
                yield Mistake(
                    ("device", name, key), f"unknown key {key!r}", f"known here: {allowed}"
                )
        else:
            what, allowed = f"no driver is called {driver!r}", ", ".join(known)
            yield Mistake(("device", name, "driver"), what, f"known drivers: {allowed}")
    if isinstance(port, str):
        if port.startswith(RENAMED_BY_PLUGGING):
            what = f"{port} may be another device after the next restart"
            yield Mistake(("device", name, "port"), what, _stable_name(port))
        elif not port.startswith("/"):
            what = f"{port!r} is not the path of a serial port"
            yield Mistake(("device", name, "port"), what, f"a path under {BY_ID}")


def _stable_name(port: str) -> str:
    """Which links under by-id lead to `port`, as a line to copy."""
    links = sorted(BY_ID.iterdir()) if BY_ID.is_dir() else []
    for link in links:
        if os.path.realpath(link) == os.path.realpath(port):
            return f'port = "{link}"'
    return f"the device's name under {BY_ID} or /dev/serial/by-path"


def _kiosk(kiosk: dict[str, Any], devices: dict[str, Any]) -> Iterator[Mistake]:
    if kiosk.get("fractions") == {}:
        what = "no fraction has a tag, so nothing can be chosen"
        yield Mistake(("kiosk", "fractions"), what, '"0A00F00001" = "glass"')
    for key in ("scale", "reader"):
        named = kiosk.get(key)
        if isinstance(named, str) and named not in devices:
            what = f"no device is called {named!r}"
            try_ = f"devices here: {', '.join(devices) or 'none'}"
            yield Mistake(("kiosk", key), what, try_)
