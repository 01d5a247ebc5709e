"""The page on statements: its commands, run as they stand, do what the page says."""

import os
import subprocess
import sysconfig

import openpyxl
import pytest

from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.hub import Hub
from ledger_bridge.inbox import Inbox
from tests.docs.test_pages import DOCS, blocks
from tests.point import Point
from tests.street import NOON_MS, key
from tests.system.programs import done, free_port

POINT = "milieustraat"
CARD = "0A00B1C2D3"


def send(hub: Hub) -> None:
    """2 kg of glass are brought with noor's card, at 0.05 credits a kg."""
    point = Point(POINT)
    point.community = hub.community
    brought = point.bring("d1", NOON_MS, grams=2_000, card=CARD, card_key=hub.card_key())
    community = Community(store.open_to_write(hub.books), hub.community, log_key=hub.key("log"))
    Inbox(community).take([(POINT, brought)], now_ms=NOON_MS)
    community.settle(NOON_MS)
    community.db.close()


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_on_statements_do_what_it_says(tmp_path, part):
    for program in ("hledger", "sqlite3"):
        part(program)
    page = f"127.0.0.1:{free_port()}"
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat", "--page", page)
    config = ("--config", tmp_path / "hub" / "bridge.toml")
    policy = tmp_path / "hub" / "policy.toml"
    lines = policy.read_text().splitlines()
    dated = ["valid_from = 2026-06-01" if one.startswith("valid_from") else one for one in lines]
    policy.write_text("\n".join(dated))
    done("policy", "activate", policy, *config)
    done("hub", "admit", f"{POINT}={key(POINT).public.x}", *config)
    done("member", "add", "noor", "--name", "Noortje", *config)
    done("member", "card", "noor", CARD, *config)
    send(Hub.load(tmp_path / "hub" / "bridge.toml"))
    run = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks(DOCS / "statements.md", "bash"))],
        cwd=tmp_path / "hub",
        env={**os.environ, "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == run.returncode, run.stdout + run.stderr
    assert "waste in all: glass 2 kg -> 0.100000 WASTE" in run.stdout
    assert "settled until 2026-06-20" in run.stdout
    assert "june.xlsx: 1 bookings, 2026-06-01 to 2026-06-30" in run.stdout
    assert "0.100000 WASTE  Assets:Members:Noor" in run.stdout
    assert "noor|WASTE|100000" in run.stdout
    folder = tmp_path / "hub"
    book = openpyxl.load_workbook(folder / "june.xlsx")
    assert 0.1 == book["Saldi"]["I2"].value
    assert ";noor;lid;;;WASTE;0,100000;0,100000;" in (folder / "june.csv").read_text()
    files = ("june.xlsx", "june.csv", "books.beancount", "books.journal")
    assert [0o600] * 4 == [(folder / file).stat().st_mode & 0o777 for file in files]
    assert [False] * 4 == [b"Noortje" in (folder / file).read_bytes() for file in files]
