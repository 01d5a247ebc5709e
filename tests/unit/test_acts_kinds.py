"""Retire, donate, cancel, write off and reverse; floors, ceilings and assets on trial."""

import pytest

from gateway.contract.cards import token
from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.acts.requests import (
    Cancel,
    Donate,
    Retire,
    Reverse,
    Transfer,
    WriteOff,
)
from ledger_bridge.books.registry import stewards
from ledger_bridge.books.registry.edits import (
    AccountOpened,
    CardGiven,
    LimitSet,
    MemberAdded,
    MemberLeft,
    StewardsNamed,
)
from ledger_bridge.books.registry.stewards import Term
from tests.market import HOUR_MS, POLICY, Market
from tests.street import CARD_KEY, ID, NOON_MS, Street, key


@pytest.fixture
def market(tmp_path):
    return Market(tmp_path)


@pytest.mark.parametrize(
    ("act", "account"),
    [
        (Retire("noor", "ENERGY", 250), "retired"),
        (Donate("noor", "pool", "ENERGY", 250), "pool"),
        (Cancel("noor", "ENERGY", 250, "book of kerkwijk, number 4"), "cancelled"),
        (Transfer("noor", "supplier", "ENERGY", 250), "supplier"),
    ],
)
def test_credit_goes_where_the_act_says(market, act, account):
    market.act(act, "k")
    assert (750, 250) == (market.holds("noor")[0], market.holds(account)[0])
    market.verify()


def test_a_pool_gives_by_a_transfer(market):
    market.act(Donate("noor", "pool", "ENERGY", 250), "in")
    market.act(Transfer("pool", "bram", "ENERGY", 200), "out")
    assert (50, 200) == (market.holds("pool")[0], market.holds("bram")[0])


