"""What the page draws from outlives a restart, a swapped meter and a clock that was wrong."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from drivers.reading import Reading
from gateway.contract.keys import SigningKey
from gateway.contract.record import QUARTER
from gateway.days import local, local_day, local_midnight_ms
from gateway.devices import DeviceNow
from gateway.history import GIVEN, TAKEN, Counters, First, History, counts
from gateway.journal import EVIDENCE, Journal
from gateway.page import picture
from gateway.page.words import Words
from gateway.quarter import QUARTER_MS, Moment, elements

JUNE_1, JUNE_2, JUNE_3 = 1_780_264_800_000, 1_780_351_200_000, 1_780_437_600_000
HOUR_MS = 3_600_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(
        tmp_path, community=None, gateway="home", key=SigningKey(bytes(32)), boot="b"
    )
    yield opened
    opened.close()


def told(taken_mwh: int, given_mwh: int = 0) -> dict[str, Reading]:
    return {
        "1-0:1.8.0": Reading("1-0:1.8.0", taken_mwh, "mWh"),
        "1-0:2.8.0": Reading("1-0:2.8.0", given_mwh, "mWh"),
    }


def history(journal: Journal, now_ms: int | None) -> History:
    return History(journal, ["hall"], now_ms=now_ms)


def record(journal: Journal, at_ms: int, taken_mwh: int) -> None:
    """A boundary, as the intake writes it down."""
    stamped = [reading._replace(at_ms=at_ms) for reading in told(taken_mwh).values()]
    pack = elements("hall", stamped, base_ms=at_ms)
    journal.append(EVIDENCE, QUARTER, pack, moment=Moment(at_ms, 0, "synced"))
    journal.commit(Moment(at_ms, 0, "synced"))


def test_the_first_count_of_a_day_stays_the_first(journal):
    kept = history(journal, JUNE_1)
    kept.remember("hall", JUNE_1 + 5_000, told(100, 7))
    kept.remember("hall", JUNE_1 + QUARTER_MS, told(400, 9))
    assert {date(2026, 6, 1): First(JUNE_1 + 5_000, 100)} == kept.firsts("hall", TAKEN)
    assert {date(2026, 6, 1): First(JUNE_1 + 5_000, 7)} == kept.firsts("hall", GIVEN)


def test_days_are_there_after_a_restart_and_quarter_hours_too(journal):
    before = history(journal, JUNE_1)
    before.remember("hall", JUNE_1 + 5_000, told(100))
    record(journal, JUNE_1 + 5_000, 100)
    after = history(journal, JUNE_1 + HOUR_MS)
    assert {date(2026, 6, 1): First(JUNE_1 + 5_000, 100)} == after.firsts("hall", TAKEN)
    assert {JUNE_1: Counters(100, 0)} == after.quarters["hall"]


def test_quarter_hours_are_there_once_a_clock_that_was_unset_is_set(journal):
    record(journal, JUNE_1 + 5_000, 100)
    kept = history(journal, None)
    assert {} == kept.quarters["hall"]
    kept.forget_after(JUNE_1 + HOUR_MS)
    assert {JUNE_1: Counters(100, 0)} == kept.quarters["hall"]


def test_quarter_hours_of_more_than_a_long_day_ago_are_forgotten(journal):
    kept = history(journal, JUNE_1)
    kept.remember("hall", JUNE_1, told(100))
    kept.remember("hall", JUNE_1 + 26 * HOUR_MS, told(200))
    assert [JUNE_1, JUNE_1 + 26 * HOUR_MS] == list(kept.quarters["hall"])
    kept.remember("hall", JUNE_1 + 26 * HOUR_MS + QUARTER_MS, told(300))
    assert JUNE_1 not in kept.quarters["hall"]


@pytest.mark.parametrize(("late_ms", "count"), [(60_000, 1), (60_001, 0)])
def test_a_count_long_after_its_boundary_is_no_quarter_hour_but_may_begin_a_day(
    journal, late_ms, count
):
    kept = history(journal, JUNE_1)
    kept.remember("hall", JUNE_1 + late_ms, told(100))
    assert count == len(kept.quarters["hall"])
    assert [date(2026, 6, 1)] == list(kept.firsts("hall", TAKEN))


def test_a_clock_that_was_ahead_leaves_nothing_in_the_future(journal):
    kept = history(journal, JUNE_1)
    for at_ms, count in ((JUNE_1 + 5_000, 100), (JUNE_3 + 5_000, 300)):
        kept.remember("hall", at_ms, told(count))
        record(journal, at_ms, count)
    kept.forget_after(JUNE_1 + HOUR_MS)
    journal.commit(Moment(JUNE_1 + HOUR_MS, 1, "synced"))
    expected = {date(2026, 6, 1): First(JUNE_1 + 5_000, 100)}
    assert expected == kept.firsts("hall", TAKEN)
    assert expected == history(journal, JUNE_1 + HOUR_MS).firsts("hall", TAKEN)
    assert [JUNE_1] == list(kept.quarters["hall"])


def test_a_day_that_the_clock_put_ahead_gets_its_true_beginning_later(journal):
    kept = history(journal, JUNE_1)
    kept.remember("hall", JUNE_2 + 5_000, told(300))
    kept.forget_after(JUNE_1 + HOUR_MS)
    kept.remember("hall", JUNE_2 + 7_000, told(350))
    assert {date(2026, 6, 2): First(JUNE_2 + 7_000, 350)} == kept.firsts("hall", TAKEN)


def test_more_than_a_year_is_kept_and_no_more(journal):
    kept = history(journal, JUNE_1)
    kept.remember("hall", JUNE_1, told(100))
    day_400 = local_midnight_ms(date(2027, 7, 6))
    kept.remember("hall", day_400, told(200))
    assert 2 == len(kept.firsts("hall", TAKEN))
    kept.remember("hall", local_midnight_ms(date(2027, 7, 7)), told(300))
    record(journal, day_400, 300)
    assert date(2026, 6, 1) not in kept.firsts("hall", TAKEN)
    assert kept.firsts("hall", TAKEN) == history(journal, day_400).firsts("hall", TAKEN)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param(
            [Reading("6-0:1.0.0", 26_000, "mJ"), Reading("6-0:9.0.0", "0.6 m3/h", "")],
            {"heat": 26_000},
            id="heat",
        ),
        pytest.param([Reading("8-0:1.0.0", 198_000, "mL")], {"water": 198_000}, id="water"),
        pytest.param([Reading("1-0:2.8.0", 41_508, "pulse")], {}, id="a contact"),
        pytest.param(
            [Reading("1-0:1.8.1", 1, "mWh"), Reading("1-0:1.8.2", 2, "mWh")],
            {TAKEN: 3},
            id="two tariffs",
        ),
    ],
)
def test_what_a_meter_counts_is_told_by_its_kind(readings, expected):
    assert expected == counts({reading.register: reading for reading in readings})


class Wall:
    """As much of a house as the pictures look at."""

    def __init__(self, journal: Journal, now_ms: int, readings: dict[str, Reading]) -> None:
        self.devices = {"hall": DeviceNow("p1", talks=True, readings=readings)}
        self.intake = self
        self.history = history(journal, now_ms)


def test_a_month_shows_each_day_and_hatches_those_that_are_not_known(journal):
    """The meter was swapped on the 3rd, and nothing was heard on the 5th."""
    house = Wall(journal, JUNE_1, told(5_000_000))
    counts_ = {1: 1_000_000, 2: 3_000_000, 3: 9_000_000, 4: 500_000, 6: 4_000_000}
    for day, count in counts_.items():
        house.history.remember("hall", local_midnight_ms(date(2026, 6, day)) + 5_000, told(count))
    now_ms = local_midnight_ms(date(2026, 6, 6)) + 20 * HOUR_MS
    month = picture.month(house, now_ms, Words("en"))
    assert [
        ("taken", "Monday 1 June: 2.000 kWh taken"),
        ("taken", "Tuesday 2 June: 6.000 kWh taken"),
        ("gap", "Wednesday 3 June: no readings"),
        ("gap", "Thursday 4 June: no readings"),
        ("gap", "Friday 5 June: no readings"),
        ("taken", "Saturday 6 June: 1.000 kWh taken"),
    ] == [(bar.kind, bar.title) for bar in month["chart"].bars]
    assert ("9.00", 3) == (month["taken"], month["gaps"])


@pytest.mark.parametrize(
    ("day", "slots", "last", "six"),
    [
        pytest.param(date(2026, 6, 1), 96, "23:45 - 00:00", 24, id="24 hours"),
        pytest.param(date(2026, 10, 25), 100, "23:45 - 00:00", 28, id="25 hours"),
        pytest.param(date(2027, 3, 28), 92, "23:45 - 00:00", 20, id="23 hours"),
    ],
)
def test_a_day_has_its_own_hours(journal, day, slots, last, six):
    """Six o'clock stands where it is, and the last quarter-hour ends the day."""
    start_ms = local_midnight_ms(day)
    end_ms = start_ms + slots * QUARTER_MS
    house = Wall(journal, start_ms, told(slots * 1_000_000))
    for slot in range(slots):
        house.history.remember("hall", start_ms + slot * QUARTER_MS, told(slot * 1_000_000))
    today = picture.today(house, end_ms - 1, Words("en"))
    bars, labels = today["chart"].bars, today["chart"].labels
    assert slots == len(bars)
    assert f"{last}: 1.000 kWh taken" == bars[-1].title
    assert ["00", "06", "12", "18"] == [label.text for label in labels]
    assert bars[six].x == pytest.approx(labels[1].at - bars[six].width / 0.78 / 2)
    assert bars[-1].x + bars[-1].width <= today["chart"].frame.width
    assert (day, "00:00") == (local_day(end_ms - 1), f"{local(end_ms):%H:%M}")


def test_the_hour_that_comes_twice_is_drawn_twice(journal):
    start_ms = local_midnight_ms(date(2026, 10, 25))
    house = Wall(journal, start_ms, told(99_000_000))
    for slot in range(20):
        house.history.remember("hall", start_ms + slot * QUARTER_MS, told(slot * 1_000_000))
    today = picture.today(house, start_ms + 19 * QUARTER_MS, Words("en"))
    twice = [bar.title for bar in today["chart"].bars if bar.title.startswith("02:15")]
    assert ["02:15 - 02:30: 1.000 kWh taken"] * 2 == twice
