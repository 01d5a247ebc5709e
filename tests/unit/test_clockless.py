"""A point without a clock: nothing that it accepted is lost, nor counted without a day."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.record import DEPOSIT, Element, decimal
from ledger_bridge.books.telling.recycling import held_records
from ledger_bridge.books.verify.verify import verify
from tests.point import MINUTE_MS, WASTE_POLICY, Point
from tests.street import ID, MIDNIGHT_MS, NOON_MS, Street, key

HOUR_MS = 60 * MINUTE_MS


@pytest.fixture
def street(tmp_path):
    street = Street(tmp_path, policy=WASTE_POLICY)
    yield street
    verify(street.community.db, ID, log_key=key("log").public, progress=str)


def without_a_clock(point, made, *args, **more) -> bytes:
    point.has_clock = False
    try:
        return made(*args, **more)
    finally:
        point.has_clock = True


def times(street):
    return street.community.db.execute("SELECT id, at_ms, day FROM deposit ORDER BY id").fetchall()


def waiting(street):
    return [(one["record"], one["sentence"]) for one in held_records(street.community.db, ID)]


def test_a_deposit_without_a_clock_counts_on_its_day_once_the_time_is_told(street):
    # Brought at 23:40 on the 21st; the clock is known at 00:10 on the 22nd, 30 minutes later.
    point, late_ms = Point(), MIDNIGHT_MS + 24 * HOUR_MS - 20 * MINUTE_MS
    street.take("point", without_a_clock(point, point.bring, "d1", late_ms, grams=2_000, card="A"))
    assert [] == times(street)
    ((record, sentence),) = waiting(street)
    assert "point/evidence-000000000001/1" == record
    assert sentence.endswith("it counts once a later record tells the time.")
    street.take("point", point.turn_away(late_ms + 30 * MINUTE_MS, "mixed"))
    assert [("d1", late_ms, "2026-06-21")] == times(street)
    assert ([], 100_000) == (waiting(street), street.balance("acc-noor", "WASTE"))


def test_a_start_that_ends_without_a_clock_leaves_its_deposits_waiting(street):
    point = Point()
    first = without_a_clock(point, point.bring, "d1", NOON_MS, grams=2_000, card="A")
    street.take("point", first, point.correct("d9", NOON_MS, boot="the next"))
    assert [] == times(street)
    ((_, sentence),) = waiting(street)
    assert sentence.endswith("and it was switched off before it had one.")
    # Nothing that comes later tells that start's time.
    street.take("point", point.turn_away(NOON_MS + 1, "mixed"))
    assert [] == times(street)


def test_a_start_that_is_over_stays_so_after_a_restart_of_the_bridge(street):
    point = Point()
    first = without_a_clock(point, point.bring, "d1", NOON_MS, grams=2_000, card="A")
    street.take("point", first, point.correct("d9", NOON_MS, boot="the next"))
    street.community.db.close()
    street.open()
    street.take("point", point.correct("d9", NOON_MS + 1))
    assert ([], 1) == (times(street), len(waiting(street)))


def test_a_weight_that_carries_a_time_of_its_own_waits_for_none(street):
    point = Point()
    elements = [
        Element(n="kiosk/net", u="g", v=decimal(2_000_000), t=decimal(NOON_MS)),
        Element(n="kiosk/deposit", vs="d1"),
        Element(n="kiosk/fraction", vs="glass"),
    ]
    street.take("point", point.record(elements, made_ms=None, typ=DEPOSIT))
    street.take("point", point.turn_away(NOON_MS + HOUR_MS, "mixed"))
    assert [("d1", NOON_MS, "2026-06-21")] == times(street)


def test_what_waits_outlives_a_restart_of_the_bridge(street):
    point = Point()
    some = [
        without_a_clock(point, point.bring, f"d{n}", NOON_MS + n, grams=2_000, card="A")
        for n in range(3)
    ]
    street.take("point", *some)
    street.community.db.close()
    street.open()
    street.take("point", without_a_clock(point, point.empty, "e1", NOON_MS + 5, kg=1))
    street.take("point", point.turn_away(NOON_MS + HOUR_MS, "mixed"))
    assert [("d0", NOON_MS), ("d1", NOON_MS + 1), ("d2", NOON_MS + 2)] == [
        one[:2] for one in times(street)
    ]
    emptied = street.community.db.execute("SELECT at_ms FROM container_event").fetchall()
    assert ([(NOON_MS + 5,)], []) == (emptied, waiting(street))


def test_a_clockless_deposit_is_taken_back_in_time_by_the_time_since_the_start(street):
    point = Point()
    bag = without_a_clock(point, point.bring, "d1", NOON_MS, grams=2_000, card="A")
    undo = without_a_clock(point, point.correct, "d1", NOON_MS + MINUTE_MS)
    street.take("point", bag, undo, point.turn_away(NOON_MS + HOUR_MS, "mixed"))
    verdicts = street.community.db.execute("SELECT verdict FROM deposit").fetchall()
    assert [("withdrawn",)] == verdicts


def test_another_start_without_a_clock_cannot_take_back_in_time(street):
    point = Point()
    street.take("point", point.bring("d1", NOON_MS, grams=2_000, card="A"))
    undo = without_a_clock(point, point.correct, "d1", NOON_MS + MINUTE_MS, boot="the next")
    street.take("point", undo)
    assert [("late",)] == street.community.db.execute("SELECT verdict FROM correction").fetchall()


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.booleans(), st.sampled_from(["one", "two"]), st.integers(0, 3)),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_batches_and_restarts_do_not_change_what_a_later_clock_tells(steps, data):
    point = Point()
    records = []
    for number, (has_clock, boot, minutes) in enumerate(steps):
        point.has_clock = has_clock
        at_ms = NOON_MS + minutes * MINUTE_MS
        records.append(point.bring(f"d{number}", at_ms, grams=1_000, card="A", boot=boot))
    tables = ("deposit", "clockless")
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for name in ("at once", "in pieces"):
            street = Street(Path(folder) / name, policy=WASTE_POLICY)
            left = [*records]
            if name == "in pieces":
                left = data.draw(st.permutations(records))
            while left:
                size = len(left) if name == "at once" else data.draw(st.integers(1, len(left)))
                street.take("point", *left[:size])
                left = left[size:]
                if name == "in pieces" and data.draw(st.booleans()):
                    street.community.db.close()
                    street.open()
            db = street.community.db
            found.append([db.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
            found[-1][0].sort()
            verify(db, ID, log_key=key("log").public, progress=str)
        assert found[0] == found[1]
        assert len(records) == sum(map(len, found[0]))
