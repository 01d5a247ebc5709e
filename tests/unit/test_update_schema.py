"""What an updated program did to a journal and to books: the older one goes on with them."""

import os
import re
import sqlite3
import tracemalloc
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from gateway.contract import notify, schema
from gateway.contract.errors import ConfigError, PeopleError, Unreachable
from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE, file, salvage
from ledger_bridge.books import store
from ledger_bridge.books.settle import shared_days
from ledger_bridge.books.verify.verify import verify
from tests.homes import Home, Homes
from tests.journal_life import FILL
from tests.journals import NOON, at, check_chain, current, put, reopen
from tests.later import later_gateway, later_hub
from tests.street import ID, NOON_MS, QUARTER_MS, Chain, Street, key
from tests.unit.test_books_disk import JULY_MS, PRO_RATA, Life

GOLDEN = Path(__file__).parents[1] / "golden"

# The first published schemas. A later one has all of them, for the way back.
JOURNAL = (GOLDEN / "journal_schema_4.sql").read_text("utf-8")
# Of books what was said, and shared; what follows from evidence is taken out of it anew.
BOOKS = (GOLDEN / "books_schema_6.sql").read_text("utf-8")


def columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Of each table."""
    named = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {
        name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        for (name,) in db.execute(named).fetchall()
    }


def made(script: str) -> dict[str, list[str]]:
    """The columns of each table that a script makes."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(script)
        return columns(db)


def rows(db: sqlite3.Connection, of: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        name: sorted(map(repr, db.execute(f"SELECT {', '.join(some)} FROM {name}")))
        for name, some in of.items()
    }


def lines(script: str) -> set[tuple[str, str]]:
    """What is said of each table, line by line, but for comments."""
    said, table = set(), ""
    for line in script.replace("IF NOT EXISTS ", "").splitlines():
        word = line.split("--")[0].strip().rstrip(",")
        table = word if word.startswith("CREATE ") else table
        if table.startswith("CREATE TABLE") and word:
            said.add((table, " ".join(word.split())))
        if word.endswith(";"):
            table = ""
    return said


