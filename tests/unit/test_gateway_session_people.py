"""The deposit session and its people: pieces, crates, operators, second thoughts, restarts."""

import pytest

from gateway.kiosk.events import (
    REASONS,
    Cancel,
    Choose,
    Confirm,
    ForClub,
    NoCard,
    NotAccepted,
    Operator,
    Pieces,
    Refused,
    Tick,
    Undo,
    UseCrate,
)
from gateway.kiosk.standing import Past, resume
from tests.told import (
    BAG,
    BAG_MG,
    EMPTY,
    FRACTIONS,
    GLASS,
    LOOK_MS,
    NOOR,
    NOORS_BAG,
    SAM,
    TERMS,
    lies,
    tell,
    waits,
    weight,
)

LAMPS, PAINT = Choose("lamps"), Choose("paint")
ON_ZERO = waits(750, weight(0))
ON_BAG = waits(750, weight(BAG_MG))
COME = Operator(is_here=True)
MINUTE_MS = 60_000


# Pieces


def test_pieces_need_no_weight_and_are_confirmed_like_any() -> None:
    told = tell(EMPTY, NOOR, LAMPS, Pieces(3), ON_ZERO)
    assert ("what", "confirm", 3, True) == (
        told.view.screen,
        told.view.word,
        told.view.pieces,
        told.view.can_confirm,
    )
    kept = tell(Confirm(), start=told).deposits()[0]
    assert ("lamps", "noor", None, 3, None, 0) == (
        kept.fraction,
        kept.card,
        kept.net_mg,
        kept.pieces,
        kept.weight,
        kept.times,
    )


def test_counting_up_to_a_number_confirms_nothing() -> None:
    counting = [step for n in range(1, 6) for step in (Pieces(n), ON_ZERO)]
    told = tell(EMPTY, NOOR, LAMPS, ON_ZERO, counting, Pieces(5), ON_ZERO)
    assert [] == told.outcomes
    assert 5 == told.view.pieces


def test_a_card_that_comes_last_confirms_pieces() -> None:
    assert 1 == len(tell(EMPTY, LAMPS, Pieces(3), ON_ZERO, NOOR).deposits())


def test_how_many_is_asked_for() -> None:
    told = tell(EMPTY, NOOR, LAMPS)
    assert ("what", "how_many", False) == (told.view.screen, told.view.word, told.view.can_confirm)


@pytest.mark.parametrize("number", [-1, 0, 100])
def test_a_number_of_pieces_that_nobody_carries_is_asked_for_again(number: int) -> None:
    told = tell(EMPTY, NOOR, LAMPS, Pieces(number))
    assert ("how_many", 0) == (told.view.word, told.view.pieces)


def test_what_lies_there_while_pieces_are_counted_has_to_go() -> None:
    told = tell(EMPTY, NOOR, LAMPS, Pieces(3), BAG, ON_BAG, Confirm())
    assert 1 == len(told.deposits())
    assert "take_off" == told.view.word
    assert 1 == len(tell(ON_BAG, NOOR, GLASS, ON_BAG, Confirm(), start=told).deposits())
    assert 2 == len(tell(NOORS_BAG, start=told).deposits())


def test_pieces_of_something_weighed_are_nothing() -> None:
    told = tell(EMPTY, NOOR, GLASS, Pieces(3), BAG, LOOK_MS, Confirm())
    assert [None] == [one.pieces for one in told.deposits()]


def test_a_number_is_of_the_fraction_it_was_said_of() -> None:
    told = tell(EMPTY, NOOR, LAMPS, Pieces(3), GLASS, LAMPS)
    assert (0, "how_many") == (told.view.pieces, told.view.word)


# Crates


def test_a_crates_own_weight_does_not_count() -> None:
    told = tell(EMPTY, NOOR, GLASS, UseCrate("blue"), BAG, LOOK_MS)
    assert (1_750_000, "blue") == (told.view.net_mg, told.view.crate)
    kept = tell(Confirm(), start=told).deposits()[0]
    assert (1_750_000, "blue", 1_500_000, BAG_MG) == (
        kept.net_mg,
        kept.crate,
        kept.crate_mg,
        kept.weight.net_mg,
    )


def test_the_crate_may_be_changed_until_it_is_confirmed() -> None:
    told = tell(EMPTY, NOOR, GLASS, BAG, UseCrate("blue"), ON_BAG, UseCrate(""), ON_BAG, Confirm())
    assert [BAG_MG] == [one.net_mg for one in told.deposits()]


