"""What `meterkast verify` finds on a hub is kept beside its books, for those who watch it."""

import sqlite3

import pytest

from ledger_bridge import verified
from ledger_bridge.commands.verify import verify
from ledger_bridge.verified import Outcome
from tests.street import NOON_MS
from tests.unit.test_proof_commands import LOG, hub

__all__ = ["hub"]  # the fixture


@pytest.fixture(autouse=True)
def noon(hub, monkeypatch):
    (hub.config.parent / "clock").write_text(f"{NOON_MS}")
    monkeypatch.setenv("METERKAST_CLOCK", str(hub.config.parent / "clock"))


def forge(hub):
    db = sqlite3.connect(hub.books)
    db.execute("UPDATE balance SET amount = amount + 1")
    db.commit()
    db.close()


def test_what_was_found_is_kept_with_when(hub):
    assert verified.last(hub.books) is None
    assert 0 == verify()
    assert Outcome(NOON_MS) == verified.last(hub.books)
    forge(hub)
    assert 1 == verify(json=True)
    assert NOON_MS == verified.last(hub.books).at_ms
    assert verified.last(hub.books).what


def test_the_look_of_an_auditor_with_a_key_of_their_own_is_not_the_hubs(hub):
    forge(hub)
    assert 1 == verify(key=LOG)
    assert verified.last(hub.books) is None


def test_a_look_that_does_not_end_is_none(hub, monkeypatch):
    assert 0 == verify()
    monkeypatch.setattr("ledger_bridge.commands.verify.verification.verify", _interrupted)
    (hub.config.parent / "clock").write_text(f"{NOON_MS + 1}")
    with pytest.raises(KeyboardInterrupt):
        verify()
    assert Outcome(NOON_MS) == verified.last(hub.books)


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def test_where_nothing_can_be_written_what_was_found_is_told_all_the_same(hub, capsys):
    verified.file_of(hub.books).mkdir()
    assert 0 == verify()
    said = capsys.readouterr()
    assert "verified: 2 records" in said.out
    assert "not noted beside the books" in said.err
