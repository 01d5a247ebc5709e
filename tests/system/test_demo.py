"""The whole village, as a new user starts it: real processes, a real broker, one day."""

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

METERKAST = Path(sysconfig.get_path("scripts")) / "meterkast"

pytestmark = pytest.mark.system


def _alive(folder):
    """The processes of this demonstration that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder) in (entry / "cmdline").read_text():
                found.append(entry.name)
        except OSError:
            continue
    return found


GIVEN_AND_TAKEN = ("given", "taken")


@pytest.mark.timeout(300)
def test_one_day_ends_with_books_that_equal_the_truth(tmp_path):
    folder = tmp_path / "street"
    words = ["demo", "--once", "--seed", "7", "--json", "--dir", str(folder)]
    done = subprocess.run([METERKAST, *words], capture_output=True, text=True, check=False)
    print(done.stderr[-4000:])
    outcome = json.loads(done.stdout)
    assert outcome["difference"] is None
    assert outcome["agrees"] is True
    assert done.returncode == 0
    assert len(outcome["bags"]) == 8
    assert outcome["turned_away"] == ["same_bag"]
    assert outcome["verify"]["verified"] is True
    measured = {one["member"]: one["measured"] for one in outcome["members"]}
    assert measured["noor"]["exported_mWh"] == 14_138_000
    assert measured["yusuf"]["exported_mWh"] == 3_842_000
    given, taken = (sum(one[f"{way}_mWh"] for one in measured.values()) for way in GIVEN_AND_TAKEN)
    assert given == taken > 5_000_000
    meters = {f"{one['gateway']}/{one['device']}": one for one in outcome["meters"]}
    kinds = {one["kind"] for one in meters.values()}
    assert kinds == {"dlms", "mbus", "p1", "s0", "sdm630", "sml"}
    assert meters["home-bram/water"]["used"]["8-0:1.0.0"] == 198_000
    assert meters["home-yusuf/balcony"]["used"] == {"1-0:2.8.0": 1921}
    # A meter that talks is in the books at every quarter-hour; one that is asked now and then.
    assert meters["home-yusuf/hall"]["readings"] == 3 * 97
    assert meters["home-noor/heat"]["readings"] > 10
    assert outcome["readings_checked"] == sum(one["readings"] for one in meters.values())
    assert _alive(folder) == []


@pytest.mark.timeout(60)
def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "letter").write_text("dear")
    words = ["demo", "--once", "--dir", str(tmp_path)]
    done = subprocess.run([METERKAST, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: the folder is not empty\n")
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
