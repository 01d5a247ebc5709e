"""A house whose clock was wrong has the books of a house whose clock was right."""

import random
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.reading import Reading
from gateway.contract.cards import token
from gateway.contract.record import DEPOSIT, Element, decimal, element
from ledger_bridge.books.verify.verify import Differs
from tests.clocks import HOUR_MS, MINUTE_MS, Books, Event, Life
from tests.street import CARD_KEY, MIDNIGHT_MS, NOON_MS, Chain

TO_1970_MS = -1_782_000_000_000


def at(hour: float, what: str, *, off_h: float = 0, off_ms: int = 0) -> Event:
    """Something at an hour of 21 June 2026, and how far off the clock is from then on."""
    return Event(MIDNIGHT_MS + round(hour * HOUR_MS), what, round(off_h * HOUR_MS) or off_ms)


def in_1970(hour: float) -> Event:
    return at(hour, "boot", off_ms=TO_1970_MS)


# The sun shines from 9 to 17; a bag is brought at 12 on the first day and at 11 on the second.
LIVES = {
    "the clock is right": [],
    "boots in 1970": [in_1970(10), at(14, "sync")],
    "boots in 1970, for a night": [in_1970(8), at(35.5, "sync")],
    "boots in 1970, and only its meter tells the time": [in_1970(10)],
    "boots five hours ahead": [at(10, "boot", off_h=5.12), at(14, "sync")],
    "boots five hours behind": [at(10, "boot", off_h=-5.12), at(14, "sync")],
    "boots five hours ahead, over midnight": [at(20, "boot", off_h=5.12), at(26, "sync")],
    "boots five hours behind, over midnight": [at(20, "boot", off_h=-5.12), at(26, "sync")],
    "boots behind, and only its meter tells the time": [at(10, "boot", off_h=-5.12)],
    "comes back from a power cut a little behind": [at(11.9, "boot", off_h=-0.4), at(12.3, "sync")],
    "boots three times before it is synced": [
        in_1970(9.5), at(10.5, "boot", off_h=-3), at(11.5, "boot", off_h=2), at(14, "sync"),
    ],
    "is set a day ahead by hand": [at(10, "set", off_h=24), at(14, "sync")],
    "is set a day behind by hand": [at(10, "set", off_h=-24), at(14, "sync")],
    "is set by hand, and again, and again": [
        at(9, "set", off_h=1), at(10, "set", off_h=-1), at(11, "set", off_h=7), at(14, "sync"),
    ],
    "boots in 1970 and is set by hand first": [
        in_1970(10), at(11, "set", off_h=-2), at(14, "sync"),
    ],
    "is nobody's for a while, and right": [at(10, "set"), at(14, "sync")],
}  # fmt: skip

DAYS = [
    ("cellar", "2026-06-21", 1440),
    ("cellar", "2026-06-22", 1440),
    ("hall", "2026-06-21", 1440),
    ("hall", "2026-06-22", 1440),
    ("roof", "2026-06-21", 1440),
    ("roof", "2026-06-22", 1440),
]
BAGS = [("bag-1", "2026-06-21", "1200"), ("bag-2", "2026-06-22", "1100")]
# A third of 3 times 2.88 kWh; 0.05 for each of 4 kg.
CREDITS = (2_880_000, 200_000)


def lived(folder, events, *, step_ms=20 * MINUTE_MS) -> list[bytes]:
    bags = [at(12, "bag"), at(35, "bag")]
    life = Life(folder, from_ms=MIDNIGHT_MS, step_ms=step_ms)
    return life.live([*events, *bags], to_ms=MIDNIGHT_MS + 42 * HOUR_MS)


@pytest.mark.parametrize("events", LIVES.values(), ids=LIVES)
def test_whatever_the_clock_showed_everything_counts_once_and_on_its_day(events, tmp_path):
    made = lived(tmp_path / "home", events)
    books = Books(tmp_path / "books")
    books.street.take("home", *made)
    assert DAYS == books.days()
    assert BAGS == books.bags()
    assert CREDITS == books.credits()
    books.check()


@pytest.mark.parametrize("name", ["is set a day ahead by hand", "boots five hours behind"])
def test_what_was_credited_by_a_wrong_clock_is_credited_by_the_right_one_afterwards(name, tmp_path):
    books = Books(tmp_path / "books")
    for record in lived(tmp_path / "home", LIVES[name], step_ms=30 * MINUTE_MS):
        books.street.take("home", record)
    each = [(device, day, 960) for device, day, _ in DAYS]
    assert each == books.days()
    assert BAGS == books.bags()
    assert (1_920_000, 200_000) == books.credits()
    books.check()


def test_a_bag_that_was_credited_tomorrow_is_credited_today_instead(tmp_path):
    books, point = Books(tmp_path), Chain("point")
    pack = [
        Element(n="kiosk/net", u="g", v=decimal(2_000_000)),
        Element(n="kiosk/deposit", vs="bag-1"),
        Element(n="kiosk/fraction", vs="glass"),
        Element(n="kiosk/card", vs=token("A", CARD_KEY)),
    ]
    ahead_ms = NOON_MS + 24 * HOUR_MS
    books.street.take(
        "point", point.record(pack, made_ms=ahead_ms, typ=DEPOSIT, mono_ms=1, clock="held")
    )
    assert [("bag-1", "2026-06-22", "1200")] == books.bags()
    books.street.take("point", point.record([], made_ms=NOON_MS + HOUR_MS, mono_ms=HOUR_MS + 1))
    assert [("bag-1", "2026-06-21", "1200")] == books.bags()
    assert (0, 100_000) == books.credits()
    books.check()


