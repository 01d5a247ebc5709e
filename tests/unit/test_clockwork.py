"""When a gateway signs what time it is, and when it believes its own clock before a meter's."""

import pytest

from gateway.clockwork import DAY_MS, STEP_WAIT_MS, ClockStanding, Clockwork
from gateway.contract.clock import (
    Kernel,
    SystemClock,
    bound_of,
    clock_elements,
    kernel_of,
)
from gateway.contract.record import CLOCK, Element, Identity, Record
from gateway.quarter import Moment

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z
HOUR_MS = 3_600_000


def at(mono_ms: int, clock: str = "synced", *, off_ms: int = 0) -> Moment:
    """So long after a boot at noon, the clock being off by `off_ms`."""
    return Moment(None if clock == "unset" else NOON + mono_ms + off_ms, mono_ms, clock)


def looked(*moments: Moment, boot: str = "boot", last: Identity | None = None) -> list[list[str]]:
    """What the records say, `bound step`, that are due at these moments; "" for none."""
    clockwork = Clockwork(boot, last)
    due = [clockwork.look(moment, 12) for moment in moments]
    return [[f"{e.n[6:]} {bytes(e.v).decode()}" for e in one.elements] for one in due if one]


def test_a_boot_that_is_synced_says_so_once_and_again_after_a_day():
    quiet = [at(second * 1000) for second in range(1, 100)]
    assert [["bound 0.012"]] == looked(at(0), *quiet, at(DAY_MS - 1))
    assert [["bound 0.012"]] * 2 == looked(at(0), *quiet, at(DAY_MS), at(DAY_MS + HOUR_MS))


def test_a_boot_is_told_of_at_once_and_when_its_clock_is_right():
    held = [at(0, "held", off_ms=-HOUR_MS), at(5_000, "held", off_ms=-HOUR_MS)]
    assert [["bound 0.012"], ["bound 0.012", "step 3600"]] == looked(*held, at(20_000), at(21_000))


def test_a_clock_that_was_right_all_along_tells_no_step():
    assert [["bound 0.012"]] * 2 == looked(at(0, "held"), at(20_000), at(21_000))


def test_a_clock_that_is_set_out_of_1970_is_told_of():
    unset = [at(0, "unset"), at(STEP_WAIT_MS, "unset")]
    assert [["bound 0.012"]] * 2 == looked(*unset, at(STEP_WAIT_MS + 1, "held"))


@pytest.mark.parametrize(
    ("off_ms", "told"),
    [(1_000, []), (1_001, ["1.001"]), (-1_000, []), (-1_001, ["-1.001"]), (HOUR_MS, ["3600"])],
)
def test_a_step_of_more_than_a_second_is_told(off_ms, told):
    _, *steps = looked(at(0), at(STEP_WAIT_MS, off_ms=off_ms), at(STEP_WAIT_MS + 1, off_ms=off_ms))
    assert [["bound 0.012", f"step {step}"] for step in told] == steps


def test_small_steps_add_up():
    some = [at(STEP_WAIT_MS * n, off_ms=400 * n) for n in range(1, 5)]
    assert [["bound 0.012"], ["bound 0.012", "step 1.2"]] == looked(at(0), *some)


def test_two_programs_that_fight_over_the_clock_are_told_of_once_a_minute():
    fight = [at(second * 1000, off_ms=HOUR_MS * (second % 2)) for second in range(1, 181)]
    assert 3 == len(looked(at(0), *fight))


IDENTITY = Identity("z", "g", "evidence-1", 7, "0" * 64, "boot", 5_000, "synced", NOON + 5_000)


def test_a_process_that_starts_again_in_the_same_boot_repeats_nothing():
    assert [] == looked(at(60_000), at(120_000, "held"), last=IDENTITY)
    assert [["bound 0.012"]] == looked(at(60_000), boot="another boot", last=IDENTITY)


@pytest.mark.parametrize(
    ("moments", "is_sure"),
    [
        pytest.param([at(0)], True, id="it is synced"),
        pytest.param([at(0, "held")], False, id="it was never synced in this boot"),
        pytest.param([at(0, "unset")], False, id="it was never set"),
        pytest.param([at(0), at(HOUR_MS, "held")], True, id="it was synced in this boot"),
        pytest.param(
            [at(0), at(HOUR_MS, "held", off_ms=5_000)], False, id="somebody set it since then"
        ),
        pytest.param([at(0), at(HOUR_MS, off_ms=5_000)], True, id="it was set and is synced"),
    ],
)
def test_our_clock_goes_before_a_meters_only_where_it_was_kept_right(moments, is_sure):
    clockwork = Clockwork("boot", None)
    for moment in moments:
        clockwork.look(moment, None)
    assert is_sure == clockwork.is_sure(moments[-1])


def test_what_is_known_of_the_clock_is_told_to_people():
    clockwork = Clockwork("boot", None)
    clockwork.look(at(0, "held", off_ms=-HOUR_MS), None)
    assert ClockStanding("held", None, False, 0, None) == clockwork.standing()
    clockwork.look(at(60_000), 12)
    clockwork.look(at(90_000), 14)
    assert ClockStanding("synced", 14, True, HOUR_MS, 30) == clockwork.standing()


def timex(status: int, error_us: int) -> bytes:
    return bytes(24) + error_us.to_bytes(8, "little") + bytes(8) + status.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("raw", "kernel"),
    [
        pytest.param(timex(0x2001, 12_345), Kernel(is_synced=True, bound_ms=13), id="disciplined"),
        pytest.param(timex(0x2001, 0), Kernel(is_synced=True, bound_ms=0), id="just set"),
        pytest.param(
            timex(0x40, 16_000_000), Kernel(is_synced=False, bound_ms=16_000), id="by nobody"
        ),
    ],
)
def test_the_kernel_says_how_far_off_its_clock_is(raw, kernel):
    assert kernel == kernel_of(raw)


def test_the_clock_of_this_machine_can_be_asked():
    clock = SystemClock()
    assert 36 == len(clock.boot)
    assert 0 < clock.mono_ms() < clock.utc_ms()
    assert (clock.quality() == "synced") == (clock.bound_ms() is not None)


def clock_record(*elements: Element) -> Record:
    return Record(IDENTITY, list(elements), CLOCK)


def test_the_bound_that_is_written_is_the_bound_that_is_read():
    assert 12 == bound_of(clock_record(*clock_elements(bound_ms=12, step_ms=-5_000)))
    assert None is bound_of(clock_record(*clock_elements(bound_ms=None, step_ms=0)))
    assert None is bound_of(clock_record(Element(n="clock/bound", u="s", v=b'"soon"')))
    assert None is bound_of(clock_record(Element(n="clock/bound", u="m", v=b"3")))
