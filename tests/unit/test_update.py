"""Updates: the links that say what runs, the trial, and what is refused untouched."""

import errno
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.contract.errors import UsageError
from gateway.update import command, package, trial
from gateway.update.command import NotKept, update
from gateway.update.place import Place, TakenBack
from gateway.update.trial import State, Systemd, Trial, Verdict, watch
from tests.cuts import cut_at

ROOT = Path(__file__).parents[2]
OLD, NEW, NEWER = "versions/0.1.0", "versions/0.2.0", "versions/0.3.0"
RUNS = State("active", pid=7, ends=0, result="success")
STARTS = State("activating", pid=7, ends=0, result="success")
STOPPED = State("inactive", pid=0, ends=0, result="success")


def environment(place: Place, name: str, says: str | None = None) -> Path:
    """A version that can say which it is, and nothing else."""
    program = place.root / name / "bin" / "meterkast"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho {says or Path(name).name}\n")
    program.chmod(0o755)
    program.with_name("python").symlink_to(sys.executable)
    return place.root / name


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place in which the first version runs."""
    made = Place(tmp_path / "opt")
    environment(made, OLD)
    made._lead("current", OLD)
    return made


def runs(place: Place) -> str:
    """What the version says that would be started now."""
    done = subprocess.run(
        [place.root / "current/bin/meterkast"], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


# The links


def test_a_new_version_is_on_trial_until_it_is_kept(place):
    environment(place, NEW)
    place.begin(NEW)
    assert ("0.2.0", NEW, OLD) == (runs(place), place.on_trial, place.previous)
    place.keep()
    assert ("0.2.0", "", OLD) == (runs(place), place.on_trial, place.previous)


def test_a_program_knows_its_place_where_versions_lie_beside_each_other(place, monkeypatch):
    environment(place, "elsewhere/0.1.0")
    monkeypatch.setattr(sys, "prefix", str(place.root / OLD))
    assert place == Place.own()
    monkeypatch.setattr(sys, "prefix", str(place.root / "elsewhere/0.1.0"))
    assert Place.own() is None
    monkeypatch.setattr(sys, "prefix", str(place.root / OLD))
    (place.root / "current").unlink()
    assert Place.own() is None


def test_a_version_that_is_taken_back_is_told_until_another_is_kept(place):
    environment(place, NEW)
    place.begin(NEW)
    place.take_back("it fell over")
    assert ("0.1.0", "", "") == (runs(place), place.on_trial, place.previous)
    assert TakenBack("0.2.0", "it fell over") == place.taken_back
    place.begin(NEW)
    place.keep()
    assert place.taken_back is None


def test_what_was_on_trial_itself_is_never_gone_back_to(place):
    environment(place, NEW)
    environment(place, NEWER)
    place.begin(NEW)
    place.begin(NEWER)
    assert ("0.3.0", OLD) == (runs(place), place.previous)
    place.take_back("")
    assert "0.1.0" == runs(place)


def test_a_way_back_that_somebody_removed_is_replaced_by_what_runs(place):
    for name in (NEW, NEWER):
        environment(place, name)
    place.begin(NEW)
    place.keep()
    shutil.rmtree(place.root / OLD)
    assert "" == place.previous
    place.begin(NEWER)
    assert NEW == place.previous
    (place.root / NEW / "bin/python").unlink()  # as when Debian itself was upgraded
    assert "" == place.previous
    # What is on trial is not known to be good; but better that than nothing.
    environment(place, "versions/0.4.0")
    place.begin("versions/0.4.0")
    assert NEWER == place.previous


def test_where_nothing_is_left_to_go_back_to_what_runs_stays(place):
    environment(place, NEW)
    place.begin(NEW)
    shutil.rmtree(place.root / OLD)
    with pytest.raises(FileNotFoundError, match="nothing to go back to"):
        place.take_back("it fell over")
    assert ("0.2.0", NEW, None) == (runs(place), place.on_trial, place.taken_back)


def test_a_disk_without_room_for_a_file_is_no_reason_to_stay(place, monkeypatch):
    environment(place, NEW)
    place.begin(NEW)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (place.root / "taken-back").mkdir()  # so no file can take its place
    monkeypatch.setattr(os, "symlink", full)
    place.take_back("it fell over")
    assert ("0.1.0", "", None) == (runs(place), place.on_trial, place.taken_back)


def copied(place: Place, name: str) -> Place:
    shutil.copytree(place.root, place.root.with_name(name), symlinks=True)
    return Place(place.root.with_name(name))


def test_a_cut_anywhere_in_the_switch_leaves_a_whole_version_and_a_way_back(place):
    environment(place, NEW)
    points = 0
    while cut_at(points + 1, partial((cut := copied(place, f"cut-{points}")).begin, NEW)):
        points += 1
        assert runs(cut) in {"0.1.0", "0.2.0"}
        if runs(cut) == "0.2.0":
            assert (NEW, OLD) == (cut.on_trial, cut.previous)
        cut.begin(NEW)
        assert ("0.2.0", NEW, OLD) == (runs(cut), cut.on_trial, cut.previous)
    assert points > 10


def test_a_cut_anywhere_on_the_way_back_is_gone_on_with(place):
    environment(place, NEW)
    place.begin(NEW)
    points = 0
    while cut_at(points + 1, partial((cut := copied(place, f"cut-{points}")).take_back, "why")):
        points += 1
        assert runs(cut) in {"0.1.0", "0.2.0"}
        if cut.on_trial:
            cut.take_back("why")
        assert ("0.1.0", "", "0.2.0") == (runs(cut), cut.on_trial, cut.taken_back.version)
    assert points > 10


def test_a_cut_anywhere_in_keeping_it_leaves_it_running(place):
    environment(place, NEW)
    place.begin(NEW)
    points = 0
    while cut_at(points + 1, (cut := copied(place, f"cut-{points}")).keep):
        points += 1
        assert ("0.2.0", OLD) == (runs(cut), cut.previous)
    assert points > 1


# The trial


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([RUNS] * 2, Verdict("", 60), id="runs"),
        pytest.param([RUNS] * 3, Verdict("", 120), id="good"),
        pytest.param([STARTS] * 9, Verdict("", 0), id="still starts"),
        pytest.param([RUNS, RUNS._replace(pid=8)], Verdict("", 0), id="another process"),
        pytest.param([RUNS, STARTS, RUNS], Verdict("", 0), id="started again"),
        pytest.param([RUNS._replace(ends=1)], Verdict("", 0), id="ended once"),
        pytest.param([STARTS._replace(ends=2)], Verdict("unit ended 2 times", 0), id="twice"),
        pytest.param([RUNS._replace(fed_s=90)] * 9, Verdict("", 90), id="not fed any more"),
        pytest.param([RUNS._replace(fed_s=-9)], Verdict("", 0), id="fed before it was looked at"),
        pytest.param([RUNS._replace(fed_s=125)] * 4, Verdict("", 120), id="fed at the end"),
        pytest.param(
            [State("deactivating", 7, 0, "timeout")],
            Verdict("", 0),
            id="the one before did not end when asked",
        ),
        pytest.param(
            [STARTS._replace(result="timeout")], Verdict("unit did not get ready", 0), id="timeout"
        ),
        pytest.param(
            [RUNS, STARTS._replace(result="watchdog")],
            Verdict("unit stood still", 0),
            id="watchdog",
        ),
        pytest.param(
            [State("failed", 0, 0, "exit-code")], Verdict("unit failed: exit-code", 0), id="failed"
        ),
    ],
)
def test_what_is_thought_of_a_service_that_is_looked_at_each_minute(states, expected):
    looked = Trial()
    verdicts = [looked.look({"unit": state}, 60.0 * n) for n, state in enumerate(states)]
    assert expected == verdicts[-1]
    assert (expected.ran_s >= 120) == verdicts[-1].is_good


def test_every_service_of_a_place_has_to_run(place):
    looked = Trial()
    looked.look({"one": RUNS, "two": STARTS}, 0)
    looked.look({"one": RUNS, "two": RUNS}, 100)
    assert Verdict("", 50) == looked.look({"one": RUNS, "two": RUNS}, 150)


class Machine:
    """Services that are as they are told to be, second by second."""

    def __init__(self, states: Iterator[State]) -> None:
        self.now_s = 0.0
        self.restarted: list[str] = []
        self._states = states

    def running_from(self, _: Place) -> list[str]:
        return ["meterkast-gateway.service"]

    def state(self, _: str) -> State:
        return next(self._states)

    def restart(self, unit: str) -> None:
        self.restarted.append(unit)

    def watch(self, place: Place) -> list[float]:
        told: list[float] = []
        watch(place, self, tell=told.append, now_s=lambda: self.now_s, sleep=self._sleep)
        return told

    def _sleep(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_version_that_runs_for_two_minutes_is_kept(place):
    environment(place, NEW)
    place.begin(NEW)
    machine = Machine(iter([STARTS] * 5 + [RUNS] * 121))
    told = machine.watch(place)
    assert ([0, 0, 0, 0, 0, 0, 1, 2], 119) == (told[:8], told[-1])
    assert ("", [], NEW) == (place.on_trial, machine.restarted, place.current)


def test_a_version_that_ends_twice_is_taken_back_and_the_one_before_started(place):
    environment(place, NEW)
    place.begin(NEW)
    machine = Machine(iter([STARTS, RUNS, STARTS._replace(ends=1), RUNS._replace(ends=2)]))
    machine.watch(place)
    assert (OLD, ["meterkast-gateway.service"]) == (place.current, machine.restarted)
    assert TakenBack("0.2.0", "meterkast-gateway.service ended 2 times") == place.taken_back


def test_who_cannot_take_it_back_tries_again_until_it_can(place, monkeypatch):
    environment(place, NEW)
    place.begin(NEW)
    machine = Machine(iter([RUNS._replace(ends=2)] * 3))
    real, times = Path.replace, []

    def replaced(path: Path, to: Path) -> Path:
        if path.name != "previous":
            return real(path, to)
        times.append(machine.now_s)
        if len(times) < 3:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(path, to)

    monkeypatch.setattr(Path, "replace", replaced)
    with capture_logs() as logs:
        machine.watch(place)
    assert (OLD, ["meterkast-gateway.service"]) == (place.current, machine.restarted)
    assert [0, 60, 120] == times
    assert ["update_stuck"] * 2 == [one["event"] for one in logs]


def test_a_service_that_somebody_stopped_is_no_reason_to_go_back_nor_to_stay(place):
    environment(place, NEW)
    place.begin(NEW)
    Machine(iter([RUNS] * 9 + [STOPPED] * 99)).watch(place)
    assert (NEW, NEW) == (place.current, place.on_trial)


def test_a_service_that_is_started_again_by_hand_is_watched_on(place):
    environment(place, NEW)
    place.begin(NEW)
    Machine(iter([RUNS] * 9 + [STOPPED] * 30 + [RUNS._replace(pid=8)] * 121)).watch(place)
    assert (NEW, "") == (place.current, place.on_trial)


@pytest.mark.parametrize("pid", [RUNS.pid, 8], ids=["not started yet", "started"])
def test_another_update_meanwhile_has_its_own_two_minutes(place, pid):
    environment(place, NEW)
    environment(place, NEWER)
    place.begin(NEW)

    def states() -> Iterator[State]:
        yield from [RUNS] * 100
        place.begin(NEWER)
        yield from [RUNS._replace(pid=pid)] * 122

    machine = Machine(states())
    machine.watch(place)
    assert ("", NEWER, OLD) == (place.on_trial, place.current, place.previous)
    assert machine.now_s > 200


# Says what it was asked, and what systemd says of a gateway and of a broker that lies elsewhere.
SYSTEMCTL = """\
#!/bin/sh
echo "$*" >> "$0.said"
case "$*" in
    *ExecStart*gateway.service) echo "ExecStart={ path=@root@/current/bin/meterkast ; argv[]=x }" ;;
    *ExecStart*) echo "ExecStart={ path=/opt/other/current/bin/meterkast ; argv[]=x }" ;;
    show*) printf 'ActiveState=active\\nMainPID=7\\nNRestarts=1\\nResult=watchdog\\n@fed@' ;;
