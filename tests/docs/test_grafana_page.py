"""What the page about Grafana shows is what the programs do, up to Grafana's own door."""

import json

from gateway.contract import settings
from ledger_bridge.commands.hub import BRIDGE_TOML
from ledger_bridge.grafana.alerts import RULES
from ledger_bridge.grafana.rollups import MONTHS as KEPT
from ledger_bridge.hub import HubSettings
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.influx import MONTHS

PAGE = DOCS / "grafana.md"


def test_what_stands_in_bridge_toml_is_read_without_a_mistake():
    before = BRIDGE_TOML.format(community="zonstraat", broker="mqtt://h:1", page="127.0.0.1:0")
    engines = [
        settings.parse(before + block, HubSettings, name="bridge.toml").series_engine
        for block in blocks(PAGE, "toml")
    ]
    assert ["influxdb2", "influxdb1"] == engines


def test_the_commands_of_the_page_set_a_real_database_up(tmp_path, influx):
    founded = "meterkast hub init hub --community zonstraat\n"
    ruled = "meterkast policy activate hub/policy.toml --config hub/bridge.toml\n"
    run_script(founded + ruled, folder=tmp_path)
    with (tmp_path / "hub" / "bridge.toml").open("a") as config:
        config.write(blocks(PAGE, "toml")[1])
    script = "\n".join(blocks(PAGE, "bash"))
    said = run_script(script.replace("http://127.0.0.1:8086", influx.url), folder=tmp_path)
    assert '"role": "pool"' in said
    kept = influx.rows("SHOW RETENTION POLICIES", MONTHS)
    assert ["2208h0m0s"] == [one["duration"] for one in kept]
    told = (tmp_path / "grafana" / "meterkast" / "nl" / "coop.json").read_text()
    assert "meterkast-coop-nl" == json.loads(told)["uid"]


def test_the_page_names_every_alert_and_how_long_samples_stay():
    page = PAGE.read_text("utf-8")
    for rule in RULES:
        assert f"| {rule.words['en'].title[0].lower()}{rule.words['en'].title[1:]} |" in page or (
            f"| {rule.words['en'].title} |" in page
        )
    assert f"{KEPT.removesuffix('d')} days" in page
