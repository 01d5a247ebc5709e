"""`meterkast install compose`: what it writes is whole, closed, and what the images understand."""

import importlib.resources
import json
import os
import re
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gateway.contract import settings
from gateway.contract.errors import UsageError
from ledger_bridge.commands import hub
from ledger_bridge.commands.hub import BRIDGE_TOML
from ledger_bridge.commands.install_compose import compose
from ledger_bridge.grafana.install import grafana
from ledger_bridge.hub import HubSettings

ROOT = Path(__file__).parents[2]
DEPLOYED = ROOT / "deploy" / "compose"
# What makes the image, and stays in the source tree.
BUILD = {"Dockerfile", "Dockerfile.dockerignore"}
EXAMPLE = "hub.example.nl"
SERVICES = ("mosquitto", "bridge", "nightly", "meterkast", "influxdb", "grafana", "caddy")

# Of <https://hub.docker.com/_/influxdb>, and `influxd --help`.
INFLUXDB = {
    "DOCKER_INFLUXDB_INIT_MODE",
    "DOCKER_INFLUXDB_INIT_USERNAME",
    "DOCKER_INFLUXDB_INIT_PASSWORD_FILE",
    "DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE",
    "DOCKER_INFLUXDB_INIT_ORG",
    "DOCKER_INFLUXDB_INIT_BUCKET",
    "INFLUXD_REPORTING_DISABLED",
}
# Keys of Grafana's conf/defaults.ini by section, as far as they are set here. Each is set by
# GF_SECTION_KEY, and from a file by GF_SECTION_KEY__FILE.
GRAFANA = {
    "server": {"root_url", "serve_from_sub_path"},
    "security": {"admin_user", "admin_password", "cookie_secure", "disable_gravatar"},
    "auth.anonymous": {"enabled"},
    "users": {"allow_sign_up"},
    "snapshots": {"external_enabled"},
    "analytics": {"reporting_enabled", "check_for_updates", "check_for_plugin_updates"},
    "plugins": {"preinstall_disabled"},
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """What the command writes into an empty folder."""
    folder = tmp_path_factory.mktemp("compose") / "srv"
    assert 0 == compose(out=folder, host=EXAMPLE, yes=True)
    return folder


@pytest.fixture(scope="module")
def said(written) -> dict[str, Any]:
    return yaml.safe_load((written / "compose.yaml").read_text())


def texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def test_what_is_deployed_is_what_the_command_writes(written, tmp_path):
    found = texts(written)
    grafana(out=tmp_path, url="http://influxdb:8086", yes=True)
    dashboards = {f"grafana/{name}": text for name, text in texts(tmp_path).items()}
    passwords = {f"secrets/{name}_password" for name in ("grafana", "influxdb")}
    passwords.add("secrets/influxdb_token")
    deployed = {name: text for name, text in texts(DEPLOYED).items() if name not in BUILD}
    assert deployed == {
        name: text for name, text in found.items() if name not in {*dashboards, *passwords}
    }
    assert dashboards.items() <= found.items()
    for name in passwords:
        assert 43 == len(found[name])
        assert 0o600 == stat.S_IMODE((written / name).stat().st_mode)


def schema() -> jsonschema.Draft202012Validator:
    """Of the compose specification, which a test's package brings."""
    vendor = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    return jsonschema.Draft202012Validator(json.loads((vendor / "compose-spec.json").read_text()))


def test_the_file_is_valid_by_the_compose_specification(said):
    assert [] == [f"{one.json_path}: {one.message}" for one in schema().iter_errors(said)]
    assert not schema().is_valid(said | {"services": {"bridge": {"image": "a", "port": "1"}}})


def test_only_gateways_and_https_come_in(said):
    ports = {name: one["ports"] for name, one in said["services"].items() if "ports" in one}
    assert {"mosquitto": ["8883:8883"], "caddy": ["443:443"]} == ports
    assert True is said["networks"]["inside"]["internal"]
    outside = {
        name for name, one in said["services"].items() if "outside" in one.get("networks", ())
    }
    assert {"mosquitto", "caddy", "grafana"} == outside
    assert not any(
        {"network_mode", "networks"}.isdisjoint(one) for one in said["services"].values()
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_bounded_and_looked_at(said, name):
    one = said["services"][name]
    assert "10001:10001" == one["user"]
    assert True is one["read_only"]
    assert ["ALL"] == one["cap_drop"]
    assert (["NET_BIND_SERVICE"] if name == "caddy" else None) == one.get("cap_add")
    assert ["no-new-privileges:true"] == one["security_opt"]
    assert {"max-size", "max-file"} == one["logging"]["options"].keys()
    assert {"memory", "cpus", "pids"} == one["deploy"]["resources"]["limits"].keys()
    assert "privileged" not in one
    # What is typed ends by itself.
    assert ("no" if name == "meterkast" else "unless-stopped") == one["restart"]
    assert (name != "meterkast") == ("healthcheck" in one)


def test_what_stays_in_memory_is_the_users_own_also_where_the_image_has_a_folder(said):
    """Docker gives it the mode of that folder, and then root alone could write."""
    own = "uid=10001,gid=10001,mode=0700"
    places = {name: one["tmpfs"][1:] for name, one in said["services"].items()}
    assert {
        "influxdb": [f"/etc/influxdb2:size=1m,{own}"],
        "caddy": [f"/config:size=1m,{own}"],
    } == {name: told for name, told in places.items() if told}
    assert {"/tmp"} == {one["tmpfs"][0].partition(":")[0] for one in said["services"].values()}


def test_no_service_is_left_out(said):
    assert set(SERVICES) == said["services"].keys()


def test_every_name_that_an_image_is_given_is_one_that_it_knows(said):
    assert said["services"]["influxdb"]["environment"].keys() == INFLUXDB
    known = {
        f"GF_{section}_{key}".upper().replace(".", "_")
        for section, keys in GRAFANA.items()
        for key in keys
    }
    given = said["services"]["grafana"]["environment"].keys()
    assert known == {name.removesuffix("__FILE") for name in given}
    assert {"influxdb", "grafana"} == {
        name for name, one in said["services"].items() if "environment" in one
    }


def test_no_secret_stands_in_the_file_and_every_one_named_is_there(said, written):
    named = {}
    for name, one in said["services"].items():
        for key, value in one.get("environment", {}).items():
            assert not re.search(r"(PASSWORD|TOKEN)$", key)
            if key.endswith("_FILE"):
                named.setdefault(name, []).append(value)
    assert {
        "influxdb": ["/run/secrets/influxdb_password", "/run/secrets/influxdb_token"],
        "grafana": ["/run/secrets/grafana_password"],
    } == named
    for name, paths in named.items():
        assert said["services"][name]["secrets"] == [Path(path).name for path in paths]
    for one in said["secrets"].values():
        assert (written / one["file"]).is_file()


def test_everything_that_is_put_into_a_container_is_there(said, written):
    """Where something is not, Docker makes a folder of root's, which nobody can write to."""
    sources = {
        volume.split(":")[0] for one in said["services"].values() for volume in one["volumes"]
    }
    assert 16 == len(sources)
    assert [] == [source for source in sources if not (written / source).exists()]


def test_bridge_toml_gets_settings_that_fit_the_services(said, written):
    page = (ROOT / "docs" / "hub-compose.md").read_text()
    (listens,) = re.findall(r"--page (\S+)", page)
    (broker,) = re.findall(r"--broker (mqtts\S+)", page)
    before = BRIDGE_TOML.format(community="zonstraat", broker=broker, page=listens)
    told = settings.parse(
        before + (written / "settings.toml").read_text(), HubSettings, name="bridge.toml"
    )
    services = said["services"]
    assert "172.29.70.10:7080" == told.page
    assert "172.29.70.10" == services["bridge"]["networks"]["inside"]["ipv4_address"]
    assert "http://172.29.70.10:7080/" in services["bridge"]["healthcheck"]["test"][-1]
    assert "https://hub.example.nl" == told.enrol
    assert f"mqtts://{EXAMPLE}:8883" == told.broker
    assert [EXAMPLE] == services["mosquitto"]["networks"]["inside"]["aliases"]
    assert "http://influxdb:8086" == told.series_url
    influxdb = services["influxdb"]["environment"]
    assert told.series_org == influxdb["DOCKER_INFLUXDB_INIT_ORG"]
    assert told.series_bucket == influxdb["DOCKER_INFLUXDB_INIT_BUCKET"]
    assert "influxdb2" == told.series_engine
    assert "keys/series.token" == told.series_token_file
    assert "reverse_proxy bridge:7080" in (written / "Caddyfile").read_text()


def test_the_image_is_made_of_what_is_here_and_called_by_its_version(said):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image = f"meterkast:{project['version']}"
    made = {one["image"] for one in said["services"].values() if "_IMAGE" not in one["image"]}
    assert {image} == made
    recipe = (DEPLOYED / "Dockerfile").read_text()
    for text in (recipe, (ROOT / "docs" / "hub-compose.md").read_text()):
        assert f"docker build --tag {image} --file deploy/compose/Dockerfile ." in text
    (extras,) = re.findall(r"\.whl\)\[(.+?)\]", recipe)
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    kept = re.findall(r"^!(.+)$", (DEPLOYED / "Dockerfile.dockerignore").read_text(), re.MULTILINE)
    assert {"drivers", "gateway", "firmware_sim", "ledger_bridge", "deploy"} <= set(kept)
    assert all((ROOT / name).exists() for name in kept)


def test_once_more_leaves_alone_what_is_the_stewards(tmp_path, capsys):
    compose(out=tmp_path, host=EXAMPLE, yes=True)
    before = texts(tmp_path)
    (tmp_path / ".env").write_text("CADDY_IMAGE=caddy:2@sha256:0a1b\n")
    (tmp_path / "compose.override.yaml").write_text("services: {}\n")
    (tmp_path / "Caddyfile").write_text("")
    capsys.readouterr()
    assert 0 == compose(out=tmp_path, host=EXAMPLE, yes=True)
    assert "written: 1 of 21 files" in capsys.readouterr().out
    assert before | {
        ".env": "CADDY_IMAGE=caddy:2@sha256:0a1b\n",
        "compose.override.yaml": "services: {}\n",
    } == texts(tmp_path)


def test_dashboards_show_what_the_hub_has(tmp_path):
    hub.init(tmp_path / "hub", community="zonstraat", json=True)
    policy = tmp_path / "hub" / "policy.toml"
    policy.write_text(policy.read_text().replace("Europe/Amsterdam", "Europe/Brussels"))
    done = [os.sys.executable, "-m", "gateway", "policy", "activate", policy, "--config"]
    subprocess.run([*done, tmp_path / "hub/bridge.toml"], check=True, capture_output=True)
    compose(out=tmp_path, host=EXAMPLE, yes=True)
    board = json.loads((tmp_path / "grafana/meterkast/en/coop.json").read_text())
    assert "Europe/Brussels" == board["timezone"]


def test_another_name_stands_everywhere(tmp_path):
    compose(out=tmp_path, host="zon.coop", yes=True)
    found = texts(tmp_path)
    assert [] == [name for name, text in found.items() if EXAMPLE in text]
    named = {name for name, text in found.items() if "zon.coop" in text}
    assert {"Caddyfile", "compose.yaml", "settings.toml"} == named


@pytest.mark.parametrize(
    "host",
    ["hub", "10.0.0.7", "HUB.example.nl", "a_b.nl", "-a.nl", "a..nl", "x\n.nl", "https://a.nl"],
)
def test_what_is_no_name_is_refused_and_nothing_is_written(tmp_path, host):
    with pytest.raises(UsageError, match="is no name"):
        compose(out=tmp_path / "srv", host=host, yes=True)
    assert not (tmp_path / "srv").exists()


def test_what_is_only_looked_at_makes_nothing(tmp_path, capsys):
    assert 0 == compose(out=tmp_path / "srv", host=EXAMPLE, as_json=True)
    told = json.loads(capsys.readouterr().out)["files"]
    assert {"new"} == {one["change"] for one in told}
    assert not (tmp_path / "srv").exists()


@pytest.mark.parametrize("name", ["hub", "data/mosquitto", "backup"])
def test_what_lies_in_a_folders_place_is_told_before_anything_is_written(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match="is no folder") as told:
        compose(out=tmp_path, host=EXAMPLE, yes=True)
    assert str(tmp_path / name) == told.value.problems[0].where
    assert {name: "mine"} == texts(tmp_path)


DOCKER = """\
#!/bin/sh
case "$1 $2" in
    "pull --quiet") echo "$3" >> pulled ; [ "$3" != "${MISSING-}" ] ;;
    "image inspect") echo "somewhere/$5@sha256:0a1b" ;;
esac
"""


def pin(folder: Path, **env: str) -> int:
    (folder / "docker").write_text(DOCKER)
    (folder / "docker").chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", "pin"], cwd=folder, env=path | env, check=False, capture_output=True
    )
    return done.returncode


def test_images_are_pinned_by_what_was_pulled_and_stay_so(tmp_path):
    for name in ("pin", ".env"):
        (tmp_path / name).write_text((DEPLOYED / name).read_text())
    env = tmp_path / ".env"
    before = env.read_text()
    assert set(re.findall(r"\$\{(\w+):", (DEPLOYED / "compose.yaml").read_text())) == set(
        re.findall(r"^(\w+)=\S+:\d\S*$", before, re.MULTILINE)
    )
    assert 0 != pin(tmp_path, MISSING="influxdb:2.7")
    assert before == env.read_text()
    assert 0 == pin(tmp_path)
    assert "\nMOSQUITTO_IMAGE=eclipse-mosquitto:2.0@sha256:0a1b\n" in env.read_text()
    assert 4 == env.read_text().count("@sha256:0a1b\n")
    pinned = env.read_text().replace("caddy:2@sha256:0a1b", "caddy:2.10")
    env.write_text(pinned)
    (tmp_path / "pulled").unlink()
    assert 0 == pin(tmp_path)
    assert "caddy:2.10\n" == (tmp_path / "pulled").read_text()
    assert [] == list(tmp_path.glob(".env.*"))


MAIN = """\
#!/bin/sh
case $1 in
    verify) [ -z "${WRONG-}" ] ;;
    backup) [ -z "${FULL-}" ] && echo new > "$2/new.meterkast" ;;
esac
"""


@pytest.fixture
def night(tmp_path) -> Path:
    """A night that ends with its first sleep, with folders and commands of its own."""
    text = (DEPLOYED / "nightly").read_text()
    (tmp_path / "hub").mkdir()
    (tmp_path / "backup").mkdir()
    script = text.replace("/backup", f"{tmp_path}/backup").replace("cd /hub", f"cd {tmp_path}/hub")
    (tmp_path / "nightly").write_text(script)
    (tmp_path / "sleep").write_text("#!/bin/sh\nkill $PPID\n")
    (tmp_path / "meterkast").write_text(MAIN)
    for name in ("sleep", "meterkast"):
        (tmp_path / name).chmod(0o755)
    return tmp_path


def backups(folder: Path, *, newest_h: int, before: int = 14, **env: str) -> list[str]:
    """What is there after a night that began with so many."""
    now = folder.stat().st_mtime
    for n in range(before):
        path = folder / "backup" / f"{n:02}.meterkast"
        path.write_text("old")
        os.utime(path, (now - (newest_h + 24 * n) * 3600,) * 2)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    subprocess.run(["sh", folder / "nightly"], env=path | env, check=False, capture_output=True)
    return sorted(path.stem for path in (folder / "backup").iterdir())


FOURTEEN = [f"{n:02}" for n in range(14)]


def test_the_oldest_backup_goes_when_there_is_a_new_one(night):
    assert [*FOURTEEN[:-1], "new"] == backups(night, newest_h=25)


def test_a_backup_that_fails_takes_none_away(night):
    assert [*FOURTEEN, "14"] == backups(night, newest_h=25, before=15, FULL="1")


def test_a_night_has_one_backup_however_often_it_is_started(night):
    assert FOURTEEN == backups(night, newest_h=23)


def test_where_the_books_are_not_verified_no_backup_from_before_goes(night):
    assert [*FOURTEEN, "14", "new", "not-verified"] == backups(
        night, newest_h=25, before=15, WRONG="1"
    )
    (night / "backup" / "new.meterkast").unlink()
    assert [*FOURTEEN[:-1], "new"] == backups(night, newest_h=25, before=15)


@pytest.mark.parametrize(
    ("newest_h", "told", "is_healthy"),
    [(23, {}, True), (25, {}, True), (25, {"WRONG": "1"}, False), (50, {"FULL": "1"}, False)],
    ids=["of today", "of yesterday", "not verified", "none for two days"],
)
def test_nightly_is_healthy_where_there_is_a_backup_of_books_that_are_right(
    night, said, newest_h, told, is_healthy
):
    kind, *check = said["services"]["nightly"]["healthcheck"]["test"]
    assert "CMD" == kind
    look = [word.replace("/backup", f"{night}/backup") for word in check]
    assert 0 != subprocess.run(look, check=False).returncode
    backups(night, newest_h=newest_h, **told)
    assert is_healthy == (0 == subprocess.run(look, check=False).returncode)