esac
"""


@pytest.mark.parametrize(
    ("fed", "fed_s"),
    [
        ("WatchdogTimestampMonotonic=12500000\\n", 12.5),
        ("WatchdogTimestampMonotonic=0\\n", math.inf),
        ("", math.inf),
    ],
)
def test_systemd_is_asked_and_told_in_its_own_words(place, tmp_path, monkeypatch, fed, fed_s):
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(SYSTEMCTL.replace("@root@", str(place.root)).replace("@fed@", fed))
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    unit = "meterkast-gateway.service"
    assert [unit] == Systemd().running_from(place)
    assert State("active", 7, 1, "watchdog", fed_s) == Systemd().state(unit)
    Systemd().restart(unit)
    said = (tmp_path / "systemctl.said").read_text().splitlines()
    assert [f"reset-failed {unit}", f"restart --no-block {unit}"] == said[-2:]


def test_where_there_is_no_systemd_nothing_runs(place, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [] == Systemd().running_from(place)
    assert "" == Systemd().state("meterkast-gateway.service").active
    Systemd().restart("meterkast-gateway.service")


def test_one_watches_at_a_time(place):
    with place.watching() as first, place.watching() as second:
        assert (True, False) == (first, second)
    with place.watching() as again:
        assert again


# The command


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


# What dpkg runs


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """The package's own scripts, for a folder in place of /opt; what they call is counted."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    filled = {
        "package": "opt",
        "version": "0.2.0",
        "units": "meterkast-gateway.service",
        "other_units": "",
        "priority": "50",
    }
    for name in ("preinst", "postinst"):
        text = (ROOT / "deploy/debian" / name).read_text().replace("/opt/", f"{tmp_path}/")
        for key, value in filled.items():
            text = text.replace(f"@{key}@", value)
        (folder / name).write_text(text)
    # Everything that a step may be: done, or the power goes.
    step = """#!/bin/sh
n=$(($(cat "$COUNT") + 1))
echo $n > "$COUNT"
[ $n != "$CUT" ] || kill -9 $PPID
[ ! -x /bin/{name} ] || exec /bin/{name} "$@"
"""
    own = ("ln", "mv", "cp", "rm", "mkdir")
    others = ("systemd-sysusers", "systemd-tmpfiles", "update-alternatives", "deb-systemd-helper")
    for name in (*own, *others, "deb-systemd-invoke", "systemctl", "udevadm"):
        text = step.replace("{name}", name if name in own else "none")
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def laid_down(place: Place) -> Place:
    """dpkg has unpacked the new version."""
    program = place.root / "dist/bin/meterkast"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 0.2.0\n")
    program.chmod(0o755)
    program.with_name("python").symlink_to(sys.executable)
    return place


