"""The page on statements: its commands, run as they stand, do what the page says."""

import openpyxl
import pytest

from ledger_bridge.hub import Hub
from tests.docs.glass import CARD, POINT, bring
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.street import key
from tests.system.programs import done, free_port


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
    bring(Hub.load(tmp_path / "hub" / "bridge.toml"))
    said = run_script("\n".join(blocks(DOCS / "statements.md", "bash")), folder=tmp_path / "hub")
    assert "waste in all: glass 2 kg -> 0.100000 WASTE" in said
    assert "settled until 2026-06-20" in said
    assert "june.xlsx: 1 bookings, 2026-06-01 to 2026-06-30" in said
    assert "0.100000 WASTE  Assets:Members:Noor" in said
    assert "noor|WASTE|100000" in said
    folder = tmp_path / "hub"
    book = openpyxl.load_workbook(folder / "june.xlsx")
    assert 0.1 == book["Saldi"]["I2"].value
    assert ";noor;lid;;;WASTE;0,100000;0,100000;" in (folder / "june.csv").read_text()
    files = ("june.xlsx", "june.csv", "books.beancount", "books.journal")
    assert [0o600] * 4 == [(folder / file).stat().st_mode & 0o777 for file in files]
    assert [False] * 4 == [b"Noortje" in (folder / file).read_bytes() for file in files]
