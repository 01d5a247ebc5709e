"""The page on recycling points: its commands, run as they stand, do what it says."""

import os
import re
import subprocess
import sysconfig
import urllib.request

import pytest

from tests.docs.test_pages import DOCS, blocks
from tests.system.programs import done, free_port, until

PIN = "4711"


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_make_a_point_with_a_screen(tmp_path):
    """What stands before them is followed in tests/system/test_fresh_roots.py."""
    told = done("hub", "init", tmp_path / "hub", "--community", "zonstraat")
    point, port = tmp_path / "point", free_port()
    point.mkdir()
    devices, _, _ = blocks(DOCS / "configuration.md", "toml")[1].partition("[kiosk]")
    (kiosk,) = blocks(DOCS / "recycling-point.md", "toml")
    stewards = re.search(r"stewards = \[.+\]", told)[0]
    kiosk = kiosk.replace(":7090", f":{port}").replace('stewards = ["…"]', stewards)
    (point / "gateway.toml").write_text(devices + kiosk)
    (point / "card.key").write_bytes((tmp_path / "hub" / "card.key").read_bytes())
    done("enrol", "--config", point / "gateway.toml")
    script = blocks(DOCS / "recycling-point.md", "bash")[2]
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    # Nothing is plugged in here, which is what `check` finds.
    for said, here in (
        ("check", "check || true"),
        ("sudo systemctl restart meterkast-gateway", "exec meterkast gateway"),
        ("sudo meterkast-gateway", "meterkast"),
    ):
        script = script.replace(said, here)
    program = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=point,
        env={**os.environ, "PATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        program.stdin.write(f"{PIN}\n")
        program.stdin.close()
        until("the screen is served", lambda: "Even geduld" in page(port), seconds=60)
    finally:
        program.terminate()
        said = program.stdout.read()
        program.wait(timeout=20)
    assert "kept in operator.pin" in said
    assert "gateway_started" in said


def page(port: int) -> str:
    """The screen, "" while nobody serves it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            text: str = answer.read().decode()
            return text
    except OSError:
        return ""
