"""The simulated contact, against the kernel's structure and the norm's times."""

import struct
from itertools import pairwise

import pytest

from firmware_sim import device
from firmware_sim.devices.s0 import event

SIMULATOR = device.load("s0")
EVENT = struct.Struct("<QIIII24x")
NOON_MS = 1_782_036_000_000
MS = 1_000_000


def _edges(variant, *, step_ms=10, seconds=60, seed=7):
    """Stamp, kind and number of every edge, and the contact after so long."""
    contact = SIMULATOR.begin(variant, SIMULATOR.source(seed), seed, NOON_MS)
    said = b"".join(
        contact.ticks(NOON_MS + at) for at in range(step_ms, seconds * 1_000 + 1, step_ms)
    )
    return [(e[0], e[1], e[4]) for e in EVENT.iter_unpack(said)], contact


def _lengths_ms(edges):
    """How long the contact was closed each time."""
    return [(end[0] - begin[0]) / MS for begin, end in pairwise(edges) if begin[1] == 2]


def test_an_edge_is_what_the_kernel_writes():
    # 12 s are 2CB417800 ns; falling is 2; pin 17; the fifth event, of the request and of the pin.
    expected = "007841cb02000000 02000000 11000000 05000000 05000000" + "00" * 24
    assert event(12_000_000_000, 2, 5) == bytes.fromhex(expected)


def test_a_contact_closes_and_opens_in_turn_and_numbers_every_edge():
    edges, contact = _edges("clean", seconds=59)
    assert [kind for _, kind, _ in edges] == [2, 1] * (len(edges) // 2)
    assert [number for _, _, number in edges] == list(range(1, len(edges) + 1))
    # 1807 W for 59 s at 1000 pulses per kWh are 29.6, the first begun before.
    assert contact.truth() == {"1-0:1.8.0": 30}
    assert set(_lengths_ms(edges)) == {40.0}


def test_long_pulses_last_half_a_second():
    edges, _ = _edges("pulses of 500 ms")
    assert set(_lengths_ms(edges)) == {500.0}


def test_a_relay_bounces_for_less_than_the_norm_allows_and_a_spike_is_no_pulse():
    edges, contact = _edges("bouncing relay")
    lengths = sorted(set(_lengths_ms(edges)))
    assert lengths == [0.3, 0.5, 3.0, 39.2]
    assert [number for _, _, number in edges] == list(range(1, len(edges) + 1))
    assert _lengths_ms(edges).count(39.2) == contact.truth()["1-0:1.8.0"]


def test_lost_edges_are_missing_in_the_numbers_and_in_nothing_else():
    whole, _ = _edges("clean", seconds=300)
    edges, _ = _edges("lost edges", seconds=300)
    assert len(edges) < len(whole) - 20
    assert set(edges) < set(whole)
    missing = {after[2] - before[2] - 1 for before, after in pairwise(edges)}
    assert {1, 2, 3, 4, 5} <= missing <= {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_an_hour_in_steps_of_ten_seconds_has_every_pulse_in_lawful_time(variant):
    edges, contact = _edges(variant, step_ms=10_000, seconds=3_600)
    source = SIMULATOR.source(7)
    ((register, pulses),) = contact.truth().items()
    grown = source(NOON_MS + 3_600_000)[register] - source(NOON_MS)[register]
    assert grown - 3 <= pulses <= grown  # the last may be under way, or their edges lost
    stamps = [stamp for stamp, _, _ in edges]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= (NOON_MS + 3_600_000) * MS


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_the_same_seed_plays_the_same(variant):
    assert _edges(variant, seed=5)[0] == _edges(variant, seed=5)[0]
