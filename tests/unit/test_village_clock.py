"""The file that is the village's time."""

import pytest

from firmware_sim import clock as clocks
from gateway.contract.clock import VillageClock


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_clock_shows_every_time_in_turn(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(clocks, "_EXCHANGE", 1 << 30)  # a flag that no system knows
    clock = clocks.Clock(tmp_path / "clock")
    clock.show(1_782_035_990_000)
    reader = VillageClock(tmp_path / "clock")
    for at_ms in (1_782_036_000_000, 1_782_036_010_000, 1_782_036_020_000):
        clock.show(at_ms)
        assert reader.utc_ms() == at_ms


def test_the_clock_of_a_machine_may_be_wrong(tmp_path):
    clock = clocks.Clock(tmp_path / "clock")
    clock.show(1_782_036_000_000, "synced", "boot-of-a-longer-name", 20_000)
    clock.show(4_000, "unset", "boot-2", 3_000)
    clock.show(5_000, "unset", "boot-2", 4_000)
    reader = VillageClock(tmp_path / "clock")
    assert ("boot-2", 5_000, 4_000) == (reader.boot, reader.utc_ms(), reader.mono_ms())
    assert ("unset", None) == (reader.quality(), reader.bound_ms())


def test_the_clock_of_a_village_is_right(tmp_path):
    (tmp_path / "clock").write_text("1782036000000\n")
    reader = VillageClock(tmp_path / "clock")
    assert ("village", 1_782_036_000_000) == (reader.boot, reader.mono_ms())
    assert ("synced", 0) == (reader.quality(), reader.bound_ms())
