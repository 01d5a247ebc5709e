"""A P1 meter played for a year, and every telegram of the two nights when clocks change."""

from collections.abc import Iterable
from datetime import date
from itertools import pairwise

from drivers import p1 as driver
from drivers.reading import Message
from firmware_sim import p1_house
from firmware_sim.devices import p1
from firmware_sim.household import local_midnight_ms

SEED = 7
QUARTER_MS, HOUR_MS = 900_000, 3_600_000
NEW_YEAR_MS = local_midnight_ms(date(2026, 1, 1))
NEXT_YEAR_MS = local_midnight_ms(date(2027, 1, 1))
GAS = {"0-1:24.2.1"}


def _begun(variant: str, now_ms: int) -> tuple[p1.Port, driver.Session]:
    port = p1.begin(variant, p1.SIMULATOR.source(SEED), SEED, now_ms)
    return port, driver.DEVICE.open(p1.SIMULATOR.variants[variant])


def _told(variant: str, times_ms: Iterable[int]) -> int:
    """How many telegrams were played; each was read as what the meter showed, at its time."""
    port, session = None, None
    count = 0
    for now_ms in times_ms:
        if port is None:
            port, session = _begun(variant, now_ms)
        (message,) = session.feed(port.telegram(now_ms))
        assert isinstance(message, Message)
        assert message.faults == ()
        assert port.truth() == {r.register: r.value for r in message.readings}
        assert {now_ms} == {r.at_ms for r in message.readings if r.register not in GAS}
        gas = [r.at_ms for r in message.readings if r.register in GAS]
        assert [now_ms // HOUR_MS * HOUR_MS] == gas
        count += 1
    return count


def test_a_year_of_telegrams_is_read_as_what_the_meter_showed() -> None:
    # Every third quarter-hour, so that each of the day's 96 comes by.
    assert 365 * 32 == _told("DSMR 4.2", range(NEW_YEAR_MS, NEXT_YEAR_MS, 3 * QUARTER_MS))


def test_every_telegram_of_both_nights_of_the_clock_is_read_at_its_own_time() -> None:
    for night, hours in ((date(2026, 3, 29), 4), (date(2026, 10, 25), 6)):
        begin_ms = local_midnight_ms(night)
        # To 5 o'clock: an hour less in March, an hour more in October.
        end_ms = begin_ms + hours * HOUR_MS
        assert hours * 360 == _told("DSMR 4.2", range(begin_ms, end_ms, 10_000))


def test_the_month_table_follows_the_turn_of_the_year() -> None:
    port, session = _begun("Belgium 2.1.1", NEXT_YEAR_MS - HOUR_MS)
    before, after = [
        [
            (r.value, r.at_ms, r.until_ms)
            for step in session.feed(port.telegram(now_ms))
            if isinstance(step, Message)
            for r in step.readings
            if r.register == "0-0:98.1.0"
        ]
        for now_ms in (NEXT_YEAR_MS - 1_000, NEXT_YEAR_MS)
    ]

    assert 13 == len(before) == len(after)
    assert before[1:] == after[:-1]
    assert [NEW_YEAR_MS, NEXT_YEAR_MS] == [before[-12][2], after[-1][2]]
    *months, now = p1_house.peaks(SEED, NEXT_YEAR_MS - 1_000)
    assert [(one.power_mw, one.at_ms, one.until_ms) for one in months] == before
    assert (now.power_mw, now.at_ms, now.until_ms) == after[-1]


def test_the_peak_of_a_month_is_its_highest_quarter_hour() -> None:
    source = p1.SIMULATOR.source(SEED)
    begin_ms, end_ms = (local_midnight_ms(date(2026, month, 1)) for month in (3, 4))
    taken = [
        sum(int(source(at_ms)[f"1-0:1.8.{n}"]) for n in (1, 2))
        for at_ms in range(begin_ms, end_ms + 1, QUARTER_MS)
    ]
    # March has an hour less.
    assert 31 * 96 - 4 == len(taken) - 1
    # Milliwatt-hours in a quarter of an hour, four times as much in an hour.
    quarters = [4 * (end - begin) for begin, end in pairwise(taken)]
    highest = max(quarters)
    march = next(one for one in p1_house.peaks(SEED, end_ms) if one.until_ms == end_ms)
    assert (highest, begin_ms + (quarters.index(highest) + 1) * QUARTER_MS) == (
        march.power_mw,
        march.at_ms,
    )
