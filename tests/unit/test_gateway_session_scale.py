"""The deposit session and its scale: what is a weight, what is empty, and what is neither."""

import pytest

from gateway.kiosk.events import (
    Cancel,
    Confirm,
    Event,
    NoCard,
    OutOfRange,
    ScaleGone,
    Tick,
    Unreadable,
    Weight,
)
from tests.told import (
    BAG,
    BAG_MG,
    BY_CLOCK,
    EMPTY,
    GLASS,
    LOOK_MS,
    NOOR,
    NOORS_BAG,
    TERMS,
    D,
    lies,
    tell,
    waits,
    weight,
)

READY = [EMPTY, NOOR, GLASS]
KEEP = [LOOK_MS, Confirm()]
BAG_NO = weight(BAG_MG, steady="no")
BAG_UNJUDGED = weight(BAG_MG, steady="unjudged")


def times(n: int, event: Event) -> list[Event]:
    return [event] * n


@pytest.mark.parametrize(
    ("weights", "kept"),
    [
        (lies(BAG_MG, times=2), 0),
        (lies(BAG_MG, times=3), 1),
        ([weight(BAG_MG), weight(BAG_MG + D), weight(BAG_MG - D)], 1),
        ([weight(BAG_MG), weight(BAG_MG + 2 * D), weight(BAG_MG)], 0),
        ([weight(BAG_MG), weight(BAG_MG + D), weight(BAG_MG + 2 * D)], 0),
        ([-150, weight(BAG_MG), -150, weight(BAG_MG), -150, weight(BAG_MG)], 0),
        ([weight(BAG_MG), BAG_NO, weight(BAG_MG), weight(BAG_MG)], 0),
        ([*lies(BAG_MG), BAG_NO], 0),
        (times(40, BAG_NO), 0),
        (times(40, weight(BAG_MG, steady="perhaps")), 0),
        ([weight(BAG_MG), weight(BAG_MG), 1_750, weight(BAG_MG)], 1),
        ([weight(BAG_MG), weight(BAG_MG), 1_751, weight(BAG_MG)], 0),
        ([weight(BAG_MG), weight(BAG_MG), BAG[0]._replace(serial="other")], 0),
        ([weight(BAG_MG), OutOfRange("over"), weight(BAG_MG), weight(BAG_MG)], 0),
    ],
    ids=lambda value: None if isinstance(value, int) else str(len(value)),
)
def test_a_weight_has_settled_once_it_was_stable_thrice_in_a_row(weights: list, kept: int) -> None:
    assert kept == len(tell(READY, weights, KEEP).deposits())


@pytest.mark.parametrize(
    ("terms", "said", "kept"),
    [
        (TERMS, times(12, BAG_UNJUDGED), 0),
        (TERMS, times(13, BAG_UNJUDGED), 1),
        (BY_CLOCK, times(12, BAG_NO), 0),
        (BY_CLOCK, times(13, BAG_NO), 1),
        (BY_CLOCK, [BAG_UNJUDGED, 1_500, BAG_UNJUDGED, 1_500, BAG_UNJUDGED], 1),
        (BY_CLOCK, [BAG_UNJUDGED, 2_750, BAG_UNJUDGED], 0),
        (BY_CLOCK, [*times(6, BAG_NO), weight(BAG_MG + 2 * D), *times(11, BAG_NO)], 0),
        (BY_CLOCK, lies(BAG_MG), 1),
    ],
    ids=lambda value: None if not isinstance(value, list) else str(len(value)),
)
def test_without_the_scales_word_it_has_to_stand_still_for_three_seconds(terms, said, kept) -> None:
    empty = waits(3_500, weight(0))
    told = tell(empty, NOOR, GLASS, said, KEEP, terms=terms)
    assert kept == len(told.deposits())


