"""Books that somebody changed with the sqlite3 tool, rows of several tables together if need be."""

import hashlib
import json
import shutil
import sqlite3

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.acts import acts
from ledger_bridge.books.acts.requests import Close, Request, Transfer, make
from ledger_bridge.books.closing.close import listed
from ledger_bridge.books.registry.edits import MemberAdded
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, Street, key

# SHA-256 of the payload as JSON without spaces, worked out with hashlib and json.
POLICY_HASH = hashlib.sha256(
    json.dumps({"community": ID, "toml": POLICY}, separators=(",", ":")).encode()
).hexdigest()


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """A day with a sunny quarter, a bag of glass, a forked chain, a close and a transfer."""
    street = Street(tmp_path_factory.mktemp("books"))
    home, point, old = Chain("home"), Chain("point"), Chain("home", "evidence-000000000000")
    for n, wh in ((40, 0), (41, 900)):
        street.take("home", home.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=wh))
    street.take("point", point.deposit(NOON_MS, grams=3000))
    street.take("home", old.record([], made_ms=NOON_MS))
    street.take("home", old.record([], made_ms=NOON_MS + 1, seq=1))
    street.take("home", Chain("home", "samples-1").record([], made_ms=NOON_MS, seq=2))
    one, day_after_ms = street.community, MIDNIGHT_MS + 30 * 3_600_000
    for name, act in (
        ("evening", Close("2026-06-21")),
        ("gift", Transfer("noor", "bram", "ENERGY", 1000)),
    ):
        paper = make(Request(ID, name, act), key=key("steward"))
        acts.decide(
            one.book, paper, registry=one.registry, policies=one.policies, now_ms=day_after_ms
        )
    street.edit(MemberAdded("late", "acc-late"))
    street.community.db.close()
    return street.path


def differs(books, tmp_path, statements: str) -> tuple[str, str] | None:
    path = tmp_path / "books.db"
    shutil.copy(books, path)
    tool = sqlite3.connect(path)
    for (name,) in tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        tool.execute(f"DROP TRIGGER {name}")
    before = tool.total_changes
    tool.executescript(statements)
    assert tool.total_changes > before or not statements
    tool.close()
    try:
        verify(store.open_to_read(path), ID, log_key=key("log").public, progress=str)
    except Differs as found:
        return found.what, found.where
    return None


def test_the_books_as_they_are_differ_from_nothing(books, tmp_path):
    assert differs(books, tmp_path, "") is None


# The sun is booking 1, the glass 2, the close 3, the transfer 4.
TAMPERINGS = {
    "all checkpoints gone": (
        "DELETE FROM checkpoint",
        ("11 leaves, the last checkpoint signs 0", "checkpoint"),
    ),
    "the last checkpoint gone": (
        "DELETE FROM checkpoint WHERE size = 11",
        ("11 leaves, the last checkpoint signs 10", "checkpoint"),
    ),
    "a leaf more": (
        "INSERT INTO leaf VALUES ('straat', 11, 'act', x'00', CAST('{}' AS BLOB))",
        ("12 leaves, the last checkpoint signs 11", "checkpoint"),
    ),
    "a leaf that is no object": (
        "INSERT INTO leaf VALUES ('straat', 11, 'act', x'00', CAST('[]' AS BLOB))",
        ("12 leaves, the last checkpoint signs 11", "checkpoint"),
    ),
    "the name of an act, so that it could be done again": (
        "UPDATE booking SET client_key = NULL WHERE seq = 4",
        ("its key is None, asked was gift", "booking 4"),
    ),
    "an act taken back": (
        "DELETE FROM posting WHERE booking = 4; DELETE FROM booking WHERE seq = 4;"
        "UPDATE balance SET amount = 300000 WHERE account = 'acc-noor' AND asset = 'ENERGY';"
        "UPDATE balance SET amount = 0 WHERE account = 'acc-bram'",
        ("booking 4 is missing", "booking"),
    ),
    "a day opened again": (
        "DELETE FROM closed",
        ("it is closed by booking 3", "closed 2026-06-21"),
    ),
    "a day closed by nobody": (
        "INSERT INTO closed VALUES ('straat', '2026-06-20', 3)",
        ("it is not closed by booking 3", "closed 2026-06-20"),
    ),
    "a chain forgotten": (
        "DELETE FROM chain WHERE gateway = 'point'",
        ("stored up to 1, said 0", "chain point/evidence-000000000001"),
    ),
    "a chain that the log would not hear of again": (
        "UPDATE chain SET logged = 99 WHERE gateway = 'point'",
        ("logged up to 99, the log names 1", "chain point/evidence-000000000001"),
    ),
    "a fork forgiven": (
        "UPDATE chain SET held = ''",
        ("it is not held and should be", "chain home/evidence-000000000000"),
    ),
    "a fork whose proof is gone": (
        "DELETE FROM fork",
        ("it is held for nothing", "chain home/evidence-000000000000"),
    ),
    "a fork of nobody's making": (
        "UPDATE fork SET seq = 7",
        ("it stands under another's number", "fork home/evidence-000000000000/7"),
    ),
    "a claim that would be posted a second time": (
        "UPDATE claim SET due = 0 WHERE rule = 'sun';"
        "INSERT OR IGNORE INTO dirty VALUES ('straat', 'sun', 'noor', '2026-06-21')",
        ("300000 was posted, the books have 0", "claim sun noor 2026-06-21"),
    ),
    "a claim in another asset": (
        "UPDATE claim SET asset = 'WASTE' WHERE rule = 'sun'",
        ("ENERGY is due, the books have WASTE", "claim sun noor 2026-06-21"),
    ),
    "the newest registry edit gone": (
        "DELETE FROM registry_edit WHERE seq = 2; DELETE FROM holder WHERE account = 'acc-late'",
        ("the log names other registry edits than are stored", "registry_edit"),
    ),
    "the day of a policy": (
        "UPDATE policy SET valid_from = '2020-01-01'",
        ("it is in force from 2026-06-21", "policy 2020-01-01"),
    ),
    "the hash of a policy": (
        "UPDATE policy SET hash = 'x'",
        (f"its hash is {POLICY_HASH}", "policy 2026-06-21"),
    ),
    "a leaf counted from the end": (
        "UPDATE booking SET leaf = leaf - 11 WHERE seq = 1",
        ("it is not what the log says of it", "booking 1"),
    ),
    "the numbers of postings": (
        "UPDATE posting SET line = line + 5 WHERE booking = 1",
        ("posting 0 is missing", "booking 1"),
    ),
}


