"""What each device says now: when it is called silent, and what its counters are worth."""

import pytest

from drivers import sdk
from drivers.reading import Message, Reading
from gateway.building import interval_s
from gateway.config import DeviceSettings
from gateway.devices import DeviceNow, total

READ = Message(0, b"", (Reading("1-0:1.8.0", 1, "mWh"),))


def test_a_meter_that_is_asked_once_a_day_is_not_silent_the_whole_day():
    meter = DeviceNow("mbus", talks=True, interval_s=86_400)
    meter.opened(0.0)
    meter.hear(READ, now_s=1.0, utc_ms=None)
    assert meter.state(86_401.0) == "ok"
    assert meter.state(2 * 86_400.0 + 1.0) == "ok"
    assert meter.state(2 * 86_400.0 + 1.1) == "silent"


def test_a_meter_that_speaks_by_itself_once_a_minute_is_soon_known_to():
    meter = DeviceNow("dlms", talks=True)
    meter.opened(0.0)
    for minute in range(1, 4):
        meter.hear(READ, now_s=60.0 * minute, utc_ms=None)
    assert meter.state(180.0 + 119.0) == "ok"
    assert meter.state(180.0 + 121.0) == "silent"


def test_one_long_pause_does_not_make_patient_for_ever():
    meter = DeviceNow("p1", talks=True)
    meter.opened(0.0)
    meter.hear(READ, now_s=7_200.0, utc_ms=None)
    for second in range(7_201, 7_301):
        meter.hear(READ, now_s=second, utc_ms=None)
    assert meter.state(7_300.0 + 60.0) == "ok"
    assert meter.state(7_300.0 + 61.0) == "silent"


def test_a_card_reader_is_never_silent_and_a_lost_line_is_lost():
    reader = DeviceNow("rdm6300", talks=False)
    assert reader.state(0.0) == "lost"
    reader.opened(0.0)
    assert reader.state(1e6) == "ok"


@pytest.mark.parametrize(
    ("driver", "own", "expected"),
    [("mbus", {}, 60.0), ("mbus", {"interval": 3600}, 3600.0), ("d0", {}, 900.0), ("p1", {}, 0.0)],
)
def test_the_interval_is_the_devices_own_or_its_drivers(driver, own, expected):
    device = DeviceSettings(driver=driver, port="/dev/pts/1", **own)
    assert interval_s(sdk.load(driver), device) == expected


def test_pulses_are_not_taken_for_energy():
    pulses = {"1-0:2.8.0": Reading("1-0:2.8.0", 7, "pulse")}
    assert total(pulses, "2.8") is None
    tariffs = {
        "1-0:2.8.1": Reading("1-0:2.8.1", 7, "pulse"),
        "1-0:2.8.2": Reading("1-0:2.8.2", 9, "mWh"),
    }
    assert total(tariffs, "2.8") == 9
