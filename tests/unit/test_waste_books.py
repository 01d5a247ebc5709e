"""The books of a recycling point: what verify makes of them, and books of an older program."""

import sqlite3

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books import store
from ledger_bridge.books.facts.derive_waste import _NEAR
from ledger_bridge.books.registry.edits import DepositDecided, EmptyingExplained
from ledger_bridge.books.verify.verify import Differs, verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import ID, NOON_MS, Street, key


@pytest.fixture
def street(tmp_path):
    """A deposit that counts, one of nobody, one taken back too late, a container that is short."""
    street, point = Street(tmp_path, policy=WASTE_POLICY), Point()
    street.take(
        "point",
        point.bring("d1", NOON_MS, grams=2_000, card="A", serial="S1", alibi="17"),
        point.bring("d2", NOON_MS + 1, grams=90_000, code="K7QM3RXA"),
        point.correct("d1", NOON_MS + 9 * MINUTE_MS, reason="mine after all"),
        point.empty("e1", NOON_MS + 10 * MINUTE_MS, kg=1),
        point.check(NOON_MS, nominal_g=20_000, shown_g=20_000),
        point.turn_away(NOON_MS, "mixed"),
    )
    return street


def check(street):
    return verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_verify_counts_what_waits_for_somebody(street):
    assert 3 == check(street).held
    street.edit(DepositDecided("point", "d1", True, "she has it back"))
    street.edit(EmptyingExplained("point", "e1", "a wrong ticket"))
    assert 1 == check(street).held


TABLES = ("deposit", "correction", "container_event", "known_weight", "turned")
CHANGES = {
    "the fraction that it counts as": "UPDATE deposit SET counts_as = 'metal' WHERE id = 'd1'",
    "what counts": "UPDATE deposit SET counted = amount WHERE id = 'd2'",
    "an invented mark": "UPDATE deposit SET is_verified = 1 WHERE id = 'd1'",
    "whose it is": "UPDATE deposit SET member = 'bram' WHERE id = 'd1'",
    "the scale's record number": "UPDATE deposit SET scale_record = '' WHERE id = 'd1'",
    "a verdict": "UPDATE deposit SET verdict = 'void', counted = 0 WHERE id = 'd1'",
    "a late correction": "UPDATE correction SET verdict = ''",
    "who corrected": "UPDATE correction SET by = 'operator'",
    "a hauled mass": "UPDATE container_event SET hauled_mg = 90000000",
    "a known weight": "UPDATE known_weight SET shown_mg = shown_mg + 1",
    "why it was turned away": "UPDATE turned SET reason = 'full'",
    **{f"a row of {table}": f"DELETE FROM {table}" for table in TABLES},
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_change_behind_the_programs_back_is_named(street, statement):
    street.community.db.execute(statement)
    with pytest.raises(Differs, match="a row that the evidence"):
        check(street)


AS_OF_SCHEMA_3 = """
    DROP TABLE unsure;
    DROP TABLE synced;
    DROP TABLE lost;
    DROP TABLE rotated;
    DROP TABLE gap;
    DROP TABLE command;
    DROP TABLE heard;
    ALTER TABLE chain DROP COLUMN key;
    UPDATE deposit SET at_ms = at_ms + 1;
    PRAGMA user_version = 3;
"""

AS_OF_SCHEMA_2 = """
    CREATE TABLE old AS SELECT community, gateway, chain, seq, id, at_ms, card, fraction,
        amount AS net_mg, day, member, '' AS verdict FROM deposit;
    DROP TABLE deposit;
    ALTER TABLE old RENAME TO deposit;
    DROP TABLE correction;
    DROP TABLE container_event;
    DROP TABLE known_weight;
    DROP TABLE turned;
    DROP TABLE clockless;
    DROP TABLE unsure;
    DROP TABLE synced;
    DROP TABLE lost;
    DROP TABLE rotated;
    DROP TABLE gap;
    DROP TABLE command;
    DROP TABLE heard;
    ALTER TABLE chain DROP COLUMN key;
    PRAGMA user_version = 2;
"""


@pytest.mark.parametrize(
    ("version", "as_of"), [(2, AS_OF_SCHEMA_2), (3, AS_OF_SCHEMA_3)], ids=["2", "3"]
)
def test_books_of_an_older_schema_learn_what_the_records_always_said(street, version, as_of):
    db = street.community.db
    before = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    assert all(before.values())
    db.close()
    older = sqlite3.connect(street.path)
    for kind, name in older.execute(
        "SELECT type, name FROM sqlite_schema WHERE type = 'view' OR sql LIKE '%INTO changed%'"
    ).fetchall():
        older.execute(f"DROP {kind} {name}")
    older.executescript("DROP TABLE changed; DROP TABLE edition;")
    older.executescript(as_of)
    older.close()
    with pytest.raises(PeopleError, match=f"books of schema {version}, this program reads 6"):
        store.open_to_read(street.path)
    street.open()
    db = street.community.db
    assert before == {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    street.community.settle(NOON_MS)
    check(street)


def test_a_new_deposit_is_judged_without_a_look_at_all_others(street):
    """By the plan: whatever leads to its id or its scale's number is found by an index."""
    which = {"community": ID, "names": "[]"}
    plan = street.community.db.execute(f"EXPLAIN QUERY PLAN {_NEAR}", which).fetchall()
    steps = [detail for *_, detail in plan if "deposit" in detail or "other" in detail]
    assert 4 == len(steps)
    keys = ("(community=? AND gateway=? AND id=?)", "(community=? AND scale_record=?)", "seq=?)")
    assert [] == [step for step in steps if not step.endswith(keys)]
