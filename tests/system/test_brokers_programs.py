"""The whole programs with TLS, house and community on one broker and on two, and a dead broker."""

import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from ledger_bridge.certificates import Authority
from tests.system.brokers import Mosquitto
from tests.system.programs import Program, done, free_port, running, until
from tests.system.test_two_telegrams import now_quarter, stored, telegram

pytestmark = pytest.mark.system


def found_hub(folder: Path) -> tuple[Authority, Path]:
    """A hub with certificates for its broker and for one gateway; the broker's port is open yet."""
    config = folder / "bridge.toml"
    done("hub", "init", folder, "--community", "zonstraat", "--page", f"127.0.0.1:{free_port()}")
    done("hub", "certificate", "home-noor", "--broker", "127.0.0.1", "--config", config)
    return Authority(folder / "tls"), config


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
    hub.write_text(
        re.sub(r"^broker = .*$", f'broker = "mqtts://127.0.0.1:{mosquitto.port}"\n'
               'broker_tls = { ca = "tls/ca.crt", certificate = "tls/bridge.crt",'
               ' key = "tls/bridge.key" }', hub.read_text(), flags=re.MULTILINE)
    )  # fmt: skip
    programs: list = [mosquitto]
    home_port = mosquitto.home_port
    if home == "two brokers":
        home_port = free_port()
        programs.append(
            Program("nats", tmp_path, "broker", "--dir", tmp_path / "nats", "--port", home_port)
        )
    wire, line = os.openpty()
    config = write_gateway(
        tmp_path / "home",
        hub,
        broker=mosquitto.port,
        home_broker=home_port,
        port=os.ttyname(line),
    )
    programs.append(Program("bridge", tmp_path, "bridge", "--config", hub))
    programs.append(Program("gateway", tmp_path, "gateway", "--config", config))
    log = programs[-1].log
    with running(*programs):
        boundary = now_quarter()
        os.write(wire, telegram(boundary - timedelta(seconds=10), "000002.444"))
        until("a record is stored", lambda: stored(hub) >= 1, seconds=60)
        mosquitto.kill()
        until("the loss is told", lambda: "link_lost" in log.read_text())
        os.write(wire, telegram(boundary + timedelta(seconds=5), "000002.694"))
        mosquitto.start()
        until("the other is stored", lambda: stored(hub) >= 2, seconds=60)
        until("the house hears", lambda: "dev/hall/state" in heard(home_port, part), seconds=30)
        said = heard(home_port, part)
    assert "mk/v1" not in said
    assert "Traceback" not in log.read_text() + (tmp_path / "bridge.log").read_text()