def test_a_crate_heavier_than_the_load_is_refused() -> None:
    told = tell(EMPTY, NOOR, GLASS, UseCrate("blue"), lies(1_400_000))
    assert "crate" == told.view.word
    assert ["crate"] == tell(750, weight(1_400_000), Confirm(), start=told).refused()


def test_crates_are_for_what_is_weighed() -> None:
    assert "crate_counted" == tell(EMPTY, LAMPS, UseCrate("blue")).view.word
    assert "" == tell(EMPTY, UseCrate("blue"), LAMPS).view.crate
    assert ("not_offered", "") == _word_and_crate(UseCrate("red"))


def _word_and_crate(event: UseCrate) -> tuple[str, str]:
    view = tell(EMPTY, GLASS, event).view
    return view.word, view.crate


# The most at once


def test_more_than_the_most_at_once_is_refused() -> None:
    paper = [EMPTY, NOOR, Choose("paper")]
    assert ["too_much"] == tell(paper, lies(20_005_000), LOOK_MS, Confirm()).refused()
    assert 1 == len(tell(paper, lies(20_000_000), LOOK_MS, Confirm()).deposits())


# Rules that are not there, and rules that change


def test_without_rules_the_point_is_closed() -> None:
    nothing = TERMS._replace(fractions={})
    told = tell(EMPTY, NOOR, GLASS, BAG, LOOK_MS, Confirm(), terms=nothing)
    assert ("closed", "no_rules") == told.view[:2]
    assert [] == told.outcomes


def test_a_fraction_that_is_no_longer_offered_is_refused_under_way() -> None:
    poorer = TERMS._replace(fractions={"paper": FRACTIONS["paper"]})
    told = tell(Tick(), start=tell(EMPTY, NOOR, GLASS, BAG), terms=poorer)
    assert [Refused("not_offered", "glass", BAG_MG)] == told.outcomes


def test_a_club_that_is_no_longer_there_is_refused_under_way() -> None:
    clubless = TERMS._replace(clubs={})
    told = tell(Tick(), start=tell(EMPTY, GLASS, ForClub("vv-dorp"), BAG), terms=clubless)
    assert ["not_offered"] == told.refused()


@pytest.mark.parametrize("event", [Choose("gold"), ForClub("nobody")], ids=str)
def test_what_is_not_offered_is_said_and_the_rest_goes_on(event) -> None:
    told = tell(EMPTY, NOOR, event)
    assert ("put", "not_offered", "card") == (told.view.screen, told.view.word, told.view.who)
    assert "not_offered" == tell(waits(4_750, weight(0)), start=told).view.word
    assert "put" == tell(waits(5_000, weight(0)), start=told).view.word


# Operators


def test_hazardous_waste_needs_an_operator() -> None:
    told = tell(EMPTY, NOOR, BAG, PAINT)
    assert [Refused("operator_needed", "paint", BAG_MG)] == told.outcomes
    told = tell(EMPTY, COME, NOOR, PAINT, BAG, LOOK_MS, Confirm())
    assert [True] == [one.by_operator for one in told.deposits()]


def test_an_operator_who_left_meanwhile_is_missed() -> None:
    told = tell(EMPTY, COME, NOOR, PAINT, BAG, Operator(is_here=False), LOOK_MS, Confirm())
    assert ["operator_needed"] == told.refused()


def test_an_operator_can_accept_the_same_weight_again() -> None:
    again = [EMPTY, COME, SAM, GLASS, lies(BAG_MG, times=6), Confirm()]
    assert 2 == len(tell(NOORS_BAG, again).deposits())


def test_an_operator_who_does_nothing_has_left_after_two_minutes() -> None:
    told = tell(EMPTY, COME, waits(119_000, weight(0)))
    assert told.view.operator
    mixed = [BAG, NotAccepted("mixed"), waits(119_000, weight(0))]
    assert tell(COME, waits(119_000, weight(0)), start=told).view.operator
    assert tell(mixed, start=tell(EMPTY, COME, waits(100_000, weight(0)))).view.operator
    assert not tell(waits(2_000, weight(0)), start=told).view.operator


def test_depositors_do_not_keep_an_operator_here_who_has_left() -> None:
    told = tell(EMPTY, COME, waits(100_000, weight(0)), NOOR, GLASS, BAG, LOOK_MS, Confirm())
    assert [True] == [one.by_operator for one in told.deposits()]
    told = tell(EMPTY, waits(20_000, weight(0)), SAM, PAINT, start=told)
    assert ["operator_needed"] == told.refused()


