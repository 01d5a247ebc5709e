"""The pages for a household, a point and a hub, in a moment: their commands exist, and fit.

tests/system/test_fresh_roots.py follows all of them on real systems.
"""

import re

import pytest

from gateway import cli
from ledger_bridge.commands.hub import app as hub_app
from ledger_bridge.hub import Hub
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ("household.md", {"check", "discover", "doctor", "enrol"}),
        ("recycling-point.md", {"check", "discover", "enrol", "kiosk", "member"}),
        ("hub.md", {"device", "hub", "install", "ledger", "member", "policy", "verify"}),
    ],
)
def test_the_commands_of_a_page_are_commands(page, named):
    text = "\n".join(blocks(DOCS / page, "bash"))
    said = re.findall(r"^sudo meterkast(?:-gateway|-bridge)? (\w+)", text, re.MULTILINE)
    assert named == set(said)
    assert named <= cli.COMMANDS.keys()
    asked = set(re.findall(r"meterkast-bridge hub (\w+)", text))
    assert asked <= {name for name in hub_app if not name.startswith("-")}


@pytest.mark.system
def test_a_hub_as_on_its_page_knows_its_broker_and_lets_gateways_ask(tmp_path):
    _, found, more, broker, *_ = blocks(DOCS / "hub.md", "bash")
    certificate, mosquitto, *_ = broker.splitlines()
    script = "\n".join([found, more, certificate, f"{mosquitto} --out {tmp_path}"])
    for said, here in (
        ("sudo meterkast-bridge", "meterkast"),
        ("sudo ", ""),
        ("/var/lib/meterkast-bridge/", ""),
    ):
        script = script.replace(said, here)
    run_script(script, folder=tmp_path)
    hub = Hub.load(tmp_path / "bridge.toml")
    assert "mqtts://hub.example.nl:8883" == hub.settings.broker
    assert "https://hub.example.nl" == hub.settings.enrol
    rights = (tmp_path / "etc/mosquitto/meterkast/gateways.acl").read_text()
    assert "topic read mk/v1/zonstraat/+/record" in rights.splitlines()
