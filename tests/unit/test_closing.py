"""Closing, in order and with what was so; late evidence is linked, and after 36 months frozen."""

import sqlite3

import msgspec
import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Close
from ledger_bridge.books.book import Claim
from ledger_bridge.books.closing.closed import closed_by, closed_until, days_of, is_closed
from ledger_bridge.books.closing.sealed import Sealed, sealed_by
from ledger_bridge.books.telling.statement import statement
from ledger_bridge.books.verify.verify import Differs, verify
from tests.street import ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street, key

DAY_MS = 86_400_000
# 2026-07-01T00:00 and 2029-07-01T00:00 in Amsterdam.
JULY_MS = MIDNIGHT_MS + 10 * DAY_MS
JULY_2029_MS = JULY_MS + (365 + 365 + 366) * DAY_MS


@pytest.fixture
def street(tmp_path):
    """On 21 June a quarter-hour of 900 Wh, at a third of a credit per kWh; 2.5 kg of glass at 0.05
    per kg.
    """
    street, home, point = Street(tmp_path), Chain("home"), Chain("point")
    street.home = home
    street.take(
        "home",
        home.quarter(NOON_MS, export_wh=0),
        home.quarter(NOON_MS + QUARTER_MS, export_wh=900),
    )
    street.take("point", point.deposit(NOON_MS, grams=2_500, card="B"))
    return street


def close(street, period, now_ms=JULY_MS):
    return street.act(Close(period), f"close {period}", now_ms=now_ms)


def late(street, *, now_ms, day=0, wh=1_800):
    """One more quarter-hour after the others, of so many Wh in all."""
    at_ms = NOON_MS + 2 * QUARTER_MS + day * DAY_MS
    street.inbox.take([("home", street.home.quarter(at_ms, export_wh=wh))], now_ms=now_ms)
    street.community.settle(now_ms)


def check(street):
    return verify(street.community.db, ID, log_key=key("log").public, progress=lambda *_: None)


def leaf_of(street, booking):
    (body,) = street.community.db.execute(
        "SELECT body FROM booking JOIN leaf ON idx = leaf WHERE seq = ?", (booking,)
    ).fetchone()
    return msgspec.json.decode(body)


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("2026-06", ("2026-06-01", "2026-06-30")),
        ("2028-02", ("2028-02-01", "2028-02-29")),
        ("2026-06-21", ("2026-06-21", "2026-06-21")),
    ],
)
def test_a_period_is_a_month_or_a_day(period, expected):
    assert expected == days_of(period)


@pytest.mark.parametrize("text", ["2026", "2026-6", "2026-13", "2026-06-31", "juni", "2026-W01-1"])
def test_what_is_no_period_is_refused_and_changes_nothing(street, text):
    before = street.community.db.total_changes
    with pytest.raises(PeopleError, match="no month such as 2026-06, nor a day"):
        close(street, text)
    assert before == street.community.db.total_changes


def test_a_close_lists_heads_papers_and_what_was_posted_for_its_period(street):
    """900 Wh at 1/3 per kWh are 0.3, 2.5 kg at 0.05 are 0.125: in millionths."""
    said = leaf_of(street, close(street, "2026-06"))
    assert {"ENERGY": 300_000, "WASTE": 125_000} == said["sums"]
    assert 0 == said["paper"]
    assert [("home", 2), ("point", 1)] == [(one[0], one[2]) for one in said["heads"]]
    check(street)


def test_all_days_up_to_the_end_of_a_closed_period_are_closed(street):
    db = street.community.db
    assert ("", None) == (closed_until(db, ID), is_closed(db, ID, "2026-06-21"))
    booking = close(street, "2026-06")
    assert "2026-06-30" == closed_until(db, ID)
    days = ("2020-01-01", "2026-06-01", "2026-06-30", "2026-07-01")
    assert [booking, booking, booking, None] == [is_closed(db, ID, day) for day in days]
    weeks = ("2026-06-15/1w", "2026-06-15/4w")
    assert [booking, None] == [closed_by(db, ID, period) for period in weeks]


@pytest.mark.parametrize(
    ("period", "now_ms", "expected"),
    [
        pytest.param("2026-06", JULY_MS - 1, "2026-06 is not over yet", id="last-day"),
        pytest.param("2026-07", JULY_MS + 31 * DAY_MS, "2026-06-21 is open still", id="order"),
        pytest.param("0001-01-01", JULY_MS, "before there were such meters", id="the year 1"),
    ],
)
def test_a_period_is_closed_in_its_turn_and_once_it_is_over(street, period, now_ms, expected):
    with pytest.raises(PeopleError, match=expected):
        close(street, period, now_ms)
    assert "" == closed_until(street.community.db, ID)


