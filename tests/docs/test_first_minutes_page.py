"""The pages for the first minutes and for when something is wrong: their commands are run."""

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import free_port

pytestmark = pytest.mark.system


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The commands of a page, in a folder of their own."""
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    return subprocess.run(
        [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f"trap 'kill $(jobs -p) 2> /dev/null || true; wait' EXIT\n{script}",
        ],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_way_from_a_cable_to_readings_is_as_on_the_page(tmp_path):
    three, played = blocks(DOCS / "first-minutes.md", "bash")
    discover, check, gateway = three.splitlines()
    sim, named = played.splitlines()
    assert named.startswith(discover.removesuffix(" --write"))
    port = free_port()
    script = [
        *(sim, "sleep 1", named),
        # The usual port of the page may be taken on a machine that runs tests.
        f"sed -i s/7081/{port}/ gateway.toml",
        *(check, f"{gateway} &"),
        f"curl --silent --retry 20 --retry-connrefused --retry-delay 1 127.0.0.1:{port}/api/now",
    ]
    done = run("\n".join(script), tmp_path)
    assert 0 == done.returncode, done.stderr
    assert '"driver":"p1"' in done.stdout


def test_the_doctor_is_called_as_on_the_page(tmp_path):
    look, pack = blocks(DOCS / "doctor.md", "bash")
    (tmp_path / "gateway.toml").write_text(
        'gateway = "home"\n[device.hall]\ndriver = "p1"\nport = "/dev/serial/by-id/usb-x"\n'
    )
    done = run(
        f"{look.strip()} || echo ended with $?\n{pack.strip()} || tar xzf for-the-helper.tar.gz",
        tmp_path,
    )
    assert "ended with 1" in done.stdout
    assert "the port is not there" in done.stdout
    assert 5 == len(list((tmp_path / "meterkast").iterdir()))