def configured(scripts: Path, cut: int) -> bool:
    """dpkg configures the package; whether the power went meanwhile."""
    (scripts / "count").write_text("0\n")
    env = {"PATH": f"{scripts}:/usr/bin:/bin", "COUNT": f"{scripts}/count", "CUT": f"{cut}"}
    done = subprocess.run(
        ["/bin/sh", scripts / "postinst", "configure"], env=env, check=False, capture_output=True
    )
    assert done.returncode in {0, -9}, done.stderr
    return done.returncode == -9


def test_a_version_that_is_taken_back_while_dpkg_still_configures_it_leaves_the_one_before(
    laid_down, scripts
):
    back = f"#!/bin/sh\nmv -T {laid_down.root}/previous {laid_down.root}/current\n"
    (scripts / "deb-systemd-helper").write_text(back)
    assert not configured(scripts, 0)
    assert ("0.1.0", OLD) == (runs(laid_down), laid_down.current)


def test_a_package_that_is_cut_off_anywhere_leaves_a_whole_version_running(laid_down, scripts):
    place, points = laid_down, 0
    while True:
        shutil.rmtree(place.root / "versions/0.2.0", ignore_errors=True)
        for link in ("previous", "trial"):
            (place.root / link).unlink(missing_ok=True)
        place._lead("current", OLD)
        if not configured(scripts, points + 1):
            break
        points += 1
        assert runs(place) in {"0.1.0", "0.2.0"}
        if runs(place) == "0.2.0":
            assert (NEW, OLD) == (place.on_trial, place.previous)
        assert not configured(scripts, 0)
        assert ("0.2.0", OLD) == (runs(place), place.previous)
        assert place.on_trial in {NEW, f"{NEW}.again"}
    assert points > 15