def test_a_weight_goes_stale_before_it_is_confirmed() -> None:
    assert 1 == len(tell(READY, BAG, 1_750, Confirm()).deposits())
    assert 0 == len(tell(READY, BAG, 1_751, Confirm()).deposits())
    late = tell(READY, BAG, 1_751, Tick())
    assert (None, "put", False) == (late.view.net_mg, late.view.screen, late.view.can_confirm)


def test_what_is_kept_is_what_stood_on_the_screen() -> None:
    seen = tell(READY, BAG, weight(BAG_MG + D), weight(BAG_MG - D), LOOK_MS)
    kept = tell(weight(BAG_MG + D), Confirm(), start=seen)
    assert BAG_MG == seen.view.net_mg
    assert BAG_MG == kept.deposits()[0].net_mg
    assert 6 == kept.deposits()[0].times


def test_the_scales_own_words_are_kept_with_the_deposit() -> None:
    said = Weight(BAG_MG, BAG_MG, 0, "yes", "B427", "000123", b"S S 3.250 kg\r\n")
    assert said == tell(READY, times(3, said), KEEP).deposits()[0].weight


def test_a_bag_that_is_added_settles_anew_and_counts() -> None:
    told = tell(READY, BAG, LOOK_MS, lies(5_000_000), KEEP)
    assert [5_000_000] == [one.net_mg for one in told.deposits()]


def test_what_was_seen_settle_no_longer_stands_once_it_moves() -> None:
    assert [] == tell(READY, BAG, LOOK_MS, weight(BAG_MG + 2 * D), Confirm()).deposits()


def test_a_weight_that_creeps_is_refused() -> None:
    creeping = [lies(BAG_MG + 2 * D * n) for n in range(4)]
    assert [] == tell(READY, creeping[:3]).refused()
    told = tell(READY, creeping)
    assert ["creeps"] == told.refused()
    assert ("refused", "creeps") == (told.view.screen, told.view.word)


def test_what_creeps_is_measured_from_what_settled_first() -> None:
    """One division in 2.5 s, as somebody leans on it, and the scale calls it stable throughout."""
    leaning = [lies(BAG_MG + D * n, times=10) for n in range(7)]
    assert [] == tell(READY, leaning[:6]).refused()
    assert ["creeps"] == tell(READY, leaning).refused()
    faster = [weight(BAG_MG + 2 * D * n) for n in range(4)]
    assert ["creeps"] == tell(READY, BAG, faster).refused()


@pytest.mark.parametrize(("divisions", "refused"), [(2, ["creeps"]), (3, [])], ids=str)
def test_something_small_that_is_added_is_no_creep(divisions: int, refused: list[str]) -> None:
    assert refused == tell(READY, [lies(BAG_MG + divisions * D * n) for n in range(5)]).refused()


def test_what_swings_between_is_no_creep() -> None:
    swinging = [[lies(BAG_MG + 2 * D * n), BAG_NO] for n in range(6)]
    assert [] == tell(READY, swinging).refused()


def test_bags_added_without_end_are_refused_too() -> None:
    added = [lies(BAG_MG + 1_000_000 * n) for n in range(8)]
    assert 1 == len(tell(READY, added[:7], KEEP).deposits())
    assert ["creeps"] == tell(READY, added).refused()


def test_creeping_is_not_forgotten_by_beginning_again() -> None:
    moves = [lies(BAG_MG + 2 * D * n) for n in range(3)]
    again = [Cancel(), NOOR, lies(BAG_MG + 6 * D)]
    assert ["creeps"] == tell(READY, moves, again).refused()
    assert [] == tell(READY, moves, EMPTY, again).refused()


@pytest.mark.parametrize(
    ("lightest_mg", "division_mg"), [(50_000, 1_000), (100_000, 5_000), (400_000, 20_000)], ids=str
)
def test_too_light_is_refused(lightest_mg: int, division_mg: int) -> None:
    terms = TERMS._replace(division_mg=division_mg)
    feather = tell(READY, lies(lightest_mg - division_mg), KEEP, terms=terms)
    assert ["too_light"] == feather.refused()
    unnamed = tell(EMPTY, NoCard(), LOOK_MS, GLASS, lies(60_000), KEEP)
    assert ["too_light"] == unnamed.refused()
    assert 1 == len(tell(READY, lies(lightest_mg), KEEP, terms=terms).deposits())


