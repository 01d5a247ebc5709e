"""What dpkg runs of a package: which version it starts, and what it leaves to go back to."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.update import package
from gateway.update.place import Place
from tests.updating import (
    NEW,
    OLD,
    environment,
    first,
    runs,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return first(tmp_path / "opt")


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
