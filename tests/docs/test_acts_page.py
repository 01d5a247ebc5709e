"""The page on acts: its commands, run as they stand, do what the page says."""

import re

import pytest

from gateway.cli import build
from gateway.contract.cards import token
from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Request, Retire, make
from ledger_bridge.books.community import Community
from ledger_bridge.books.registry import papers
from ledger_bridge.books.registry.edits import CardGiven, Edits
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests import market
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.point import Point
from tests.street import MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, key
from tests.system.programs import free_port

POINT = "milieustraat"


def run(*words: str) -> None:
    build()(words)


def live(hub: Hub) -> None:
    """Noor gives back 10 kWh and brings 8 kg; bram brings 2 kg and has them retired, before it
    turns out that the card was noor's: so he owes 2 WASTE. That makes six bookings.
    """
    community = Community(store.open_to_write(hub.books), hub.community, log_key=hub.key("log"))
    steward, card_key = hub.key("steward"), hub.card_key()
    home, point = Chain("home"), Point(POINT)
    home.community = point.community = hub.community
    inbox = Inbox(community)
    counts = [
        home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=wh)
        for n, wh in ((40, 0), (41, 10_000))
    ]
    inbox.take([("home", one) for one in counts], now_ms=NOON_MS)
    community.settle(NOON_MS)
    brought = [
        point.bring(card, NOON_MS - 1, grams=grams, card=card, card_key=card_key)
        for card, grams in (("noor", 8_000), ("bram", 2_000))
    ]
    inbox.take([(POINT, one) for one in brought], now_ms=NOON_MS)
    community.settle(NOON_MS)
    spent = Request(hub.community, "spent", Retire("bram", "WASTE", 2_000))
    community.decide(make(spent, key=steward), now_ms=NOON_MS)
    edits = Edits(hub.community, NOON_MS, (CardGiven(token("bram", card_key), "noor"),))
    community.hand_in_edits(papers.make(edits, key=steward), {}, now_ms=NOON_MS)
    community.settle(NOON_MS)
    community.db.close()


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_on_acts_do_what_it_says(tmp_path, monkeypatch):
    (tmp_path / "now").write_text(str(NOON_MS))
    monkeypatch.setenv("METERKAST_CLOCK", str(tmp_path / "now"))
    listens = ("--page", f"127.0.0.1:{free_port()}")
    run("hub", "init", str(tmp_path / "hub"), "--community", "zonstraat", *listens)
    config = ("--config", str(tmp_path / "hub" / "bridge.toml"))
    (posted,) = blocks(DOCS / "acts.md", "toml")
    rules = re.sub(r"\[\[exchanges\]\].*", "", market.POLICY, flags=re.DOTALL)
    (tmp_path / "hub" / "policy.toml").write_text(
        f"{rules}\n{posted}".replace("straat", "zonstraat")
    )
    run("policy", "activate", str(tmp_path / "hub" / "policy.toml"), *config)
    run("hub", "admit", *(f"{one}={key(one).public.x}" for one in ("home", POINT)), *config)
    for member in ("noor", "bram"):
        run("member", "add", member, *config)
        run("member", "card", member, member, *config)
    run("device", "fit", "home/hall", "--member", "noor", *config)
    live(Hub.load(tmp_path / "hub" / "bridge.toml"))
    said = run_script("\n".join(blocks(DOCS / "acts.md", "bash")), folder=tmp_path / "hub")
    assert "booking 11: noor exchanged 3 WASTE for 1.5 ENERGY, through pool at 1/2" in said
    assert "booking 13: bram got 1.25 ENERGY of the 2 ENERGY that noor had set" in said
    assert "booking 15: pool paid the 2 WASTE that bram owed" in said
    assert 2 == said.count("booking 16: noor gave bram 1 ENERGY")
    assert "16 bookings" in said
