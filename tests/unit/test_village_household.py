"""A household: nothing is lost between roof, sockets and meter, whatever the seed."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.devices.p1 import LOW, NORMAL, Meter
from firmware_sim.household import House, Household, local_midnight_ms

# Saturday 28 March 2026 to the Tuesday after: the night of the change to summer time is in it.
DAYS = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 6, 21), date(2026, 12, 31)]


def _household(*, seed=7, day=date(2026, 6, 21), solar_wp=4200, phases=3, **more):
    house = House("noor", Meter("E1"), solar_wp, phases, gas_serial="G1", **more)
    return Household(house, seed=seed, start_ms=local_midnight_ms(day))


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    day=st.sampled_from(DAYS),
    solar_wp=st.integers(0, 12_000),
    start=st.integers(0, 8_000),
)
def test_what_is_counted_is_exactly_load_minus_solar(seed, day, solar_wp, start):
    household = _household(seed=seed, day=day, solar_wp=solar_wp)
    household.at_ms += start * 10_000
    household.step()  # from here on its powers are those of this time of day
    counters = household.counters
    begin = sum(counters.import_mws.values()) - sum(counters.export_mws.values())
    flow_ws = 0
    for _ in range(360):
        now = household.powers()
        flow_ws += (now.load_w - now.solar_w) * 10
        household.step()
    end = sum(counters.import_mws.values()) - sum(counters.export_mws.values())
    assert end - begin == flow_ws * 1000


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.sampled_from(DAYS))
def test_no_register_ever_runs_backwards(seed, day):
    household = _household(seed=seed, day=day)
    before = household.shown()
    for _ in range(2_000):
        household.step()
        now = household.shown()
        assert now[1:5] >= before[1:5]
        assert all(new >= old for new, old in zip(now[1:5], before[1:5], strict=True))
        assert now.gas.litres >= before.gas.litres
        assert sum(p.import_w - p.export_w for p in now.phases) == now.import_w - now.export_w
        before = now


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), day=st.sampled_from(DAYS))
def test_no_small_meter_ever_runs_backwards(seed, day):
    household = _household(seed=seed, day=day, heat_pump_w=1700)
    before = _small(household)
    for _ in range(3_000):
        household.step()
        now = _small(household)
        assert all(new >= old for new, old in zip(now, before, strict=True))
        before = now


def _small(household):
    counted = household.counters
    return (counted.made_mws, counted.heat_pump_mws, counted.heat_pump_ms, counted.water_ml)


def test_a_heat_pump_is_part_of_what_the_house_takes():
    without, house = _household(solar_wp=0), _household(solar_wp=0, heat_pump_w=1700)
    begin = house.counters.heat_pump_mws - sum(house.counters.import_mws.values())
    other = sum(without.counters.import_mws.values())
    for _ in range(8_640):
        house.step()
        without.step()
    end = house.counters.heat_pump_mws - sum(house.counters.import_mws.values())
    assert begin - end == sum(without.counters.import_mws.values()) - other
    assert house.counters.heat_pump_mws > _household(heat_pump_w=1700).counters.heat_pump_mws


def test_a_meter_that_does_not_count_backwards_gives_nothing():
    household = _household(feeds=False)
    begin, made = household.shown(), household.counters.made_mws
    for _ in range(8_640):
        household.step()
    assert household.shown()[3:5] == begin[3:5]
    assert household.counters.made_mws - made > 15_000 * 3_600_000


def test_a_meter_shows_whole_watt_hours_of_what_it_has_counted():
    household = _household()
    household.counters.export_mws[LOW] = 3_600_000 * 12 + 3_599_999
    assert household.shown().export_t1_wh == 12


def test_nothing_is_given_back_at_night():
    household = _household(day=date(2026, 6, 21))
    begin = household.shown()
    for _ in range(5 * 360):
        household.step()
        assert household.now.solar_w == 0
    assert household.shown()[3:5] == begin[3:5]


def test_a_summer_day_gives_back_some_kilowatt_hours():
    household = _household()
    begin = household.shown()
    for _ in range(8_640):
        household.step()
    assert household.shown().export_t1_wh - begin.export_t1_wh == 15_718


def test_the_same_seed_is_the_same_day():
    one, other = _household(seed=3), _household(seed=3)
    for _ in range(4_000):
        one.step()
        other.step()
    assert one.shown() == other.shown()
    assert one.shown() != _household(seed=4).shown()


@pytest.mark.parametrize(
    ("day", "hours", "expected"),
    [
        (date(2026, 6, 22), 6, LOW),
        (date(2026, 6, 22), 7, NORMAL),
        (date(2026, 6, 22), 22, NORMAL),
        (date(2026, 6, 22), 23, LOW),
        (date(2026, 6, 21), 12, LOW),
    ],
    ids=["before seven", "seven", "evening", "eleven", "sunday noon"],
)
def test_the_tariff_is_low_at_night_and_at_weekends(day, hours, expected):
    household = _household(day=day)
    household.at_ms += hours * 3_600_000
    assert household.shown().tariff == expected


def test_the_tariff_follows_the_wall_clock_over_the_change_to_summer_time():
    # Monday 30 March, 7 o'clock in summer time is 5 o'clock UTC.
    household = _household(day=date(2026, 3, 30))
    assert household.at_ms == 1_774_821_600_000
    household.at_ms = 1_774_846_790_000
    assert household.shown().tariff == LOW
    household.at_ms = 1_774_846_800_000
    assert household.shown().tariff == NORMAL
