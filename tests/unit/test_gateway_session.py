"""The deposit session: one load, a fraction, somebody, a weight that settled: one deposit."""

import pytest

from gateway.kiosk.events import (
    Cancel,
    Card,
    Choose,
    Confirm,
    Deposit,
    ForClub,
    Kept,
    NoCard,
    Pieces,
    Refused,
    Tick,
    UseCrate,
)
from gateway.kiosk.session import advance
from tests.told import (
    BAG,
    BAG_MG,
    EMPTY,
    GLASS,
    LOOK_MS,
    NOOR,
    NOORS_BAG,
    SAM,
    TERMS,
    D,
    lies,
    tell,
    waits,
    weight,
)

BAG_SETTLED = weight(BAG_MG)
LOOK = waits(1_000, BAG_SETTLED)


def deposit(**facts: object) -> Deposit:
    usual = Deposit("glass", "noor", "", BAG_MG, None, BAG_SETTLED, 3)
    return usual._replace(**facts)


def test_card_fraction_a_steady_weight_and_keep_it_make_a_deposit() -> None:
    told = tell(NOORS_BAG)
    assert [deposit()] == told.outcomes
    assert ("slip", "take_off") == (told.view.screen, told.view.word)


def test_nothing_is_accepted_before_the_journal_has_it() -> None:
    told = tell(NOORS_BAG[:-1])
    session, outcome = advance(told.session, Confirm(), terms=TERMS, now_ms=told.now_ms + 500)
    assert isinstance(outcome, Deposit)
    waiting = tell(Confirm(), NOOR, SAM, Cancel(), BAG, Tick(), start=session)
    assert [] == waiting.outcomes
    assert ("put", "keeping") == (waiting.view.screen, waiting.view.word)
    kept = tell(Kept("d1"), start=waiting)
    assert ("slip", "d1") == (kept.view.screen, kept.view.slip.deposit)


ON_BAG, ON_ZERO = waits(750, BAG_SETTLED), waits(750, weight(0))


@pytest.mark.parametrize(
    "steps",
    [
        [NOOR, ON_ZERO, GLASS, ON_ZERO, BAG, ON_BAG, Confirm()],
        [GLASS, ON_ZERO, NOOR, ON_ZERO, BAG, ON_BAG, Confirm()],
        [NOOR, ON_ZERO, BAG, ON_BAG, GLASS, ON_BAG, Confirm()],
        [GLASS, ON_ZERO, BAG, ON_BAG, NOOR],
        [BAG, ON_BAG, NOOR, ON_BAG, GLASS, ON_BAG, Confirm()],
        [BAG, ON_BAG, GLASS, ON_BAG, NOOR],
    ],
    ids=str,
)
def test_in_whatever_order_it_comes_it_is_the_same_deposit(steps: list) -> None:
    told = tell(EMPTY, steps)
    assert [deposit(times=told.deposits()[0].times)] == told.outcomes


def test_the_fraction_named_last_confirms_only_where_no_crate_could_follow() -> None:
    steps = (EMPTY, NOOR, ON_ZERO, BAG, ON_BAG, GLASS)
    assert [] == tell(*steps).outcomes
    assert 1 == len(tell(*steps, terms=TERMS._replace(crates={})).deposits())
    in_crate = (EMPTY, NOOR, ON_ZERO, BAG, ON_BAG, UseCrate("blue"), ON_BAG, GLASS)
    assert ["blue"] == [one.crate for one in tell(*in_crate).deposits()]


@pytest.mark.parametrize(
    ("again", "kept"),
    [
        (Confirm(), 1),
        (GLASS, 1),
        (NOOR, 1),
        (Choose("paper"), 0),
        (ForClub("vv-dorp"), 0),
        (UseCrate("blue"), 0),
        (NoCard(), 0),
        (Tick(), 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, tuple) else str(value),
)
def test_keep_the_same_button_or_the_same_card_confirm_and_nothing_else_does(again, kept) -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, LOOK, again, LOOK)
    assert kept == len(told.deposits())
    assert [] == told.refused()


def test_a_weight_that_settles_last_is_not_kept_by_itself() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, LOOK, LOOK)
    assert [] == told.outcomes
    assert ("put", "confirm", True) == (
        told.view.screen,
        told.view.word,
        told.view.can_confirm,
    )


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([NOOR, GLASS, BAG, 400, Confirm()], 0),
        ([NOOR, GLASS, BAG, 450, Confirm()], 1),
        ([GLASS, BAG, 400, NOOR], 0),
        ([GLASS, BAG, 450, NOOR], 1),
        ([BAG, LOOK, GLASS, 400, NOOR], 0),
        ([BAG, LOOK, GLASS, 450, NOOR], 1),
        ([NOOR, GLASS, BAG, LOOK, UseCrate("blue"), 400, Confirm()], 0),
        ([NOOR, GLASS, BAG, LOOK, UseCrate("blue"), 450, Confirm()], 1),
    ],
    ids=str,
)
def test_what_nobody_can_have_seen_yet_is_not_confirmed(steps: list, kept: int) -> None:
    told = tell(EMPTY, steps)
    assert kept == len(told.deposits())


