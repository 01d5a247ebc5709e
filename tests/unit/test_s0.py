"""Pulses: which edges count, which are faults, what lost edges leave behind, what power is told."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.reading import Fault, Message
from drivers.s0 import DEVICE
from drivers.sdk import Rest, SettingError

EVENT = struct.Struct("<QIIII24x")
CLOSE, OPEN = 2, 1
MS = 1_000_000


class Wire:
    """A contact and what its session told. Times in milliseconds; edges are numbered from 1."""

    def __init__(self, **settings):
        self.session = DEVICE.open({"count": "100", **settings})
        self.number = 0
        self.messages: list[Message] = []

    def edge(self, kind, at_ms):
        self.number += 1
        stamp = round(at_ms * MS)
        self._take(self.session.feed(EVENT.pack(stamp, kind, 17, self.number, self.number)))

    def pulse(self, at_ms, length_ms=40):
        self.edge(CLOSE, at_ms)
        self.edge(OPEN, at_ms + length_ms)

    def lose(self, edges):
        self.number += edges

    def rest(self):
        steps = self.session.timeout()
        assert steps[-1] == Rest(30)
        self._take(steps)

    def _take(self, steps):
        self.messages += [step for step in steps if isinstance(step, Message)]

    @property
    def count(self):
        """The last one told."""
        told = [m.readings[0] for m in self.messages if m.readings]
        return told[-1].value if told else None

    @property
    def power(self):
        """The last one told with a count, in mW."""
        told = [m.readings for m in self.messages if m.readings]
        return told[-1][1].value if len(told[-1]) == 2 else None

    @property
    def faults(self):
        return [fault.kind for message in self.messages for fault in message.faults]


def test_a_pulse_counts_once_and_when_it_ends():
    wire = Wire()
    wire.edge(CLOSE, 1_000)
    assert wire.count is None
    wire.edge(OPEN, 1_040)
    assert wire.count == 101
    assert wire.faults == []


def test_a_pulse_is_told_with_the_bytes_of_its_two_edges():
    wire = Wire(serial="41 207")
    wire.pulse(1_000)
    (message,) = wire.messages
    assert message.raw == EVENT.pack(10**9, 2, 17, 1, 1) + EVENT.pack(1040 * MS, 1, 17, 2, 2)
    (reading,) = message.readings
    assert reading == ("1-0:1.8.0", 101, "pulse", None, "41 207", None, "unchecked")


def test_a_pulse_of_half_a_second_counts_once():
    wire = Wire()
    wire.pulse(1_000, 500)
    wire.pulse(3_000, 500)
    assert (wire.count, wire.faults) == (102, [])


@pytest.mark.parametrize(("length_ms", "expected"), [(19.999, ["bounce"]), (20, [])])
def test_what_is_shorter_than_a_pulse_is_bounce(length_ms, expected):
    wire = Wire()
    wire.pulse(1_000, length_ms)
    assert wire.faults == expected
    assert (wire.count == 101) is (not expected)


def test_a_relay_that_springs_back_counts_once():
    wire = Wire()
    wire.pulse(1_000, 0.3)
    wire.pulse(1_000.8, 39)
    wire.pulse(1_040.2, 0.5)
    assert wire.count == 101
    assert wire.faults == ["bounce", "bounce"]


def test_a_spike_at_standstill_never_counts():
    wire = Wire()
    wire.pulse(1_000)
    for hour in range(1, 9):
        wire.pulse(hour * 3_600_000, 3)
    assert wire.count == 101


@pytest.mark.parametrize(("length_ms", "expected"), [(5_000, []), (5_000.001, ["stuck"])])
def test_what_is_longer_than_a_pulse_is_a_stuck_contact(length_ms, expected):
    wire = Wire()
    wire.pulse(1_000, length_ms)
    assert wire.faults == expected
    assert (wire.count == 101) is (not expected)


def test_a_contact_that_stays_closed_is_told_once_and_its_opening_counts_nothing():
    wire = Wire()
    wire.edge(CLOSE, 1_000)
    for _ in range(9):
        wire.rest()
    assert wire.faults == ["stuck"]
    wire.edge(OPEN, 300_000)
    wire.rest()
    assert (wire.count, wire.faults) == (100, ["stuck"])
    wire.pulse(301_000)
    assert wire.count == 101


def test_a_pulse_at_a_rest_is_no_stuck_contact():
    wire = Wire()
    for at_ms in (30_000, 60_000, 90_000):
        wire.edge(CLOSE, at_ms)
        wire.rest()
        wire.edge(OPEN, at_ms + 40)
    assert (wire.count, wire.faults) == (103, [])


def test_edges_lost_after_a_stuck_contact_do_not_count_it_after_all():
    wire = Wire()
    wire.edge(CLOSE, 1_000)
    for _ in range(2):
        wire.rest()
    wire.lose(2)
    wire.edge(OPEN, 90_000)
    assert (wire.count, wire.faults) == (101, ["stuck", "lost-edges"])


def test_a_reed_contact_may_rest_closed_for_hours():
    wire = Wire(pulse_max_ms="0", register="7-0:3.0.0")
    wire.edge(CLOSE, 1_000)
    for _ in range(9):
        wire.rest()
    wire.edge(OPEN, 7_200_000)
    assert (wire.count, wire.faults) == (101, [])


# 1000 pulses per kWh at 9 kW: one in 400 ms, and half of that is still believed.
@pytest.mark.parametrize(("distance_ms", "expected"), [(200, 102), (199.999, 101)])
def test_no_pulse_comes_sooner_than_twice_as_dense_as_full_load(distance_ms, expected):
    wire = Wire(pulses_per_kwh="1000", rated_w="9000")
    wire.pulse(1_000)
    wire.pulse(1_000 + distance_ms)
    assert wire.count == expected
    assert wire.faults == ["too-soon"] * (102 - expected)


# 100 pulses per cubic metre at 2500 l/h: one in 14.4 s.
@pytest.mark.parametrize(("distance_ms", "expected"), [(7_200, 102), (7_199, 101)])
def test_the_rating_of_a_water_meter_is_its_flow(distance_ms, expected):
    wire = Wire(pulses_per_m3="100", rated_l_per_h="2500", register="8-0:1.0.0")
    wire.pulse(1_000)
    wire.pulse(1_000 + distance_ms)
    assert wire.count == expected


def test_pulses_at_full_load_are_believed_wherever_the_settings_are():
    # 360 ms·kW / 9 kW: 40 ms for a pulse and a pause of 20 ms each.
    wire = Wire(pulses_per_kwh="10000", rated_w="9000")
    for n in range(9):
        wire.pulse(1_000 + 40 * n, 20)
    assert (wire.count, wire.faults) == (109, [])


def test_without_a_rating_pulse_and_pause_take_their_time():
    wire = Wire()
    wire.pulse(1_000, 21)
    wire.pulse(1_039, 21)
    assert (wire.count, wire.faults) == (101, ["too-soon"])


def test_a_pulse_that_had_begun_before_the_line_was_opened_is_not_counted():
    wire = Wire()
    wire.edge(OPEN, 1_000)
    wire.pulse(2_000)
    assert (wire.count, wire.faults) == (101, [])


# Where the last edge closed (C) or opened (O) the contact, and the next one heard does.
@pytest.mark.parametrize(
    ("heard", "lost", "then", "expected"),
    [
        ("C", 1, "C", 101),  # O
        ("C", 2, "O", 102),  # O C
        ("C", 3, "C", 102),  # O C O
        ("O", 1, "O", 102),  # C
        ("O", 2, "C", 102),  # C O
        ("O", 3, "O", 103),  # C O C
        ("O", 10, "C", 106),  # five whole pulses
    ],
)
def test_lost_edges_are_counted_by_their_numbers(heard, lost, then, expected):
    wire = Wire()
    wire.edge(CLOSE, 1_000)
    if heard == "O":
        wire.edge(OPEN, 1_040)
    wire.lose(lost)
    wire.edge({"C": CLOSE, "O": OPEN}[then], 60_000)
    assert wire.count == expected
    assert wire.faults == ["lost-edges"]
    assert wire.messages[-1].faults[0].detail.startswith(f"{lost} edges lost, ")
    wire.pulse(120_000) if then == "O" else wire.edge(OPEN, 60_040)
    assert wire.count == expected + 1


@pytest.mark.parametrize(("lost", "then"), [(1, CLOSE), (2, OPEN), (0, OPEN)])
def test_lost_edges_that_fit_no_number_count_nothing(lost, then):
    wire = Wire()
    wire.pulse(1_000)
    wire.lose(lost)
    wire.edge(then, 60_000)
    assert (wire.count, wire.faults) == (101, ["lost-edges"])


def test_no_more_lost_pulses_are_believed_than_the_rating_allows_in_that_time():
    wire = Wire(pulses_per_kwh="1000", rated_w="9000")
    wire.pulse(1_000)
    wire.lose(200)
    wire.edge(CLOSE, 2_000)
    # 1000 ms hold five times 200 ms.
    assert wire.count == 106
    assert wire.messages[-1].faults[0].detail == (
        "200 edges lost, 5 of 100 pulses counted by their numbers"
    )


def test_a_contact_that_flickers_is_not_believed_unheard():
    wire = Wire()
    wire.pulse(1_000)
    wire.pulse(2_000, 3)
    wire.lose(20)
    wire.edge(CLOSE, 60_000)
    assert (wire.count, wire.faults) == (101, ["bounce", "lost-edges"])


def test_an_opening_too_short_for_the_kernel_does_not_end_a_pulse():
    wire = Wire()
    wire.edge(CLOSE, 1_000)
    wire.edge(CLOSE, 1_030)
    wire.edge(OPEN, 1_040)
    assert (wire.count, wire.faults) == (101, ["lost-edges"])


def test_an_edge_that_came_already_counts_nothing():
    wire = Wire()
    wire.pulse(1_000)
    wire.pulse(2_000)
    wire.number = 2
    wire.pulse(2_000)
    assert (wire.count, wire.faults) == (102, ["stale", "stale"])


def test_numbers_that_begin_anew_lose_nothing_that_is_heard():
    wire = Wire(pulses_per_kwh="1000")
    wire.pulse(1_000)
    wire.edge(CLOSE, 2_000)
    wire.number = 0
    wire.pulse(3_000)
    assert (wire.count, wire.faults) == (102, ["restart"])
    assert wire.power is None


def test_a_silent_contact_tells_its_count_at_once_and_every_half_minute():
    wire = Wire()
    for _ in range(3):
        wire.rest()
    assert [m.readings[0].value for m in wire.messages] == [100, 100, 100]
    wire.pulse(95_000)
    wire.rest()  # it was told with the pulse
    assert len(wire.messages) == 4
    wire.rest()
    assert len(wire.messages) == 5


def test_faults_do_not_put_off_the_count():
    wire = Wire()
    bounce = EVENT.pack(1_000 * MS, 2, 17, 1, 1) + EVENT.pack(1_003 * MS, 1, 17, 2, 2)
    assert not any(isinstance(step, Rest) for step in wire.session.feed(bounce))
    pulse = EVENT.pack(2_000 * MS, 2, 17, 3, 3) + EVENT.pack(2_040 * MS, 1, 17, 4, 4)
    assert wire.session.feed(pulse)[-1] == Rest(30)


def test_a_count_is_told_as_often_as_is_wished():
    assert DEVICE.open({"interval": "7"}).timeout()[-1] == Rest(7)


def test_a_long_pulse_is_not_stuck_however_often_the_count_is_told():
    wire = Wire(interval="1")
    wire.edge(CLOSE, 1_000)
    for _ in range(5):
        assert wire.session.timeout()[-1] == Rest(1)
    wire.edge(OPEN, 5_500)
    assert wire.count == 101
    assert [fault for message in wire.messages for fault in message.faults] == []


@pytest.mark.parametrize(
    ("distance_ms", "expected"),
    [(2_500, 1_440_000), (3_600, 1_000_000), (7_000, 514_285), (900_000, 4_000)],
)
def test_power_follows_from_the_time_between_two_pulses_rounded_down(distance_ms, expected):
    wire = Wire(pulses_per_kwh="1000", register="1-0:2.8.0")
    wire.pulse(1_000)
    assert wire.power is None
    wire.pulse(1_000 + distance_ms)
    assert wire.power == expected
    assert wire.messages[-1].readings[1][:3] == ("1-0:2.7.0", expected, "mW")


def test_power_falls_while_the_next_pulse_is_overdue():
    wire = Wire(pulses_per_kwh="1000")
    wire.pulse(1_000)
    wire.pulse(3_500)
    falling = []
    for _ in range(5):
        wire.rest()
        falling.append(wire.power)
    # One pulse in 60 s, 90 s, 120 s … is the most that the power can still be.
    assert falling == [1_440_000, 60_000, 40_000, 30_000, 24_000]
    wire.pulse(153_500)
    wire.pulse(156_000)
    wire.rest()
    wire.rest()
    assert wire.power == 60_000


def test_power_does_not_fall_before_the_next_pulse_is_overdue():
    wire = Wire(pulses_per_kwh="1000")
    wire.pulse(1_000)
    wire.pulse(101_000)
    for _ in range(3):
        wire.rest()
    assert wire.power == 36_000
    wire.rest()
    assert wire.power == 30_000


def test_the_first_pulse_after_a_long_silence_tells_no_power():
    wire = Wire(pulses_per_kwh="1000")
    wire.pulse(1_000)
    wire.pulse(3_500)
    wire.pulse(28_800_000)
    assert wire.power is None
    wire.pulse(28_802_500)
    assert wire.power == 1_440_000


def test_power_is_not_guessed_over_lost_edges():
    wire = Wire(pulses_per_kwh="1000")
    wire.pulse(1_000)
    wire.pulse(3_500)
    wire.lose(2)
    wire.pulse(8_500)
    assert (wire.count, wire.power) == (104, None)


@pytest.mark.parametrize(
    "settings",
    [{}, {"pulses_per_kwh": "1000", "register": "8-0:1.0.0"}, {"pulses_per_m3": "100"}],
)
def test_power_is_told_of_electricity_only_and_only_where_a_pulse_has_a_worth(settings):
    wire = Wire(**settings)
    for second in range(1, 5):
        wire.pulse(second * 1_000)
    assert wire.power is None


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"register": "energy"}, "register"),
        ({"count": "-1"}, "count"),
        ({"count": "1e3"}, "count"),
        ({"pulses_per_kwh": "0"}, "pulses_per_kwh"),
        ({"rated_w": "9000"}, "rated_w"),
        ({"rated_l_per_h": "2500", "pulses_per_kwh": "1000"}, "rated_l_per_h"),
        ({"pulses_per_kwh": "1000", "pulses_per_m3": "100"}, "pulses_per_m3"),
        ({"pulse_min_ms": "0"}, "pulse_min_ms"),
        ({"pulse_min_ms": "60", "pulse_max_ms": "50"}, "pulse_max_ms"),
        ({"pulses_per_kwh": "10000", "rated_w": "9001"}, "pulse_min_ms"),
    ],
)
def test_a_setting_that_cannot_be_is_named(settings, name):
    with pytest.raises(SettingError) as refused:
        DEVICE.open(settings)
    assert refused.value.name == name


@pytest.mark.parametrize(
    "wrong",
    [
        EVENT.pack(900 * MS, 2, 17, 8, 9),
        EVENT.pack(900 * MS, 2, 17, 0, 0),
        EVENT.pack(900 * MS, 3, 17, 8, 8),
        EVENT.pack(1 << 61, 2, 17, 8, 8),
        EVENT.pack(900 * MS, 2, 17, 8, 8)[:-1] + b"x",
    ],
    ids=["two numbers", "no number", "no edge", "after 73 years", "padding"],
)
def test_bytes_that_are_no_event_are_noise_and_the_next_pulse_is_counted(wrong):
    wire = Wire()
    good = EVENT.pack(1_000 * MS, 2, 17, 1, 1) + EVENT.pack(1_040 * MS, 1, 17, 2, 2)
    steps = wire.session.feed(wrong + good)
    noise, pulse = (step for step in steps if isinstance(step, Message))
    assert noise.faults == (Fault("noise", 0, 48),)
    assert pulse.readings[0].value == 101


@given(
    pulses=st.lists(st.integers(100, 5_000), min_size=2, max_size=40),
    lost=st.data(),
)
def test_whatever_edges_are_lost_between_two_that_are_heard_the_count_is_right(pulses, lost):
    """As long as the first pulse and the last edge are heard."""
    edges, at_ms = [], 1_000
    for distance_ms in pulses:
        edges += [(CLOSE, at_ms), (OPEN, at_ms + 40)]
        at_ms += distance_ms
    gone = lost.draw(st.sets(st.integers(2, len(edges) - 2)))
    wire = Wire()
    for n, (kind, when) in enumerate(edges):
        if n in gone:
            wire.lose(1)
        else:
            wire.edge(kind, when)
    assert wire.count == 100 + len(pulses)


@given(st.lists(st.tuples(st.sampled_from([CLOSE, OPEN]), st.integers(1, 400), st.integers(0, 5))))
def test_never_more_than_the_rating_allows_whatever_comes(steps):
    wire = Wire(pulses_per_kwh="1000", rated_w="9000")
    at_ms = 1_000
    for kind, distance_ms, lost in steps:
        at_ms += distance_ms
        wire.lose(lost)
        wire.edge(kind, at_ms)
    assert (wire.count or 100) - 100 <= 1 + (at_ms - 1_000) // 200
