"""The systemd units: what systemd says of them, how closed they are, and where they are written."""

import configparser
import importlib.util
import json
import os
import pty
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from gateway import cli
from gateway.contract.errors import UsageError
from gateway.tools import services
from ledger_bridge import verified
from ledger_bridge.verified import Outcome

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "deploy/systemd"
NAMES = sorted(file.name for file in SYSTEMD.iterdir() if file.suffix in {".service", ".timer"})
SERVICES = [name for name in NAMES if name.endswith(".service")]
PROGRAM = re.compile(r"/opt/meterkast-\w+/(current|previous)/bin/meterkast")
# As `systemd-analyze security` reckons: 0 is closed, 10 is open.
EXPOSURE_TENTHS_MAX = 20


class Unit(configparser.RawConfigParser):
    """A unit's sections; of a key that stands several times, the last."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment]
        self.text = (SYSTEMD / name).read_text()
        self.read_string(self.text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units with a program that is there."""
    made = tmp_path_factory.mktemp("units")
    for name in NAMES:
        text = PROGRAM.sub("/bin/true", (SYSTEMD / name).read_text())
        (made / name).write_text(text)
    return made


@pytest.fixture(scope="module")
def builder():
    """deploy/debian/build.py, which is no part of any package."""
    spec = importlib.util.spec_from_file_location("build", ROOT / "deploy/debian/build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_systemd_finds_nothing_to_say_of_any_unit(folder, part):
    files = [str(folder / name) for name in NAMES]
    done = subprocess.run(
        [part("systemd-analyze"), "verify", "--man=no", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "meterkast" in line]
    assert ([], 0) == (ours, done.returncode)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_little_beside_its_work(folder, part, name):
    limit = f"--threshold={EXPOSURE_TENTHS_MAX}"
    done = subprocess.run(
        [part("systemd-analyze"), "security", "--offline=true", limit, folder / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout[-300:]


def test_a_gateway_may_open_ports_pins_and_keyboards_and_no_other_device():
    allowed = re.findall(r"^DeviceAllow=(.+)$", Unit("meterkast-gateway.service").text, re.M)
    assert [
        "char-188 rw",  # ttyUSB
        "char-166 rw",  # ttyACM
        "char-204 rw",  # ttyAMA
        "char-ttyS rw",
        "char-gpiochip rw",
        "char-input r",
    ] == allowed
    assert "closed" == Unit("meterkast-gateway.service")["Service"]["DevicePolicy"]


@pytest.mark.parametrize(
    "name", [f"meterkast-{part}.service" for part in ("bridge", "broker", "verify", "backup")]
)
def test_what_stands_at_the_hub_sees_no_device(name):
    assert "yes" == Unit(name)["Service"]["PrivateDevices"]


@pytest.mark.parametrize(
    "name", [f"meterkast-{part}.service" for part in ("gateway", "bridge", "verify", "backup")]
)
def test_whoever_tells_the_time_may_ask_how_well_the_clock_is_kept(name):
    unit = Unit(name)
    assert "ProtectClock" not in unit["Service"]
    # The last word: @privileged, which is taken away, has them too.
    filters = re.findall(r"^SystemCallFilter=(.+)$", unit.text, re.MULTILINE)
    assert "adjtimex clock_adjtime" == filters[-1]


@pytest.mark.parametrize("name", [name for name in SERVICES if "-trial" not in name])
def test_a_service_has_the_folder_of_its_user_and_runs_there(name):
    service = Unit(name)["Service"]
    users = "".join(file.read_text() for file in SYSTEMD.glob("*.sysusers"))
    folders = "".join(file.read_text() for file in SYSTEMD.glob("*.tmpfiles"))
    user, state = service["User"], f"/var/lib/{service['StateDirectory']}"
    assert f"\nu {user} - " in f"\n{users}"
    assert f"d {state} 0750 {user} {user}\n" in folders
    assert (state, "0750", "0077") == (
        service["WorkingDirectory"],
        service["StateDirectoryMode"],
        service["UMask"],
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_command_that_there_is(name):
    program, command, *_ = Unit(name)["Service"]["ExecStart"].split()
    assert PROGRAM.fullmatch(program)
    assert command in cli.COMMANDS


def test_a_version_before_can_run_under_the_units_of_a_newer_package():
    promised = {
        "meterkast-bridge.service": "/opt/meterkast-bridge/current/bin/meterkast bridge",
        "meterkast-bridge-trial.service": (
            "/opt/meterkast-bridge/previous/bin/meterkast update --watch"
        ),
        "meterkast-broker.service": (
            "/opt/meterkast-bridge/current/bin/meterkast broker --dir /var/lib/meterkast-broker"
        ),
        "meterkast-gateway.service": "/opt/meterkast-gateway/current/bin/meterkast gateway",
        "meterkast-gateway-trial.service": (
            "/opt/meterkast-gateway/previous/bin/meterkast update --watch"
        ),
    }
    said = {name: Unit(name)["Service"]["ExecStart"] for name in promised}
    assert promised == said


def test_a_service_waits_for_settings_rather_than_failing_without():
    for part, file in (("gateway", "gateway.toml"), ("bridge", "bridge.toml")):
        name = f"meterkast-{part}"
        condition = Unit(f"{name}.service")["Unit"]["ConditionPathExists"]
        assert f"/var/lib/{name}/{file}" == condition


@pytest.mark.parametrize(
    ("said", "oldest"),
    [
        (Outcome(1), 3),
        (Outcome(1, "the leaves before it are not those", "checkpoint 4"), 1),
        (None, 3),
    ],
    ids=["verified", "something-differs", "nobody-looked"],
)
def test_of_backups_the_newest_fourteen_stay_and_all_where_the_books_are_wrong(
    tmp_path, said, oldest
):
    backups, now_s = tmp_path / "backups", time.time()
    backups.mkdir()
    for n in range(1, 17):
        file = backups / f"zonstraat {n}.meterkast"
        file.touch()
        os.utime(file, (now_s, now_s - 86_400 * (17 - n)))
    if said:
        (tmp_path / "books.db").touch()
        verified.note(tmp_path / "books.db", said)
    post = Unit("meterkast-backup.service")["Service"]["ExecStartPost"]
    post = post.replace("/var/backups/meterkast", str(backups)).replace("$$", "$")
    subprocess.run(shlex.split(post), cwd=tmp_path, check=True)
    left = {f"zonstraat {n}.meterkast" for n in range(oldest, 17)}
    assert left == {file.name for file in backups.iterdir()}


def test_backups_are_made_where_a_steward_made_a_folder_for_them():
    unit = Unit("meterkast-backup.service")
    folder = unit["Unit"]["ConditionPathIsDirectory"]
    assert f"-{folder}" == unit["Service"]["ReadWritePaths"]
    assert unit["Service"]["ExecStart"].endswith(f" backup {folder}")
    page = (ROOT / "docs/hub.md").read_text("utf-8")
    assert f"\nsudo install -d -m 700 -o meterkast-bridge {folder}\n" in page


def test_every_unit_is_in_one_package_and_written_by_install_too(builder):
    packed = [
        unit
        for package in builder.PACKAGES.values()
        for unit in (*package.units, *package.other_units)
    ]
    assert NAMES == sorted(packed)
    for part in ("gateway", "bridge"):
        package = builder.PACKAGES[f"meterkast-{part}"]
        assert package.units == services.ENABLED[part]
        assert package.other_units == services.OTHERS[part]


def test_a_package_says_the_version_of_the_program(builder):
    version, _ = builder._changed()
    assert f'\nversion = "{version.partition("-")[0]}"\n' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("part", ["gateway", "bridge"])
def test_what_is_written_for_others_runs_their_program_and_nothing_of_the_packages(part, tmp_path):
    program = Path("/opt/meterkast/bin/meterkast")
    files = {one.path: one for one in services.planned(part, program, root=tmp_path)}
    assert not [one.path for one in files.values() if f"/opt/meterkast-{part}" in one.text]
    unit = files[tmp_path / f"etc/systemd/system/meterkast-{part}.service"]
    assert f"\nExecStart={program} {part}\n" in unit.text
    command = files[tmp_path / f"usr/local/bin/meterkast-{part}"]
    assert (0o755, True) == (command.mode, f"exec $as {program} " in command.text)
    users = SYSTEMD / f"meterkast-{part}.sysusers"
    assert users.read_text() == files[tmp_path / f"etc/sysusers.d/meterkast-{part}.conf"].text


@pytest.mark.parametrize("part", ["gateway", "bridge"])
def test_where_versions_lie_beside_each_other_the_one_before_watches_over_a_new_one(part, tmp_path):
    program = Path("/opt/meterkast/current/bin/meterkast")
    files = {one.path: one.text for one in services.planned(part, program, root=tmp_path)}
    trial = files[tmp_path / f"etc/systemd/system/meterkast-{part}-trial.service"]
    assert "\nExecStart=/opt/meterkast/previous/bin/meterkast update --watch\n" in trial
    assert "\nConditionPathIsSymbolicLink=/opt/meterkast/trial\n" in trial
    assert "\nReadWritePaths=/opt/meterkast\n" in trial
    service = files[tmp_path / f"etc/systemd/system/meterkast-{part}.service"]
    assert f"\nWants=meterkast-{part}-trial.service\n" in service


@pytest.mark.parametrize("home", ["/home/noor/.local/bin/meterkast", "/root/.local/bin/python"])
def test_a_program_in_a_home_is_refused_for_services_see_none(home):
    with pytest.raises(UsageError) as told:
        services._must_be_seen(Path("/usr/bin/python3"), Path(home))
    (problem,) = told.value.problems
    assert home == problem.where
    assert problem.what.startswith("services may not look into /")
    assert problem.try_.startswith("sudo UV_TOOL_DIR=/opt/meterkast ")


def test_install_systemd_says_what_it_would_write_and_what_makes_it_count(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(services, "_must_be_seen", lambda *_: None)
    monkeypatch.setattr(
        services, "planned", lambda *given, plan=services.planned: plan(*given, root=tmp_path)
    )
    assert 0 == services.systemd("gateway", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert ["new"] * 4 == [file["change"] for file in told["files"]]
    assert [] == list(tmp_path.iterdir())
    assert 0 == services.systemd("gateway", yes=True)
    assert "sudo systemctl enable --now meterkast-gateway.service\n" in capsys.readouterr().out
    assert (tmp_path / "usr/local/bin/meterkast-gateway").stat().st_mode & 0o111 == 0o111


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
@pytest.mark.parametrize("part", ["gateway", "bridge"])
def test_who_speaks_for_the_service_has_a_terminal_of_their_own(part, tmp_path):
    """Whoever has root's can type into it, and what is typed there is done."""
    name = f"meterkast-{part}"
    text = (SYSTEMD / f"{name}.sh").read_text()
    text = text.replace(f"--user {name}", "--user nobody").replace(f"cd /var/lib/{name}", "cd /")
    command = tmp_path / "command"
    command.write_text(text.replace(f"/opt/{name}/current/bin/meterkast", "tty"))
    terminal, root = pty.openpty()
    typed = ["setsid", "--wait", "--ctty", "sh", "-c", f"tty; sh {command}; sh {command} | cat"]
    subprocess.run(typed, stdin=root, stdout=root, stderr=root, check=True)
    own, theirs, piped = os.read(terminal, 4096).decode().split()
    os.close(root)
    os.close(terminal)
    assert own.startswith("/dev/pts/")
    assert theirs.startswith("/dev/pts/")
    assert own != theirs
    assert piped == own  # what goes into a file is not for a terminal
