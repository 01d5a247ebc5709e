"""Acts: decided once, idempotent by key, and nobody gives what they do not have."""

import pytest

from gateway.contract.cards import token
from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.acts.requests import Close, Transfer
from ledger_bridge.books.book import Posting
from ledger_bridge.books.registry.edits import CardGiven
from tests.street import CARD_KEY, ID, MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street

NEXT_DAY_MS = MIDNIGHT_MS + 25 * 3_600_000


@pytest.fixture
def street(tmp_path):
    street, home = Street(tmp_path), Chain("home")
    street.take(
        "home",
        home.quarter(MIDNIGHT_MS, export_wh=0),
        home.quarter(MIDNIGHT_MS + QUARTER_MS, export_wh=3_000),
    )
    assert 1_000_000 == street.balance("acc-noor", "ENERGY")
    return street


def ask(street, act, name="k", *, signer="steward", now_ms=NOON_MS):
    return street.act(act, name, signer=signer, now_ms=now_ms)


def test_a_transfer_moves_credit_and_both_sides_add_up(street):
    ask(street, Transfer("noor", "bram", "ENERGY", 400_000))
    assert 600_000 == street.balance("acc-noor", "ENERGY")
    assert 400_000 == street.balance("acc-bram", "ENERGY")


def test_the_same_key_is_the_same_act(street):
    first = ask(street, Transfer("noor", "bram", "ENERGY", 400_000))
    assert first == ask(street, Transfer("noor", "bram", "ENERGY", 400_000))
    assert 400_000 == street.balance("acc-bram", "ENERGY")
    with pytest.raises(PeopleError, match="this key was used for another act"):
        ask(street, Transfer("noor", "bram", "ENERGY", 400_001))


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Transfer("noor", "bram", "ENERGY", 1_000_001), "noor has 1.000000"),
        (Transfer("bram", "noor", "ENERGY", 1), "bram has 0.000000"),
        (Transfer("noor", "noor", "ENERGY", 1), "noor would give it to themselves"),
        (Transfer("noor", "bram", "ENERGY", 0), "no amount above zero"),
        (Transfer("noor", "bram", "ENERGY", -5), "no amount above zero"),
        (Transfer("noor", "bram", "ENERGY", 2**62), "more than any account can hold"),
        (Transfer("noor", "bram", "ENERGY", 10**30), "more than any account can hold"),
        (Transfer("noor", "nobody", "ENERGY", 1), "no member 'nobody'"),
        (Transfer("noor", "bram", "EURO", 1), "no asset 'EURO'"),
        (Close("2026-06-21"), "2026-06-21 is not over"),
    ],
)
def test_an_act_that_cannot_be_is_refused_and_changes_nothing(street, act, expected):
    before = list(street.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        ask(street, act)
    assert before == list(street.community.db.iterdump())


def test_an_act_that_no_steward_signed_is_refused(street):
    with pytest.raises(Malformed, match="not signed by a steward"):
        ask(street, Transfer("noor", "bram", "ENERGY", 1), signer="home")


def test_a_correction_may_go_below_zero_and_later_credit_repays_it(street):
    # Noor's 0.1 credit for 2 kg of glass is given away before it turns out that card A is bram's.
    point = Chain("point")
    street.take("point", point.deposit(NOON_MS, grams=2_000, card="A"))
    ask(street, Transfer("noor", "bram", "WASTE", 100_000))
    street.edit(CardGiven(token("A", CARD_KEY), "bram"), CardGiven(token("N", CARD_KEY), "noor"))
    street.community.settle(NOON_MS)
    assert -100_000 == street.balance("acc-noor", "WASTE")
    assert 200_000 == street.balance("acc-bram", "WASTE")
    with pytest.raises(PeopleError, match=r"noor has -0\.100000"):
        ask(street, Transfer("noor", "bram", "WASTE", 1), "other")
    street.take("point", point.deposit(NOON_MS + 1, grams=3_000, card="N"))
    assert 50_000 == street.balance("acc-noor", "WASTE")


def test_postings_that_do_not_balance_are_never_booked(street):
    batch = street.community.book.batch(NOON_MS)
    for postings in (
        [Posting("acc-noor", "ENERGY", 1)],
        [Posting("acc-noor", "ENERGY", 1), Posting("pot", "WASTE", -1)],
        [Posting("acc-noor", "ENERGY", 0), Posting("pot", "ENERGY", 0)],
        [Posting("acc-noor", "ENERGY", 2**62), Posting("pot", "ENERGY", -(2**62))],
    ):
        with pytest.raises(AssertionError):
            batch.book("odd", postings, {})


def test_a_day_is_closed_once_it_is_over(street):
    booking = ask(street, Close("2026-06-21"), now_ms=NEXT_DAY_MS)
    rows = street.community.db.execute("SELECT period, booking FROM closed").fetchall()
    assert [("2026-06-21", booking)] == rows


def test_a_day_with_unsettled_claims_is_not_closed(street):
    street.community.db.execute("INSERT INTO dirty VALUES (?, 'sun', 'noor', '2026-06-21')", (ID,))
    with pytest.raises(PeopleError, match="1 claims are not settled yet"):
        ask(street, Close("2026-06-21"), now_ms=NEXT_DAY_MS)


def test_a_day_within_weeks_that_are_not_settled_is_not_closed(street):
    for period in ("2026-06-15/1w", "2026-06-15/4w", "2026-06-22/1w"):
        street.community.db.execute("INSERT INTO dirty VALUES (?, 'old', 'noor', ?)", (ID, period))
    with pytest.raises(PeopleError, match="2 claims are not settled yet"):
        ask(street, Close("2026-06-21"), now_ms=NEXT_DAY_MS)
