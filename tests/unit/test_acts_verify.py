"""A bridge that decides otherwise than it was asked, or a table that says otherwise, is named."""

import shutil
import sqlite3

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import (
    Act,
    Exchange,
    Post,
    Request,
    Reserve,
    Reverse,
    Transfer,
    make,
)
from ledger_bridge.books.verify.acts import Acts
from ledger_bridge.books.verify.look import Look
from ledger_bridge.books.verify.moment import Moment
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.books.verify.verify import Differs, verify
from tests.market import HOUR_MS, Market
from tests.street import ID, NOON_MS, key

END_MS = NOON_MS + HOUR_MS


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    """Bookings 3 and 4 fill the pool; 5 exchanges, 6 reserves until 13:00, 7 gives and 8 takes
    that back, 9 reserves and 10 posts a part.
    """
    market = Market(tmp_path_factory.mktemp("market"), pool=(500, 1_000))
    market.act(Exchange("bram", "to-energy", 3_000), "exchange")
    market.act(Reserve("noor", "bram", "ENERGY", 100, END_MS), "reserve")
    gift = market.act(Transfer("noor", "bram", "ENERGY", 50), "gift")
    market.act(Reverse(gift, "a mistake"), "back")
    other = market.act(Reserve("noor", "bram", "ENERGY", 20, END_MS), "reserve too")
    market.act(Post(other, 5), "post")
    market.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    market.community.db.close()
    return market.path


@pytest.fixture
def market(books, tmp_path):
    """A copy of those books, in which nothing keeps rows from being changed."""
    path = tmp_path / "books.db"
    shutil.copy(books, path)
    tool = sqlite3.connect(path)
    for (name,) in tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        tool.execute(f"DROP TRIGGER {name}")
    tool.close()
    market = Market.__new__(Market)
    market.path = path
    market._now_ms = NOON_MS
    market.open()
    return market


def named(market: Market) -> tuple[str, str]:
    with pytest.raises(Differs) as found:
        verify(market.community.db, ID, log_key=key("log").public, progress=str)
    return found.value.what, found.value.where


def test_the_books_as_they_are_differ_from_nothing(market):
    assert 10 == market.verify().bookings


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        (
            "DELETE FROM exchanged",
            (
                "a row that the evidence gives is missing",
                "exchanged 5 to-energy bram 2026-06-21 3000",
            ),
        ),
        (
            "UPDATE exchanged SET amount = 1",
            ("a row that the evidence does not give", "exchanged 5 to-energy bram 2026-06-21 1"),
        ),
        (
            "UPDATE reservation SET ended = 7 WHERE booking = 6",
            (
                "a row that the evidence does not give",
                f"reservation 6 noor bram ENERGY 100 {END_MS} 7",
            ),
        ),
        (
            "UPDATE reservation SET until_ms = until_ms + 1 WHERE booking = 6",
            (
                "a row that the evidence does not give",
                f"reservation 6 noor bram ENERGY 100 {END_MS + 1} None",
            ),
        ),
        (
            "DELETE FROM undone",
            ("a row that the evidence gives is missing", "undone 7 8"),
        ),
    ],
    ids=["no exchange", "less exchanged", "ended", "later", "not undone"],
)
def test_a_table_that_says_otherwise_is_named(market, statement, found):
    market.community.db.execute(statement)
    assert found == named(market)


def forge(market: Market, kind: str, postings, facts, **more) -> tuple[str, str]:
    """Book something with the log's own key, as a dishonest bridge could, and verify."""
    batch = market.community.book.batch(more.pop("now_ms", NOON_MS))
    with store.commit(market.community.db):
        batch.book(kind, postings, facts, **more)
        batch.write()
    return named(market)


BACK = [("acc-noor", "ENERGY", 100), ("acc-clearing", "ENERGY", -100)]


def test_a_reservation_that_expires_early_is_named(market):
    found = forge(market, "expire", BACK, {"reservation": 6}, now_ms=END_MS - 1)
    assert (f"its time was over at {END_MS} only", "booking 11") == found


def test_a_reservation_that_expires_twice_is_named(market):
    assert 1 == market.community.expire(END_MS)
    found = forge(market, "expire", BACK, {"reservation": 6}, now_ms=END_MS)
    assert ("that reservation had ended with booking 11", "booking 12") == found


def test_a_reservation_that_never_expires_is_named(market):
    """Before noor gives anything at 13:00, what she set apart until 13:00 goes back to her."""
    lines = [("acc-bram", "ENERGY", 5), ("acc-noor", "ENERGY", -5)]
    said = {"request": request(Transfer("noor", "bram", "ENERGY", 5))}
    found = forge(market, "transfer", lines, said, client_key="k", now_ms=END_MS)
    assert ("reservation 6 was over before it, and has not ended", "booking 11") == found


def test_what_expires_to_somebody_else_is_named(market):
    there = [("acc-bram", "ENERGY", 100), ("acc-clearing", "ENERGY", -100)]
    what, where = forge(market, "expire", there, {"reservation": 6}, now_ms=END_MS)
    assert what.startswith("it posts [['acc-bram', 'ENERGY', 100]")
    assert "booking 11" == where


