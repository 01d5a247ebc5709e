"""Conversions of a load cell: what is no conversion is a fault, a run of good ones a weight."""

import struct
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers import hx711
from drivers.reading import Message, Reading
from drivers.sdk import SettingError
from drivers.wire import calibration
from drivers.wire.calibration import Calibration

FRAME = struct.Struct("<4sQIIHBB")
START = (0, 0, 0, 0)  # what settles after a reset
FILE = """\
scale = "door"
date = 2026-11-25
gain = 128
empty = -100000
mass = "20 kg"
loaded = 1900000
"""


def _stream(*counts, at_ms=1_000, gain=128, clock_us=20, reset=0, every_ms=100):
    return b"".join(
        FRAME.pack(
            b"\xb1HX\x8e", (at_ms + every_ms * n) * 10**6, one % 2**24, gain, clock_us, reset, 0
        )
        for n, one in enumerate(counts)
    )


def _told(stream, session=None, **settings):
    session = session or hx711.DEVICE.open({"calibration": FILE, **settings})
    return [step for step in session.feed(stream) if isinstance(step, Message)]


def _gross(messages):
    return [(r.value, r.doubt) for m in messages for r in m.readings if r.register == "gross"]


def _faults(messages):
    return [fault.kind for message in messages for fault in message.faults]


def test_a_run_is_told_with_all_its_conversions_and_their_median():
    stream = _stream(*START, 400_004, 400_000, 2_000, 400_003, 400_001)
    (message,) = _told(stream)
    assert message.raw == stream
    # 500,001 counts above nothing, 100 to the gram, to the nearest 5 g.
    assert (5_000_000, "unstable") == _gross([message])[0]
    assert Reading("raw", 400_001, "count", None, "", None, "unstable") == message.readings[1]


def test_a_run_that_stands_still_within_a_division_is_unjudged_and_never_stable():
    assert [(5_000_000, "unjudged")] == _gross(_told(_stream(*START, *[400_000] * 4, 400_500)))
    assert [(5_000_000, "unstable")] == _gross(_told(_stream(*START, *[400_000] * 4, 400_501)))


def test_without_a_calibration_no_weight_is_told():
    (message,) = _told(_stream(*START, 7_000, 7_001, 7_002, 7_003, 7_004), calibration="")
    assert (Reading("raw", 7_002, "count", None, "", None, "unjudged"),) == message.readings


@pytest.mark.parametrize(
    ("counts", "kind"),
    [
        (0x7FFFFF, "over"),
        (-0x800000, "under"),
        (-1, "pattern"),
        *((2**n - 1, "pattern") for n in range(1, 23)),
    ],
)
def test_what_no_cell_gives_is_a_fault_and_begins_the_run_anew(counts, kind):
    messages = _told(_stream(*START, *[400_000] * 4, counts, *[500_000] * 5))
    assert [kind] == _faults(messages)
    assert [(6_000_000, "unjudged")] == _gross(messages)


def test_a_clock_that_was_high_for_too_long_costs_its_conversion_and_the_four_after_it():
    session = hx711.DEVICE.open({"calibration": FILE})
    slow = _told(
        _stream(*START, 400_000, at_ms=0) + _stream(400_000, at_ms=600, clock_us=51), session
    )
    assert ["overrun"] == _faults(slow)
    assert "51 us" in slow[0].faults[0].detail
    four = _stream(1_000_000, 1_000_000, 1_000_000, 1_000_000, at_ms=700)
    assert [] == _told(four, session)
    assert [(5_000_000, "unjudged")] == _gross(_told(_stream(*[400_000] * 5, at_ms=1_100), session))


def test_fifty_microseconds_are_allowed():
    assert [] == _faults(_told(_stream(*START, *[400_000] * 5, clock_us=50)))


def test_a_reset_lets_four_conversions_pass():
    session = hx711.DEVICE.open({"calibration": FILE})
    _told(_stream(*START, *[400_000] * 3), session)
    again = _stream(9, at_ms=1_700, reset=1) + _stream(9, 9, 9, *[500_000] * 5, at_ms=1_800)
    assert [(6_000_000, "unjudged")] == _gross(_told(again, session))


@pytest.mark.parametrize("at_ms", [2_701, 100], ids=["a second's pause", "an earlier time"])
def test_conversions_that_do_not_follow_each_other_make_no_run(at_ms):
    session = hx711.DEVICE.open({"calibration": FILE})
    assert [] == _told(_stream(*START, *[400_000] * 4), session)  # the last one at 1,700 ms
    assert [] == _told(_stream(*[500_000] * 4, at_ms=at_ms), session)
    last = _stream(500_000, at_ms=at_ms + 400)
    assert [(6_000_000, "unjudged")] == _gross(_told(last, session))


