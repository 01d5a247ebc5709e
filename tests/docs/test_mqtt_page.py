"""Who follows the page about brokers has a Mosquitto that lets its gateways in."""

import asyncio
import os
import re
import socket
import subprocess
import sysconfig
import tomllib

import pytest

from gateway.contract.link import Broker, Link
from gateway.contract.tls import Tls
from ledger_bridge.certificates import Authority
from ledger_bridge.hub import HubSettings
from tests.certificates import pair
from tests.docs.test_pages import DOCS, ROOT, blocks
from tests.system.programs import done, free_port, until

pytestmark = pytest.mark.system

PAGE = DOCS / "mqtt.md"


def test_the_way_to_gateways_from_elsewhere_ends_with_links_that_are_up(tmp_path, part):
    port, home_port = free_port(), free_port()
    hub, etc = tmp_path / "hub", tmp_path / "etc" / "mosquitto"
    done("hub", "init", hub, "--community", "zonneweg")
    script = "\n".join(blocks(PAGE, "bash")).replace("hub.example.nl", "127.0.0.1")
    script = script.replace("--yes", f"--yes --out {tmp_path}")
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=hub,
        env={**os.environ, "PATH": path},
        check=True,
        capture_output=True,
    )
    config = etc / "conf.d" / "meterkast.conf"
    text = config.read_text().replace("/etc/mosquitto", str(etc))
    text = text.replace("listener 8883", f"listener {port} 127.0.0.1")
    text = text.replace("listener 1883", f"listener {home_port}")
    config.write_text("user root\n" + text.replace("/var/lib/mosquitto/", f"{etc}/"))
    (of_bridge,) = (tomllib.loads(block) for block in blocks(PAGE, "toml"))
    drop_in = tmp_path / "etc/systemd/system/mosquitto.service.d/meterkast.conf"
    guard = tmp_path / drop_in.read_text().partition("ExecStartPre=-/")[2].strip()
    subprocess.run([guard, etc], check=True)
    with subprocess.Popen([part("mosquitto"), "-c", config], stderr=subprocess.DEVNULL) as broker:
        try:
            until("Mosquitto listens", lambda: is_listening(port))
            bridge = Tls(**of_bridge["broker_tls"]).under(hub)
            own = pair(Authority(hub / "tls"), "home-noor")
            noor = Tls(ca=hub / "tls/ca.crt", certificate=own.certificate, key=own.key)
            assert (True, True) == asyncio.run(are_up(port, bridge, noor))
        finally:
            broker.kill()
    assert of_bridge.keys() <= HubSettings.model_fields.keys()


def is_listening(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


async def are_up(port: int, *ends: Tls) -> tuple[bool, ...]:
    links = [
        Link(
            Broker.parse(f"mqtts://127.0.0.1:{port}", where="broker", files=tls),
            client_id="x",
            subscriptions=[],
            on_message=lambda _topic, _payload: None,
            on_up=lambda: asyncio.sleep(0),
        )
        for tls in ends
    ]
    running = [asyncio.create_task(link.run()) for link in links]
    async with asyncio.timeout(10):
        for link in links:
            await link.up.wait()
    up = tuple(link.up.is_set() for link in links)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return up


REASONS = re.compile(r"^\| (.+?) \| .+ \|$", re.MULTILINE)


def test_every_reason_on_the_page_is_one_that_the_link_tells():
    source = "".join(
        (ROOT / "gateway" / "contract" / name).read_text() for name in ("trouble.py", "mqtt.py")
    )
    told = [
        part.strip(" …")
        for line in REASONS.findall(PAGE.read_text("utf-8"))[1:]
        for part in line.split("; ")
        if line != "---"
    ]
    assert 18 == len(told)
    assert [] == [said for said in told if said.replace("10 s", "{") not in source]
