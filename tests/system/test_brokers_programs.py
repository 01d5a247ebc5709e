"""The whole programs with TLS, house and community on one broker and on two, and a dead broker."""

import asyncio
import json
import os
import re
import subprocess
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.community.bridgekey import BridgeKey
from gateway.community.publish import Publisher
from gateway.contract.keys import PublicKey
from gateway.contract.link import Broker
from gateway.contract.record import QUARTER
from gateway.contract.tls import Tls
from gateway.journal import EVIDENCE, Journal, Tally
from ledger_bridge.certificates import Authority
from tests.certificates import pair
from tests.publisher import KEY, NOON
from tests.system.brokers import Mosquitto
from tests.system.programs import Program, done, free_port, running, until
from tests.system.test_two_telegrams import now_quarter, stored, telegram

pytestmark = pytest.mark.system


def found_hub(folder: Path) -> tuple[Authority, Path]:
    """A hub with certificates for its broker and for one gateway; the broker's port is open yet."""
    config = folder / "bridge.toml"
    done("hub", "init", folder, "--community", "zonstraat", "--page", f"127.0.0.1:{free_port()}")
    done("hub", "certificate", "--broker", "127.0.0.1", "--config", config)
    authority = Authority(folder / "tls")
    pair(authority, "home-noor")
    return authority, config


def point_hub_at(mosquitto: Mosquitto, hub: Path) -> None:
    """What the page about brokers says to write into bridge.toml."""
    files = 'ca = "tls/ca.crt", certificate = "tls/bridge.pem", key = "tls/bridge.pem"'
    lines = f'broker = "mqtts://127.0.0.1:{mosquitto.port}"\nbroker_tls = {{ {files} }}'
    hub.write_text(re.sub(r"^broker = .*$", lines, hub.read_text(), flags=re.MULTILINE))


def write_gateway(folder: Path, hub: Path, *, broker: int, home_broker: int, port: str) -> Path:
    """The gateway's settings, with the bridge's key, and its own key admitted at the hub."""
    folder.mkdir()
    key = re.search(r'"x":"([^"]+)"', (hub.parent / "keys" / "bridge.key").read_text())
    assert key
    config = folder / "gateway.toml"
    config.write_text(
        f"""
community = "zonstraat"
gateway = "home-noor"
bridge_key = "{key[1]}"
broker = "mqtts://127.0.0.1:{broker}"
home_broker = "mqtt://127.0.0.1:{home_broker}"

[broker_tls]
ca = "{hub.parent}/tls/ca.crt"
certificate = "{hub.parent}/tls/gateways/home-noor.crt"
key = "{hub.parent}/tls/gateways/home-noor.key"

[device.hall]
driver = "p1"
port = "{port}"
"""
    )
    done("hub", "admit", f"home-noor={done('enrol', '--config', config).strip()}", "--config", hub)
    return config


def heard(port: int, part) -> str:
    """What a house's broker has retained, a topic and its payload per line."""
    listening = subprocess.run(
        [part("mosquitto_sub"), "-p", str(port), "-t", "#", "-v", "-W", "1"],
        capture_output=True,
        check=False,
    )
    return listening.stdout.decode()


@pytest.mark.parametrize("home", ["one broker", "two brokers"])
def test_records_reach_the_hub_and_live_values_the_house_over_a_broker_that_died(
    tmp_path, part, home
):
    authority, hub = found_hub(tmp_path / "hub")
    mosquitto = Mosquitto(tmp_path, authority, part("mosquitto"))
    with ExitStack() as stack:
        stack.enter_context(running(mosquitto))
        point_hub_at(mosquitto, hub)
        home_port = mosquitto.home_port
        if home == "two brokers":
            home_port = free_port()
            nats = Program("nats", tmp_path, "broker", "--dir", tmp_path, "--port", home_port)
            stack.enter_context(running(nats))
        wire, line = os.openpty()
        config = write_gateway(
            tmp_path / "home",
            hub,
            broker=mosquitto.port,
            home_broker=home_port,
            port=os.ttyname(line),
        )
        stack.enter_context(running(Program("bridge", tmp_path, "bridge", "--config", hub)))
        gateway = Program("gateway", tmp_path, "gateway", "--config", config)
        stack.enter_context(running(gateway))
        boundary = now_quarter()
        os.write(wire, telegram(boundary - timedelta(seconds=10), "000002.444"))
        until("a record is stored", lambda: stored(hub) >= 1, seconds=60)
        mosquitto.kill()
        until("the loss is told", lambda: "link_lost" in gateway.log.read_text())
        os.write(wire, telegram(boundary + timedelta(seconds=5), "000002.694"))
        mosquitto.start()
        until("the other is stored", lambda: stored(hub) >= 2, seconds=60)
        until("the house hears", lambda: "dev/hall/state" in heard(home_port, part), seconds=30)
        said = heard(home_port, part)
    assert "mk/v1" not in said
    assert "Traceback" not in gateway.log.read_text() + (tmp_path / "bridge.log").read_text()


def test_a_queue_at_the_broker_that_is_far_too_short_loses_nothing(tmp_path, part):
    authority, hub = found_hub(tmp_path / "hub")
    done("hub", "admit", f"home-noor={KEY.public.x}", "--config", hub)
    home = tmp_path / "home"
    home.mkdir()
    mosquitto = Mosquitto(tmp_path, authority, part("mosquitto"), queued=10)
    with (
        running(mosquitto),
        closing(
            Journal.open(home, community="zonstraat", gateway="home-noor", key=KEY, boot="b")
        ) as journal,
    ):
        point_hub_at(mosquitto, hub)
        # The bridge was there once, so the broker keeps ten records for it while it is away.
        bridge = Program("bridge", tmp_path, "bridge", "--config", hub)
        bridge.end()
        for _ in range(3000):
            journal.append(EVIDENCE, QUARTER, [], moment=NOON)
        journal.commit(NOON)
        asyncio.run(deliver(journal, mosquitto, hub, bridge))
        assert Tally(accepted=3000, delivered=3000, pending=0, expired=0) == journal.tally()
    assert 3000 == stored(hub)


async def deliver(journal: Journal, mosquitto: Mosquitto, hub: Path, bridge: Program) -> None:
    """A publisher at work, until all is receipted; the bridge comes back meanwhile."""
    own = hub.parent / "tls" / "gateways" / "home-noor"
    tls = Tls(
        ca=hub.parent / "tls" / "ca.crt",
        certificate=own.with_suffix(".crt"),
        key=own.with_suffix(".key"),
    )
    public = PublicKey(json.loads((hub.parent / "keys" / "bridge.key").read_text())["x"])
    publisher = Publisher(
        journal,
        community="zonstraat",
        gateway="home-noor",
        broker=Broker.parse(f"mqtts://127.0.0.1:{mosquitto.port}", where="broker", files=tls),
        bridge_key=BridgeKey(public, community="zonstraat", folder=hub.parent / "tls"),
        samples_shared=False,
        birth=dict,
        health=dict,
        moment=lambda: NOON,
        real_s=asyncio.get_running_loop().time,
    )
    tasks = [asyncio.create_task(publisher.link.run()), asyncio.create_task(publisher.run())]
    try:
        async with asyncio.timeout(90):
            await publisher.link.up.wait()
            await asyncio.sleep(0.3)
            await asyncio.to_thread(bridge.start)
            while journal.tally().pending:
                await asyncio.sleep(0.05)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        bridge.end()