def test_another_gain_than_that_of_the_calibration_is_no_weight():
    messages = _told(_stream(*START, 400_000, gain=64))
    assert {"gain"} == set(_faults(messages))


def test_more_than_the_capacity_is_over_and_far_less_than_nothing_under():
    heavy = _told(_stream(*START, *[400_000] * 5), capacity="4.99 kg")
    assert (["over"], []) == (_faults(heavy), _gross(heavy))
    assert [5_000_000] == [
        v for v, _ in _gross(_told(_stream(*START, *[400_000] * 5), capacity="5 kg"))
    ]
    light = _told(_stream(*START, *[-120_000] * 5), capacity="5 kg")
    assert (["under"], []) == (_faults(light), _gross(light))


def test_zero_takes_what_lies_still_for_nothing():
    session = hx711.DEVICE.open({"calibration": FILE})
    assert ["busy"] == _faults(session.command("zero"))
    assert [(150_000, "unjudged")] == _gross(_told(_stream(*START, *[-85_000] * 5), session))
    assert [] == session.command("zero")
    assert [(0, "unjudged")] == _gross(_told(_stream(*[-85_000] * 5, at_ms=1_900), session))
    moves = _stream(-85_000, -85_000, 0, -85_000, -85_000, at_ms=2_400)
    assert [(0, "unstable")] == _gross(_told(moves, session))
    assert ["busy"] == _faults(session.command("zero"))


def test_zero_refuses_what_is_more_than_a_tenth_of_the_calibrated_mass():
    session = hx711.DEVICE.open({"calibration": FILE})
    _told(_stream(*START, *[100_500] * 5), session)  # 2.005 kg
    (refused,) = session.command("zero")
    assert ("logic", "2.005 kg is too much for a zero") == (
        refused.faults[0].kind,
        refused.faults[0].detail,
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    empty=st.integers(-(2**23) + 1, 2**23 - 1),
    loaded=st.integers(-(2**23) + 1, 2**23 - 1),
    mass_mg=st.integers(1, 10**9),
    counts=st.integers(-(2**23), 2**23 - 1),
    zero=st.integers(-(10**6), 10**6),
    division_mg=st.integers(1, 10**6),
)
def test_a_weight_is_the_exact_fraction_to_the_nearest_division(
    *, empty, loaded, mass_mg, counts, zero, division_mg
):
    known = Calibration("", "", 128, empty, mass_mg, loaded if loaded != empty else empty + 1)
    exact = Fraction((counts - empty - zero) * mass_mg, known.loaded - known.empty)
    steps = (exact / division_mg + Fraction(1, 2)) // 1
    assert known.milligrams(counts, zero=zero, division_mg=division_mg) == steps * division_mg


def test_a_calibration_is_read_as_it_was_written():
    known = Calibration('the "old" door', "2026-11-25", 149, 83_215, 19_987_650, -1_716_785)
    assert known._replace(scale="the old door") == calibration.read(known.text())


CHANGES = {
    "no TOML": ("date = ", "date = of "),
    "a key that is missing": ("gain = 128\n", ""),
    "a key that is unknown": ("gain = 128\n", "gain = 128\ncolour = 1\n"),
    "a mass that is none": ('"20 kg"', '"20 lb"'),
    "a mass of nothing": ('"20 kg"', '"0 kg"'),
    "a mass that is a number": ('"20 kg"', "20"),
    "counts that are no counts": ("-100000", '"x"'),
    "counts that no chip gives": ("1900000", "19000000"),
    "the same counts twice": ("1900000", "-99001"),
    "a gain of nothing": ("gain = 128", "gain = 0"),
    "a day that is none": ("2026-11-25", '"yesterday"'),
    "a name that is none": ('"door"', "1"),
    "a book": ('"door"', '"' + "x" * 5_000 + '"'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_mistake_in_a_calibration_is_named(change):
    old, new = CHANGES[change]
    assert old in FILE
    with pytest.raises(SettingError) as refused:
        hx711.DEVICE.open({"calibration": FILE.replace(old, new, 1)})
    assert refused.value.name == "calibration"


@pytest.mark.parametrize(
    ("name", "value"),
    [("division", "5"), ("division", "0 g"), ("division", "11 kg"), ("capacity", "-1 kg")],
)
def test_a_mass_that_cannot_be_is_refused(name, value):
    with pytest.raises(SettingError) as refused:
        hx711.DEVICE.open({name: value})
    assert refused.value.name == name
