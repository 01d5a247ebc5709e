"""The physical model that all simulated scales share."""

import pytest

from firmware_sim.scale import Display, Indicator, Plate, Scale

SCALE = Scale(capacity_mg=60_000_000, division_mg=5_000)


@pytest.fixture
def plate():
    return Plate(SCALE)


@pytest.fixture
def indicator(plate):
    return Indicator(SCALE, plate)


def test_a_load_that_settled_is_shown_in_divisions_halves_upward(plate, indicator):
    plate.put(3_217_500, now_ms=0)
    assert Display(3_220_000, 0, 3_220_000, stable=True) == indicator.shows(500)


def test_a_slow_creep_is_stable_and_grows_and_a_fast_one_never_rests(plate, indicator):
    plate.put(1_000_000, now_ms=0, creep_mg_s=2_500)
    assert [(1_000_000, True), (1_005_000, True), (1_025_000, True)] == [
        (shown.gross_mg, shown.stable) for shown in map(indicator.shows, (500, 1_500, 10_000))
    ]
    plate.put(1_000_000, now_ms=20_000, creep_mg_s=2_600)
    assert not indicator.shows(60_000).stable


def test_rain_that_falls_slowly_stays_nothing_and_a_bag_after_it_weighs_itself(plate, indicator):
    plate.put(0, now_ms=0, creep_mg_s=500)
    assert {0} == {indicator.shows(at_ms).gross_mg for at_ms in range(0, 600_000, 200)}
    plate.put(300_000 + 2_000_000, now_ms=600_000)
    assert 2_000_000 == indicator.shows(601_000).gross_mg


def test_a_bag_of_less_than_a_division_in_an_instant_is_seen_when_more_follows(plate, indicator):
    plate.put(2_400, now_ms=0)
    assert 0 == indicator.shows(600).gross_mg
    plate.put(50_000, now_ms=700)
    assert 50_000 == indicator.shows(1_300).gross_mg


def test_switched_on_with_a_load_it_has_no_zero_until_the_plate_is_free(plate, indicator):
    plate.put(6_000_001, now_ms=0)
    indicator.switch_on(1_000)
    assert "unzeroed" == indicator.shows(1_100).out
    plate.put(0, now_ms=2_000)
    assert "unzeroed" == indicator.shows(2_499).out
    assert Display(0, 0, 0, stable=True) == indicator.shows(2_500)


def test_switched_on_with_little_on_the_plate_that_is_nothing(plate, indicator):
    plate.put(5_900_000, now_ms=0)
    indicator.switch_on(1_000)
    assert Display(0, 0, 0, stable=True) == indicator.shows(1_100)
    plate.put(0, now_ms=2_000)
    assert "under" == indicator.shows(3_000).out


def test_a_tare_makes_net_and_goes_with_the_zero(plate, indicator):
    plate.put(1_500_000, now_ms=0)
    assert "" == indicator.tare(1_000)
    plate.put(4_000_000, now_ms=1_000)
    assert Display(4_000_000, 1_500_000, 2_500_000, stable=True) == indicator.shows(2_000)
    plate.put(0, now_ms=3_000)
    assert -1_500_000 == indicator.shows(4_000).net_mg
    assert "" == indicator.zero(4_000)
    assert 0 == indicator.shows(4_000).net_mg


@pytest.mark.parametrize(
    ("load_mg", "expected"), [(60_010_000, "over"), (60_000_000, ""), (-1_300_000, "under")]
)
def test_out_of_range_is_said(plate, indicator, load_mg, expected):
    plate.put(load_mg, now_ms=0)
    assert expected == indicator.shows(1_000).out