def test_a_repair_never_takes_the_place_of_what_runs_nor_of_the_way_back(laid_down, scripts):
    place = laid_down
    assert not configured(scripts, 0)
    place.keep()
    again, third = f"{NEW}.again", f"{NEW}.again.again"
    assert not configured(scripts, 0)
    # What is to be repaired is not gone back to.
    assert (again, again, OLD) == (place.current, place.on_trial, place.previous)
    place.keep()
    place._lead("previous", NEW)
    environment(place, NEW)
    assert third == package.goes_to("0.2.0", place)
    assert not configured(scripts, 0)
    assert (third, third, NEW) == (place.current, place.on_trial, place.previous)
    assert ["0.2.0"] * 3 == [package.version_of(name) for name in (NEW, again, third)]


def test_a_package_after_one_that_was_taken_back_has_a_way_back(laid_down, scripts):
    environment(laid_down, "versions/0.1.5")
    laid_down.begin("versions/0.1.5")
    laid_down.take_back("it fell over")
    assert not configured(scripts, 0)
    assert (NEW, OLD) == (laid_down.on_trial, laid_down.previous)


def test_a_package_goes_back_to_nothing_that_somebody_removed(laid_down, scripts):
    laid_down._lead("previous", "versions/0.0.9")
    assert not configured(scripts, 0)
    assert (NEW, OLD) == (laid_down.on_trial, laid_down.previous)
    shutil.rmtree(laid_down.root / OLD)
    # On trial itself, but better than nothing.
    assert not configured(scripts, 0)
    assert (f"{NEW}.again", NEW) == (laid_down.on_trial, laid_down.previous)