def step(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        db.executescript(f"BEGIN; {script} PRAGMA user_version = {version + 1}; COMMIT;")


def grow_old(path: Path) -> None:
    """As after a fortnight."""
    with closing(sqlite3.connect(path)) as db:
        schema.grow_old(db, path)


def quarter(home: Chain, number: int) -> bytes:
    at_ms = NOON_MS - (8 - number) * QUARTER_MS
    return home.quarter(at_ms, export_wh=1_000 + 300 * number)


def filled(folder: Path) -> None:
    """A journal with something in most of its tables."""
    journal = reopen(folder)
    put(journal, 3)
    journal.append(EVIDENCE, QUARTER, [], moment=at(0), boundary=("hall", NOON))
    journal.keep_pulses("gas", 41, moment=at(0))
    journal.beside(FILL)
    journal.commit(at(0))
    journal.close()


def lived(folder: Path) -> Life:
    """Books of which the community has closed a month, erased a member, changed its policy …"""
    life = Life(folder, PRO_RATA)
    life.begin()
    for happens in life.steps().values():
        happens()
    life.check()
    life.community.db.close()
    return life


def there(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


LATER = """
ALTER TABLE record ADD COLUMN sent INTEGER;
ALTER TABLE chain ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
CREATE TABLE forecast (n INTEGER PRIMARY KEY AUTOINCREMENT, kwh INTEGER) STRICT;
INSERT INTO forecast (kwh) VALUES (3);
CREATE INDEX record_by_sent ON record (sent);
DROP VIEW tally;
CREATE VIEW tally AS SELECT 'zonstraat' AS community, sent FROM record;
CREATE TRIGGER record_sent AFTER INSERT ON record BEGIN DELETE FROM forecast; END;
ANALYZE;
"""


def test_a_later_schema_allows_what_the_first_published_one_did_and_no_more():
    """Of the tables that it shares with that one: else the way back would refuse some rows."""
    said = "".join(map(store._sql, store.SAID))
    assert lines(JOURNAL) <= lines(file.SCHEMA.read_text())
    assert lines(BOOKS) <= lines(said)
    assert (8, 37) == (len(made(JOURNAL)), len(made(BOOKS)))


def test_the_first_published_gateway_could_go_back_from_now(tmp_path):
    path = tmp_path / "journal.db"
    filled(tmp_path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        before = rows(db, made(JOURNAL))
        db.execute("BEGIN")
        schema.go_back(db, JOURNAL)
        assert before == rows(db, made(JOURNAL))
        assert columns(db) == made(JOURNAL)


def test_the_first_published_hub_could_go_back_from_now(tmp_path):
    life = lived(tmp_path)
    with closing(sqlite3.connect(life.path, isolation_level=None)) as db:
        before = rows(db, made(BOOKS))
        db.execute("BEGIN")
        schema.go_back(db, BOOKS)
        assert before == rows(db, made(BOOKS))
        assert columns(db) == made(BOOKS)


def test_an_older_program_goes_on_with_every_record_and_the_next_number(tmp_path):
    """Three records before the update, two by the newer program, one after it was taken back."""
    path = tmp_path / "journal.db"
    first = reopen(tmp_path)
    chain = put(first, 3)
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
        assert "forecast" in columns(newer)


def test_what_stands_beside_the_records_is_kept_on_the_way_back(tmp_path):
    filled(tmp_path)
    step(tmp_path / "journal.db", LATER)
    again = reopen(tmp_path)
    assert ({"hall": NOON}, 41) == (again.boundaries(), again.pulses("gas"))
    again.close()


def test_what_a_newer_program_left_in_the_file_is_no_damage_at_the_next_start(tmp_path):
    """Statistics of SQLite's and its numbers given stand beside our tables."""
    filled(tmp_path)
    step(tmp_path / "journal.db", LATER)
    for _ in range(2):
        again = reopen(tmp_path)
        assert "" == again.standing().set_aside
        again.close()


def test_records_are_not_written_again_where_an_update_left_their_table_as_it_was(tmp_path):
    """A gigabyte on a card takes minutes, and three of them must be free."""
    path = tmp_path / "journal.db"
    filled(tmp_path)
    step(
        path, "ALTER TABLE chain ADD COLUMN colour TEXT; CREATE INDEX by_time ON record (made_ms);"
    )
    place = "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'record' AND name != 'by_time'"
    with closing(sqlite3.connect(path)) as db:
        before = db.execute(place).fetchall()
    reopen(tmp_path).close()
    with closing(sqlite3.connect(path)) as db:
        assert before == db.execute(place).fetchall()
        assert made(JOURNAL) == columns(db)


@pytest.mark.parametrize(
    "script", ["ALTER TABLE record RENAME COLUMN data TO packed;", "DROP TABLE contact;"]
)
def test_a_later_schema_that_lacks_something_is_left_as_it_is(tmp_path, script):
    path = tmp_path / "journal.db"
    first = reopen(tmp_path)
    put(first)
    first.close()
    step(path, "DROP VIEW tally; " + script)
    with closing(sqlite3.connect(path)) as db:
        before = list(db.iterdump())
    with pytest.raises(ConfigError, match="install the newer meterkast again"):
        reopen(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        assert before == list(db.iterdump())
        assert (5,) == db.execute("PRAGMA user_version").fetchone()


LOOSER = """
DROP TABLE contact;
CREATE TABLE contact (
    community TEXT NOT NULL, gateway TEXT NOT NULL, device TEXT NOT NULL, pulses INTEGER NOT NULL
) STRICT;
INSERT INTO contact VALUES ('zonstraat', 'home', 'gas', -1);
"""


def test_a_row_that_only_the_newer_program_allows_is_no_damage(tmp_path):
    path = tmp_path / "journal.db"
    filled(tmp_path)
    step(path, LOOSER)
    with pytest.raises(ConfigError, match="what contact holds is not for this program"):
        reopen(tmp_path)
    assert ["journal-schema-5.db", "journal.ballast", "journal.db", "journal.lock"] == there(
        tmp_path
    )


def test_a_step_that_goes_wrong_is_no_damage_and_the_version_before_goes_on(tmp_path):
    filled(tmp_path)
    later = later_gateway("CREATE UNIQUE INDEX one_of_a_kind ON record (typ);")
    with later, pytest.raises(ConfigError, match="the journal of schema 4 cannot become one of 5"):
        reopen(tmp_path)
    again = reopen(tmp_path)
    chain = put(again)
    assert [1, 2, 3, 4, 5] == check_chain(again.records(chain, start=1, limit=9))
    assert "" == again.standing().set_aside
    again.close()


def aged(path: Path, days: int) -> None:
    then = path.stat().st_mtime - days * 86_400
    os.utime(path, (then, then))


def test_a_version_on_trial_is_taken_back_however_long_the_machine_was_off(tmp_path):
    """Or a clock that was behind when the step was taken; the newer program starts again before."""
    filled(tmp_path)
    with later_gateway():
        put(newer := reopen(tmp_path))
        newer.close()
        aged(tmp_path / "journal-schema-4.db", 30)
        put(newer := reopen(tmp_path))
        newer.close()
    again = reopen(tmp_path)
    assert 6 == current(again).last
    again.close()


def test_a_journal_that_only_the_newer_program_ever_opened_is_taken_over(tmp_path):
    with later_gateway():
        chain = put(newer := reopen(tmp_path), 2)
        newer.close()
    again = reopen(tmp_path)
    assert [1, 2] == check_chain(again.records(chain, start=1, limit=9))
    again.close()


def test_a_journal_that_the_newer_program_found_damaged_is_taken_over(tmp_path):
    """It made a new one, of its own schema, out of what it could read."""
    path = tmp_path / "journal.db"
    filled(tmp_path)
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    with later_gateway():
        chain = put(newer := reopen(tmp_path))
        newer.close()
    again = reopen(tmp_path)
    assert [1, 2, 3, 4, 5] == check_chain(again.records(chain, start=1, limit=9))
    again.close()


def test_of_a_newer_journal_that_is_damaged_the_older_program_reads_every_record(tmp_path):
    path = tmp_path / "journal.db"
    filled(tmp_path)
    step(
        path,
        "ALTER TABLE record ADD COLUMN sent INTEGER; UPDATE record SET sent = seq;"
        "ALTER TABLE chain ADD COLUMN colour TEXT; UPDATE chain SET colour = 'red';",
    )
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    again = reopen(tmp_path)
    chain = put(again)
    assert [1, 2, 3, 4, 5] == check_chain(again.records(chain, start=1, limit=9))
    assert "" != again.standing().set_aside
    again.close()


def test_once_a_program_has_run_for_an_hour_old_copies_go(tmp_path):
    """No trial is so long. Without a copy nobody takes the update back, and the next start is safe
    from an older program.
    """
    filled(tmp_path)
    kept = tmp_path / "journal-schema-3.db"
    kept.touch()
    aged(kept, 15)
    again = reopen(tmp_path)
    put(again)
    assert kept.exists()
    put(again, ms=3_600_000)
    assert not kept.exists()
    assert not schema.is_young(again._disk.db)
    again.close()


def test_a_newer_journal_that_was_never_ours_is_not_touched(tmp_path):
    reopen(tmp_path).close()
    path = tmp_path / "journal.db"
    grow_old(path)
    step(path, LATER)
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


def with_free(monkeypatch: pytest.MonkeyPatch, megabytes: int) -> None:
    """As much of the disk is free, whatever is."""
    usage = SimpleNamespace(free=megabytes * 1_000_000)
    monkeypatch.setattr(schema.shutil, "disk_usage", lambda _: usage)


def test_without_room_for_the_way_back_no_step_is_taken(tmp_path, monkeypatch):
    filled(tmp_path)
    with_free(monkeypatch, 4)
    with later_gateway(), pytest.raises(Unreachable) as told:
        reopen(tmp_path)
    assert re.fullmatch(
        r"error: the journal cannot be written: another schema wants 4\.\d MB of the disk,"
        rf" and 4\.0 MB are free\nwhere: {tmp_path}\n"
        r"try:   make room on the disk and let this user write there, then start again",
        str(told.value),
    )
    assert ["journal.ballast", "journal.db", "journal.lock"] == there(tmp_path)
    again = reopen(tmp_path)
    assert 4 == current(again).last
    again.close()


def test_without_room_for_a_copy_the_way_back_is_taken_all_the_same(tmp_path, monkeypatch):
    filled(tmp_path)
    with later_gateway():
        reopen(tmp_path).close()
    with_free(monkeypatch, 4)
    again = reopen(tmp_path)
    assert 4 == current(again).last
    again.close()
    assert not (tmp_path / "journal-schema-5.db").exists()


def test_half_a_copy_that_a_cut_left_goes_at_the_next_start(tmp_path):
    reopen(tmp_path).close()
    (tmp_path / "journal-schema-3.db.part").touch()
    reopen(tmp_path).close()
    assert ["journal.ballast", "journal.db", "journal.lock"] == there(tmp_path)


def test_a_start_may_take_as_long_as_the_slowest_card_needs(tmp_path, monkeypatch):
    """The step and the way back, which write 4 MB at least; a look through all of the journal, and
    to make it anew.
    """
    said = []
    monkeypatch.setattr(notify, "notify", lambda **facts: said.append(facts))
    filled(tmp_path)
    with later_gateway():
        reopen(tmp_path).close()
    reopen(tmp_path).close()
    salvage.suspect(path := tmp_path / "journal.db")
    reopen(tmp_path).close()
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    reopen(tmp_path).close()
    assert ["62000000", "62000000", "600000000", "900000000"] == [
        one["EXTEND_TIMEOUT_USEC"] for one in said
    ]


def test_a_log_as_large_as_the_journal_takes_no_memory_at_the_next_start(tmp_path):
    """A gateway may take 256 MB, and power may be cut right after the way back."""
    log = tmp_path / "journal.db-wal"
    data = bytes(range(256)) * 80_000
    log.write_bytes(data)
    tracemalloc.start()
    file._write_again(log)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data == log.read_bytes()
    assert most < 3_000_000


@pytest.mark.parametrize(("days", "is_kept"), [(13, True), (15, False), (20_000, True)])
def test_copies_go_after_a_fortnight_by_a_clock_that_was_set(tmp_path, days, is_kept):
    reopen(tmp_path).close()
    kept = tmp_path / "journal-schema-3.db"
    kept.touch()
    aged(kept, days)
    path = tmp_path / "journal.db"
    step(path, schema.YOUNG)
    grow_old(path)
    assert is_kept == kept.exists()
    # Whoever made the copy may be gone back to while it is there.
    with closing(sqlite3.connect(path)) as db:
        assert is_kept == schema.is_young(db)


def test_books_go_back_with_every_balance_and_verify(tmp_path):
    """Credits of a newer program count: what was booked stays booked, what follows is the same."""
    street, home = Street(tmp_path), Chain("home")
    street.take("home", *(quarter(home, n) for n in range(4)))
    street.community.db.close()
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


def test_books_that_only_the_newer_program_ever_opened_are_taken_over(tmp_path):
    with later_hub():
        street, home = Street(tmp_path), Chain("home")
        street.take("home", *(quarter(home, n) for n in range(8)))
        street.community.db.close()
    street.open()
    assert 700_000 == street.balance("acc-noor", "ENERGY")
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_books_say_the_same_after_the_way_back_whatever_was_in_them(tmp_path):
    """Also of days of which only what is kept of an erased member is left."""
    life = lived(tmp_path)
    before = opened(life).tables()
    for _ in range(2):
        with later_hub():
            opened(life).check()
        assert before == opened(life).tables()
        life.check()


def opened(life: Life) -> Life:
    """Open the books, settle, and let go of them."""
    life.community.db.close()
    life.open()
    while life.community.settle(JULY_MS):
        pass
    return life


def test_what_follows_is_taken_out_anew_without_a_credit_that_goes_and_comes_back(
    tmp_path, monkeypatch
):
    """15 days are shared and 49 earn; more are to be reckoned than one commit takes."""
    homes = Homes(tmp_path, PRO_RATA)
    noor, bram = Home("home"), Home("barn")
    for day in range(50):
        for quarter_hour in (0, 1):
            at_, wh = day * 96 + quarter_hour, (day + quarter_hour) * 1_000_000
            said = [("home", noor.count(at_, wh, 0)), ("barn", bram.count(at_, 0, wh))]
            homes.inbox.take(said, now_ms=JULY_MS)
    while homes.community.settle(JULY_MS):
        pass
    bookings = "SELECT count(*) FROM booking"
    assert (64,) == homes.community.db.execute(bookings).fetchone()
    homes.community.db.close()
    step(homes.path, "")
    monkeypatch.setattr(shared_days, "DAYS_MAX", 3)
    homes.open()
    while homes.community.settle(JULY_MS):
        pass
    assert (64,) == homes.community.db.execute(bookings).fetchone()
    homes.check()


def test_without_room_books_stay_as_they_are(tmp_path, monkeypatch):
    street = Street(tmp_path)
    street.community.db.close()
    with_free(monkeypatch, 4)
    with later_hub(), pytest.raises(PeopleError) as told:
        store.open_to_write(street.path)
    assert re.fullmatch(
        r"error: the books of schema 6 cannot become those of 7: another schema wants 5\.\d MB"
        rf" of the disk, and 4\.0 MB are free\nwhere: {street.path}\n"
        r"try:   make room there \(df -h\); the version before runs on",
        str(told.value),
    )
    street.open()


def test_books_whose_step_goes_wrong_stay_as_they_are(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    street.take("home", quarter(home, 0), quarter(home, 1))
    street.community.db.close()
    with (
        later_hub("CREATE UNIQUE INDEX one_each ON record (gateway);"),
        pytest.raises(PeopleError, match=r"UNIQUE constraint failed(.|\n)*report it"),
    ):
        store.open_to_write(street.path)
    street.open()
    assert 100_000 == street.balance("acc-noor", "ENERGY")


def test_newer_books_that_were_never_ours_are_not_touched(tmp_path):
    street = Street(tmp_path)
    street.community.db.close()
    grow_old(street.path)
    step(street.path, "")
    with pytest.raises(PeopleError, match="update meterkast"):
        store.open_to_write(street.path)