@pytest.mark.parametrize("reason", REASONS)
def test_an_operator_turns_it_away_with_or_without_a_card(reason: str) -> None:
    told = tell(EMPTY, COME, BAG, NotAccepted(reason))
    assert [Refused(reason, "", BAG_MG)] == told.outcomes
    assert ("refused", reason) == (told.view.screen, told.view.word)
    told = tell(EMPTY, COME, NOOR, GLASS, NotAccepted(reason))
    assert [Refused(reason, "glass", None)] == told.outcomes


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ([BAG, NotAccepted("mixed")], []),
        ([COME, BAG, NotAccepted("ugly")], []),
        ([COME, NotAccepted("mixed")], []),
        ([COME, BAG, NotAccepted("mixed"), NotAccepted("dirty")], ["mixed"]),
    ],
    ids=["no operator", "no reason", "nothing there", "twice"],
)
def test_only_an_operator_turns_away_only_what_is_there_and_once(steps, refused) -> None:
    assert refused == tell(EMPTY, steps).refused()


# Taking it back


def test_a_deposit_is_taken_back_from_the_slip() -> None:
    told = tell(NOORS_BAG, ON_BAG)
    assert (True, 300) == (told.view.can_undo, told.view.slip.undo_s)
    told = tell(Undo(), start=told)
    assert ["d1"] == told.undone()
    assert ("slip", "undone", False) == (told.view.screen, told.view.word, told.view.can_undo)
    assert ("withdrawn", 0) == (told.view.slip.state, told.view.slip.undo_s)


def test_it_is_taken_back_once() -> None:
    told = tell(NOORS_BAG, ON_BAG, Undo(), ON_BAG, Undo(), EMPTY, NOOR, ON_ZERO, Undo())
    assert ["d1"] == told.undone()


def test_what_was_taken_back_may_be_brought_again() -> None:
    again = [EMPTY, SAM, LOOK_MS, GLASS, lies(BAG_MG, times=6), Confirm()]
    assert 2 == len(tell(NOORS_BAG, ON_BAG, Undo(), again).deposits())


def test_what_was_taken_back_while_it_lies_there_has_to_go_first() -> None:
    told = tell(NOORS_BAG, ON_BAG, Undo(), ON_BAG, NOOR, GLASS, ON_BAG, Confirm())
    assert 1 == len(told.deposits())


def test_the_same_card_again_brings_its_last_deposit_back() -> None:
    others = [SAM, LOOK_MS, GLASS, lies(2_000_000, times=6), Confirm(), EMPTY]
    told = tell(NOORS_BAG, EMPTY, others, waits(21_000, weight(0)), NOOR, ON_ZERO)
    assert ("put", "can_undo", True, "d1") == (
        told.view.screen,
        told.view.word,
        told.view.can_undo,
        told.view.slip.deposit,
    )
    assert ["d1"] == tell(Undo(), start=told).undone()


@pytest.mark.parametrize(
    "steps",
    [[SAM], [NOOR, GLASS], [NOOR, BAG], [GLASS], [NOOR, ForClub("vv-dorp")], []],
    ids=["other card", "fraction", "load", "no card", "club", "nobody"],
)
def test_nobody_else_and_nothing_under_way_takes_it_back(steps: list) -> None:
    told = tell(NOORS_BAG, EMPTY, Cancel(), waits(21_000, weight(0)), steps, LOOK_MS, Undo())
    assert [] == told.undone()
    assert not told.view.can_undo


def test_after_five_minutes_it_is_for_the_steward() -> None:
    held = waits(299_000, weight(BAG_MG))
    assert ["d1"] == tell(NOORS_BAG, held, Undo()).undone()
    late = tell(NOORS_BAG, held, waits(1_000, weight(BAG_MG)), Undo())
    assert [] == late.undone()
    assert ("slip", "undo_late", False) == (late.view.screen, late.view.word, late.view.can_undo)
    later = tell(NOORS_BAG, EMPTY, waits(301_000, weight(0)), NOOR, ON_ZERO)
    assert ("put", False, None) == (later.view.word, later.view.can_undo, later.view.slip)
    assert "undo_late" == tell(Undo(), start=later).view.word


def test_a_second_tap_on_keep_takes_nothing_back() -> None:
    told = tell(NOORS_BAG, Undo())
    assert [] == told.undone()
    assert not told.view.can_undo


# The slip