def test_a_second_tap_on_keep_begins_nothing() -> None:
    told = tell(EMPTY, BAG, LOOK, GLASS, waits(750, BAG_SETTLED), NoCard(), NoCard(), Confirm())
    assert 1 == len(told.deposits())
    assert "slip" == told.view.screen


def test_one_load_is_one_deposit() -> None:
    told = tell(NOORS_BAG, LOOK, NOOR, LOOK, GLASS, LOOK, Confirm(), LOOK)
    assert 1 == len(told.deposits())


def test_after_a_zero_the_next_one_goes_on() -> None:
    second = [SAM, GLASS, lies(2_000_000), LOOK_MS, Confirm()]
    told = tell(NOORS_BAG, EMPTY, second)
    assert ["noor", "sam"] == [one.card for one in told.deposits()]


def test_the_next_card_is_told_to_wait_until_the_scale_is_empty() -> None:
    told = tell(NOORS_BAG, LOOK, SAM)
    assert ("slip", "off_first") == (told.view.screen, told.view.word)
    assert "slip" == tell(NOORS_BAG, LOOK, NOOR).view.screen
    assert "take_off" == tell(NOORS_BAG, LOOK, NOOR).view.word


def test_nothing_begins_before_the_first_zero() -> None:
    told = tell(BAG, NOOR, GLASS, LOOK, Confirm(), LOOK, Confirm())
    assert [] == told.outcomes
    assert "clear" == told.view.screen


def test_two_cards_are_refused_and_one_card_twice_is_one() -> None:
    assert ["two_cards"] == tell(EMPTY, NOOR, SAM, GLASS, BAG, LOOK, Confirm()).refused()
    assert ["noor"] == [one.card for one in tell(EMPTY, NOOR, 1_000, NOORS_BAG[3:]).deposits()]


def test_begin_again_forgets_what_was_said_and_not_the_load() -> None:
    again = (SAM, LOOK, Choose("paper"), LOOK, Confirm())
    told = tell(EMPTY, NOOR, GLASS, BAG, Cancel(), LOOK, *again)
    assert ["sam"] == [one.card for one in told.deposits()]
    assert ["paper"] == [one.fraction for one in told.deposits()]


@pytest.mark.parametrize(
    ("steps", "who"),
    [
        ([NOOR], ("noor", "", "card")),
        ([NoCard()], ("", "", "code")),
        ([ForClub("vv-dorp")], ("", "vv-dorp", "club")),
        ([NOOR, ForClub("vv-dorp")], ("noor", "vv-dorp", "club")),
        ([ForClub("vv-dorp"), NOOR], ("noor", "", "card")),
        ([ForClub("vv-dorp"), ForClub("fanfare")], ("", "fanfare", "club")),
        ([NoCard(), NOOR], ("noor", "", "card")),
        ([NOOR, NoCard()], ("noor", "", "card")),
        ([ForClub("vv-dorp"), NoCard()], ("", "", "code")),
    ],
    ids=str,
)
def test_whose_it_is_was_said_last(steps: list, who: tuple[str, str, str]) -> None:
    named = tell(EMPTY, steps, GLASS, BAG, LOOK)
    assert who[2] == named.view.who
    made = tell(Confirm(), start=named).deposits()[0]
    assert who[:2] == (made.card, made.club)


@pytest.mark.parametrize(
    ("steps", "shown", "reason"),
    [
        ([NOOR], weight(0), "no_weight"),
        ([NOOR, GLASS], weight(0), "no_weight"),
        ([NOOR, GLASS], weight(BAG_MG, steady="no"), "no_weight"),
        ([BAG], BAG_SETTLED, "no_fraction"),
        ([NOOR, BAG], BAG_SETTLED, "no_fraction"),
        ([GLASS, BAG], BAG_SETTLED, "nobody"),
        ([NOOR, GLASS, BAG], BAG_SETTLED, "not_confirmed"),
        ([NOOR, GLASS, lies(60_000)], weight(60_000), "too_light"),
    ],
    ids=str,
)
def test_who_walks_away_is_timed_out_once_with_a_sentence(steps, shown, reason) -> None:
    told = tell(EMPTY, steps, waits(44_000, shown))
    assert [] == told.outcomes
    told = tell(waits(3_000, shown), start=told)
    assert [reason] == told.refused()
    assert ("refused", reason) == (told.view.screen, told.view.word)
    assert [reason] == tell(waits(100_000, shown), start=told).refused()


