"""`meterkast install grafana` writes what a stock Grafana and its database need."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from gateway.contract.errors import ConfigError, UsageError
from ledger_bridge.grafana.files import texts
from ledger_bridge.grafana.install import grafana
from ledger_bridge.grafana.panels import Community
from ledger_bridge.grafana.provisioning import dashboard_folders, data_sources
from ledger_bridge.grafana.rollups import Database
from tests.grafana_schema import dashboard_schema
from tests.unit.grafana_files import DASHBOARDS, DATA_SOURCES

DEPLOYED = Path(__file__).parents[2] / "deploy" / "grafana"
SECRET = "$__file{/etc/grafana/meterkast/reader.secret}"
BOARDS = ("coop", "household", "operations", "recycling")


def written(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def hub_folder(folder: Path, **series: str) -> Path:
    config = folder / "bridge.toml"
    said = {"community": "zonstraat", "broker": "mqtt://127.0.0.1:1883", **series}
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()))
    return config


def test_what_is_deployed_is_what_the_command_writes(tmp_path):
    assert 0 == grafana(out=tmp_path, yes=True)
    assert written(DEPLOYED) == written(tmp_path)
    (tmp_path / "other").write_text("kept")
    assert 0 == grafana(out=tmp_path, yes=False)
    assert "kept" == (tmp_path / "other").read_text()


def test_all_dashboards_are_such_as_grafana_takes(tmp_path):
    grafana(out=tmp_path, yes=True)
    check = jsonschema.Draft202012Validator(dashboard_schema())
    paths = [
        tmp_path / "meterkast" / language / f"{board}.json"
        for language in ("nl", "en")
        for board in BOARDS
    ]
    for path in paths:
        told = json.loads(path.read_text("utf-8"))
        assert [] == [f"{one.json_path}: {one.message}" for one in check.iter_errors(told)], path
    assert set(paths) == set((tmp_path / "meterkast").rglob("*.json"))


@pytest.mark.parametrize(
    ("engine", "header", "user", "secure"),
    [
        ("influxdb2", "Authorization", None, {"httpHeaderValue1": f"Token {SECRET}"}),
        ("influxdb3", "Authorization", None, {"httpHeaderValue1": f"Bearer {SECRET}"}),
        ("influxdb1", None, "grafana", {"password": SECRET}),
    ],
)
def test_each_engine_is_asked_in_its_way(engine, header, user, secure):
    told = yaml.safe_load(data_sources(Database(engine, url="https://db:8086/$a")))
    jsonschema.validate(told, DATA_SOURCES)
    years, months = told["datasources"]
    assert ("meterkast", "meterkast") == (years["uid"], years["jsonData"]["dbName"])
    assert ("meterkast-months", "meterkast_months") == (months["uid"], months["jsonData"]["dbName"])
    assert "https://db:8086/$$a" == years["url"]
    for one in (years, months):
        assert header == one["jsonData"].get("httpHeaderName1")
        assert user == one.get("user")
        assert secure == one["secureJsonData"]


def test_a_database_that_asks_nobody_is_told_nothing():
    told = yaml.safe_load(data_sources(Database("influxdb1", is_guarded=False)))
    jsonschema.validate(told, DATA_SOURCES)
    assert all({"user", "secureJsonData"}.isdisjoint(one) for one in told["datasources"])


def test_each_language_has_its_folder():
    told = yaml.safe_load(dashboard_folders(("nl", "en")))
    jsonschema.validate(told, DASHBOARDS)
    assert [
        ("Meterkast", "/etc/grafana/meterkast/nl"),
        ("Meterkast (English)", "/etc/grafana/meterkast/en"),
    ] == [(one["folder"], one["options"]["path"]) for one in told["providers"]]


def test_one_language_is_written_where_one_is_named(tmp_path):
    grafana(out=tmp_path, language="en", yes=True)
    assert {"en"} == {path.parent.name for path in tmp_path.rglob("*.json")}
    told = (tmp_path / "provisioning" / "alerting" / "meterkast.yaml").read_text("utf-8")
    assert "Gateway silent" in told
    assert "zwijgt" not in told
    assert "meterkast-operations-en" in told


@pytest.fixture
def hub(tmp_path):
    """A hub of its own folder whose policy counts ENERGY in hundredths, and is of Brussels."""
    folder = tmp_path / "hub"
    meterkast("hub", "init", folder, "--community", "zonstraat")
    policy = (folder / "policy.toml").read_text().replace("Europe/Amsterdam", "Europe/Brussels")
    (folder / "policy.toml").write_text(policy.replace("scale = 6", "scale = 2", 1))
    meterkast("policy", "activate", folder / "policy.toml", "--config", folder / "bridge.toml")
    with (folder / "bridge.toml").open("a") as config:
        config.write('series_url = "http://10.0.0.7:8086"\nseries_engine = "influxdb1"\n')
        config.write('series_bucket = "jaren"\nseries_bucket_months = "maanden"\n')
    return folder / "bridge.toml"


def meterkast(*words: str | Path) -> None:
    command = [sys.executable, "-m", "gateway", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)


def test_what_the_hub_says_is_taken(hub, tmp_path):
    out = tmp_path / "out"
    grafana(out=out, config=hub, yes=True)
    told = yaml.safe_load((out / "provisioning" / "datasources" / "meterkast.yaml").read_text())
    assert [("http://10.0.0.7:8086", "jaren"), ("http://10.0.0.7:8086", "maanden")] == [
        (one["url"], one["jsonData"]["dbName"]) for one in told["datasources"]
    ]
    assert not any("secureJsonData" in one for one in told["datasources"])
    coop = (out / "meterkast" / "en" / "coop.json").read_text("utf-8")
    assert "Europe/Brussels" == json.loads(coop)["timezone"]
    assert re.search(r'sum\(\\"minus\\"\) / 100 FROM \\"credit\\" WHERE .*ENERGY', coop)
    grafana(out=out, config=hub, url="http://influxdb:8086", yes=True)
    told = yaml.safe_load((out / "provisioning" / "datasources" / "meterkast.yaml").read_text())
    assert ["http://influxdb:8086"] * 2 == [one["url"] for one in told["datasources"]]


def test_victoriametrics_gets_no_dashboards_that_it_could_not_answer(tmp_path, capsys):
    assert 0 == grafana(out=tmp_path, engine="victoriametrics", yes=True)
    assert {"meterkast/README.md", "meterkast/victoriametrics.sh"} == set(written(tmp_path))
    assert "no dashboards" in capsys.readouterr().err
    assert 0o755 == (tmp_path / "meterkast" / "victoriametrics.sh").stat().st_mode & 0o777


def test_no_secret_stands_in_a_file(tmp_path):
    for name, text in texts(Database(), Community("UTC", {"EUR": 2}), ("nl",)).items():
        for line in text.splitlines():
            is_secret = any(word in line for word in ("httpHeaderValue1", "password:"))
            assert not is_secret or SECRET in line, name


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "names no database"),
        ({"series_url": "http://h:1", "series_org": 'a"b'}, "is no name"),
        ({"series_url": "http://h:1", "series_org": "a", "series_bucket": "a b"}, "is no name"),
    ],
)
def test_a_hub_that_says_too_little_or_too_much_is_told(tmp_path, told, said):
    config = hub_folder(tmp_path, **told)
    with pytest.raises(ConfigError, match=said):
        grafana(out=tmp_path / "out", config=config, yes=True)
    assert not (tmp_path / "out").exists()


def test_two_words_about_one_database_are_refused(tmp_path):
    config = hub_folder(tmp_path, series_url="http://h:1", series_org="a")
    with pytest.raises(UsageError, match=r"bridge\.toml says that it is influxdb2"):
        grafana(out=tmp_path / "out", config=config, engine="influxdb3", yes=True)


@pytest.mark.parametrize("url", ["influxdb:8086", "http://a b", 'http://a"b', "ftp://a"])
def test_what_is_no_address_is_refused(tmp_path, url):
    with pytest.raises(UsageError, match="is not an address"):
        grafana(out=tmp_path / "out", url=url, yes=True)


def test_without_the_package_it_says_which(tmp_path):
    """As somebody types it who installed the bridge alone; the help of `install` works as well."""
    hide = "import sys; sys.modules['grafana_foundation_sdk'] = None"
    script = f"{hide}; from gateway.cli import main; main()"
    for asked, said in (
        (["grafana", "--out", str(tmp_path / "out")], "pip install 'meterkast[grafana]'"),
        (["grafana", "--help"], "--language"),
        (["--help"], "grafana"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, "install", *asked],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said in done.stdout + done.stderr
        assert (2 if "--help" not in asked else 0) == done.returncode
