"""People at the recycling point: robust against refusals, dark screens and restarts; cheats."""

from itertools import pairwise

import pytest

from firmware_sim import cheats
from firmware_sim.cheats import Cheat
from firmware_sim.people import (
    Depositor,
    Grumble,
    Hold,
    Leave,
    Lift,
    Load,
    Person,
    Press,
    Put,
    Screen,
    Slip,
    TakeAway,
    Touch,
    screen_of,
)
from firmware_sim.street import DAY, STRANGER, visits

CARD, BAG = "0A00C0FFEE", Load("glass", 3_217_400)
HOLDER = Depositor(CARD)
BEFORE = Slip("aa" * 16, "paper", 1_000_000, None, "AAAA-AAAA")
MINE = Slip("bb" * 16, "glass", 3_215_000, None, "BBBB-BBBB")
GLASS = Touch({"act": "choose", "fraction": "glass"})
CONFIRM, CANCEL = Touch({"act": "confirm"}), Touch({"act": "cancel"})
LEAVE = Touch({"act": "leave"})


def _screen(screen, *, fraction="", pieces=0, crate="", who="", ready=False, slip=None):
    return Screen(screen, screen, f"({screen})", fraction, pieces, crate, who, ready, slip)


IDLE = _screen("put")
WHAT = _screen("what")
WHOSE = _screen("whose", fraction="glass")
READY = _screen("put", fraction="glass", who="card", ready=True)
KEPT = _screen("slip", slip=MINE)
KEPT_BEFORE = _screen("slip", slip=BEFORE)
REFUSED = _screen("refused")
CLEAR = _screen("clear")
CLEAR_MINE = _screen("clear", slip=MINE)
CLEAR_BEFORE = _screen("clear", slip=BEFORE)
DARK = None


def _person(load=BAG, depositor=HOLDER, **more):
    return Person(load, depositor, seen={BEFORE.deposit}, **more)


def _all_acts(person, *screens, step_ms=1_000):
    """What the person does on seeing these screens, one every `step_ms`."""
    acts = []
    for n, screen in enumerate(screens):
        acts += person.looks(screen, now_ms=10_000 + n * step_ms)
    return acts


def test_bag_fraction_card_look_leave():
    person = _person()
    expected = [Put(3_217_400), GLASS, Hold(CARD), TakeAway(), TakeAway(), Lift(), Leave(MINE)]
    assert expected == _all_acts(person, IDLE, WHAT, WHOSE, KEPT)
    assert person.is_gone


def test_card_first_and_bag_last_is_confirmed_by_touch():
    person = _person(order=("whose", "what", "put"))
    known, chosen = _screen("put", who="card"), _screen("put", who="card", fraction="glass")
    expected = [Hold(CARD), TakeAway(), GLASS, Put(3_217_400), CONFIRM]
    assert expected == _all_acts(person, IDLE, known, chosen, chosen, READY)


@pytest.mark.parametrize(
    ("load", "depositor", "screens", "expected"),
    [
        (Load("lamps", pieces=3), HOLDER,
         [IDLE, _screen("what", fraction="lamps"), _screen("whose", fraction="lamps", pieces=3)],
         [Touch({"act": "choose", "fraction": "lamps"}), Touch({"act": "pieces", "number": 3}),
          Hold(CARD)]),
        (Load("glass", 2_000_000, crate="blue", crate_mg=1_500_000), Depositor(),
         [IDLE, WHAT, WHOSE, _screen("whose", fraction="glass", crate="blue")],
         [Put(3_500_000), GLASS, Touch({"act": "crate", "crate": "blue"}),
          Touch({"act": "no_card"})]),
        (BAG, Depositor(club="vv-zon"), [IDLE, WHAT, WHOSE],
         [Put(3_217_400), GLASS, Touch({"act": "club", "club": "vv-zon"})]),
    ],
    ids=["pieces", "a crate and no card", "for a club"],
)  # fmt: skip
def test_whatever_is_brought_is_said_step_by_step(load, depositor, screens, expected):
    assert expected == _all_acts(_person(load, depositor), *screens)


def test_the_slip_of_somebody_before_is_not_mine():
    person = _person()
    assert [LEAVE, LEAVE] == _all_acts(person, KEPT_BEFORE, REFUSED)
    assert not person.is_gone


def test_nobody_begins_while_the_scale_must_be_cleared_or_another_is_busy():
    assert [] == _all_acts(_person(), CLEAR, WHOSE, _screen("whose", who="card"))


def test_a_refused_bag_is_taken_off_and_the_person_begins_again():
    person = _person()
    _all_acts(person, IDLE)
    expected = [TakeAway(), Lift(), Grumble("(refused)", "refused")]
    assert expected == person.looks(REFUSED, now_ms=11_000)
    assert [] == person.looks(REFUSED, now_ms=12_000)
    assert [] == person.looks(IDLE, now_ms=12_400)
    assert [Put(3_217_400)] == person.looks(IDLE, now_ms=12_500)


