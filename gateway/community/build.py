"""What a gateway of a community talks to its hub with, put together."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import date

from drivers import sdk
from gateway.community.bridgekey import BridgeKey
from gateway.community.commands import Commands
from gateway.community.publish import Publisher
from gateway.community.renewing import Renewing
from gateway.config import Config
from gateway.contract import record, topics
from gateway.contract.clock import UNSET
from gateway.contract.keys import PublicKey
from gateway.contract.link import Broker
from gateway.contract.signed import Malformed
from gateway.days import local_midnight_ms
from gateway.health.health import health
from gateway.house import House, birth
from gateway.journal import SAMPLES, Journal, NotKept
from gateway.quarter import Moment


def bridge_key(config: Config) -> BridgeKey | None:
    """The key that the hub signs with now, None for a house without a community."""
    if config.community is None:
        return None
    assert config.bridge_key
    return BridgeKey(PublicKey(config.bridge_key), community=config.community, folder=config.data)


def publisher(house: House, key: BridgeKey, drivers: Mapping[str, sdk.Device]) -> Publisher:
    """The link to the hub, and who hears what comes on it."""
    config, real_s = house.config, asyncio.get_running_loop().time
    assert config.community
    assert config.broker
    since = config.samples_shared_since
    shares = since is not None and forget_samples(house.journal, since, house.intake.moment())
    hears: dict[str, Callable[[bytes], None]] = {}
    if point := house.intake.point:
        hears[topics.policy(config.community)] = point.new_policy
        hears[topics.topic(config.community, config.gateway, "credit")] = point.new_credit

    def command(payload: bytes) -> None:
        commands.hear(payload)

    hears[topics.topic(config.community, config.gateway, "command")] = command
    renewing = house.renewing = _renewing(house)
    if renewing:

        def certificate(payload: bytes) -> None:
            try:
                renewing.take(payload)
            except Malformed as error:
                link.forgeries.note("certificate", str(error))

        hears[topics.topic(config.community, config.gateway, "certificate")] = certificate
    link = Publisher(
        house.journal,
        community=config.community,
        gateway=config.gateway,
        broker=Broker.parse(config.broker, where="broker", files=config.broker_tls),
        bridge_key=key,
        samples_shared=shares,
        birth=lambda: birth(house),
        health=lambda: health(house),
        moment=house.intake.moment,
        real_s=real_s,
        hears=hears,
    )
    commands = Commands(
        house.journal,
        house.devices,
        owner=(config.community, config.gateway),
        bridge_key=key,
        forgeries=link.forgeries,
        moment=house.intake.moment,
        is_sure=house.intake.clockwork.is_sure,
        real_s=real_s,
        ask=link.ask,
        tell=lambda device, word: tell(house, drivers, device, word),
    )
    return link


def _renewing(house: House) -> Renewing | None:
    """Who renews our certificate: nobody where it was not made by enrolling, in one file."""
    tls = house.config.broker_tls
    if tls is None or tls.ca is None or tls.certificate is None or tls.certificate != tls.key:
        return None
    assert house.config.community
    return Renewing(
        tls,
        owner=(house.config.community, house.config.gateway),
        key=house.key,
        is_set=lambda: house.clock.quality() != UNSET,
    )


def forget_samples(journal: Journal, since: date, moment: Moment) -> bool:
    """No sample from before the member's consent, as it is dated now, leaves with a chain of then.

    A consent that was withdrawn and given anew begins a new chain of samples. Gives whether samples
    may leave: not where that cannot be written down.
    """
    chain = next(c for c in journal.chains() if c.kind == SAMPLES and c.current)
    oldest = journal.records(chain.chain, start=1, limit=1)
    if oldest and not _is_made_since(oldest[0], local_midnight_ms(since)):
        try:
            journal.begin_again(SAMPLES, moment, carry=False)
        except NotKept:
            return False
    return True


def _is_made_since(data: bytes, since_ms: int) -> bool:
    try:
        made_ms = record.parse(data)[1].identity.made_ms
    except Malformed:
        return False
    return made_ms is None or made_ms >= since_ms


def tell(house: House, drivers: Mapping[str, sdk.Device], device: str, word: str) -> str:
    """Have a device told a word that the hub asks for; why not, "" where so."""
    if device not in drivers:
        return f"no device is called {device[:40]}"
    if word not in drivers[device].commands:
        return f"a {drivers[device].name} cannot be told to {word}"
    point = house.intake.point
    if point and point.settings.scale == device and not point.is_free():
        return "the scale is in use, or not known to be empty"
    if not any(line.command(device, word) for line in house.lines):
        return f"{device} cannot be reached"
    return ""
