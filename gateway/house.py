"""The parts of a running gateway, and what it says of itself."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from gateway.channels import behind
from gateway.community.publish import Publisher
from gateway.community.renewing import Renewing
from gateway.config import Config
from gateway.contract.clock import Clock
from gateway.contract.keys import SigningKey
from gateway.devices import DeviceNow
from gateway.home.link import HomeLink
from gateway.intake import Intake
from gateway.journal import Journal
from gateway.kiosk.panel import Panel
from gateway.kiosk.point import Point
from gateway.lines.lines import DeviceLine
from gateway.reload import Settings


@dataclass(slots=True)
class House:
    """The parts of a running gateway."""

    config: Config
    clock: Clock
    key: SigningKey
    journal: Journal
    devices: dict[str, DeviceNow]
    intake: Intake
    lines: list[DeviceLine]
    publisher: Publisher | None = None
    renewing: Renewing | None = None
    home: HomeLink | None = None
    panel: Panel | None = None
    settings: Settings | None = None


def _chains(house: House) -> dict[str, dict[str, int]]:
    return {
        chain.chain: {"first": chain.first, "last": chain.last, "receipted": chain.receipted}
        for chain in house.journal.chains()
        if chain.shared
    }


def journal(house: House) -> dict[str, object]:
    """How far what was recorded has come; without a community it has nowhere to go."""
    if house.publisher is None:
        return {}
    return {**house.journal.tally()._asdict(), "chains": _chains(house)}


def states(house: House, tell: Callable[[DeviceNow], dict[str, object]]) -> dict[str, object]:
    now_s = asyncio.get_running_loop().time()
    return {
        name: {
            "driver": device.driver,
            "state": device.state(now_s),
            "messages": device.messages,
            "faults": device.faults,
            **tell(device),
        }
        for name, device in house.devices.items()
    }


def birth(house: House) -> dict[str, object]:
    """What the hub should know once we are there."""
    point = house.config.kiosk
    devices = {"scale": point.scale, "readers": list(point.readers)} if point else None
    return {
        "version": version("meterkast"),
        "boot": house.clock.boot,
        "key": house.key.public.x,
        "chains": _chains(house),
        "devices": {name: device.driver for name, device in house.devices.items()},
        **({"kiosk": devices} if devices else {}),
    }


def now(house: House) -> dict[str, object]:
    """All that the local page shows, as `/api/now` gives it."""
    link = house.publisher.link if house.publisher else house.home.link if house.home else None
    said: dict[str, object] = {
        "gateway": house.config.gateway,
        "community": house.config.community,
        "utc_ms": house.clock.utc_ms(),
        "clock": house.clock.quality(),
        "link": "up" if link and link.up.is_set() else "down",
        "devices": states(house, _readings),
        "journal": journal(house),
    }
    if house.intake.point:
        said["kiosk"] = _kiosk(house.intake.point)
    return said


def _kiosk(point: Point) -> dict[str, object]:
    """The point as the local page tells it: no live weight, and no code, which is the member's."""
    view = point.view()
    slip = view.slip and {
        name: value for name, value in view.slip._asdict().items() if name not in {"code", "undo_s"}
    }
    said = {"screen": view.screen, "word": view.word, "sentence": view.en, "zin": view.nl}
    return {**said, "slip": slip}


def _readings(device: DeviceNow) -> dict[str, object]:
    readings = {
        register: {"value": reading.value, "unit": reading.unit, "at_ms": reading.at_ms}
        for register, reading in device.readings.items()
    }
    meters = [
        {"kind": kind, "register": reading.register, "serial": reading.serial, "alive": alive}
        for kind, alive, reading in behind(device.readings)
    ]
    return {"last_ms": device.last_ms, "readings": readings, "behind": meters}