def test_a_fraction_that_nobody_stands_behind_is_forgotten_in_silence() -> None:
    told = tell(EMPTY, GLASS, waits(46_000, weight(0)))
    assert [] == told.outcomes
    assert ("put", "") == (told.view.screen, told.view.fraction)


def test_a_puddle_is_nobodys_try_and_has_to_go() -> None:
    told = tell(EMPTY, waits(50_000, weight(30_000)))
    assert [] == told.outcomes
    assert "clear" == told.view.screen


def test_what_was_turned_away_still_says_why_when_the_next_card_comes() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, SAM, 750, SAM)
    assert ("refused", "two_cards") == (told.view.screen, told.view.word)


def test_every_refusal_says_what_it_was_and_what_it_weighed() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, SAM)
    assert [Refused("two_cards", "glass", BAG_MG)] == told.outcomes
    assert [Refused("two_cards", "", None)] == tell(EMPTY, NOOR, SAM).outcomes


def test_refused_at_an_empty_scale_one_begins_again_at_once() -> None:
    told = tell(EMPTY, NOOR, SAM, waits(750, weight(0)), NOORS_BAG[3:])
    assert ["two_cards"] == told.refused()
    assert ["noor"] == [one.card for one in told.deposits()]


def test_a_refused_load_has_to_go_before_the_next() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, SAM, LOOK, NOOR, LOOK, GLASS, LOOK, Confirm())
    assert [] == told.deposits()
    told = tell(EMPTY, NOORS_BAG[3:], start=told)
    assert 1 == len(told.deposits())


@pytest.mark.parametrize(
    ("apart_divisions", "kept"), [(0, 1), (2, 1), (-2, 1), (3, 2), (-3, 2)], ids=str
)
def test_the_same_bag_is_not_taken_twice(apart_divisions: int, kept: int) -> None:
    again_mg = BAG_MG + apart_divisions * D
    told = tell(NOORS_BAG, EMPTY, SAM, GLASS, lies(again_mg, times=6), Confirm())
    assert kept == len(told.deposits())
    assert ["same_bag"] * (2 - kept) == told.refused()


OTHERS_BAG = [Card("bram"), LOOK_MS, Choose("paper"), lies(5_000_000), LOOK_MS, Confirm()]
SAMS_LAMP = [SAM, 1_000, Choose("lamps"), Pieces(1), 1_000, Confirm(), EMPTY]


@pytest.mark.parametrize(
    ("between", "fraction", "kept"),
    [
        (waits(590_000, weight(0)), GLASS, 1),
        (waits(601_000, weight(0)), GLASS, 2),
        ([], Choose("paper"), 1),
        ([*OTHERS_BAG, EMPTY], Choose("paper"), 3),
        ([*OTHERS_BAG, EMPTY], GLASS, 2),
        (SAMS_LAMP, Choose("paper"), 2),
    ],
    ids=[
        "ten minutes",
        "more",
        "another fraction",
        "another fraction after another bag",
        "after another bag",
        "another fraction after a lamp",
    ],
)
def test_the_same_weight_is_the_same_bag_for_ten_minutes(between, fraction, kept) -> None:
    told = tell(NOORS_BAG, EMPTY, between, SAM, fraction, lies(BAG_MG, times=6), Confirm())
    assert kept == len(told.deposits())


BLUE = UseCrate("blue")
CRATE_MG = 1_500_000


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (lies(BAG_MG), [lies(BAG_MG), BLUE]),
        ([BLUE, lies(BAG_MG)], [lies(BAG_MG)]),
        ([BLUE, lies(BAG_MG)], [lies(BAG_MG - CRATE_MG)]),
    ],
    ids=["its crate was not said", "its crate is not said", "taken out of its crate"],
)
def test_the_same_bag_in_a_crate_or_out_of_it_is_not_taken_twice(first, then) -> None:
    told = tell(EMPTY, NOOR, GLASS, first, LOOK_MS, Confirm())
    told = tell(EMPTY, NOOR, GLASS, then, LOOK_MS, Confirm(), start=told)
    assert 1 == len(told.deposits())
    assert ["same_bag"] == told.refused()


def test_the_deposits_that_are_remembered_are_bounded() -> None:
    told = tell(EMPTY)
    for n in range(70):
        bag = lies(2_000_000 + 20 * n * D, times=5)
        told = tell(EMPTY, GLASS, bag, Card(f"c{n}"), start=told)
    assert 70 == len(told.deposits())
    assert 64 == len(told.session.recent)
