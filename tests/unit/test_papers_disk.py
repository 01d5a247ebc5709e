"""A paper for which there is no room leaves nothing behind: not in the books, not in mind."""

import sqlite3

import pytest

from ledger_bridge.books.book import Batch
from ledger_bridge.books.facts.official import Sight
from ledger_bridge.books.verify.verify import verify
from tests.street import ID, MIDNIGHT_MS, QUARTER_MS, Chain, Street, key


def no_room(_: Batch) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def test_a_sight_reading_that_was_not_stored_judges_no_count(tmp_path, monkeypatch):
    """Invariant 10 (DESIGN). Between 900 and 1,000 Wh somebody read 5,000; the disk was full. The
    count after it is what it would be without: of 1 kWh noor gets 1/3, rounded down.
    """
    street, home = Street(tmp_path), Chain("home")
    at_ms = [MIDNIGHT_MS + n * QUARTER_MS for n in (40, 41, 44)]
    street.take("home", home.quarter(at_ms[0], export_wh=0), home.quarter(at_ms[1], export_wh=900))
    read_ms = at_ms[1] + QUARTER_MS
    sight = Sight("home", "hall", "1-0:2.8.1", "E1", read_ms, 5_000_000, "Wh", "Ans")
    with monkeypatch.context() as full:
        full.setattr(Batch, "write", no_room)
        with pytest.raises(sqlite3.OperationalError):
            street.say("sight", sight)
    street.take("home", home.quarter(at_ms[2], export_wh=1_000))
    assert 333_333 == street.balance("acc-noor", "ENERGY")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)
