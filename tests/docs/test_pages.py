"""What the pages show is what the programs do: commands are run, configuration is read."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from gateway import config
from gateway.config import Config
from gateway.contract import settings
from ledger_bridge.hub import HubSettings
from tests.system.programs import free_port

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    text = page.read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_configurations_of_the_page_are_read_without_a_mistake(tmp_path):
    gateway, point, lines, hub = blocks(DOCS / "configuration.md", "toml")
    assert "home-noor" == settings.parse(gateway, Config, name="gateway.toml").gateway
    (tmp_path / "gateway.toml").write_text(lines)
    # Drivers, ports and settings are looked at as well.
    assert 7 == len(config.load(tmp_path / "gateway.toml").device)
    (tmp_path / "gateway.toml").write_text(point)
    assert "scale" == config.load(tmp_path / "gateway.toml").kiosk.scale
    assert "zonstraat" == settings.parse(hub, HubSettings, name="bridge.toml").community


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_way_by_hand_ends_with_verified_books(tmp_path):
    script = "\n".join(blocks(DOCS / "first-credit.md", "bash"))
    for port in ("1883", "7080", "7081"):
        script = script.replace(port, str(free_port()))
    script = script.replace(
        "--community zonstraat\n", f"--community zonstraat --page 127.0.0.1:{free_port()}\n", 1
    )
    if "--broker" not in script:
        broker = re.search(r"mqtt://127\.0\.0\.1:\d+", script)[0]
        script = script.replace("--page", f"--broker {broker} --page", 1)
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p); wait' EXIT\n{script}"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    # Two, where a quarter-hour began meanwhile.
    assert re.search(r"verified: [12] records", done.stdout)


def test_every_link_between_pages_leads_somewhere():
    checked = 0
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
            checked += 1
    assert checked >= 5
