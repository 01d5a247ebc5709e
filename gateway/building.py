"""One gateway put together from its settings."""

import asyncio
import time
from collections.abc import Callable, Mapping

from drivers import sdk
from drivers.reading import Message
from gateway.community import build as hub
from gateway.community.bridgekey import BridgeKey
from gateway.config import Config, DeviceSettings
from gateway.contract import cards
from gateway.contract.clock import Clock
from gateway.contract.keys import SigningKey
from gateway.contract.link import Broker
from gateway.devices import CARD, DeviceNow
from gateway.home.facts import facts
from gateway.home.link import HomeLink
from gateway.house import House
from gateway.intake import Intake, moment_of
from gateway.journal import Journal, Room
from gateway.journal.room import bytes_of
from gateway.kiosk import point as kiosk
from gateway.kiosk.point import Point
from gateway.lines.lines import DeviceLine, Listener, Member


def real_ms() -> int:
    """The machine's monotonic clock: for people and devices, whatever the domain's time does."""
    return time.monotonic_ns() // 1_000_000


def open_journal(config: Config, *, clock: Clock, key: SigningKey) -> Journal:
    return Journal.open(
        config.data,
        community=config.community,
        gateway=config.gateway,
        key=key,
        boot=clock.boot,
        room=Room(bytes_of(config.journal_max)),
    )


def build(config: Config, journal: Journal, *, clock: Clock, key: SigningKey) -> House:
    """All parts, none of them started; needs a running event loop."""
    drivers = {name: sdk.load(device.driver) for name, device in config.device.items()}
    devices = {
        name: DeviceNow(
            driver=driver.name,
            talks=_talks(driver),
            interval_s=interval_s(driver, config.device[name]),
        )
        for name, driver in drivers.items()
    }
    bridge_key = hub.bridge_key(config)
    intake = Intake(
        journal,
        devices,
        clock=clock,
        samples_shared_since=config.samples_shared_since,
        point=_point(config, journal, clock=clock, key=key, bridge_key=bridge_key),
        real_s=asyncio.get_running_loop().time,
        contacts={name for name, driver in drivers.items() if driver.counts},
    )
    members: dict[str, list[Member]] = {}
    for name, device in config.device.items():
        listener = _listener(name, devices, intake)
        opens = _settings(name, drivers[name], device, journal)
        quality = devices[name].line
        member = Member(name, drivers[name], opens, listener, device.speed(), quality)
        members.setdefault(device.port, []).append(member)
    lines = [DeviceLine(port, sharing) for port, sharing in members.items()]
    house = House(config, clock, key, journal, devices, intake, lines)
    if bridge_key:
        house.publisher = hub.publisher(house, bridge_key, drivers)
        journal.on_commit = house.publisher.wake
    if intake.point:
        _connect(intake.point, house)
    if config.home_broker:
        house.home = _home(house, {name: driver.title for name, driver in drivers.items()})
    return house


def _home(house: House, titles: Mapping[str, str]) -> HomeLink:
    config = house.config
    assert config.home_broker
    return HomeLink(
        house.devices,
        gateway=config.gateway,
        broker=Broker.parse(config.home_broker, where="home_broker", files=config.home_broker_tls),
        folder=config.data,
        titles=titles,
        health=lambda: facts(house),
        discovery=config.discovery,
        language=config.language,
    )


def _talks(driver: sdk.Device) -> bool:
    """Whether silence means trouble; a reader of cards that is asked has nothing to say either."""
    codes = {register.code for register in driver.registers}
    return CARD not in codes and (driver.polled or any(":" in code for code in codes))


def interval_s(driver: sdk.Device, device: DeviceSettings) -> float:
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


def _point(
    config: Config,
    journal: Journal,
    *,
    clock: Clock,
    key: SigningKey,
    bridge_key: BridgeKey | None,
) -> Point | None:
    if config.kiosk is None:
        return None
    assert config.community
    assert bridge_key
    return Point(
        journal,
        config.kiosk,
        kiosk.Owner(
            community=config.community,
            gateway=config.gateway,
            key=key,
            bridge_key=bridge_key,
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
