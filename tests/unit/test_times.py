"""When a record was made, by what else its chain says."""

import pytest

from gateway.contract.clock import clock_elements
from gateway.contract.record import CLOCK, DEPOSIT, QUARTER, Element, Identity, Record, decimal
from ledger_bridge.books.facts.times import METER_MS_MAX, Times

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def made(minute: float, clock: str, off_ms: int = 0, *, boot: str = "a", **more) -> Record:
    """A record so many minutes after noon, by a clock that is off; its boot began at noon."""
    mono_ms = round(minute * MINUTE_MS)
    at_ms = None if clock == "unset" else NOON + mono_ms + off_ms
    who = Identity("z", "g", "c", 1, "", boot, mono_ms, clock, at_ms)
    return Record(who, more.get("elements", []), more.get("typ", QUARTER))


def seconds(*records: Record) -> list[float | None]:
    """Seconds after noon at which the first of them were made; the last only tells of them."""
    times = Times()
    found = [one for record in records for one in times.read(record)]
    found += [one.timed() for one in times.open]
    by_mono = {(one.identity.boot, one.identity.mono_ms): one.identity.made_ms for one in found}
    told = [by_mono[one.identity.boot, one.identity.mono_ms] for one in records[:-1]]
    return [None if at is None else (at - NOON) / 1000 for at in told]


def test_the_first_later_record_with_a_better_clock_tells_the_time():
    assert [60, 120, 180] == seconds(
        made(1, "unset"), made(2, "held", -HOUR_MS), made(3, "unset"), made(4, "synced")
    )


def test_a_better_clock_goes_before_an_earlier_one():
    # The meter is two minutes ahead, who set the clock by hand five hours; then it is synced.
    some = [made(1, "unset"), made(2, "held", 5 * HOUR_MS), made(3, "meter", 2 * MINUTE_MS)]
    assert [301 * 60, 302 * 60] == seconds(*some[:2], made(2.5, "held", 5 * HOUR_MS))
    assert [180, 240] == seconds(*some)
    assert [60, 120, 300] == seconds(*some, made(4, "synced"))


def test_an_earlier_record_tells_a_later_one_nothing_but_that_it_is_later():
    assert [60, 62 * 60] == seconds(made(1, "synced"), made(2, "held", HOUR_MS), made(3, "unset"))
    assert [60, 60] == seconds(made(1, "synced"), made(2, "held", -HOUR_MS), made(3, "unset"))


def test_another_boot_tells_nothing_but_that_it_was_later():
    other = made(9, "synced", boot="b")
    assert [None] == seconds(made(1, "unset"), other)
    assert [540] == seconds(made(2, "held", HOUR_MS), other)
    assert [-58 * 60] == seconds(made(2, "held", -HOUR_MS), other)


def told_by(bound_ms: int | None) -> Record:
    elements = clock_elements(bound_ms=bound_ms, step_ms=0)
    return made(9, "synced", typ=CLOCK, elements=elements)


@pytest.mark.parametrize(
    ("first", "later", "at"),
    [
        pytest.param(made(1, "held", 1_000), made(9, "synced"), 61, id="a second off"),
        pytest.param(made(1, "held", 1_001), made(9, "synced"), 60, id="more"),
        pytest.param(made(1, "held", 13_000), told_by(12_000), 73, id="within the bound"),
        pytest.param(made(1, "held", 13_001), told_by(12_000), 60, id="beyond the bound"),
        pytest.param(made(1, "held", 60_000), made(9, "meter"), 120, id="a minute off a meter"),
        pytest.param(made(1, "held", 60_001), made(9, "meter"), 60, id="more than that"),
        pytest.param(
            made(1, "meter", METER_MS_MAX), made(9, "synced"), 960, id="a meter's quarter"
        ),
        pytest.param(made(1, "meter", METER_MS_MAX + 1), made(9, "synced"), 60, id="a wrong meter"),
    ],
)
def test_a_time_that_agrees_is_left_alone(first, later, at):
    assert [at] == seconds(first, later)


@pytest.mark.parametrize(
    "absurd",
    [
        pytest.param(made(9, "synced", 10**14), id="beyond all time"),
        pytest.param(made(9, "synced", -NOON), id="of 1970"),
        pytest.param(made(9, "dreamt"), id="by a clock of no kind"),
        pytest.param(made(9e12, "synced"), id="so long after the boot"),
    ],
)
def test_a_record_that_cannot_be_believed_tells_no_time(absurd):
    assert [61 * 60] == seconds(made(1, "held", HOUR_MS), absurd)


def test_what_has_a_stamp_of_its_own_keeps_it():
    def stamped(**more) -> Element:
        return Element(n="hall/1-0:2.8.1", u="Wh", v=decimal(1_000), **more)

    own = stamped(t=decimal(-5 * MINUTE_MS))
    bare, same, odd = stamped(), stamped(t=decimal(0)), stamped(t=b"0.0001")
    late = made(10, "held", HOUR_MS, elements=[own, bare, same, odd])
    times = Times()
    assert [] == list(times.read(late))
    read, _ = times.read(made(20, "synced"))
    # The stamp said 11:05 by the meter; the record was made at 10:10, not at 11:10.
    assert NOON + 10 * MINUTE_MS == read.identity.made_ms
    assert [b"3300", b"", b"", b""] == [bytes(one.t) for one in read.elements]


def test_a_deposit_without_a_time_is_waited_for_until_its_boot_is_over():
    elements = [
        Element(n="kiosk/net", u="g", v=decimal(2_000_000)),
        Element(n="kiosk/deposit", vs="d1"),
    ]
    times = Times()
    list(times.read(made(1, "unset", typ=DEPOSIT, elements=elements)))
    assert [True] == [one.is_waited_for() for one in times.open]
    list(times.read(made(2, "synced", boot="b")))
    assert ([], 1) == (times.open, len(times.timeless))
