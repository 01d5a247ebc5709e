"""The page on closing: its commands, run as they stand, do what the page says."""

import zipfile
from pathlib import Path

import pytest

from gateway.cli import build
from ledger_bridge.hub import Hub
from tests.docs.glass import CARD, POINT, bring
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.street import key
from tests.system.programs import free_port

# Both homes' numbers elsewhere, and a member who is new.
MEMBERS = "member,name,external_id\nbram,Bram de Vries,4712\nsaar,Saar,4713\n"


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
    bring(Hub.load(tmp_path / "hub" / "bridge.toml"))
    said = run_script("\n".join(blocks(DOCS / "closing.md", "bash")), folder=tmp_path / "hub")
    assert "2026-06 is closed, booking 2; posted for it: 0.100000 WASTE" in said
    assert "erased:   1 (members whose dues are not recomputed)" in said
    assert "1 members added, 1 changed, 0 meters and cards" in said
    with zipfile.ZipFile(tmp_path / "hub" / "noor.zip") as archive:
        assert b"Noortje" in archive.read("member.json")
        assert b"statements/2026-06.json" in archive.read("index.txt")
    assert b"Noortje" not in (tmp_path / "hub" / "books.db").read_bytes()
