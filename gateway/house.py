"""One gateway put together from its settings, and what it says of itself."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from drivers import sdk
from drivers.reading import Message
from gateway.channels import behind
from gateway.config import Config, DeviceSettings
from gateway.contract import cards, topics
from gateway.contract.clock import Clock
from gateway.contract.keys import PublicKey, SigningKey
from gateway.contract.link import Broker
from gateway.devices import CARD, DeviceNow
from gateway.home import HomeLink
from gateway.intake import Intake, moment_of
from gateway.journal import Journal
from gateway.kiosk import point as kiosk
from gateway.kiosk.panel import Panel
from gateway.kiosk.point import Point
from gateway.lines import DeviceLine, Listener, Member
from gateway.publish import Publisher
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
    home: HomeLink | None = None
    panel: Panel | None = None
    settings: Settings | None = None


def real_ms() -> int:
    """The machine's monotonic clock: for people and devices, whatever the domain's time does."""
    return time.monotonic_ns() // 1_000_000


def signing_key(config: Config) -> SigningKey:
    """The gateway's key. A house without a community needs no enrolment: its key is made here."""
    if config.community is None and not config.key.exists():
        return SigningKey.create(config.key)
    return SigningKey.load(config.key)


def open_journal(config: Config, *, clock: Clock, key: SigningKey) -> Journal:
    return Journal.open(
        config.data, community=config.community, gateway=config.gateway, key=key, boot=clock.boot
    )


def build(config: Config, journal: Journal, *, clock: Clock, key: SigningKey) -> House:
    """All parts, none of them started; needs a running event loop."""
    drivers = {name: sdk.load(device.driver) for name, device in config.device.items()}
    devices = {
        name: DeviceNow(
            driver=driver.name,
            talks=_talks(driver),
            interval_s=_interval_s(driver, config.device[name]),
        )
        for name, driver in drivers.items()
    }
    intake = Intake(
        journal,
        devices,
        clock=clock,
        samples_shared_since=config.samples_shared_since,
        point=_point(config, journal, clock=clock, key=key),
        real_s=asyncio.get_running_loop().time,
        contacts={name for name, driver in drivers.items() if driver.counts},
    )
    members: dict[str, list[Member]] = {}
    for name, device in config.device.items():
        listener = _listener(name, devices, intake)
        opens = _settings(name, drivers[name], device, journal)
        member = Member(name, drivers[name], opens, listener, device.speed())
        members.setdefault(device.port, []).append(member)
    lines = [DeviceLine(port, sharing) for port, sharing in members.items()]
    house = House(config, clock, key, journal, devices, intake, lines)
    if config.community:
        house.publisher = _publisher(house)
        journal.on_commit = house.publisher.wake
    if intake.point:
        _connect(intake.point, house)
    if config.home_broker:
        broker = Broker.parse(config.home_broker, where="home_broker")
        house.home = HomeLink(devices, gateway=config.gateway, broker=broker)
    return house


def _talks(driver: sdk.Device) -> bool:
    """Whether silence means trouble; a reader of cards that is asked has nothing to say either."""
    codes = {register.code for register in driver.registers}
    return CARD not in codes and (driver.polled or any(":" in code for code in codes))


def _interval_s(driver: sdk.Device, device: DeviceSettings) -> float:
    """How often the device is asked, 0 where its driver has no setting for it."""
    usual = {setting.name: setting.default for setting in driver.settings}
    return float((usual | device.own()).get("interval") or 0)


def _settings(
    name: str, driver: sdk.Device, device: DeviceSettings, journal: Journal
) -> Callable[[], Mapping[str, str]]:
    """What the driver is opened with; a contact goes on counting where the journal stands."""

    def settings() -> Mapping[str, str]:
        count = journal.pulses(name) if driver.counts else None
        return device.own() if count is None else device.own() | {"count": str(count)}

    return settings


def _point(config: Config, journal: Journal, *, clock: Clock, key: SigningKey) -> Point | None:
    if config.kiosk is None:
        return None
    assert config.community
    assert config.bridge_key
    return Point(
        journal,
        config.kiosk,
        kiosk.Owner(
            community=config.community,
            gateway=config.gateway,
            key=key,
            bridge_key=PublicKey(config.bridge_key),
            card_key=cards.load_key(config.kiosk.card_key),
        ),
        folder=config.data,
        moment=lambda: moment_of(clock),
        real_ms=real_ms,
    )


def _connect(point: Point, house: House) -> None:
    """What the point needs of the other parts: its scale, and whether the hub can be reached."""
    scale, publisher = point.settings.scale, house.publisher
    assert publisher
    commands = sdk.load(house.config.device[scale].driver).commands

    def tell_scale(word: str) -> bool:
        return word in commands and any(line.command(scale, word) for line in house.lines)

    point.tell_scale = tell_scale
    point.is_linked = publisher.link.up.is_set


def _listener(name: str, devices: dict[str, DeviceNow], intake: Intake) -> Listener:
    def message(said: Message) -> None:
        intake.hear(name, said)

    def opened() -> None:
        devices[name].opened(asyncio.get_running_loop().time())

    def lost() -> None:
        devices[name].open = False
        intake.lost(name)

    return Listener(message, opened, lost)


def _publisher(house: House) -> Publisher:
    config = house.config
    assert config.community
    assert config.broker
    assert config.bridge_key
    point = house.intake.point
    hears: dict[str, Callable[[bytes], None]] = {}
    if point:
        hears[topics.policy(config.community)] = point.new_policy
        hears[topics.topic(config.community, config.gateway, "credit")] = point.new_credit
    return Publisher(
        house.journal,
        community=config.community,
        gateway=config.gateway,
        broker=Broker.parse(config.broker, where="broker"),
        bridge_key=PublicKey(config.bridge_key),
        samples_shared=config.samples_shared_since is not None,
        birth=lambda: birth(house),
        health=lambda: health(house),
        hears=hears,
        real_s=asyncio.get_running_loop().time,
    )


def _chains(house: House) -> dict[str, dict[str, int]]:
    return {
        chain.chain: {"first": chain.first, "last": chain.last, "receipted": chain.receipted}
        for chain in house.journal.chains()
        if chain.shared
    }


def _journal(house: House) -> dict[str, object]:
    return {**house.journal.tally()._asdict(), "chains": _chains(house)}


def _states(house: House, tell: Callable[[DeviceNow], dict[str, object]]) -> dict[str, object]:
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


def health(house: House) -> dict[str, object]:
    """How we fare; no live values."""
    publisher, point = house.publisher, house.intake.point
    return {
        "clock": house.clock.quality(),
        "journal": _journal(house),
        "devices": _states(house, lambda _: {}),
        "receipts_forged": publisher.forged if publisher else 0,
        "receipts_refused": publisher.refused if publisher else 0,
        **({"kiosk": point.health() | _panel(house)} if point else {}),
    }


def _panel(house: House) -> dict[str, object]:
    if house.panel:
        return house.panel.health()
    return {"panel": "lost"} if house.config.kiosk and house.config.kiosk.panel else {}


def now(house: House) -> dict[str, object]:
    """All that the local page shows, as `/api/now` gives it."""
    link = house.publisher.link if house.publisher else house.home.link if house.home else None
    said: dict[str, object] = {
        "gateway": house.config.gateway,
        "community": house.config.community,
        "utc_ms": house.clock.utc_ms(),
        "clock": house.clock.quality(),
        "link": "up" if link and link.up.is_set() else "down",
        "devices": _states(house, _readings),
        "journal": _journal(house),
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
    return {"screen": view.screen, "word": view.word, "sentence": view.en, "slip": slip}


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