def test_before_it_is_refused_people_are_told_what_would_mend_it() -> None:
    told = tell(READY, lies(60_000))
    assert ("put", "too_light", False) == (
        told.view.screen,
        told.view.word,
        told.view.can_confirm,
    )
    assert 1 == len(tell(BAG, KEEP, start=told).deposits())


@pytest.mark.parametrize(
    ("zero", "is_zero"),
    [
        (lies(10_000), True),
        (lies(-10_000), True),
        (lies(15_000), False),
        (lies(-15_000), False),
        (lies(0, times=2), False),
        (lies(0, steady="no"), False),
        (lies(0, steady="unjudged"), False),
        (lies(0, steady="unjudged", times=13), True),
        (lies(0, tare_mg=1_500_000), False),
        (lies(1_500_000, tare_mg=1_500_000), False),
    ],
    ids=str,
)
def test_the_scale_is_empty_by_its_gross_and_once_that_has_settled(zero, is_zero) -> None:
    told = tell(NOORS_BAG, zero, NOOR)
    assert is_zero == (told.view.screen == "put")


def test_a_fine_scale_is_empty_within_ten_grams() -> None:
    fine = TERMS._replace(division_mg=1_000)
    assert "put" == tell(lies(10_000), terms=fine).view.screen
    assert "clear" == tell(lies(11_000), terms=fine).view.screen


def test_a_coarse_scale_is_empty_within_two_divisions() -> None:
    coarse = TERMS._replace(division_mg=20_000)
    assert "put" == tell(lies(40_000), terms=coarse).view.screen
    assert "clear" == tell(lies(60_000), terms=coarse).view.screen


@pytest.mark.parametrize(
    "steps",
    [
        [lies(1_500_000), weight(1_500_000, tare_mg=1_500_000)],
        [weight(4_000_000, tare_mg=1_500_000)],
        [BAG, weight(BAG_MG, tare_mg=1_000_000, steady="no")],
        [weight(0, tare_mg=1_500_000)],
    ],
    ids=["set", "with it", "in the swing", "on the empty plate"],
)
def test_a_tare_that_is_set_under_way_is_refused(steps: list) -> None:
    told = tell(READY, steps)
    assert ["tare_changed"] == told.refused()
    assert [] == tell(lies(4_000_000, tare_mg=1_500_000), KEEP, start=told).deposits()


def test_with_a_tare_left_on_the_scale_nothing_begins() -> None:
    told = tell(NOORS_BAG, EMPTY, lies(0, tare_mg=1_500_000), 25_000, NOOR)
    later = tell(waits(70_000, weight(0, tare_mg=1_500_000)), start=told)
    assert ("clear", "tared") == later.view[:2]
    assert [] == later.refused()
    laden = tell(GLASS, lies(4_000_000, tare_mg=1_500_000), KEEP, start=later)
    assert ("clear", 1) == (laden.view.screen, len(laden.deposits()))
    assert "put" == tell(EMPTY, start=later).view.screen


def test_a_scale_that_forgot_its_tare_is_empty_once_that_has_settled() -> None:
    assert "clear" == tell(lies(0, tare_mg=1_500_000), lies(0, times=2)).view.screen
    assert "put" == tell(lies(0, tare_mg=1_500_000), EMPTY).view.screen


OUT = [
    (OutOfRange("over"), "over"),
    (OutOfRange("under"), "under"),
    (weight(-15_000), "under"),
    *(
        (Unreadable(kind), kind)
        for kind in ("unit", "unzeroed", "tilt", "hold", "low-battery", "anything")
    ),
]


