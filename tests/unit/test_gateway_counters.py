"""Counters: a dip is held until it stayed, and another meter is another count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reading import Reading
from gateway.home.counters import READINGS_MIN, STAYED_S_MIN, Count, Counters, is_counter

REGISTER = "1-0:1.8.0"


def said(value: int, serial: str = "K8") -> Reading:
    return Reading(REGISTER, value, "mWh", serial=serial)


def shown(counters: Counters, *heard: tuple[float, Reading]) -> list[int | str]:
    return [counters.believe(REGISTER, reading, at_s).value for at_s, reading in heard]


def test_a_count_that_grows_is_shown_as_it_is() -> None:
    assert [5, 5, 9] == shown(Counters({}), (0, said(5)), (1, said(5)), (2, said(9)))


def test_a_zero_while_a_meter_starts_is_never_shown() -> None:
    heard = [(0, said(5000)), (10, said(0)), (20, said(0)), (30, said(5001))]
    assert [5000, 5000, 5000, 5001] == shown(Counters({}), *heard)


def test_each_dip_has_its_own_time() -> None:
    heard = [(0, said(0)), (300, said(0)), (400, said(5001)), (700, said(0))]
    assert [5000, 5000, 5001, 5001] == shown(Counters({REGISTER: Count("K8", 5000)}), *heard)


def test_the_first_thing_after_a_restart_is_held_as_well() -> None:
    assert [5000] == shown(Counters({REGISTER: Count("K8", 5000)}), (0, said(0)))


def test_a_fall_counts_once_it_was_said_often_and_long() -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    heard = [(0, said(4000)), (300, said(4001)), (599, said(4002)), (600, said(4003))]
    assert [5000, 5000, 5000, 4003] == shown(counters, *heard)
    rare = Counters({REGISTER: Count("K8", 5000)})
    daily = [(0, said(4000)), (86_400, said(4001)), (172_800, said(4002))]
    assert [5000, 5000, 4002] == shown(rare, *daily)


def test_a_fall_that_falls_on_begins_its_time_again() -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    heard = [(0, said(4000)), (300, said(4000)), (600, said(3000)), (900, said(3000))]
    assert [5000, 5000, 5000, 5000] == shown(counters, *heard)
    assert [3000] == shown(counters, (1200, said(3000)))


def test_a_small_fall_corrects_the_count_that_there_was() -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    shown(counters, (0, said(4999)), (300, said(4999)), (600, said(4999)))
    assert Count("K8", 4999, life=1, anew=1) == counters.counts[REGISTER]


def test_a_meter_that_began_anew_is_another_count() -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    shown(counters, (0, said(3)), (300, said(3)), (600, said(4)))
    assert Count("K8", 4, life=2, anew=2) == counters.counts[REGISTER]


@pytest.mark.parametrize("first", [3, 7000], ids=["new", "used before"])
def test_another_meter_is_another_count_once_it_stays(first: int) -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    heard = [(0, said(first, "L9")), (300, said(first, "L9")), (600, said(first + 1, "L9"))]
    assert [5000, 5000, first + 1] == shown(counters, *heard)
    assert Count("L9", first + 1, life=2, anew=1) == counters.counts[REGISTER]


def test_a_number_that_was_garbled_once_is_no_other_meter() -> None:
    counters = Counters({REGISTER: Count("K8", 5000)})
    assert [5000, 5001] == shown(counters, (0, said(5001, "KB")), (1, said(5001)))
    assert Count("K8", 5001) == counters.counts[REGISTER]


def test_a_number_that_is_left_out_or_learned_later_is_the_same_meter() -> None:
    counters = Counters({})
    assert [5, 6, 7] == shown(counters, (0, said(5, "")), (1, said(6)), (2, said(7, "")))
    assert Count("K8", 7) == counters.counts[REGISTER]


@pytest.mark.parametrize(
    ("register", "unit", "counts"),
    [
        ("1-0:1.8.1", "mWh", True),
        ("1-0:16.8.0", "mWh", False),
        ("1-0:36.8.0", "mWh", False),
        ("1-0:1.8.0*1", "mWh", False),
        ("gas", "mL", True),
        ("6-0:1.0.0", "mJ", True),
        ("1-0:1.8.0", "pulse", True),
        ("1-0:1.7.0", "mW", False),
        ("net", "mg", False),
    ],
)
def test_what_counts_for_a_lifetime(register: str, unit: str, counts: bool) -> None:
    assert counts is is_counter(register, unit)


@given(
    dips=st.lists(st.integers(0, 999), max_size=READINGS_MIN - 1),
    gap_s=st.floats(0, STAYED_S_MIN),
    last=st.integers(1000, 10_000),
)
def test_nothing_below_is_shown_before_it_was_said_often_enough(
    dips: list[int], gap_s: float, last: int
) -> None:
    counters = Counters({REGISTER: Count("K8", 1000)})
    heard = [(place * gap_s, said(value)) for place, value in enumerate(dips)]
    expected = [1000] * len(dips)
    assert [*expected, last] == shown(counters, *heard, (9e9, said(last)))