def test_a_word_for_the_next_one_goes_when_the_scale_is_empty_or_it_was_read() -> None:
    told = tell(NOORS_BAG, ON_BAG, SAM)
    assert "off_first" == told.view.word
    assert "kept" == tell(EMPTY, start=told).view.word
    assert "take_off" == tell(waits(5_000, weight(BAG_MG)), start=told).view.word


def test_a_slip_stays_what_it_is_for_as_long_as_the_bag_lies_there() -> None:
    told = tell(NOORS_BAG, waits(660_000, weight(BAG_MG)))
    assert ("slip", "take_off", "kept") == (*told.view[:2], told.view.slip.state)
    assert "undo_late" == tell(Undo(), start=told).view.word
    undone = tell(NOORS_BAG, ON_BAG, Undo(), waits(660_000, weight(BAG_MG)))
    assert ("slip", "undone", "withdrawn") == (*undone.view[:2], undone.view.slip.state)


@pytest.mark.parametrize(
    ("who", "shown_ms"), [(NOOR, 19_500), (NoCard(), 59_500), (ForClub("vv-dorp"), 19_500)], ids=str
)
def test_the_slip_stays_until_the_scale_is_empty_and_it_was_read(who, shown_ms: int) -> None:
    told = tell(EMPTY, GLASS, BAG, LOOK_MS, who, waits(70_000, weight(BAG_MG)))
    assert "slip" == told.view.screen
    told = tell(EMPTY, waits(shown_ms, weight(0)), start=told)
    assert ("slip", "kept") == (told.view.screen, told.view.word)
    assert "put" == tell(waits(1_000, weight(0)), start=told).view.screen
    assert "slip" != tell(waits(1_000, weight(60_000)), start=told).view.screen


@pytest.mark.parametrize("event", [SAM, GLASS, NoCard(), Cancel(), BAG], ids=str)
def test_whoever_is_next_puts_the_slip_away(event) -> None:
    assert "slip" != tell(NOORS_BAG, EMPTY, event).view.screen


@pytest.mark.parametrize("event", [Confirm(), weight(60_000), weight(60_000, steady="no")], ids=str)
def test_a_hand_on_the_plate_does_not(event) -> None:
    assert "slip" == tell(NOORS_BAG, EMPTY, event).view.screen


# After a restart


def past(**facts: object) -> Past:
    return Past("d0", "glass", "noor", "", BAG_MG, None, -MINUTE_MS)._replace(**facts)


def test_after_a_restart_the_last_deposit_is_shown_and_not_taken_again() -> None:
    session = resume([past(deposit="c9", fraction="paper"), past()], now_ms=0)
    told = tell(BAG, NOOR, GLASS, ON_BAG, Confirm(), start=session)
    assert [] == told.outcomes
    assert ("slip", "last", "d0") == (told.view.screen, told.view.word, told.view.slip.deposit)
    again = tell(EMPTY, NOOR, LOOK_MS, GLASS, lies(BAG_MG, times=6), Confirm(), start=told)
    assert ["same_bag"] == again.refused()


def test_after_a_restart_it_can_be_taken_back() -> None:
    assert ["d0"] == tell(BAG, ON_BAG, Undo(), start=resume([past()], now_ms=0)).undone()
    old = past(at_ms=-6 * MINUTE_MS)
    assert [] == tell(BAG, ON_BAG, Undo(), start=resume([old], now_ms=0)).undone()


@pytest.mark.parametrize("pasts", [[], [past(at_ms=-11 * MINUTE_MS)]], ids=["none", "old"])
def test_nothing_is_shown_where_nothing_was_kept_lately(pasts: list) -> None:
    told = tell(BAG, start=resume(pasts, now_ms=0))
    assert ("clear", None) == (told.view.screen, told.view.slip)


def test_more_pieces_than_the_policy_allows_at_once_are_turned_away() -> None:
    lamps = FRACTIONS["lamps"]._replace(most=3)
    terms = TERMS._replace(fractions={**FRACTIONS, "lamps": lamps})
    said = [EMPTY, NOOR, 1_000, Choose("lamps"), 1_000]
    told = tell(said, Pieces(4), 1_000, weight(0), terms=terms)
    assert ("what", "too_much", False) == (told.view.screen, told.view.word, told.view.can_confirm)
    assert ["too_much"] == tell(Confirm(), terms=terms, start=told).refused()
    told = tell(said, Pieces(3), 1_000, Confirm(), terms=terms)
    assert [3] == [one.pieces for one in told.deposits()]
