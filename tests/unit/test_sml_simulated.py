"""The simulated meters with SML: an independent reader finds in their files what they show."""

from datetime import datetime

import pytest
from smllib import SmlStreamReader

from drivers import sml
from firmware_sim.devices import sml as simulated
from tests.talk import Talk

NOON_MS = 1_782_036_000_000
SIMULATOR = simulated.SIMULATOR
SECONDS = 60
# Units of the independent reader, and how many milli-units they are.
MILLI = {27: 1000, 30: 1000, 33: 1000, 35: 1000, 44: 1000}
KERMIT = {"Holley DTZ541, early"}


def _begin(variant):
    return SIMULATOR.begin(variant, SIMULATOR.source(7), 7, NOON_MS)


def _theirs(entry):
    """What the independent reader makes of an entry, in whole milli-units where it has a unit."""
    if entry.unit in MILLI:
        return round(entry.value * 10 ** (entry.scaler + 15) * MILLI[entry.unit]) // 10**15
    if entry.unit == 8:
        return f"{entry.value} °"
    return entry.value


def _meant(variant, register, value, truth):
    """Where it gives hexadecimal digits or another sign, what is on the plate or was meant."""
    make = simulated.MAKES[variant]
    if value == make.server.hex():
        return make.serial
    if (variant, register) == ("DZG DVS74, early", "1-0:16.7.0"):
        return truth if value == truth - 655_360 and 327_680 <= truth < 655_360 else value
    if register == "1-0:0.2.0*0":  # only letters and digits are text to it
        return bytes.fromhex(value).decode()
    return str(value) if register == "1-0:96.5.0" else value


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_an_independent_reader_finds_what_the_meter_shows(variant):
    reader = SmlStreamReader(crc="kermit" if variant in KERMIT else "x25")
    meter = _begin(variant)
    told = 0
    for second in range(SECONDS):
        reader.add(meter.ticks(NOON_MS + second * 1000))
        frame = reader.get_frame()
        if frame is None:
            continue
        told += 1
        lists = [part.message_body for part in frame.parse_frame()]
        entries = {entry.obis.obis_code: _theirs(entry) for entry in lists[1].val_list}
        found = {name.removesuffix("*255"): value for name, value in entries.items()}
        truth = meter.truth()
        assert {name: _meant(variant, name, found[name], truth[name]) for name in found} == truth
    assert told >= SECONDS // 2


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_the_driver_reads_every_file_to_its_end(variant):
    talk = Talk(sml.DEVICE.open(SIMULATOR.variants[variant]), _begin(variant), now_ms=NOON_MS)
    talk.go_on(SECONDS * 1000)

    assert len(talk.heard) >= SECONDS // 2
    for message, truth in talk.heard:
        assert message.faults == ()
        assert {reading.register: reading.value for reading in message.readings} == truth


def test_an_early_dzg_meter_shows_both_signs_and_powers_that_look_like_another_sign():
    meter = _begin("DZG DVS74, early")
    powers = []
    for second in range(0, SECONDS, 2):
        assert meter.ticks(NOON_MS + second * 1000)
        powers.append(meter.truth()["1-0:16.7.0"])

    assert min(powers) < 0 < max(powers)
    assert any(327_680 <= power < 655_360 for power in powers)


def test_a_meter_without_its_pin_shows_whole_kilowatt_hours_and_no_power():
    meter = _begin("ISKRA MT631 without its PIN")
    meter.ticks(NOON_MS)
    truth = meter.truth()

    assert truth["1-0:1.8.0"] % 1_000_000 == 0
    assert "1-0:16.7.0" not in truth


def test_a_meter_with_a_clock_tells_the_time():
    meter = _begin("meter with a clock")
    (message,) = sml.DEVICE.open({}).feed(meter.ticks(NOON_MS))
    reader = SmlStreamReader()
    reader.add(message.raw)
    theirs = reader.get_frame().parse_frame()[1].message_body.act_sensor_time

    assert {reading.at_ms for reading in message.readings} == {NOON_MS}
    assert theirs == datetime.fromisoformat("2026-06-21T10:00:00+00:00")


def test_a_meter_speaks_as_often_as_it_was_built_for_and_hears_nothing():
    meter = _begin("EMH eHZ")

    assert [bool(meter.ticks(NOON_MS + ms)) for ms in (0, 500, 999, 1000, 1999, 2000)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    assert meter.hears(b"/?!\r\n", now_ms=NOON_MS + 2001) == b""


@pytest.mark.parametrize(
    ("told", "wire"),
    [
        (simulated.unsigned(0), "6200"),
        (simulated.unsigned(255), "62ff"),
        (simulated.unsigned(256), "630100"),
        (simulated.unsigned(1, 4), "6500000001"),
        (simulated.signed(127), "527f"),
        (simulated.signed(128), "530080"),
        (simulated.signed(-128), "5280"),
        (simulated.signed(-129), "53ff7f"),
        (simulated.faulty(128), "5280"),
        (simulated.faulty(35_624), "538b28"),
        (simulated.faulty(-1), "55ffffffff"),
        (simulated.octets(b"EMH"), "04454d48"),
        (simulated.octets(bytes(14)), "0f" + "00" * 14),
        (simulated.octets(bytes(15)), "8101" + "00" * 15),
        (simulated.octets(bytes(48)), "8302" + "00" * 48),
        (simulated.sequence(), "70"),
        (simulated.sequence(*[b"\x01"] * 21), "f105" + "01" * 21),
        (simulated.since_start(5), "7262016500000005"),
        (simulated.instant(5), "7262026500000005"),
    ],
)
def test_elements_are_written_as_the_specification_has_them(told, wire):
    assert told.hex() == wire
