"""The file that is the village's time."""

import pytest

from firmware_sim import clock as clocks
from gateway.contract.clock import VillageClock


@pytest.mark.parametrize("can_exchange", [True, False])
def test_the_clock_shows_every_time_in_turn(tmp_path, monkeypatch, can_exchange):
    if not can_exchange:
        monkeypatch.setattr(clocks, "_EXCHANGE", 1 << 30)  # a flag that no system knows
    clock = clocks.Clock(tmp_path / "clock")
    reader = VillageClock(tmp_path / "clock")
    for at_ms in (1_782_036_000_000, 1_782_036_010_000, 1_782_036_020_000):
        clock.show(at_ms)
        assert reader.utc_ms() == at_ms
