"""The page for stewards: its commands, run as they stand, do what the page says."""

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.community import load_registry
from tests.docs.scripts import run_script
from tests.docs.test_pages import DOCS, blocks
from tests.street import key
from tests.system.programs import done, free_port


@pytest.mark.system
@pytest.mark.timeout(120)
def test_the_commands_of_the_page_for_stewards_do_what_it_says(tmp_path):
    page = f"127.0.0.1:{free_port()}"
    done("hub", "init", tmp_path / "hub", "--community", "zonstraat", "--page", page)
    config = ("--config", tmp_path / "hub" / "bridge.toml")
    done("hub", "admit", f"home-noor={key('home-noor').public.x}", *config)
    done("member", "add", "noor", *config)
    told = run_script("\n".join(blocks(DOCS / "meter-life.md", "bash")), folder=tmp_path / "hub")
    assert "verified: 0 records" in told
    db = store.open_to_read(tmp_path / "hub" / "books.db")
    fits = load_registry(db, "zonstraat").fits
    said = {
        device: (fit.serial, fit.from_ms > 0, fit.per_pulse, fit.anew)
        for (_, device), (fit,) in fits.items()
    }
    assert said == {
        "hall": ("E0031003265894512", True, "", False),
        "attic": ("", False, "", False),
        "heat-pump": ("", True, "", True),
        "panels": ("", False, "1/1000 kWh", False),
        "water": ("", False, "10 L", False),
    }