def test_the_first_package_is_not_on_trial(laid_down, scripts):
    (laid_down.root / "current").unlink()
    assert not configured(scripts, 0)
    assert (NEW, "", "") == (laid_down.current, laid_down.on_trial, laid_down.previous)


def test_a_package_repairs_a_place_whose_program_is_gone(laid_down, scripts):
    shutil.rmtree(laid_down.root / OLD)
    assert not configured(scripts, 0)
    assert ("0.2.0", "", "") == (runs(laid_down), laid_down.on_trial, laid_down.previous)


@pytest.mark.parametrize(
    ("before", "size_kib", "said"),
    [
        ("0.1.9-3", "9", ""),
        ("0.3.0", "9", "error: version 0.2.0 is older than 0.3.0, which is installed"),
        ("0.1.0", "999999999999", "error: this wants 976562499 MB, and "),
    ],
)
def test_dpkg_too_is_told_before_anything_is_touched(scripts, before, size_kib, said):
    preinst = scripts / "preinst"
    preinst.write_text(preinst.read_text().replace("@size_kib@", size_kib))
    upgrade = ["/bin/sh", preinst, "upgrade", before]
    done = subprocess.run(upgrade, check=False, capture_output=True, text=True)
    assert done.stderr.startswith(said)
    assert (bool(said), 3 if said else 0) == (
        bool(done.returncode),
        len(done.stderr.splitlines()),
    )