def test_the_supplier_is_paid_and_pays(market):
    market.act(Transfer("noor", "supplier", "ENERGY", 250), "in")
    market.act(Transfer("supplier", "bram", "ENERGY", 250), "out")
    assert (0, 250) == (market.holds("supplier")[0], market.holds("bram")[0])


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (Retire("noor", "ENERGY", 1_001), r"noor has 10\.00 ENERGY"),
        (Retire("nobody", "ENERGY", 1), "no member 'nobody'"),
        (Retire("retired", "ENERGY", 1), "an account of role retired"),
        (Retire("cancelled", "ENERGY", 1), "an account of role cancelled"),
        (Transfer("retired", "noor", "ENERGY", 1), "an account of role retired"),
        (Transfer("noor", "retired", "ENERGY", 1), "an account of role retired"),
        (Transfer("noor", "clearing", "ENERGY", 1), "an account of role clearing"),
        (Donate("noor", "bram", "ENERGY", 1), "no pool 'bram'"),
        (Donate("noor", "supplier", "ENERGY", 1), "no pool 'supplier'"),
        (Donate("pool", "pool", "ENERGY", 1), "pool would give it to themselves"),
        (Cancel("noor", "ENERGY", 1, " "), "no reason is given"),
        (Cancel("noor", "ENERGY", 1, "x" * 501), "not a line of at most 500 characters"),
        (Reverse(3, "a mistake\nbooking 4"), "not a line of at most 500 characters"),
        (Transfer("noor", "bram", "SLEEPING", 1), "SLEEPING is on trial"),
        (Retire("noor", "SLEEPING", 1), "SLEEPING is on trial"),
        (Transfer("noor", "bram", "BOUND", 1), "BOUND is not transferable"),
        (Cancel("noor", "BOUND", 1, "to kerkwijk"), "BOUND is not transferable"),
        (WriteOff("noor", "ENERGY", "pool", "gone"), r"noor has 10\.00 ENERGY and owes nothing"),
        (WriteOff("bram", "ENERGY", "pool", "gone"), r"bram has 0\.00 ENERGY and owes nothing"),
        (WriteOff("bram", "ENERGY", "pool", ""), "no reason is given"),
        (WriteOff("pool", "ENERGY", "pool", "gone"), "no member 'pool'"),
        (Reverse(1, "x"), "booking 1 is no act"),
        (Reverse(99, "x"), "booking 99 is no act"),
        (Reverse(10**30, "x"), "is no act"),
        (Reverse(0, "x"), "booking 0 is no act"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(market, act, expected):
    before = list(market.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        market.act(act, "k")
    assert before == list(market.community.db.iterdump())


def test_without_an_account_for_it_nothing_is_retired(tmp_path):
    street = Street(tmp_path, policy=POLICY)
    with pytest.raises(PeopleError, match="there is no account for retired"):
        street.act(Retire("noor", "ENERGY", 1), "k")


# Reversing.


@pytest.mark.parametrize(
    "act",
    [
        Transfer("noor", "bram", "ENERGY", 250),
        Donate("noor", "pool", "ENERGY", 250),
        Cancel("noor", "ENERGY", 250, "book of kerkwijk, number 4"),
    ],
    ids=["transfer", "donate", "cancel"],
)
def test_a_reversed_act_is_as_if_it_had_not_been_and_is_reversed_once(market, act):
    """Invariant 22 (ledger): reversing twice is impossible."""
    number = market.act(act, "act")
    by = market.act(Reverse(number, "a mistake"), "undo")
    assert (1_000, 0) == market.holds("noor")
    with pytest.raises(PeopleError, match=f"it was reversed by booking {by}"):
        market.act(Reverse(number, "a mistake"), "undo again")
    with pytest.raises(PeopleError, match="of kind reverse and stays"):
        market.act(Reverse(by, "no mistake"), "undo the undoing")
    market.verify()


def test_what_is_spent_is_not_reversed(market):
    number = market.act(Transfer("noor", "bram", "ENERGY", 250), "act")
    market.act(Retire("bram", "ENERGY", 1), "spent")
    with pytest.raises(PeopleError, match=r"bram has 2\.49 ENERGY"):
        market.act(Reverse(number, "a mistake"), "undo")


def test_what_is_retired_stays_so(market):
    number = market.act(Retire("noor", "ENERGY", 250), "act")
    with pytest.raises(PeopleError, match="of kind retire and stays"):
        market.act(Reverse(number, "a mistake"), "undo")


# Owing.


@pytest.fixture
def owing(market):
    """Bram spent his 8 WASTE, and then the card turned out to be noor's: he owes them."""
    market.act(Retire("bram", "WASTE", 8_000), "spent")
    market.edit(CardGiven(token("B", CARD_KEY), "noor"))
    market.community.settle(NOON_MS)
    assert (-8_000, 8_000) == (market.holds("bram")[1], market.holds("noor")[1])
    return market


def test_what_a_member_owes_is_written_off_at_the_cost_of_a_pool(owing):
    with pytest.raises(PeopleError, match=r"pool has 0\.000 WASTE"):
        owing.act(WriteOff("bram", "WASTE", "pool", "a card mixed up"), "first")
    owing.act(Donate("noor", "pool", "WASTE", 8_000), "gift")
    owing.act(WriteOff("bram", "WASTE", "pool", "a card mixed up"), "second")
    assert (0, 0) == (owing.holds("bram")[1], owing.holds("pool")[1])
    owing.verify()


def test_whoever_owes_may_receive_and_not_give(owing):
    owing.act(Transfer("noor", "bram", "WASTE", 3_000), "help")
    with pytest.raises(PeopleError, match=r"bram has -5\.000 WASTE"):
        owing.act(Transfer("bram", "noor", "WASTE", 1), "back")
    owing.verify()


# Stewards.


def test_what_a_steward_of_before_signed_stays_and_they_sign_nothing_more(market):
    market.act(Transfer("noor", "bram", "ENERGY", 1), "by the first")
    term = stewards.make(Term(ID, 1, (key("second").public.x,), 1), key=key("steward"))
    market.edit(StewardsNamed(term.decode()))
    with pytest.raises(Malformed, match="not signed by a steward"):
        market.act(Transfer("noor", "bram", "ENERGY", 1), "too late")
    market.act(Transfer("noor", "bram", "ENERGY", 1), "by the second", signer="second")
    assert 2 == market.holds("bram")[0]
    market.verify()


# Leaving.


def test_a_member_who_has_left_gives_what_they_have_and_receives_nothing(market):
    market.edit(MemberLeft("noor", NOON_MS))
    with pytest.raises(PeopleError, match=r"noor has left, and had 0\.000 WASTE"):
        market.act(Transfer("bram", "noor", "WASTE", 1), "too late")
    market.act(Donate("noor", "pool", "ENERGY", 400), "a part")
    market.act(Retire("noor", "ENERGY", 600), "the rest")
    assert (0, 0) == market.holds("noor")
    market.verify()


def test_until_their_day_a_member_who_leaves_is_one_like_others(market):
    market.edit(MemberLeft("noor", NOON_MS + 1))
    market.act(Transfer("bram", "noor", "WASTE", 1), "in time")
    with pytest.raises(PeopleError, match="noor has left"):
        market.act(Transfer("bram", "noor", "WASTE", 1), "too late", now_ms=NOON_MS + 1)


def test_a_member_who_has_left_may_not_come_to_owe(market):
    market.edit(LimitSet("noor", "ENERGY", -2_000, None, "as agreed"), MemberLeft("noor", NOON_MS))
    with pytest.raises(PeopleError, match="noor has left"):
        market.act(Transfer("noor", "bram", "ENERGY", 1_001), "k")


# Floors and ceilings.


def limited(floor: int | None, ceiling: int | None, holder: str = "bram") -> LimitSet:
    return LimitSet(holder, "ENERGY", floor, ceiling, "as agreed")


def test_with_a_floor_below_zero_a_member_may_owe_so_much(market):
    market.edit(limited(-200, None))
    market.act(Transfer("bram", "noor", "ENERGY", 200), "k")
    assert -200 == market.holds("bram")[0]
    with pytest.raises(PeopleError, match=r"bram has -2\.00 ENERGY, and the floor is -2\.00"):
        market.act(Transfer("bram", "noor", "ENERGY", 1), "more")
    market.verify()


def test_a_limit_leaves_what_was_measured_alone(market):
    """In a book of years nobody waits for a limit until everything is looked at again."""
    market.edit(limited(-200, None))
    assert [] == market.community.db.execute("SELECT * FROM dirty").fetchall()
    market.verify()


def test_nobody_receives_above_their_ceiling(market):
    market.edit(limited(None, 100))
    market.act(Transfer("noor", "bram", "ENERGY", 100), "k")
    with pytest.raises(PeopleError, match=r"bram has 1\.00 ENERGY, and the ceiling is 1\.00"):
        market.act(Transfer("noor", "bram", "ENERGY", 1), "more")
    market.verify()


def test_what_is_earned_looks_at_no_ceiling(tmp_path):
    """10 ENERGY are earned where the policy lets acts bring nobody above 5."""
    policy = POLICY.replace("scale = 2\n", 'scale = 2\nceiling = "5"\n')
    market = Market(tmp_path, policy=policy)
    assert 1_000 == market.holds("noor")[0]
    market.act(Transfer("noor", "bram", "ENERGY", 500), "k")
    with pytest.raises(PeopleError, match=r"the ceiling is 5\.00"):
        market.act(Transfer("noor", "bram", "ENERGY", 1), "more")


def test_the_policy_may_let_every_member_owe_but_no_pool(tmp_path):
    market = Market(tmp_path, policy=POLICY.replace("scale = 2\n", 'scale = 2\nfloor = "-5"\n'))
    market.act(Transfer("bram", "noor", "ENERGY", 500), "k")
    with pytest.raises(PeopleError, match=r"pool has 0\.00 ENERGY"):
        market.act(Transfer("pool", "noor", "ENERGY", 1), "more")
    market.verify()


def test_what_a_policy_to_come_says_of_an_asset_does_not_count_yet(market):
    market.follow(("transferable = false", "transferable = true"))
    with pytest.raises(PeopleError, match="BOUND is not transferable"):
        market.act(Transfer("noor", "bram", "BOUND", 1), "today")
    with pytest.raises(PeopleError, match="noor has 0 BOUND"):
        market.act(Transfer("noor", "bram", "BOUND", 1), "then", now_ms=NOON_MS + 24 * HOUR_MS)


def test_an_asset_that_the_policy_has_dropped_is_moved_as_it_last_was(market):
    """Nobody earns ENERGY any more from tomorrow on; who has some can still give it."""
    energy = POLICY[POLICY.index("[assets.ENERGY]") : POLICY.index("[assets.WASTE]")]
    sun = POLICY[POLICY.index('[[rules]]\nid = "sun"') : POLICY.index('[[rules]]\nid = "waste"')]
    offers = POLICY[POLICY.index("[[exchanges]]") :]
    market.follow((energy, ""), (sun, ""), (offers, ""))
    market.act(Transfer("noor", "bram", "ENERGY", 150), "k", now_ms=NOON_MS + 24 * HOUR_MS)
    assert 150 == market.holds("bram")[0]
    market.verify()


def test_what_was_agreed_with_a_member_goes_before_the_policy(tmp_path):
    market = Market(tmp_path, policy=POLICY.replace("scale = 2\n", 'scale = 2\nfloor = "-5"\n'))
    market.edit(limited(0, None))
    with pytest.raises(PeopleError, match=r"bram has 0\.00 ENERGY"):
        market.act(Transfer("bram", "noor", "ENERGY", 1), "k")
    market.edit(limited(None, None))
    market.act(Transfer("bram", "noor", "ENERGY", 500), "again as the policy says")


def test_no_account_ever_holds_more_than_fits(market):
    """Bram may owe nearly all that fits: noor and he can trade up to that and not beyond."""
    market.edit(limited(1 - 2**62, None))
    with pytest.raises(PeopleError, match="no account holds more"):
        market.act(Transfer("bram", "noor", "ENERGY", 2**62 - 1), "k")
    market.act(Transfer("bram", "noor", "ENERGY", 2**62 - 1_001), "less")
    market.verify()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (LimitSet("nobody", "ENERGY", 0, None, "x"), "no member or account 'nobody'"),
        (LimitSet("noor", "ENERGY", 5, 4, "x"), "a floor above the ceiling"),
        (LimitSet("noor", "ENERGY", 0, None, " "), "no reason is given"),
        (LimitSet("noor", "ENERGY", -(2**62), None, "x"), "more than an account can hold"),
        (AccountOpened("acc-new", "bank", "bank"), "'bank' is no role"),
        (AccountOpened("acc-new", "retired", "second"), "there is one account for retired already"),
        (AccountOpened("acc-new", "pool", "noor"), "account 'noor' is there already"),
        (AccountOpened("acc-noor", "pool", "kitty"), "'acc-noor' is somebody's already"),
        (AccountOpened("pot", "pool", "kitty"), "'pot' is somebody's already"),
        (AccountOpened("acc-new", "pool", "Kitty!"), "'Kitty!' is no id"),
        (MemberAdded("new", "acc-pool"), "'acc-pool' is somebody's already"),
        (MemberAdded("pool", "acc-new"), "member 'pool' is there already"),
    ],
)
def test_an_edit_that_contradicts_what_is_there_is_refused(market, edit, expected):
    before = list(market.community.db.iterdump())
    with pytest.raises(PeopleError, match=expected):
        market.edit(edit)
    assert before == list(market.community.db.iterdump())


def test_there_may_be_a_second_pool(market):
    market.edit(AccountOpened("acc-kitty", "pool", "kitty"))
    market.act(Donate("noor", "kitty", "ENERGY", 5), "k")
    assert 5 == market.holds("kitty")[0]
    with pytest.raises(PeopleError, match="pools: pool, kitty"):
        market.act(Donate("noor", "kas", "ENERGY", 5), "other")
