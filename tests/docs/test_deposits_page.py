"""The page on deposits: its commands, run as they stand, do what the page says."""

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.community import Community, load_registry
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.point import MINUTE_MS, Point
from tests.street import NOON_MS, key
from tests.system.programs import done, free_port

POINT = "milieustraat"
CARD = "0A00B1C2D3"


def send(hub: Hub) -> None:
    """A deposit of nobody, two that a steward decides about, and an emptying that is short."""
    point = Point(POINT)
    point.community = hub.community
    card_key = hub.card_key()
    community = Community(store.open_to_write(hub.books), hub.community, log_key=hub.key("log"))
    records = [
        point.bring("d1", NOON_MS, grams=2_000, code="K7QM-3RXA", card_key=card_key),
        point.bring(
            "d2", NOON_MS + 1, grams=90_000, card=CARD, code="7ZZZ-0001", card_key=card_key
        ),
        point.bring("d3", NOON_MS + 2, grams=3_000, card=CARD, card_key=card_key),
        point.correct("d3", NOON_MS + 60 * MINUTE_MS),
        point.empty("e1", NOON_MS + 61 * MINUTE_MS, kg=40),
    ]
    Inbox(community).take([(POINT, one) for one in records], now_ms=NOON_MS)
    community.db.close()


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_on_deposits_do_what_it_says(tmp_path):
    page = f"127.0.0.1:{free_port()}"
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat", "--page", page)
    config = ("--config", tmp_path / "hub" / "bridge.toml")
    done("hub", "admit", f"{POINT}={key(POINT).public.x}", *config)
    done("member", "add", "noor", *config)
    done("member", "add", "bram", *config)
    send(Hub.load(tmp_path / "hub" / "bridge.toml"))
    said = run_script("\n".join(blocks(DOCS / "deposits.md", "bash")), folder=tmp_path / "hub")
    assert f"meterkast container explain {POINT}/e1" in said
    assert "verified: 5 records" in said
    assert "held:" not in said
    db = store.open_to_read(tmp_path / "hub" / "books.db")
    registry = load_registry(db, "zonstraat")
    assert {"noor", "bram"} == set(registry.cards.values())
    assert [(POINT, "scale")] == list(registry.scales)
    assert {"d2": True, "d3": False} == {
        deposit: decided.is_accepted for (_, deposit), decided in registry.decisions.items()
    }
    whose = db.execute("SELECT id, member, counted FROM deposit ORDER BY id").fetchall()
    assert [("d1", "noor", 2_000_000), ("d2", "bram", 90_000_000), ("d3", "bram", 0)] == whose
