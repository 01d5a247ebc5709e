"""Books that an older program wrote are brought up to date by their evidence."""

import sqlite3
from pathlib import Path

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.books.policy import policy
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, NOON_MS, POLICY, Street, key

GOLDEN = Path(__file__).parents[1] / "golden"


def test_books_of_schema_4_keep_every_balance_and_verify(tmp_path):
    """A day of 8 quarter-hours at 130 Wh and one more after it was closed, at a third of a credit
    per kWh, of which 0.1 was transferred; 2.5 kg and 1.2 kg of glass at 0.05 per kg.
    """
    expected = {
        ("acc-noor", "ENERGY"): 566_666,
        ("acc-bram", "ENERGY"): 100_000,
        ("pot", "ENERGY"): -666_666,
        ("acc-noor", "WASTE"): 125_000,
        ("acc-bram", "WASTE"): 60_000,
        ("pot", "WASTE"): -185_000,
    }
    path = tmp_path / "books.db"
    older = sqlite3.connect(path)
    older.executescript((GOLDEN / "books_version_4.sql").read_text("utf-8"))
    older.close()
    community = Community(store.open_to_write(path), ID, log_key=key("log"))
    assert 0 < community.settle(NOON_MS)
    rows = community.db.execute("SELECT account, asset, amount FROM balance")
    assert expected == {(account, asset): amount for account, asset, amount in rows}
    verify(community.db, ID, log_key=key("log").public, progress=str)


def test_a_policy_that_is_in_force_stays_readable_when_programs_refuse_more(tmp_path, monkeypatch):
    """Two rules for one register: refused by now, and once stored."""
    before, sun, waste = POLICY.split("[[rules]]")
    again = sun.replace('id = "sun"', 'id = "again"')
    twice = "[[rules]]".join((before, sun, again, waste))
    with pytest.raises(PeopleError, match="exclusive"):
        Street(tmp_path / "new", policy=twice)
    with monkeypatch.context() as older:
        older.setattr(policy, "mistakes", None)
        street = Street(tmp_path / "old", policy=twice)
    street.community.db.close()
    street.open()
    rules = street.community.policies.in_order[0].policy.rules
    assert ["sun", "again", "waste"] == [rule.id for rule in rules]
