"""A person at the recycling point: robust against refusals, deaf screens and restarts."""

from itertools import pairwise

import pytest

from firmware_sim.people import (
    Deposit,
    Grumble,
    Hold,
    Leave,
    Lift,
    Person,
    Put,
    Screen,
    TakeAway,
    screen_of,
)
from firmware_sim.street import DAY, STRANGER, Visit, visits

CARD, TAG, BAG = "0A00C0FFEE", "0A00F00001", 3_217_400
BEFORE = Deposit("aa" * 16, 1_000_000, "paper", 5)
MINE = Deposit("bb" * 16, 3_215_000, "glass", 9)

IDLE = Screen("idle", "Tap your card.", None)
CARD_SEEN = Screen("card", "Tap the tag.", None)
WEIGHING = Screen("weighing", "Put it down.", None)
ACCEPTED = Screen("accepted", "Kept.", MINE)
ACCEPTED_BEFORE = Screen("accepted", "Kept.", BEFORE)
REFUSED = Screen("refused", "That is too light.", None)
CLEAR = Screen("clear", "Take everything off the scale.", None)
CLEAR_MINE = Screen("clear", "Your last deposit was kept.", MINE)
CLEAR_BEFORE = Screen("clear", "Your last deposit was kept.", BEFORE)
DARK = None


@pytest.fixture
def person():
    return Person(Visit(0, "noor", CARD, "glass", BAG), tag=TAG, seen={BEFORE.id})


def _all_acts(person, *screens, step_ms=100):
    """What the person does on seeing these screens, one every `step_ms`."""
    acts = []
    for n, screen in enumerate(screens):
        acts += person.looks(screen, now_ms=10_000 + n * step_ms)
    return acts


def _with_bag_on(person):
    return _all_acts(person, IDLE, CARD_SEEN, WEIGHING)


def test_card_tag_bag_look_leave(person):
    expected = [Hold(CARD), Hold(TAG), TakeAway(), Put(BAG, 0), TakeAway(), Lift(), Leave(MINE)]
    assert _all_acts(person, IDLE, CARD_SEEN, WEIGHING, WEIGHING, ACCEPTED) == expected
    assert person.is_gone


def test_the_outcome_of_somebody_before_is_not_mine(person):
    acts = _all_acts(person, ACCEPTED_BEFORE, ACCEPTED_BEFORE, CARD_SEEN)
    assert acts == [Hold(CARD), Hold(TAG)]
    assert not person.is_gone


def test_nobody_taps_while_the_scale_must_be_cleared_or_another_is_busy(person):
    assert _all_acts(person, CLEAR, CARD_SEEN, WEIGHING) == []


def test_a_refused_bag_is_taken_off_and_the_person_begins_again(person):
    _with_bag_on(person)
    assert person.looks(REFUSED, now_ms=11_000) == [Lift(), TakeAway(), Grumble(REFUSED.sentence)]
    assert person.looks(REFUSED, now_ms=12_000) == []
    assert person.looks(IDLE, now_ms=12_600) == []
    assert person.looks(IDLE, now_ms=14_000) == [Hold(CARD)]


def test_patience_ends_and_a_late_word_still_counts(person):
    _with_bag_on(person)
    assert person.looks(WEIGHING, now_ms=25_199) == []
    assert person.looks(WEIGHING, now_ms=25_200)[0] == Lift()
    assert person.looks(ACCEPTED, now_ms=25_300)[-1] == Leave(MINE)


def test_after_a_restart_a_kept_deposit_is_seen_and_the_bag_not_weighed_twice(person):
    _with_bag_on(person)
    assert person.looks(DARK, now_ms=11_000) == [TakeAway()]
    assert person.looks(DARK, now_ms=90_000) == [TakeAway()]
    assert person.looks(CLEAR_MINE, now_ms=90_100) == [TakeAway(), Lift(), Leave(MINE)]


def test_after_a_restart_an_unkept_bag_is_weighed_again(person):
    _with_bag_on(person)
    person.looks(DARK, now_ms=11_000)
    assert person.looks(CLEAR_BEFORE, now_ms=12_000)[0] == Lift()
    assert person.looks(IDLE, now_ms=14_000) == []
    assert person.looks(IDLE, now_ms=14_100) == [Hold(CARD)]


def test_a_screen_that_goes_dark_before_the_bag_is_on_is_begun_again(person):
    assert _all_acts(person, IDLE, DARK) == [Hold(CARD), TakeAway()]
    assert person.looks(IDLE, now_ms=11_300) == []
    assert person.looks(IDLE, now_ms=11_400) == [Hold(CARD)]


def test_a_card_is_not_held_for_ever(person):
    assert _all_acts(person, IDLE, IDLE, IDLE, IDLE) == [Hold(CARD), TakeAway()]


def test_a_tap_that_nobody_answers_is_tried_again(person):
    person.looks(IDLE, now_ms=0)
    assert Grumble(IDLE.sentence) in person.looks(IDLE, now_ms=2_000)
    assert person.looks(IDLE, now_ms=3_300) == [Hold(CARD)]


def test_the_screen_is_read_from_the_gateways_own_words():
    now = {
        "kiosk": {
            "state": "accepted",
            "sentence": "Kept.",
            "deposit": {
                "id": "bb" * 16,
                "net_mg": 3_215_000,
                "fraction": "glass",
                "card": "t",
                "at_ms": 9,
            },
        }
    }
    assert screen_of(now) == ACCEPTED
    assert screen_of({"kiosk": None}) is None
    assert screen_of(None) is None


@pytest.mark.parametrize("seed", [0, 7, 11])
def test_a_day_has_its_stranger_its_moving_bag_and_time_between_people(seed):
    today = visits(seed, DAY)
    assert len(today) == 6
    assert [v.card for v in today if not v.member] == [STRANGER]
    assert [v.moved_ms for v in today if v.moved_ms] == [1_200]
    gaps = [b.at_ms - a.at_ms for a, b in pairwise(today)]
    assert min(gaps) >= 45 * 60_000
    assert visits(seed, DAY) == today