@pytest.mark.parametrize("said", [{}, {"reservation": 3}, {"reservation": "6"}])
def test_what_nobody_asked_for_is_named(market, said):
    found = forge(market, "expire", BACK, said, now_ms=END_MS)
    assert ("nobody asked for it", "booking 11") == found


def request(act: Act, name: str = "k") -> str:
    return make(Request(ID, name, act), key=key("steward")).decode()


def test_an_exchange_at_another_rate_is_named(market):
    """3 WASTE at 1/3 is 1 ENERGY, which is 100 hundredths; the bridge gives 101."""
    lines = [
        *(("acc-bram", "ENERGY", 101), ("acc-pool", "ENERGY", -101)),
        *(("acc-pool", "WASTE", 3_000), ("acc-bram", "WASTE", -3_000)),
    ]
    said = {"request": request(Exchange("bram", "to-energy", 3_000))}
    what, where = forge(market, "exchange", lines, said, client_key="k")
    assert what.startswith("it posts [['acc-bram', 'ENERGY', 101]")
    assert "booking 11" == where


def test_an_exchange_beyond_its_limit_is_named(market):
    """Of at most 6 a day bram gave 3 already; the bridge takes 3.003 more."""
    lines = [
        *(("acc-bram", "ENERGY", 100), ("acc-pool", "ENERGY", -100)),
        *(("acc-pool", "WASTE", 3_003), ("acc-bram", "WASTE", -3_003)),
    ]
    said = {"request": request(Exchange("bram", "to-energy", 3_003))}
    found = forge(market, "exchange", lines, said, client_key="k")
    assert (
        "it could not be: at most 6 a day, and bram gave 3.000 WASTE of it",
        "booking 11",
    ) == found


def test_an_act_below_a_floor_is_named(market):
    lines = [("acc-bram", "ENERGY", 5_000), ("acc-noor", "ENERGY", -5_000)]
    said = {"request": request(Transfer("noor", "bram", "ENERGY", 5_000))}
    what, where = forge(market, "transfer", lines, said, client_key="k")
    assert "it could not be: noor has 3.95 ENERGY" == what
    assert "booking 11" == where


def test_an_act_booked_twice_is_named(market):
    """What the table would refuse by itself, if nobody took that away from it."""
    market.community.db.execute("DROP INDEX booking_by_key")
    lines = [("acc-bram", "ENERGY", 50), ("acc-noor", "ENERGY", -50)]
    said = {"request": request(Transfer("noor", "bram", "ENERGY", 50), "gift")}
    found = forge(market, "transfer", lines, said, client_key="gift")
    assert ("the act under the key gift is booked twice", "booking 11") == found


def test_an_act_booked_as_another_is_named(market):
    lines = [("acc-bram", "ENERGY", 5), ("acc-noor", "ENERGY", -5)]
    said = {"request": request(Transfer("noor", "bram", "ENERGY", 5))}
    found = forge(market, "donate", lines, said, client_key="k")
    assert ("its request asks for another act", "booking 11") == found


def test_an_act_under_a_policy_that_was_not_in_force_is_named(market):
    lines = [("acc-bram", "ENERGY", 5), ("acc-noor", "ENERGY", -5)]
    said = {"request": request(Transfer("noor", "bram", "ENERGY", 5)), "policy": "ff"}
    what, where = forge(market, "transfer", lines, said, client_key="k")
    assert what.startswith("the log says policy 'ff', it is '")
    assert "booking 11" == where


def test_a_request_that_no_steward_signed_is_named(market):
    lines = [("acc-bram", "ENERGY", 5), ("acc-noor", "ENERGY", -5)]
    asked = Request(ID, "k", Transfer("noor", "bram", "ENERGY", 5))
    said = {"request": make(asked, key=key("home")).decode()}
    what, where = forge(market, "transfer", lines, said, client_key="k")
    assert what.startswith("its request is not signed by a steward")
    assert "booking 11" == where


@pytest.mark.parametrize(
    ("balances", "found"),
    [
        (
            {("acc-noor", "ENERGY"): 5, ("pot", "ENERGY"): -6},
            ("6 was minted, 5 is held", "asset ENERGY"),
        ),
        (
            {("acc-hidden", "ENERGY"): 5, ("pot", "ENERGY"): -5},
            ("it is nobody's and holds something", "balance acc-hidden ENERGY"),
        ),
        (
            {("acc-clearing", "ENERGY"): 5, ("pot", "ENERGY"): -5},
            ("it holds 5 ENERGY, reserved is 0", "account clearing"),
        ),
    ],
    ids=["more minted", "nobody's", "in clearing"],
)
def test_what_is_held_is_what_was_minted(market, balances, found):
    """Invariant 3 (ledger): nothing else is a sink or a source."""
    look = Look(market.community.db, ID, key("log").public, Seen(ID), print)
    moment = Moment(look, market.community.registry, market.community.policies)
    moment.balances.update(balances)
    with pytest.raises(Differs) as odd:
        Acts(moment).check_held()
    assert found == (odd.value.what, odd.value.where)