@pytest.mark.parametrize(("statements", "found"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_was_changed_is_named(books, tmp_path, statements, found):
    assert found == differs(books, tmp_path, statements)


def forge(street: Street, kind: str, postings, facts, **more) -> tuple[str, str]:
    """Book something with the log's own key, as a dishonest bridge could, and verify."""
    batch = street.community.book.batch(NOON_MS)
    with store.commit(street.community.db) as db:
        batch.book(kind, postings, facts, **more)
        batch.write()
    with pytest.raises(Differs) as found:
        verify(db, ID, log_key=key("log").public, progress=str)
    return found.value.what, found.value.where


def test_a_bridge_that_mints_on_its_own_is_named(tmp_path):
    street = Street(tmp_path)
    gift = [("acc-bram", "ENERGY", 5), ("pot", "ENERGY", -5)]
    what, where = forge(street, "gift", gift, {})
    assert what == "nobody asked for it"
    assert "booking 1" == where


def test_a_bridge_that_does_an_act_twice_is_named(tmp_path):
    street, one = Street(tmp_path), Chain("point")
    street.take("point", one.deposit(NOON_MS, grams=3000))
    paper = make(Request(ID, "gift", Transfer("noor", "bram", "WASTE", 10)), key=key("steward"))
    here = street.community
    acts.decide(here.book, paper, registry=here.registry, policies=here.policies, now_ms=NOON_MS)
    postings = [("acc-bram", "WASTE", 10), ("acc-noor", "WASTE", -10)]
    found = forge(street, "transfer", postings, {"request": paper.decode()}, client_key="again")
    assert ("its key is again, asked was gift", "booking 3") == found


def test_a_bridge_that_credits_another_than_the_member_is_named(tmp_path):
    street = Street(tmp_path)
    claim = ("waste", "noor", "2026-06-21")
    street.inbox.take([("point", Chain("point").deposit(NOON_MS, grams=2000))], now_ms=NOON_MS)
    street.community.db.execute("DELETE FROM dirty")
    street.community.db.execute(
        "INSERT INTO claim VALUES (?, ?, ?, ?, 'WASTE', 100000)", (ID, *claim)
    )
    with store.commit(street.community.db):
        batch = street.community.book.batch(NOON_MS)
        batch.leaf("evidence", {"heads": listed(street.community.db, ID)["heads"]})
        street.community.db.execute("UPDATE chain SET logged = up_to")
        batch.write()
    batch.done()
    postings = [("acc-bram", "WASTE", 100_000), ("pot", "WASTE", -100_000)]
    said = {"claim": claim, "due": 100_000, "before": 0}
    found = forge(street, "entitlement", postings, said, claim=claim)
    assert ("it is not between the issuance and noor", "booking 1") == found


def test_a_close_beside_a_chain_that_lacks_its_first_record_verifies(tmp_path):
    street = Street(tmp_path)
    street.take("home", Chain("home").record([], made_ms=NOON_MS, seq=2))
    here = street.community
    paper = make(Request(ID, "evening", Close("2026-06-21")), key=key("steward"))
    later_ms = MIDNIGHT_MS + 30 * 3_600_000
    acts.decide(here.book, paper, registry=here.registry, policies=here.policies, now_ms=later_ms)
    assert 1 == verify(here.db, ID, log_key=key("log").public, progress=str).bookings