def test_patience_ends_and_a_late_slip_still_counts():
    person = _person()
    _all_acts(person, IDLE, WHAT, WHOSE)
    stuck = _screen("whose", fraction="glass", who="card")
    assert [] == person.looks(stuck, now_ms=35_000)[1:]
    assert [CANCEL, TakeAway(), Lift()] == person.looks(stuck, now_ms=35_100)[-4:-1]
    person = _person()
    _all_acts(person, IDLE, WHAT, WHOSE)
    assert Leave(MINE) == person.looks(KEPT, now_ms=30_000)[-1]


def test_after_a_restart_a_kept_deposit_is_seen_and_the_bag_not_weighed_twice():
    person = _person()
    _all_acts(person, IDLE, WHAT, DARK, DARK)
    assert [TakeAway(), Lift(), Leave(MINE)] == person.looks(CLEAR_MINE, now_ms=90_000)


def test_after_a_restart_an_unkept_bag_is_weighed_again():
    person = _person()
    _all_acts(person, IDLE, DARK)
    assert Lift() in person.looks(CLEAR_BEFORE, now_ms=12_000)
    assert [] == person.looks(IDLE, now_ms=13_400)
    assert [Put(3_217_400)] == person.looks(IDLE, now_ms=13_500)


def test_a_card_is_not_held_for_ever():
    person = _person()
    _all_acts(person, IDLE, WHAT, WHOSE)
    assert [TakeAway()] == person.looks(WHOSE, now_ms=12_300)


def test_who_hesitates_takes_longer_and_gets_there():
    person = _person(hesitates_ms=5_000)
    assert [Put(3_217_400)] == person.looks(IDLE, now_ms=10_000)
    assert [] == person.looks(WHAT, now_ms=15_799)
    assert [GLASS] == person.looks(WHAT, now_ms=15_800)


def test_the_same_bag_again_is_tried_once_and_its_refusal_taken_home():
    cheat = Cheat(cheats.same_bag_again(BAG, CARD), seen={MINE.deposit})
    assert [TakeAway(), Put(3_217_400)] == _all_acts(cheat, KEPT, IDLE)
    assert [TakeAway(), GLASS] == cheat.looks(WHAT, now_ms=12_000)
    assert [TakeAway(), Lift(), Leave(None, "refused", "(refused)")] == cheat.looks(
        REFUSED, now_ms=12_100
    )
    assert cheat.is_gone


def test_a_cheat_that_gets_through_is_told():
    cheat = Cheat(cheats.two_cards(CARD, STRANGER), seen=set())
    assert Leave(MINE) == _all_acts(cheat, IDLE, KEPT)[-1]


def test_a_brick_in_the_tare_needs_the_scales_own_keys():
    script = cheats.brick_in_the_tare(BAG, CARD, brick_mg=2_000_000)
    acts = [act for _, act in script[2:]]
    expected = [Put(2_000_000), Press("tare"), Put(5_217_400), Press("untare")]
    assert expected == acts


def test_who_waits_for_nothing_goes_in_the_end():
    cheat = Cheat(cheats.walks_away(BAG), seen=set())
    _all_acts(cheat, IDLE, IDLE, WHAT)
    assert [] == cheat.looks(IDLE, now_ms=112_000)
    assert Leave(None, "put", "(put)") == cheat.looks(IDLE, now_ms=112_001)[-1]


def test_the_screen_is_read_from_the_kiosks_own_words():
    slip = {**MINE._asdict(), "state": "kept", "undo_s": 300}
    view = {"screen": "slip", "word": "slip", "nl": "(bon)", "en": "(slip)", "fraction": ""}
    more = {"pieces": 0, "crate": "", "who": "", "can_confirm": False, "net_mg": 5, "slip": slip}
    assert KEPT == screen_of({"view": {**view, **more}})
    assert _screen("slip") == screen_of({"view": {**view, **more, "slip": None}})
    assert screen_of({"view": None}) is None
    assert screen_of(None) is None


@pytest.mark.parametrize("seed", [0, 7, 11])
def test_a_day_has_its_stranger_its_moving_bag_and_time_between_people(seed):
    today = visits(seed, DAY)
    assert len(today) == 8
    assert [v.depositor.card for v in today if not v.member] == [STRANGER]
    assert [v.load.moved_ms for v in today if v.load.moved_ms] == [1_200]
    assert [v.member for v in today if v.claims] == ["yusuf"]
    gaps = [b.at_ms - a.at_ms for a, b in pairwise(today)]
    assert min(gaps) >= 30 * 60_000
    assert visits(seed, DAY) == today