@pytest.mark.parametrize(("said", "reason"), OUT, ids=str)
def test_what_is_no_weight_is_forgiven_for_a_moment_and_then_refused(said, reason) -> None:
    assert 1 == len(tell(READY, times(4, said), BAG, KEEP).deposits())
    told = tell(READY, times(5, said))
    assert [reason] == told.refused()
    assert "refused" == told.view.screen
    assert [] == tell(BAG, KEEP, BAG, KEEP, start=told).deposits()


@pytest.mark.parametrize(("said", "reason"), OUT[1:], ids=str)
def test_with_nobody_there_a_scale_that_says_no_weight_closes_the_point(said, reason) -> None:
    told = tell(EMPTY, times(6, said))
    assert [] == told.outcomes
    assert "closed" == told.view.screen
    assert "clear" == tell(BAG, start=told).view.screen
    assert "put" == tell(EMPTY, start=told).view.screen


def test_what_is_too_heavy_is_there_without_a_card_too() -> None:
    assert ["over"] == tell(EMPTY, times(6, OutOfRange("over"))).refused()


def test_what_is_too_heavy_and_stays_is_refused_once() -> None:
    assert ["over"] == tell(EMPTY, times(200, OutOfRange("over"))).refused()


def test_what_is_too_heavy_after_a_slip_is_refused_by_itself() -> None:
    told = tell(NOORS_BAG, EMPTY, times(6, OutOfRange("over")))
    assert (1, ["over"]) == (len(told.deposits()), told.refused())
    shown = tell(NOORS_BAG, EMPTY, times(6, Unreadable("unit")))
    assert ([], "slip") == (shown.refused(), shown.view.screen)


def test_over_and_under_in_turns_are_no_way_around() -> None:
    flapping = [OutOfRange("over"), Unreadable("unit"), OutOfRange("under")] * 2
    assert 1 == len(tell(READY, flapping).refused())


@pytest.mark.parametrize("kind", ["busy", "moving"])
def test_a_scale_that_tells_no_weight_while_it_swings_is_waited_for(kind: str) -> None:
    swinging = tell(READY, times(100, Unreadable(kind)))
    assert ("put", "settling") == swinging.view[:2]
    assert 1 == len(tell(BAG, KEEP, start=swinging).deposits())
    assert [] == tell(times(4, OutOfRange("over")), start=swinging).refused()
    assert ["over"] == tell(times(5, OutOfRange("over")), start=swinging).refused()
    assert ["no_weight"] == tell(times(100, Unreadable(kind)), start=swinging).refused()


def test_a_weight_has_to_settle_after_a_swing() -> None:
    said = [weight(BAG_MG), weight(BAG_MG), Unreadable("moving"), weight(BAG_MG)]
    assert [] == tell(READY, said, KEEP).deposits()


def test_the_scale_unplugged_in_the_middle_refuses_and_closes_until_it_speaks() -> None:
    told = tell(READY, BAG, ScaleGone())
    assert ["scale_gone"] == told.refused()
    assert ("refused", "scale_gone") == (told.view.screen, told.view.word)
    told = tell(waits(11_000), start=told)
    assert ("closed", "scale_gone") == (told.view.screen, told.view.word)
    back = tell(BAG, NOOR, GLASS, KEEP, start=told)
    assert (["scale_gone"], []) == (back.refused(), back.deposits())
    assert "clear" == back.view.screen
    assert 1 == len(tell(NOORS_BAG, start=back).deposits())


def test_a_scale_that_fell_silent_refuses_and_closes() -> None:
    told = tell(READY, BAG, waits(10_000))
    assert [] == told.refused()
    told = tell(waits(500), start=told)
    assert ["scale_silent"] == told.refused()
    told = tell(waits(11_000), start=told)
    assert ("closed", "scale_silent") == (told.view.screen, told.view.word)


def test_a_point_whose_scale_was_never_heard_is_closed() -> None:
    assert ("closed", "scale_silent") == tell(NOOR, GLASS, Tick()).view[:2]