CHANGES = {
    "a time that is not the chain's": "UPDATE unsure SET made_ms = made_ms + 1",
    "a record whose time is settled": "DELETE FROM unsure",
    "a synced clock that was none": "UPDATE synced SET made_ms = made_ms + 1",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_verify_names_a_time_that_was_changed_behind_the_programs_back(statement, tmp_path):
    books = Books(tmp_path / "books")
    life = Life(tmp_path / "home", from_ms=MIDNIGHT_MS)
    events = [at(1, "boot", off_h=-5)]
    books.street.take("home", *life.live(events, to_ms=MIDNIGHT_MS + 2 * HOUR_MS))
    books.check()
    books.street.community.db.execute(statement)
    with pytest.raises(Differs, match="a row that the evidence"):
        books.check()


def test_a_clock_beyond_all_time_does_not_stop_the_next_one_from_telling(tmp_path):
    books, home = Books(tmp_path), Chain("home")
    reading = Reading("1-0:2.8.0", 5_000_000, "mWh", None, "C1")
    held = home.record(
        [element("cellar", reading, base_ms=0)],
        made_ms=MIDNIGHT_MS,
        mono_ms=9 * 10**14,
        clock="held",
    )
    absurd = home.record([], made_ms=NOON_MS, mono_ms=0)
    books.street.take("home", held)
    books.street.take("home", absurd)
    books.check()
    books.street.take("home", home.record([], made_ms=NOON_MS, mono_ms=9 * 10**14 + HOUR_MS))
    books.check()
    db = books.street.community.db
    assert [(NOON_MS - HOUR_MS,)] == db.execute("SELECT at_ms FROM counter").fetchall()


class Changed(NamedTuple):
    """A day on which the clocks of Amsterdam are changed, from when, and at which hour of it."""

    midnight_ms: int
    hours: int
    changed_h: int
    days: tuple[str, str]


SPRING = Changed(1_774_738_800_000, 23, 2, ("2026-03-29", "2026-03-30"))
AUTUMN = Changed(1_792_879_200_000, 25, 3, ("2026-10-25", "2026-10-26"))


@pytest.mark.parametrize("off_h", [-5.12, 24], ids=["behind", "a day ahead"])
@pytest.mark.parametrize(
    ("change", "quarters"),
    [pytest.param(SPRING, 92, id="92 quarters"), pytest.param(AUTUMN, 100, id="100 quarters")],
)
def test_a_clock_set_right_while_the_clocks_are_changed_loses_no_quarter_hour(
    change, quarters, off_h, tmp_path
):
    begin_ms, end_ms = change.midnight_ms, change.midnight_ms + change.hours * HOUR_MS
    events = [
        Event(begin_ms, "boot", round(off_h * HOUR_MS)),
        Event(begin_ms + change.changed_h * HOUR_MS + 10 * MINUTE_MS, "sync"),
    ]
    life = Life(tmp_path / "home", from_ms=begin_ms - HOUR_MS)
    books = Books(tmp_path / "books")
    books.street.take("home", *life.live(events, to_ms=end_ms + 18 * HOUR_MS))
    each = [(device, day, 2880) for device in ("cellar", "hall", "roof") for day in change.days]
    assert each == books.days()
    assert quarters == len(books.quarters("hall", begin_ms, end_ms))
    books.check()


# What can happen to a clock between 9 and 17 o'clock, and by how many hours it is off then.
HAPPENS = st.builds(
    at,
    st.integers(36, 67).map(lambda quarter: quarter / 4),
    st.sampled_from(["boot", "set", "sync"]),
    off_h=st.sampled_from([-495_000, -26, -5.12, -0.4, 0.4, 3, 26]),
)


@settings(max_examples=15, deadline=None)
@given(happens=st.lists(HAPPENS, max_size=6), seed=st.integers(0, 99))
@example(happens=[at(10, "boot", off_h=-5.12), at(11, "boot", off_h=26)], seed=1)
def test_a_clock_that_is_right_in_the_end_has_lost_and_doubled_nothing(happens, seed):
    """Invariant 2 (DESIGN), for records that tell of each other's time."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        life = Life(folder / "home", from_ms=MIDNIGHT_MS + 8 * HOUR_MS, step_ms=15 * MINUTE_MS)
        events = [at(12, "bag"), *happens, at(17, "sync")]
        made = life.live(events, to_ms=MIDNIGHT_MS + 18 * HOUR_MS)
        at_once, in_pieces = Books(folder / "at once"), Books(folder / "in pieces")
        at_once.street.take("home", *made)
        left = chance.sample([*made, *made], 2 * len(made))
        while left:
            size = chance.randint(1, len(left))
            in_pieces.street.take("home", *left[:size])
            left = left[size:]
            if chance.random() < 0.5:
                in_pieces.restart()
        assert at_once.all() == in_pieces.all()
        at_once.check()
        in_pieces.check()
        # The sun shone for 8 hours, 60 Wh a quarter-hour, on each of the three.
        assert {"cellar": 1920, "hall": 1920, "roof": 1920} == at_once.gained()
