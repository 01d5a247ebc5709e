"""Whatever is changed behind the program's back, verify names it."""

import sqlite3

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.acts import acts
from ledger_bridge.books.acts.requests import Close, Request, Transfer, make
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

LATER_MS = NOON_MS + 24 * 3_600_000


@pytest.fixture
def street(tmp_path):
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    counts = enumerate((0, 300, 900, 2_000))
    data = [home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=wh) for n, wh in counts]
    street.take("home", *data[:2])
    street.take("home", *data[2:])
    street.take("point", point.deposit(NOON_MS, grams=3_000))
    for name, act in (
        ("a", Transfer("noor", "bram", "ENERGY", 1_000)),
        ("b", Close("2026-06-21")),
    ):
        acts.decide(
            street.community.book,
            make(Request(ID, name, act), key=key("steward")),
            registry=street.community.registry,
            policies=street.community.policies,
            now_ms=LATER_MS,
        )
    return street


def check(street):
    db = store.open_to_read(street.path)
    try:
        return verify(db, ID, log_key=key("log").public, progress=str)
    finally:
        db.close()


def test_untouched_books_are_verified(street):
    found = check(street)
    assert (5, 2, 0, 5) == (found.records, found.claims, found.waiting, found.bookings)


# Each a statement that somebody might type into the sqlite3 tool, and what verify says of it.
TAMPERINGS = {
    "a byte of a record": (
        "UPDATE record SET data = CAST(replace(data, ':900', ':910') AS BLOB) WHERE seq = 3",
        "its signature is not its gateway's",
        "record home/evidence-000000000001/3",
    ),
    "a digest": (
        "UPDATE record SET digest = 'ff' WHERE gateway = 'home' AND seq = 2",
        "its digest is not that of its bytes",
        "record home/evidence-000000000001/2",
    ),
    "a record is taken out": (
        "DELETE FROM record WHERE gateway = 'home' AND seq = 2",
        "it does not follow the record before it",
        "record home/evidence-000000000001/3",
    ),
    "the last record is taken out": (
        "DELETE FROM record WHERE gateway = 'home' AND seq = 4",
        "a row that the evidence does not give",
        None,
    ),
    "an amount of a posting": (
        "UPDATE posting SET amount = amount + 1 WHERE booking = 2 AND line = 0",
        "posting 0 is ['acc-noor', 'ENERGY', 566667], the log says ['acc-noor', 'ENERGY', 566666]",
        "booking 2",
    ),
    "a balanced pair of postings": (
        "UPDATE posting SET amount = amount * 2 WHERE booking = 2",
        "posting 0 is ['acc-noor', 'ENERGY', 1133332], the log says ['acc-noor', 'ENERGY', 566666]",
        "booking 2",
    ),
    "a balance": (
        "UPDATE balance SET amount = 5 WHERE account = 'acc-noor' AND asset = 'WASTE'",
        "it holds 5, its postings add up to 150000",
        "balance acc-noor WASTE",
    ),
    "a due": (
        "UPDATE claim SET due = due + 1 WHERE rule = 'waste'",
        "150000 is due by the evidence, the books have 150001",
        "claim waste noor 2026-06-21",
    ),
    "a believed increase": (
        "UPDATE counter SET delta = delta + 1000 WHERE seq = 3",
        "a row that the evidence does not give",
        None,
    ),
    "an invented reading": (
        "INSERT INTO counter SELECT community, gateway, device, '1-0:2.8.2', serial, at_ms, chain,"
        " seq, value, unit, made_ms, doubt, day, quarter, member, delta, verdict, per_pulse, grade,"
        " substitute"
        " FROM counter WHERE seq = 2",
        "a row that the evidence does not give",
        None,
    ),
    "a deposit's member": (
        "UPDATE deposit SET member = 'bram'",
        None,
        None,
    ),
    "a leaf's words": (
        "UPDATE leaf SET body = CAST(replace(body, '566666', '566665') AS BLOB)",
        "the leaves before it are not those that were signed",
        None,
    ),
    "a leaf is taken out": ("DELETE FROM leaf WHERE idx = 3", "leaf 3 is missing", "leaf"),
    "the last checkpoint is taken for another": (
        "UPDATE checkpoint SET note = (SELECT note FROM checkpoint ORDER BY size LIMIT 1)",
        None,
        None,
    ),
    "a booking is taken out": (
        "DELETE FROM booking WHERE seq = 3",
        "booking 3 is missing",
        "booking",
    ),
    "a claim of a booking": (
        "UPDATE booking SET period = '2026-06-20' WHERE seq = 1",
        None,
        "booking 1",
    ),
    "a policy's rate": (
        "UPDATE policy SET data = CAST(replace(data, '1/3', '1/2') AS BLOB)",
        "a policy is not as it was signed: not signed by a steward of this community",
        "policy",
    ),
    "a registry edit": (
        "UPDATE opening SET data = CAST(replace(data, 'acc-bram', 'acc-burg') AS BLOB)",
        "an edit is not as it was signed: edit 3 is not the one that was signed",
        "registry_edit",
    ),
    "a document of edits": (
        "UPDATE registry_edit SET data = CAST(replace(data, 'time_ms\":1', 'time_ms\":2') AS BLOB)",
        "an edit is not as it was signed: not signed by a steward of this community",
        "registry_edit",
    ),
}


@pytest.mark.parametrize(("statement", "what", "where"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_change_behind_the_programs_back_is_named(street, statement, what, where):
    street.community.db.close()
    tool = sqlite3.connect(street.path)
    for (name,) in tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        tool.execute(f"DROP TRIGGER {name}")
    before = tool.total_changes
    tool.execute(statement)
    tool.commit()
    assert tool.total_changes > before
    tool.close()
    with pytest.raises(Differs) as differs:
        check(street)
    if what:
        assert what == differs.value.what
    if where:
        assert where == differs.value.where


@pytest.mark.parametrize("table", ["record", "registry_edit", "booking", "posting"])
def test_the_tables_refuse_to_be_changed(street, table):
    column = {"record": "stored_ms", "registry_edit": "seq", "booking": "kind"}.get(table, "line")
    with pytest.raises(sqlite3.IntegrityError, match="never change"):
        street.community.db.execute(f"UPDATE {table} SET {column} = {column}")
