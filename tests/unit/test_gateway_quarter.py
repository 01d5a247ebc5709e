"""Which messages become boundary records and samples."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reading import Message, Reading
from gateway.contract.record import Element
from gateway.quarter import (
    CHANNEL_MS_MAX,
    PACK_BYTES_MAX,
    QUARTER_MS,
    Moment,
    Quarters,
    Timed,
    packs,
    timed,
)

NOON = 1_780_308_000_000  # 2026-06-01T10:00:00Z, a boundary
DAY_MS = 86_400_000


def meter(*readings: Reading) -> Message:
    return Message(0, b"/x", readings)


def moment(utc_ms: int | None) -> Moment:
    return Moment(utc_ms, 5, "synced" if utc_ms else "unset")


IMPORT = Reading("1-0:1.8.1", 4_426_000, "mWh", NOON)
GAS = Reading("0-1:24.2.1", 107_000, "mL", NOON - 3_600_000)


def test_the_meters_own_time_is_taken_within_a_quarter_hour() -> None:
    assert timed(meter(IMPORT), moment(NOON + 900_000), is_sure=True) == Timed(
        NOON, (IMPORT,), by_meter=True
    )


def test_a_meter_clock_far_off_gives_the_time_of_receipt_and_a_doubt() -> None:
    late = NOON + 900_001
    assert timed(meter(IMPORT), moment(late), is_sure=True) == Timed(
        late, (IMPORT._replace(at_ms=late, doubt="meter-clock"),), by_meter=False
    )


def test_an_unset_clock_believes_the_meter() -> None:
    assert timed(meter(IMPORT), moment(None), is_sure=False) == Timed(
        NOON, (IMPORT,), by_meter=True
    )


def test_where_nobody_has_a_time_the_reading_has_none() -> None:
    bare = IMPORT._replace(at_ms=None)
    got = timed(meter(bare), moment(None), is_sure=False)
    assert got == Timed(None, (bare,), by_meter=False)


HELD = Moment(NOON + 5 * 3_600_000, 5, "held")


def test_a_clock_that_nobody_kept_right_in_this_boot_gives_way_to_the_meters() -> None:
    assert timed(meter(IMPORT), HELD, is_sure=False) == Timed(NOON, (IMPORT,), by_meter=True)


def test_a_clock_that_was_right_in_this_boot_does_not_give_way() -> None:
    late = IMPORT._replace(at_ms=HELD.utc_ms, doubt="meter-clock")
    assert timed(meter(IMPORT), HELD, is_sure=True) == Timed(HELD.utc_ms, (late,), by_meter=False)


def test_a_meter_without_a_clock_has_the_time_of_receipt_whoever_keeps_it() -> None:
    bare = IMPORT._replace(at_ms=None)
    late = IMPORT._replace(at_ms=HELD.utc_ms)
    assert timed(meter(bare), HELD, is_sure=False) == Timed(HELD.utc_ms, (late,), by_meter=False)


def test_a_clock_that_may_be_wrong_does_not_doubt_the_stamp_of_gas() -> None:
    # DSMR 2: the clock runs five hours ahead, or a day behind; nobody can say that gas is wrong.
    bare = IMPORT._replace(at_ms=None)
    ahead = timed(meter(bare, GAS), HELD, is_sure=False)
    behind = timed(meter(bare, GAS), HELD._replace(utc_ms=NOON - DAY_MS), is_sure=False)
    assert ahead is not None
    assert behind is not None
    assert (GAS, GAS) == (ahead.readings[1], behind.readings[1])


def test_gas_keeps_its_own_older_stamp() -> None:
    got = timed(meter(IMPORT, IMPORT, GAS), moment(NOON), is_sure=True)
    assert got is not None
    assert got.readings[2].at_ms == NOON - 3_600_000
    assert got.at_ms == NOON


@pytest.mark.parametrize("off_ms", [-90 * DAY_MS, -CHANNEL_MS_MAX - 1, 900_001, 90 * DAY_MS])
def test_an_m_bus_stamp_of_another_day_gives_the_time_of_receipt_and_a_doubt(off_ms: int) -> None:
    got = timed(
        meter(IMPORT, IMPORT, GAS._replace(at_ms=NOON + off_ms)), moment(NOON + 5_000), is_sure=True
    )
    assert got is not None
    assert got.readings[2] == GAS._replace(at_ms=NOON, doubt="meter-clock")


@pytest.mark.parametrize("off_ms", [-CHANNEL_MS_MAX, -3_600_000, -300_000, 0, 900_000])
def test_an_m_bus_stamp_of_the_last_day_stays(off_ms: int) -> None:
    stamped = GAS._replace(at_ms=NOON + off_ms)
    got = timed(meter(IMPORT, IMPORT, stamped), moment(NOON + 5_000), is_sure=True)
    assert got is not None
    assert got.readings[2] == stamped


def test_an_m_bus_meter_without_a_stamp_is_doubted() -> None:
    got = timed(meter(IMPORT, GAS._replace(at_ms=None)), moment(NOON), is_sure=True)
    assert got is not None
    assert got.readings[1] == GAS._replace(at_ms=NOON, doubt="meter-clock")


def test_gas_is_not_the_clock_of_a_meter_that_has_none() -> None:
    # DSMR 2: only gas is stamped, at the hour; electricity counts as of its receipt.
    bare = IMPORT._replace(at_ms=None, doubt="unchecked")
    hourly = GAS._replace(at_ms=NOON, doubt="unchecked")
    got = timed(meter(bare, hourly), moment(NOON + 600_000), is_sure=True)
    late = bare._replace(at_ms=NOON + 600_000)
    assert got == Timed(NOON + 600_000, (late, hourly), by_meter=False)


def test_without_any_clock_gas_keeps_its_stamp_and_lends_it_to_nobody() -> None:
    bare = IMPORT._replace(at_ms=None)
    got = timed(meter(bare, GAS), moment(None), is_sure=False)
    assert got == Timed(None, (bare, GAS), by_meter=False)


def test_two_doubts_are_both_told() -> None:
    gas = GAS._replace(at_ms=NOON - 90 * DAY_MS, doubt="unchecked")
    got = timed(meter(IMPORT, gas), moment(NOON), is_sure=True)
    assert got is not None
    assert got.readings[1].doubt == "unchecked meter-clock"


def test_the_count_of_a_due_date_keeps_its_date_and_is_no_clock() -> None:
    due = Reading("6-0:1.0.0*1", 900_000, "mJ", NOON - 150 * DAY_MS)
    now = Reading("6-0:1.0.0", 950_000, "mJ", None)
    got = timed(meter(due, now), moment(NOON), is_sure=True)
    assert got == Timed(NOON, (due, now._replace(at_ms=NOON)), by_meter=False)


def test_scales_and_card_readers_make_no_boundary() -> None:
    assert timed(meter(Reading("net", 5_000, "mg")), moment(NOON), is_sure=True) is None
    assert timed(meter(Reading("card", "0A00F00001")), moment(NOON), is_sure=True) is None


@given(st.lists(st.integers(0, 40 * QUARTER_MS), max_size=60), st.integers(0, 60))
def test_each_boundary_is_recorded_once_whatever_the_restarts(steps: list[int], cut: int) -> None:
    times = sorted(NOON + step for step in steps)
    before = Quarters({})
    made = [b for at in times[:cut] if (b := before.boundary("hall", at)) is not None]
    after = Quarters({"hall": made[-1]} if made else {})
    made += [b for at in times[cut:] if (b := after.boundary("hall", at)) is not None]
    assert made == sorted({at // QUARTER_MS * QUARTER_MS for at in times})


def test_a_telegram_of_just_before_the_boundary_makes_no_second_record() -> None:
    quarters = Quarters({"hall": NOON})
    assert quarters.boundary("hall", NOON - 1) is None
    assert quarters.boundary("hall", NOON + 1) is None


def test_a_boundary_of_a_clock_that_was_wrong_does_not_stop_the_records() -> None:
    quarters = Quarters({"hall": NOON + 400 * QUARTER_MS})
    assert quarters.boundary("hall", NOON) == NOON


def test_one_sample_a_minute_and_a_record_at_fifteen() -> None:
    quarters = Quarters({})
    for second in range(0, 15 * 60, 10):
        at_ms = NOON + second * 1000
        quarters.sample("hall", Timed(at_ms, (IMPORT,), by_meter=True))
    kept = quarters.samples("hall")
    assert [sample.at_ms - NOON for sample in kept] == list(range(0, 900_000, 60_000))
    assert quarters.samples("hall", all_of_them=True) == []


@given(st.lists(st.integers(0, 30_000), max_size=9))
def test_every_pack_fits_and_nothing_is_lost_on_the_way(lengths: list[int]) -> None:
    elements = [Element(n=str(i), vs="x" * length) for i, length in enumerate(lengths)]
    parts = list(packs(elements))
    assert [one for part in parts for one in part] == elements
    assert all(len(msgspec.json.encode(part)) <= PACK_BYTES_MAX + 2 for part in parts)
