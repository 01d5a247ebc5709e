"""The page about figures from elsewhere: its file, its mapping and its commands do what it says."""

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.street import MIDNIGHT_MS, QUARTER_MS, Chain, key
from tests.system.programs import done, free_port

PAGE = DOCS / "evidence.md"


@pytest.mark.system
@pytest.mark.timeout(180)
def test_the_commands_of_the_page_about_evidence_do_what_it_says(tmp_path, monkeypatch):
    now_ms = MIDNIGHT_MS + 2 * 86_400_000
    (tmp_path / "clock").write_text(str(now_ms))
    hub = tmp_path / "hub"
    monkeypatch.setenv("METERKAST_CLOCK", str(tmp_path / "clock"))
    at = ("--page", f"127.0.0.1:{free_port()}")
    done("hub", "init", hub, "--community", "zonstraat", *at)
    config = ("--config", hub / "bridge.toml")
    done("hub", "admit", f"home-noor={key('home-noor').public.x}", *config)
    for member in ("noor", "bram"):
        done("member", "add", member, *config)
    done("policy", "activate", hub / "policy.toml", *config)
    count(hub)
    (hub / "june.csv").write_text(blocks(PAGE, "csv")[0])
    mapping, registers = blocks(PAGE, "toml")
    (hub / "june.toml").write_text(mapping)
    assert registers.startswith("registers = [")
    said = run_script("\n".join(blocks(PAGE, "bash")), folder=hub)
    assert blocks(PAGE, "text")[0] in said
    assert "figures taken: 10, known before: 0; papers 1" in said
    assert "home-noor/hall showed 4426.4 kWh" in said
    assert "counts of home-noor/hall refused: 1; the shed was wired in twice" in said
    assert "verified: 3 records" in said


def count(hub):
    """Three counts around what the page says."""
    home = Chain("home-noor")
    home.community = "zonstraat"
    books = Hub.load(hub / "bridge.toml")
    db = store.open_to_write(books.books)
    community = Community(db, "zonstraat", log_key=books.key("log"))
    noon_ms = MIDNIGHT_MS + 48 * QUARTER_MS
    data = [
        ("home-noor", home.quarter(noon_ms + n * QUARTER_MS, export_wh=4_426_000 + n * 300))
        for n in range(3)
    ]
    Inbox(community).take(data, now_ms=noon_ms + 3 * QUARTER_MS)
    community.settle(noon_ms + 3 * QUARTER_MS)
    db.close()
