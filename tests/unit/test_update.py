"""The links that say which version runs, and the trial of a new one."""

import errno
import math
import os
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.update.place import Place, TakenBack
from gateway.update.trial import State, Systemd, Trial, Verdict
from tests.cuts import cut_at
from tests.updating import (
    NEW,
    NEWER,
    OLD,
    RUNS,
    STARTS,
    STOPPED,
    Machine,
    environment,
    first,
    runs,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return first(tmp_path / "opt")


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
