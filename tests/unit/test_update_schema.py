"""What an updated program did to a journal and to books: the older one goes on with them."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.contract import schema
from gateway.contract.errors import ConfigError, PeopleError, Unreachable
from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE, file
from ledger_bridge.books import store
from ledger_bridge.books.verify.verify import verify
from tests.journals import NOON, at, check_chain, put, reopen
from tests.street import ID, NOON_MS, QUARTER_MS, Chain, Street, key

GOLDEN = Path(__file__).parents[1] / "golden"

# What the first published schemas have; a later one has all of it too, for the way back.
JOURNAL = {
    "chain": "community gateway chain kind shared current last digest receipted",
    "record": "community gateway chain seq typ made_ms data",
    "lost": "community gateway chain first last why told_chain told_seq",
    "boundary": "community gateway device boundary_ms",
    "contact": "community gateway device pulses",
    "container": (
        "community gateway fraction emptying up_to emptied_ms delivered_mg pieces hauled_mg"
    ),
    "written": "day bytes",
    "day": "community gateway device day kind at_ms count",
}

# Of the books what was said; what follows from evidence is taken out of it anew.
BOOKS = {
    "registry_edit": "community seq data",
    "policy": "community valid_from hash data",
    "record": "arrival community gateway chain seq digest data stored_ms",
    "chain": "community gateway chain up_to digest held logged key",
    "fork": "community gateway chain seq data",
    "rejected": "community gateway reason count last_ms sample",
    "paper": "community seq name data",
    "person": "community member name external_id",
    "claim": "community rule member period asset due",
    "booking": "community seq kind booked_ms rule member period client_key leaf",
    "posting": "community booking line account asset amount",
    "balance": "community account asset amount",
    "closed": "community period booking",
    "leaf": "community idx kind salt body",
    "erased_leaf": "community idx commitment",
    "checkpoint": "community size note",
    "epoch": "community number first",
    "lost": "community gateway chain first last digest why by_chain by_seq passed_from",
    "rotated": "community gateway chain seq old new",
    "command": (
        "community id gateway word chain first last device document made_ms expires_ms"
        " answered_ms outcome why by_chain by_seq"
    ),
    "reservation": "community booking giver receiver asset amount until_ms ended",
    "exchanged": "community booking exchange holder day amount",
    "undone": "community booking by",
    "opening": "community seq n data",
    "holder": "community account holder role",
}


def tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {
        name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        for (name,) in db.execute(named).fetchall()
    }


def copied(path: Path) -> None:
    """A later program makes its copy, before it does anything."""
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        schema.copy(db, schema.copied(path, version))


def step(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.executescript(f"BEGIN; {script} PRAGMA user_version = {version + 1}; COMMIT;")


def quarter(home: Chain, number: int) -> bytes:
    at_ms = NOON_MS - (8 - number) * QUARTER_MS
    return home.quarter(at_ms, export_wh=1_000 + 300 * number)


LATER = """
ALTER TABLE record ADD COLUMN sent INTEGER;
ALTER TABLE chain ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
CREATE TABLE forecast (community TEXT PRIMARY KEY, kwh INTEGER) STRICT;
INSERT INTO forecast VALUES ('zonstraat', 3);
CREATE INDEX record_by_sent ON record (sent);
DROP VIEW tally;
CREATE VIEW tally AS SELECT 'zonstraat' AS community, sent FROM record;
CREATE TRIGGER record_sent AFTER INSERT ON record BEGIN DELETE FROM forecast; END;
"""


def gained_only(first: dict[str, str], now: dict[str, list[str]]) -> bool:
    return all(set(columns.split()) <= set(now.get(name, ())) for name, columns in first.items())


def test_a_later_journal_has_all_that_the_first_published_one_had(tmp_path):
    reopen(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        assert gained_only(JOURNAL, tables(db))


def test_later_books_have_all_that_was_said_in_the_first_published_ones(tmp_path):
    with closing(store.open_to_write(tmp_path / "books.db")) as db:
        assert gained_only(BOOKS, tables(db))


def test_an_older_program_goes_on_with_every_record_and_the_next_number(tmp_path):
    """Three records before the update, two by the newer program, one after it was taken back."""
    path = tmp_path / "journal.db"
    first = reopen(tmp_path)
    chain = put(first, 3)
    copied(path)
    put(first, 2)
    first.close()
    step(path, LATER)
    again = reopen(tmp_path)
    assert chain == put(again)
    assert [1, 2, 3, 4, 5, 6] == check_chain(again.records(chain, start=1, limit=9))
    assert 6 == again.tally().pending
    again.close()
    assert "" == file.damage(path, is_suspect=True)
    with closing(sqlite3.connect(schema.copied(path, 5))) as newer:
        assert "forecast" in tables(newer)


def test_what_stands_beside_the_records_is_kept_on_the_way_back(tmp_path):
    path = tmp_path / "journal.db"
    first = reopen(tmp_path)
    copied(path)
    first.append(EVIDENCE, QUARTER, [], moment=at(0), boundary=("hall", NOON))
    first.keep_pulses("gas", 41, moment=at(0))
    first.commit(at(0))
    first.close()
    step(path, LATER)
    again = reopen(tmp_path)
    assert ({"hall": NOON}, 41) == (again.boundaries(), again.pulses("gas"))
    again.close()


@pytest.mark.parametrize(
    "script", ["ALTER TABLE record RENAME COLUMN data TO packed;", "DROP TABLE contact;"]
)
def test_a_later_schema_that_lacks_something_is_left_as_it_is(tmp_path, script):
    path = tmp_path / "journal.db"
    first = reopen(tmp_path)
    put(first)
    first.close()
    copied(path)
    step(path, "DROP VIEW tally; " + script)
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    with pytest.raises(ConfigError, match="install the newer meterkast again"):
        reopen(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        assert before == list(db.iterdump())
        assert (5,) == db.execute("PRAGMA user_version").fetchone()


def test_a_newer_journal_that_was_never_ours_is_not_touched(tmp_path):
    reopen(tmp_path).close()
    step(tmp_path / "journal.db", LATER)
    with pytest.raises(ConfigError, match="the journal has schema 5, this program knows 4"):
        reopen(tmp_path)


def test_an_older_journal_is_copied_before_its_step(tmp_path):
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((GOLDEN / "journal_version_3.sql").read_text("utf-8"))
        before = list(db.iterdump())
    reopen(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "journal-schema-3.db")) as kept:
        assert before == list(kept.iterdump())
    assert 0o600 == (tmp_path / "journal-schema-3.db").stat().st_mode & 0o777


def test_without_room_for_a_copy_no_step_is_taken(tmp_path, monkeypatch):
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((GOLDEN / "journal_version_3.sql").read_text("utf-8"))

    def full(db: sqlite3.Connection, to: Path) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(schema, "copy", full)
    with pytest.raises(Unreachable, match="database or disk is full"):
        reopen(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        assert (3,) == db.execute("PRAGMA user_version").fetchone()


@pytest.mark.parametrize(("days", "is_kept"), [(13, True), (15, False), (20_000, True)])
def test_copies_go_after_a_fortnight_by_a_clock_that_was_set(tmp_path, days, is_kept):
    reopen(tmp_path).close()
    kept = tmp_path / "journal-schema-3.db"
    kept.touch()
    then = kept.stat().st_mtime - days * 86_400
    os.utime(kept, (then, then))
    reopen(tmp_path).close()
    assert is_kept == kept.exists()


def test_books_go_back_with_every_balance_and_verify(tmp_path):
    """Credits of a newer program count: what was booked stays booked, what follows is the same."""
    street, home = Street(tmp_path), Chain("home")
    street.take("home", *(quarter(home, n) for n in range(4)))
    street.community.db.close()
    copied(street.path)
    street.open()
    street.take("home", *(quarter(home, n) for n in range(4, 7)))
    street.community.db.close()
    step(
        street.path,
        "ALTER TABLE booking ADD COLUMN colour TEXT; CREATE TABLE mood (x TEXT) STRICT;"
        " DROP TABLE counter; CREATE INDEX booked ON booking (colour);",
    )
    street.open()
    assert 600_000 == street.balance("acc-noor", "ENERGY")
    street.take("home", quarter(home, 7))
    # 7 times 300 Wh at a third of a credit per kWh.
    assert 700_000 == street.balance("acc-noor", "ENERGY")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_newer_books_that_were_never_ours_are_not_touched(tmp_path):
    street = Street(tmp_path)
    street.community.db.close()
    step(street.path, "")
    with pytest.raises(PeopleError, match="update meterkast"):
        store.open_to_write(street.path)
