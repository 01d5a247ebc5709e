"""The window: a bounded number under way, evidence first, probes where no receipt comes."""

import pytest

from gateway.community.window import Window
from gateway.journal import EVIDENCE, Chain

EMPTY: list[int] = []


def chain(*, last: int, receipted: int = 0, first: int = 1) -> Chain:
    return Chain("c", EVIDENCE, True, True, first, last, receipted, "", last)


def window(chance: float = 1.0) -> Window:
    return Window(lambda: chance)


def test_no_more_goes_than_there_is_room_for() -> None:
    one, of = window(), chain(last=100)
    assert [1, 2, 3, 4] == list(one.next(of, 0, room=4))
    assert EMPTY == list(one.next(of, 1, room=4))
    assert 4 == one.under_way(of)


def test_a_receipt_makes_room() -> None:
    one, of = window(), chain(last=100)
    one.next(of, 0, room=4)
    of.receipted = 3
    one.receipted(of, before=0, now_s=1)
    assert [5, 6, 7] == list(one.next(of, 1, room=4))


def test_after_five_seconds_without_a_receipt_the_first_one_goes_alone() -> None:
    one, of = window(), chain(last=100)
    one.next(of, 0, room=4)
    assert EMPTY == list(one.next(of, 4.9, room=4))
    assert [1] == list(one.next(of, 5, room=4))
    assert EMPTY == list(one.next(of, 6, room=4))
    assert 1 == one.resent


def test_a_receipt_for_what_the_broker_had_kept_opens_the_window_behind_it() -> None:
    one, of = window(), chain(last=100)
    one.next(of, 0, room=4)
    one.next(of, 5, room=4)
    of.receipted = 4
    one.receipted(of, before=0, now_s=6)
    assert [5, 6, 7, 8] == list(one.next(of, 6, room=4))


def test_a_record_that_was_lost_is_the_one_that_goes_again() -> None:
    one, of = window(), chain(last=100)
    one.next(of, 0, room=4)
    of.receipted = 2
    one.receipted(of, before=0, now_s=1)
    one.next(of, 1, room=4)
    assert [3] == list(one.next(of, 6, room=4))


@pytest.mark.parametrize(
    ("chance", "pauses"),
    [
        pytest.param(0.0, [5.0, 5.0, 5.0, 5.0], id="least"),
        pytest.param(0.5, [7.5, 12.5, 22.5, 152.5], id="middle"),
        pytest.param(1.0, [10.0, 20.0, 40.0, 300.0], id="most"),
    ],
)
def test_probes_come_ever_more_seldom_up_to_five_minutes(
    chance: float, pauses: list[float]
) -> None:
    assert pauses == [window(chance).pause_s(probes) for probes in (1, 2, 3, 60)]


def test_a_hub_that_is_away_gets_one_record_and_then_probes() -> None:
    one, of = window(), chain(last=100)
    assert [1] == list(one.next(of, 0, room=4, is_quiet=True))
    assert EMPTY == list(one.next(of, 4, room=4, is_quiet=True))
    assert [1] == list(one.next(of, 5, room=4, is_quiet=True))
    assert EMPTY == list(one.next(of, 14, room=4, is_quiet=True))
    assert [1] == list(one.next(of, 15, room=4, is_quiet=True))


def test_a_hub_that_is_back_is_asked_at_once() -> None:
    one, of = window(), chain(last=100)
    one.next(of, 0, room=4)
    one.next(of, 5, room=4)
    one.hurry(6)
    assert [1] == list(one.next(of, 6, room=4))


def test_a_hub_that_went_back_gets_all_from_there() -> None:
    one, of = window(), chain(last=10, receipted=8)
    one.next(of, 0, room=4)
    of.receipted = 2
    one.receipted(of, before=8, now_s=1)
    assert [3, 4, 5, 6] == list(one.next(of, 1, room=4))


def test_what_is_no_longer_held_takes_no_room() -> None:
    one, of = window(), chain(last=100, receipted=10, first=51)
    assert [51, 52, 53, 54] == list(one.next(of, 0, room=4))
    assert 4 == one.under_way(of)


@pytest.mark.parametrize(
    ("now_s", "overdue_s"),
    [
        pytest.param(5, 0.0, id="a hub may take a while"),
        pytest.param(6, 6.0, id="no longer"),
        pytest.param(60, 60.0, id="nor ever"),
    ],
)
def test_it_is_told_since_when_a_receipt_is_overdue(now_s: float, overdue_s: float) -> None:
    one, of = window(), chain(last=1)
    one.next(of, 0, room=4)
    assert overdue_s == one.overdue_s(of, now_s)


def test_nothing_is_overdue_where_all_is_receipted() -> None:
    one, of = window(), chain(last=1)
    one.next(of, 0, room=4)
    of.receipted = 1
    assert 0.0 == one.overdue_s(of, 60)
