"""The page on closing: its commands, run as they stand, do what the page says."""

import os
import subprocess
import sysconfig
import zipfile
from pathlib import Path

import pytest

from gateway.cli import build
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.docs.test_pages import DOCS, blocks
from tests.point import Point
from tests.street import NOON_MS, key
from tests.system.programs import free_port

POINT = "milieustraat"
CARD = "0A00B1C2D3"
# Both homes' numbers elsewhere, and a member who is new.
MEMBERS = "member,name,external_id\nbram,Bram de Vries,4712\nsaar,Saar,4713\n"


def send(hub: Hub) -> None:
    """2 kg of glass are brought with noor's card, at 0.05 credits a kg."""
    point = Point(POINT)
    point.community = hub.community
    brought = point.bring("d1", NOON_MS, grams=2_000, card=CARD, card_key=hub.card_key())
    community = Community(store.open_to_write(hub.books), hub.community, log_key=hub.key("log"))
    Inbox(community).take([(POINT, brought)], now_ms=NOON_MS)
    community.db.close()


def found(folder: Path) -> None:
    """A hub with noor and bram, noor's card, and rules from June on."""
    page = f"127.0.0.1:{free_port()}"
    build()(("hub", "init", str(folder), "--community", "zonstraat", "--page", page))
    policy = folder / "policy.toml"
    lines = policy.read_text().splitlines()
    dated = ["valid_from = 2026-06-01" if one.startswith("valid_from") else one for one in lines]
    policy.write_text("\n".join(dated))
    for words in (
        ("policy", "activate", str(policy)),
        ("hub", "admit", f"{POINT}={key(POINT).public.x}"),
        ("member", "add", "noor", "--name", "Noortje"),
        ("member", "add", "bram"),
        ("member", "card", "noor", CARD),
    ):
        build()((*words, "--config", str(folder / "bridge.toml")))


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_on_closing_do_what_it_says(tmp_path):
    found(tmp_path / "hub")
    (tmp_path / "hub" / "members.csv").write_text(MEMBERS)
    send(Hub.load(tmp_path / "hub" / "bridge.toml"))
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks(DOCS / "closing.md", "bash"))],
        cwd=tmp_path / "hub",
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == run.returncode, run.stdout + run.stderr
    assert "2026-06 is closed, booking 2; posted for it: 0.100000 WASTE" in run.stdout
    assert "erased:   1 (members whose dues are not recomputed)" in run.stdout
    assert "1 members added, 1 changed, 0 meters and cards" in run.stdout
    with zipfile.ZipFile(tmp_path / "hub" / "noor.zip") as archive:
        assert b"Noortje" in archive.read("member.json")
        assert b"statements/2026-06.json" in archive.read("index.txt")
    assert b"Noortje" not in (tmp_path / "hub" / "books.db").read_bytes()
