"""Whoever speaks by itself is recognised as what it is, and as nothing else."""

import pytest

from firmware_sim import device
from gateway.tools.recognise import HEARD_BYTES_MAX, drivers, known_by, lines
from tests.laws.subjects import DEVICES

AMONG = drivers()
NOON_MS = 1_782_036_000_000
# Longer than any pause between two telegrams.
LISTEN_MS = 41_000
STEP_MS = 10

# A weight without a unit, and a scale that speaks by a map of the user's: nobody can know them.
UNKNOWN = {("comma", "CAS, 10 bytes"), ("scale", "Bilanciai")}


def said(name: str, variant: str) -> bytes:
    """The last that a simulated device said by itself, as a port would have heard it."""
    simulator = device.load(name)
    simulated = simulator.begin(variant, simulator.source(7), 7, NOON_MS)
    times = range(NOON_MS, NOON_MS + LISTEN_MS, STEP_MS)
    return b"".join(map(simulated.ticks, times))[-HEARD_BYTES_MAX:]


SPEAKERS = [
    (name, variant, heard)
    for name in device.names()
    if name in {driver.name for driver in AMONG}
    for variant in device.load(name).variants
    if (name, variant) not in UNKNOWN and (heard := said(name, variant))
]
IDS = [f"{name}: {variant}" for name, variant, _ in SPEAKERS]


def test_forty_five_simulated_devices_speak_by_themselves(capsys):
    with capsys.disabled():
        print(f"\nrecognition laws: {len(SPEAKERS)} devices that speak by themselves")
    assert 45 == len(SPEAKERS)


@pytest.mark.parametrize(("name", "variant", "heard"), SPEAKERS, ids=IDS)
def test_a_device_that_speaks_is_recognised_as_itself(name, variant, heard):
    known = known_by(heard, AMONG)
    assert name == known[0].driver.name
    # In a cipher both families that use it may be meant; whatever is readable is one thing only.
    assert known[0].needs_key or 1 == len(known)


@pytest.mark.parametrize(
    ("name", "variant", "heard"), [one for one in SPEAKERS if one[0] in {"p1", "sml", "dlms"}]
)
def test_half_a_telegram_is_recognised_as_nothing(name, variant, heard):
    assert [] == [one for one in known_by(heard[:100], AMONG) if not one.needs_key]


def test_noise_is_recognised_as_nothing():
    noise = bytes((byte * 167 + byte // 7) % 256 for byte in range(HEARD_BYTES_MAX))
    assert [] == known_by(noise, AMONG)


def test_every_line_of_every_driver_is_listened_to_and_the_commonest_first():
    tried = lines(AMONG)
    assert "115200 8N1" == f"{tried[0].baud} {tried[0].frame}"
    assert {line for driver in AMONG for line in (driver.line, *driver.other_lines)} == set(tried)
    assert len(tried) == len(set(tried))


def test_what_hangs_on_pins_is_not_listened_for():
    names = {driver.name for driver in AMONG}
    assert {"hx711", "s0", "wedge"} == {one.name for one in DEVICES if one.name not in names}


def test_a_polled_device_that_talks_by_itself_is_only_listened_to():
    unasked = {driver.name: dict(driver.unasked) for driver in AMONG if driver.unasked}
    assert {"d0": {"mode": "d"}, "comma": {"ask": ""}} == unasked
