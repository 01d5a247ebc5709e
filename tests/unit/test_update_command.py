"""`meterkast update`: what is refused untouched, what is told, and which packages fit."""

import errno
import json
import os
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.contract.errors import UsageError
from gateway.update import command, package, trial
from gateway.update.command import NotKept, update
from gateway.update.place import Place
from gateway.update.trial import State, watch
from tests.updating import (
    NEW,
    NEWER,
    OLD,
    RUNS,
    STOPPED,
    Machine,
    environment,
    first,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return first(tmp_path / "opt")


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The program runs from this place, whose service runs for ever."""
    machine = Machine(iter(lambda: RUNS, None))
    monkeypatch.setattr(command.Place, "own", lambda: place)
    monkeypatch.setattr(command, "Systemd", lambda: machine)
    monkeypatch.setattr(trial.time, "sleep", machine._sleep)
    monkeypatch.setattr(
        command, "watch", partial(watch, now_s=lambda: machine.now_s, sleep=machine._sleep)
    )
    monkeypatch.setattr(command, "LOOK_S", 0)
    return place


def test_an_environment_in_a_folder_runs_and_older_ones_go(here, capsys):
    environment(here, NEW)
    environment(here, NEWER)
    assert 0 == update(here.root / NEW)
    assert capsys.readouterr().out.endswith("0.2.0 runs, and stays\n")
    assert ["0.1.0", "0.2.0"] == sorted(one.name for one in (here.root / "versions").iterdir())
    assert 0 == update()
    assert "runs:   0.2.0\nbefore: 0.1.0\n" == capsys.readouterr().out


def test_an_environment_that_does_not_run_is_taken_back_and_told(here, monkeypatch, capsys):
    environment(here, NEW)
    monkeypatch.setattr(
        command, "Systemd", lambda: Machine(iter([RUNS] + [State("failed", 0, 0, "exit-code")] * 9))
    )
    with pytest.raises(NotKept) as told:
        update(here.root / NEW)
    assert [
        "0.2.0 was taken back: meterkast-gateway.service failed: exit-code",
        "0.1.0 runs",
        "journalctl -u opt",
    ] == list(told.value.problems[0])
    capsys.readouterr()
    assert 1 == update()
    last = "taken back: 0.2.0: meterkast-gateway.service failed: exit-code\n"
    assert f"runs:   0.1.0\nbefore: none\n{last}" == capsys.readouterr().out
    assert 0 == update(as_json=True)
    why = "meterkast-gateway.service failed: exit-code"
    expected = {
        "place": str(here.root),
        "runs": "0.1.0",
        "before": "",
        "on_trial": False,
        "taken_back": {"version": "0.2.0", "why": why},
    }
    assert [expected] == json.loads(capsys.readouterr().out)


def refused(new: Path, place: Place) -> str:
    """What is said of a version that nothing is done with."""
    before = sorted(str(one) for one in place.root.rglob("*")), place.current
    with pytest.raises(UsageError) as told:
        update(new)
    assert before == (sorted(str(one) for one in place.root.rglob("*")), place.current)
    return told.value.problems[0].what


def test_an_environment_that_is_older_broken_or_elsewhere_is_refused(here, tmp_path):
    older = environment(here, "versions/0.0.9")
    assert "version 0.0.9 is older than 0.1.0, which runs" == refused(older, here)
    broken = here.root / NEW
    broken.mkdir()
    assert "this environment does not even say its version" == refused(broken, here)
    elsewhere = environment(Place(tmp_path / "other"), NEW)
    assert "a new version lies beside those that are there" == refused(elsewhere, here)


def test_what_runs_made_once_more_is_an_update(here):
    assert 0 == update(environment(here, "versions/0.1.0.again", says="0.1.0"))
    assert ("versions/0.1.0.again", OLD) == (here.current, here.previous)


def test_what_runs_is_no_update(here):
    assert "this version runs already" == refused(here.root / OLD, here)
    (here.root / "versions/link").symlink_to("0.1.0")
    assert "this version runs already" == refused(here.root / "versions/link", here)


def test_who_may_not_write_there_changes_nothing(here, monkeypatch, tmp_path, part):
    part("dpkg-deb")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != here.root and real(path, mode))
    what = "only who may write there can change what runs"
    assert what == refused(environment(here, NEW), here)
    assert what == refused(deb(tmp_path), here)


def test_a_disk_without_room_for_a_link_is_told_and_what_runs_goes_on(here, monkeypatch):
    def full(_: Path, to: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", to)

    monkeypatch.setattr(Path, "symlink_to", full)
    folder = here.root / NEW
    shutil.copytree(here.root / OLD, folder)
    (folder / "bin/meterkast").write_text("#!/bin/sh\necho 0.2.0\n")
    assert "the version cannot be changed: No space left on device" == refused(folder, here)


def test_a_version_whose_service_is_stopped_is_watched_over_later(here, monkeypatch, capsys):
    monkeypatch.setattr(command, "Systemd", lambda: Machine(iter(lambda: STOPPED, None)))
    assert 0 == update(environment(here, NEW))
    assert "0.2.0 is watched over once its service is started\n" == capsys.readouterr().out
    assert (NEW, OLD) == (here.on_trial, here.previous)


def test_the_service_that_watches_says_what_it_kept(here):
    environment(here, NEW)
    here.begin(NEW)
    with capture_logs() as logged:
        assert 0 == update(watch_over=True)
    assert [("update_kept", NEW)] == [(one["event"], one["version"]) for one in logged]
    assert ("", NEW) == (here.on_trial, here.current)


def test_what_an_update_came_to_is_told_as_json(here, capsys):
    assert 0 == update(environment(here, NEW), as_json=True)
    (told,) = json.loads(capsys.readouterr().out)
    assert ("0.2.0", "0.1.0", None) == (told["runs"], told["before"], told["taken_back"])


DPKG = """\
#!/bin/sh
[ "$1" = --install ] || exec /usr/bin/dpkg "$@"
exit @ends@
"""


@pytest.mark.parametrize(
    ("ends", "what"),
    [
        (1, "dpkg ended with 1; a whole version runs all the same"),
        (0, "0.2.0-1 does not run any more"),  # for this one has put nothing anywhere
    ],
)
def test_what_dpkg_ends_with_is_told(here, monkeypatch, part, ends, what):
    part("dpkg-deb")
    room = here.root.parent
    (room / "dpkg").write_text(DPKG.replace("@ends@", str(ends)))
    (room / "dpkg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{room}:{os.environ['PATH']}")
    with pytest.raises(NotKept) as told:
        update(deb(room))
    assert what == told.value.problems[0].what
    assert OLD == here.current


def test_an_update_that_gives_way_to_another_is_not_told_an_older_reason(here, monkeypatch):
    for name in (NEW, NEWER):
        environment(here, name)
    here.begin(NEW)
    here.take_back("it fell over")

    def other(place: Place, *_: object, **__: object) -> None:
        place.begin(NEWER)

    monkeypatch.setattr(command, "watch", other)
    (here.root / "taken-back").write_text('{"version":"0.1.5","why":"long ago"}')
    with pytest.raises(NotKept) as told:
        update(here.root / NEW)
    expected = ["0.2.0 does not run any more", "0.3.0 runs", "journalctl -u opt"]
    assert expected == list(told.value.problems[0])


def test_a_package_that_is_taken_back_before_dpkg_ends_is_told_so(
    here, monkeypatch, tmp_path, part
):
    part("dpkg-deb")
    environment(here, f"{NEW}-1")

    def slow(_: Path) -> None:
        here.begin(f"{NEW}-1")
        here.take_back("it fell over")

    monkeypatch.setattr(command, "_install", slow)
    with pytest.raises(NotKept) as told:
        update(deb(tmp_path))
    assert "0.2.0-1 was taken back: it fell over" == told.value.problems[0].what


def test_the_log_of_the_service_says_why_whoever_took_it_back(here, monkeypatch):
    environment(here, NEW)
    here.begin(NEW)

    def other(place: Place, *_: object, **__: object) -> None:
        place.take_back("it fell over")

    monkeypatch.setattr(command, "watch", other)
    with capture_logs() as logged:
        assert 1 == update(watch_over=True)
        # Nothing is on trial any more.
        assert 0 == update(watch_over=True)
    assert ("update_taken_back", NEW, "it fell over", OLD) == (
        *(logged[0][name] for name in ("event", "version", "why", "runs")),
    )


def test_both_packages_of_one_machine_are_told_of(here, monkeypatch, capsys):
    own = Place(here.root.with_name("meterkast-bridge"))
    here.root.rename(own.root)
    other = Place(here.root.with_name("meterkast-gateway"))
    environment(other, NEW)
    other._lead("current", NEW)
    monkeypatch.setattr(command.Place, "own", lambda: own)
    assert 0 == update()
    expected = "meterkast-bridge\nruns:   0.1.0\nbefore: none\n"
    expected += "meterkast-gateway\nruns:   0.2.0\nbefore: none\n"
    assert expected == capsys.readouterr().out


def test_a_program_without_versions_beside_it_says_so(monkeypatch):
    monkeypatch.setattr(command.Place, "own", lambda: None)
    with pytest.raises(UsageError, match="this program does not lie beside other versions"):
        update()


# Packages


def deb(folder: Path, **other: str) -> Path:
    """A small package, as make deb makes large ones."""
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "DEBIAN").mkdir(parents=True)
    said = {
        "Package": "opt",
        "Version": "0.2.0-1",
        "Architecture": subprocess.check_output(
            ["dpkg", "--print-architecture"], text=True
        ).strip(),
        "Maintainer": "us <us@example.org>",
        "Installed-Size": "9",
        "Description": "none",
    } | {name.replace("_", "-"): value for name, value in other.items()}
    (tree / "DEBIAN/control").write_text("".join(f"{k}: {v}\n" for k, v in said.items()))
    (tree / "data").write_bytes(os.urandom(9_000))
    digest = subprocess.check_output(["md5sum", "data"], cwd=tree, text=True)
    (tree / "DEBIAN/md5sums").write_text(digest)
    file = folder / "new.deb"
    pack = ["dpkg-deb", "--root-owner-group", "-Zxz", "-b", tree, file]
    subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
    return file


@pytest.mark.parametrize(
    ("other", "what"),
    [
        pytest.param({"Version": "0.0.9-1"}, "0.0.9-1 is older than 0.1.0, which runs", id="older"),
        pytest.param({"Version": "0.1.0~rc1"}, "0.1.0~rc1 is older than 0.1.0", id="candidate"),
        pytest.param({"Package": "hello"}, "a package of hello, and this is opt", id="another"),
        pytest.param({"Architecture": "s390x"}, "a package for s390x", id="machine"),
        pytest.param(
            {"Installed_Size": "999999999"}, "new.deb wants 1,024,049 MB, and", id="too large"
        ),
        pytest.param(
            {"Installed_Size": "nine"}, "a damaged package: it does not say what it is", id="mute"
        ),
        pytest.param(
            {"Pre_Depends": "dpkg, python9.9 (>= 9) | python9.8"},
            "dpkg would not take it: opt pre-depends on python9.9 (>= 9) | python9.8; "
            "python9.9 is not installed; python9.8 is not installed\n",
            id="another Debian",
        ),
        pytest.param(
            {"Conflicts": "dpkg"},
            "not take it: opt conflicts with dpkg; dpkg (version",
            id="beside another",
        ),
    ],
)
def test_a_package_that_is_not_for_here_is_refused(here, tmp_path, part, other, what):
    part("dpkg-deb")
    assert what in f"{refused(deb(tmp_path, **other), here)}\n"


def test_where_there_is_no_dpkg_a_package_is_refused(here, tmp_path, part, monkeypatch):
    part("dpkg-deb")
    file = deb(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "packages are for Debian and its kin, and this is another system" == refused(file, here)


def test_a_damaged_package_is_refused_wherever_it_is_damaged(here, tmp_path, part):
    part("dpkg-deb")
    file = deb(tmp_path)
    assert "0.2.0-1" == package.read(file).version
    whole = file.read_bytes()
    # In the list of what is in it, in its control, and in its data; and cut short.
    for at in (2, 75, 180, 260, 900, len(whole) // 2, len(whole) - 40):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        print(f"byte {at}")
        assert "a damaged package: " in refused(file, here)
    for end in (0, 8, 60, 200, len(whole) // 2, len(whole) - 100):
        file.write_bytes(whole[:end])
        print(f"{end} bytes")
        assert "a damaged package: " in refused(file, here)
    assert "there is no such file" == refused(tmp_path / "none.deb", here)


def test_a_package_whose_files_are_not_as_listed_is_refused(here, tmp_path, part):
    part("dpkg-deb")
    file = deb(tmp_path)
    tree = tmp_path / "tree"
    (tree / "data").write_bytes(b"other")
    subprocess.run(["dpkg-deb", "-b", tree, file], check=True, stdout=subprocess.DEVNULL)
    assert "a damaged package: data has changed" == refused(file, here)
    (tree / "data").unlink()
    subprocess.run(["dpkg-deb", "-b", tree, file], check=True, stdout=subprocess.DEVNULL)
    assert "a damaged package: it ends before data" == refused(file, here)
