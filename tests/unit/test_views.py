"""The read-only views of the books: what plain SQL over the tables says, and nothing personal."""

import pytest

from ledger_bridge.books.acts.requests import Close, Transfer
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

DAY_MS = 86_400_000
NAME = "Noor de Vries"


@pytest.fixture
def street(tmp_path):
    """Noor gives back 3 kWh for a third of a credit each, and Bram 0.25 of it; a deposit waits."""
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    street.open_accounts()
    street.community.db.execute("INSERT INTO person VALUES (?, 'noor', ?, 'L-17')", (ID, NAME))
    street.take(
        "home",
        home.quarter(MIDNIGHT_MS, export_wh=0),
        home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000),
    )
    street.take("point", point.deposit(NOON_MS, grams=700, card="nobody's"))
    street.act(Transfer("noor", "bram", "ENERGY", 250_000), "gift", now_ms=NOON_MS + 1)
    street.community.db.execute(
        "INSERT INTO shared VALUES (?, 'sun', 'noor', '2026-06-21', 5, 7)", (ID,)
    )
    street.community.db.execute(
        "INSERT INTO attestation VALUES (?, 4, 1, 0, 'noor', '2026-06-21', 'care', 90, ?, '', ?)",
        (ID, NAME, NAME),
    )
    street.act(Close("2026-06-21"), "close", now_ms=NOON_MS + DAY_MS)
    return street


def rows(street, statement):
    return street.community.db.execute(statement).fetchall()


# What each view says of this street, worked out by hand.
SAID = {
    "SELECT member, account, external_id FROM v1_member ORDER BY member": [
        ("bram", "acc-bram", ""),
        ("noor", "acc-noor", "L-17"),
    ],
    "SELECT holder, role FROM v1_holder WHERE role != 'member' ORDER BY holder": [
        ("cancelled", "cancelled"),
        ("clearing", "clearing"),
        ("issuance", "issuance"),
        ("pool", "pool"),
        ("retired", "retired"),
        ("supplier", "supplier"),
    ],
    "SELECT holder, role, asset, amount FROM v1_balance ORDER BY holder": [
        ("bram", "member", "ENERGY", 250_000),
        ("issuance", "issuance", "ENERGY", -1_000_000),
        ("noor", "member", "ENERGY", 750_000),
    ],
    "SELECT booking, kind, booked, rule, member, period FROM v1_booking": [
        (1, "entitlement", "2026-06-21T10:00:00Z", "sun", "noor", "2026-06-21"),
        (2, "transfer", "2026-06-21T10:00:00Z", None, None, None),
        (3, "close", "2026-06-22T10:00:00Z", None, None, None),
    ],
    "SELECT booking, holder, asset, amount, kind FROM v1_posting ORDER BY booking, line": [
        (1, "noor", "ENERGY", 1_000_000, "entitlement"),
        (1, "issuance", "ENERGY", -1_000_000, "entitlement"),
        (2, "bram", "ENERGY", 250_000, "transfer"),
        (2, "noor", "ENERGY", -250_000, "transfer"),
    ],
    "SELECT rule, member, period, asset, credited, is_settled FROM v1_claim": [
        ("sun", "noor", "2026-06-21", "ENERGY", 1_000_000, 1),
    ],
    "SELECT member, day, device, register, unit, increase FROM v1_counter_day ORDER BY day": [
        ("noor", "2026-06-20", "hall", "1-0:2.8.1", "Wh", 0),
        ("noor", "2026-06-21", "hall", "1-0:2.8.1", "Wh", 3_000_000),
    ],
    "SELECT at, day, member, fraction, amount, counted, verdict FROM v1_deposit": [
        ("2026-06-21T10:00:00Z", "2026-06-21", None, "glass", 700_000, 0, "nobody"),
    ],
    "SELECT rule, member, day, taken, given FROM v1_shared": [("sun", "noor", "2026-06-21", 5, 7)],
    "SELECT paper, n, member, day, activity, minutes, verdict FROM v1_attestation": [
        (4, 1, "noor", "2026-06-21", "care", 90, ""),
    ],
    "SELECT period, booking FROM v1_closed": [("2026-06-21", 3)],
}


@pytest.mark.parametrize(
    ("statement", "expected"), SAID.items(), ids=[s.split(" FROM ")[1].split()[0] for s in SAID]
)
def test_a_view_says_what_happened(street, statement, expected):
    assert expected == rows(street, statement)


# The same by plain SQL over the tables.
PLAIN = {
    "SELECT account, asset, amount FROM v1_balance": (
        "SELECT account, asset, sum(amount) FROM posting GROUP BY account, asset"
    ),
    "SELECT booking, line, account, asset, amount FROM v1_posting": (
        "SELECT booking, line, account, asset, amount FROM posting"
    ),
    "SELECT booking, booked_ms, leaf FROM v1_booking": "SELECT seq, booked_ms, leaf FROM booking",
    "SELECT register, sum(increase) FROM v1_counter_day GROUP BY register": (
        "SELECT register, sum(delta) FROM counter GROUP BY register"
    ),
    "SELECT gateway, deposit, at_ms FROM v1_deposit": "SELECT gateway, id, at_ms FROM deposit",
}


@pytest.mark.parametrize(
    ("view", "plain"), PLAIN.items(), ids=[s.split(" FROM ")[1].split()[0] for s in PLAIN]
)
def test_a_view_agrees_with_plain_sql_over_the_tables(street, view, plain):
    assert sorted(rows(street, plain)) == sorted(rows(street, view))


def test_every_view_is_tried_here_has_its_version_and_no_name_in_it(street):
    """Invariant 9 (DESIGN)."""
    views = {name for (name,) in rows(street, "SELECT name FROM sqlite_schema WHERE type = 'view'")}
    assert {s.split(" FROM ")[1].split()[0] for s in SAID} == views
    assert 11 == len(views)
    for view in views:
        assert view.startswith("v1_")
        assert NAME not in str(rows(street, f"SELECT * FROM {view}"))


def test_a_holder_that_the_registry_does_not_know_is_found_by_verify(street):
    """Invariant 1 (DESIGN)."""
    street.community.db.execute("UPDATE holder SET holder = 'bram' WHERE account = 'acc-noor'")
    with pytest.raises(Differs, match="holder"):
        verify(street.community.db, ID, log_key=key("log").public, progress=str)


def test_whoever_opens_the_books_to_write_puts_the_holders_right(street):
    street.community.db.execute("DELETE FROM holder")
    street.community.db.close()
    street.open()
    assert 8 == len(rows(street, "SELECT 1 FROM v1_holder"))
