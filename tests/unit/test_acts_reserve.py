"""Credit set apart: it is posted, voided or expires, once, and nothing of it is lost."""

import pytest

from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts import kept
from ledger_bridge.books.acts.kept import Live
from ledger_bridge.books.acts.requests import Post, Reserve, Reverse, Transfer, Void
from ledger_bridge.books.acts.reserving import expire
from ledger_bridge.books.registry.edits import LimitSet
from tests.market import HOUR_MS, Market
from tests.street import NOON_MS

END_MS = NOON_MS + HOUR_MS


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path)


@pytest.fixture
def reserved(market):
    """The number of a reservation of 4 ENERGY by noor for bram, for an hour."""
    return market.act(Reserve("noor", "bram", "ENERGY", 400, END_MS), "reserve")


def test_what_is_reserved_lies_in_clearing(market, reserved):
    assert (600, 400) == (market.holds("noor")[0], market.holds("clearing")[0])
    with pytest.raises(PeopleError, match=r"noor has 6\.00 ENERGY"):
        market.act(Transfer("noor", "bram", "ENERGY", 601), "too much")
    market.verify()


def test_a_part_is_posted_and_the_rest_goes_back(market, reserved):
    """Invariant 6 (ledger): post and rest are what was reserved."""
    market.act(Post(reserved, 150), "post")
    assert (850, 0, 150) == tuple(market.holds(who)[0] for who in ("noor", "clearing", "bram"))
    market.verify()


def test_all_of_it_is_posted_where_no_part_is_said(market, reserved):
    market.act(Post(reserved), "post")
    assert (600, 0, 400) == tuple(market.holds(who)[0] for who in ("noor", "clearing", "bram"))


def test_a_voided_reservation_goes_back_whole(market, reserved):
    market.act(Void(reserved), "void")
    assert (1_000, 0, 0) == tuple(market.holds(who)[0] for who in ("noor", "clearing", "bram"))
    market.verify()


@pytest.mark.parametrize("ending", [Post, Void], ids=["posted", "voided"])
def test_a_reservation_ends_once(market, reserved, ending):
    """Invariant 6 (ledger)."""
    ended = market.act(ending(reserved), "end")
    for again in (Post(reserved), Post(reserved, 1), Void(reserved)):
        with pytest.raises(PeopleError, match=f"this reservation ended with booking {ended}"):
            market.act(again, "again")
    assert 0 == market.community.expire(END_MS)
    market.verify()


def test_a_reservation_expires_when_its_time_is_over_and_not_before(market, reserved):
    assert 0 == market.community.expire(END_MS - 1)
    assert 1 == market.community.expire(END_MS)
    assert 0 == market.community.expire(END_MS + 1)
    assert (1_000, 0, 0) == tuple(market.holds(who)[0] for who in ("noor", "clearing", "bram"))
    market.verify()


def test_nothing_is_let_go_before_its_time_whoever_asks(market, reserved):
    here = market.community
    with pytest.raises(AssertionError):
        expire(reserved, Live(here.db, here.registry, here.policies, END_MS - 1))


def test_what_expires_goes_back_also_above_a_ceiling(market, reserved):
    market.edit(LimitSet("noor", "ENERGY", None, 700, "a trial"))
    market.community.expire(END_MS)
    assert 1_000 == market.holds("noor")[0]
    market.verify()


def test_nobody_gets_more_of_a_reservation_than_their_ceiling_allows(market, reserved):
    market.edit(LimitSet("bram", "ENERGY", None, 300, "a trial"))
    with pytest.raises(PeopleError, match=r"bram has 0\.00 ENERGY, and the ceiling is 3\.00"):
        market.act(Post(reserved), "all of it")
    market.act(Post(reserved, 300), "a part")
    assert (700, 300) == (market.holds("noor")[0], market.holds("bram")[0])


def test_a_reservation_whose_time_is_over_goes_back_before_anything_is_decided(market, reserved):
    """Also before the bridge has looked what is over: it is not posted any more, and noor has all
    10 ENERGY to give.
    """
    with pytest.raises(PeopleError, match="this reservation ended with booking 4"):
        market.act(Post(reserved), "late", now_ms=END_MS)
    market.act(Transfer("noor", "bram", "ENERGY", 1_000), "all of it", now_ms=END_MS)
    market.verify()


def test_several_that_are_over_expire_in_the_order_of_their_ends(market):
    late = market.act(Reserve("noor", "bram", "ENERGY", 1, END_MS + 2), "late")
    soon = market.act(Reserve("noor", "bram", "ENERGY", 2, END_MS + 1), "soon")
    assert 2 == market.community.expire(END_MS + HOUR_MS)
    ends = market.community.db.execute("SELECT booking FROM reservation ORDER BY ended").fetchall()
    assert [(soon,), (late,)] == ends
    market.verify()


def test_more_expire_than_one_commit_takes(market, monkeypatch):
    monkeypatch.setattr(kept, "OVERDUE_MAX", 2)
    for n in range(3):
        market.act(Reserve("noor", "bram", "ENERGY", 1, END_MS), f"{n}")
    assert (2, 1, 0) == tuple(market.community.expire(END_MS) for _ in range(3))
    assert 1_000 == market.holds("noor")[0]
    market.verify()


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Reserve("noor", "bram", "ENERGY", 1_001, END_MS), r"noor has 10\.00 ENERGY"),
        (Reserve("noor", "bram", "ENERGY", 0, END_MS), "no amount above zero"),
        (Reserve("noor", "noor", "ENERGY", 1, END_MS), "for themselves"),
        (Reserve("noor", "clearing", "ENERGY", 1, END_MS), "an account of role clearing"),
        (Reserve("noor", "bram", "ENERGY", 1, NOON_MS), "it would end 2026-06-21 12:00"),
        (Reserve("noor", "bram", "ENERGY", 1, NOON_MS + 367 * 24 * HOUR_MS), "2027-06-23 12:00"),
        (Reserve("noor", "bram", "ENERGY", 1, 10**30), "it would end at no time"),
        (Reserve("noor", "bram", "ENERGY", 1, -(10**30)), "it would end at no time"),
        (Reserve("noor", "bram", "BOUND", 1, END_MS), "BOUND is not transferable"),
        (Post(1), "booking 1 reserved nothing"),
        (Post(10**30), "reserved nothing"),
        (Void(-1), "booking -1 reserved nothing"),
        (Void(99), "booking 99 reserved nothing"),
    ],
)
def test_what_cannot_be_reserved_is_refused_and_changes_nothing(market, act, expected):
    before = list(market.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        market.act(act, "k")
    assert before == list(market.community.db.iterdump())


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(401, "more than was reserved"), (0, "no amount above"), (-1, "no amount above")],
)
def test_no_more_is_posted_than_was_reserved(market, reserved, amount, expected):
    """Invariant 6 (ledger)."""
    with pytest.raises(PeopleError, match=expected):
        market.act(Post(reserved, amount), "k")


def test_a_reservation_is_voided_and_not_reversed(market, reserved):
    with pytest.raises(PeopleError, match="of kind reserve and stays"):
        market.act(Reverse(reserved, "a mistake"), "k")