def test_a_month_is_closed_once(street):
    close(street, "2026-06")
    with pytest.raises(PeopleError, match="2026-06-21 is closed already"):
        close(street, "2026-06-21")
    with pytest.raises(PeopleError, match="2026-06 is closed already"):
        street.act(Close("2026-06"), "again", now_ms=JULY_MS)


def test_late_evidence_posts_the_difference_and_names_the_close(street):
    """In all 1.8 kWh at 1/3 are 0.6; 0.3 was posted. Invariant 6 (DESIGN)."""
    booking = close(street, "2026-06")
    late(street, now_ms=JULY_MS)
    said = leaf_of(street, booking + 1)
    assert (300_000, 600_000, booking) == (said["before"], said["due"], said["closed"])
    assert 600_000 == street.balance("acc-noor", "ENERGY")
    check(street)


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        ("2029-05", 600_000),
        ("2029-06", 300_000),
        ("2029-07", 300_000),
    ],
    ids=["35 months", "36 months", "37 months"],
)
def test_evidence_is_settled_until_the_month_36_months_later_is_closed(street, closed, expected):
    """As above; Invariant 6 (DESIGN): of unsealed claims."""
    close(street, "2026-06")
    close(street, closed, JULY_2029_MS + 40 * DAY_MS)
    late(street, now_ms=JULY_2029_MS + 40 * DAY_MS)
    assert expected == street.balance("acc-noor", "ENERGY")
    assert 0 == street.community.db.execute("SELECT count(*) FROM dirty").fetchone()[0]
    check(street)


def test_a_statement_says_that_its_days_are_sealed(street):
    def told():
        found = statement(
            street.community.db,
            ID,
            "noor",
            "2026-06",
            registry=street.community.registry,
            policies=street.community.policies,
        )
        return found["closed"], found["sealed"], found["zin"][:25]

    close(street, "2026-06")
    assert (True, False, "") == told()
    close(street, "2029-06", JULY_2029_MS)
    assert (True, True, "Deze dagen zijn verzegeld") == told()


def test_what_is_sealed_stays_also_where_nothing_was_posted(street):
    """A quarter-hour of the next day comes once its month is sealed."""
    close(street, "2026-06")
    close(street, "2029-07", JULY_2029_MS + 40 * DAY_MS)
    late(street, now_ms=JULY_2029_MS + 40 * DAY_MS, day=1)
    assert 300_000 == street.balance("acc-noor", "ENERGY")
    check(street)


@pytest.mark.parametrize(
    ("closed_until", "expected"),
    [
        ("", ""),
        ("2029-06-30", "2026-06-30"),
        ("2029-06-29", "2026-05-31"),
        ("2028-12-31", "2025-12-31"),
        ("2027-02-28", "2024-02-29"),
    ],
)
def test_a_month_is_sealed_by_the_close_36_months_later(closed_until, expected):
    assert expected == sealed_by(closed_until)


def test_a_claim_over_weeks_is_sealed_with_its_last_day():
    sealed = Sealed("2026-06-30", frozenset({"bram"}))
    claims = (
        Claim("sun", "noor", "2026-06-30"),
        Claim("sun", "noor", "2026-06-15/4w"),
        Claim("sun", "bram", "2026-07-01"),
    )
    assert [True, False, True] == [sealed.holds(claim) for claim in claims]


TAMPERINGS = {
    "the sums of a close": (
        "UPDATE leaf SET body = CAST(replace(body, '300000', '300001') AS BLOB)"
        " WHERE CAST(body AS TEXT) LIKE '%\"sums\"%'",
        "leaves before it are not those that were signed",
    ),
    "a day closed that is not": ("INSERT INTO closed VALUES ('straat', '2030-01', 3)", "closed"),
    "a seal more": ("INSERT INTO seal VALUES ('straat', 3, '2029-06-30', '')", "log does not say"),
    "a seal less": ("DELETE FROM seal", "is due by the evidence"),
    "a sealed claim": (
        "UPDATE claim SET due = 1 WHERE rule = 'sun'",
        "300000 was posted, the books have 1",
    ),
}


@pytest.mark.parametrize(("statement", "expected"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_is_changed_about_a_close_is_named(street, statement, expected):
    close(street, "2026-06")
    close(street, "2029-06", JULY_2029_MS)
    late(street, now_ms=JULY_2029_MS)
    check(street)
    street.community.db.close()
    tool = sqlite3.connect(street.path)
    before = tool.total_changes
    tool.execute(statement)
    assert tool.total_changes > before
    tool.commit()
    tool.close()
    street.open()
    with pytest.raises(Differs, match=expected):
        check(street)
