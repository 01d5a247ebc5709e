"""The simulated meters of the M-Bus: what they answer, and that an independent client reads it."""

import meterbus
import pytest

from drivers import mbus
from firmware_sim.devices import mbus as simulated
from tests.talk import Talk

NOON_MS = 1_782_036_000_000  # 21 June 2026, 12 o'clock in Amsterdam
RESET_1 = bytes.fromhex("1040014116")
FIRST_1 = bytes.fromhex("107b017c16")
SECOND_1 = bytes.fromhex("105b015c16")
SIMULATOR = simulated.SIMULATOR


def _begin(variant):
    return SIMULATOR.begin(variant, SIMULATOR.source(7), 7, NOON_MS)


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_a_driver_reads_what_the_simulated_meter_shows(variant):
    talk = Talk(mbus.DEVICE.open(SIMULATOR.variants[variant]), _begin(variant), now_ms=NOON_MS)
    talk.go_on(200_000)
    told = [(message, truth) for message, truth in talk.heard if message.readings]
    assert len(told) >= 3
    seen = set()
    for message, truth in told:
        assert message.faults == ()
        values = {reading.register: reading.value for reading in message.readings}
        seen |= {register for register in truth if register in values}
        assert {register: values.get(register) for register in truth} == truth
    assert seen == {register for _, truth in told for register in truth}


def test_a_repeated_request_gets_the_same_telegram_and_a_new_one_the_next():
    meter = _begin("heat meter with months")
    assert meter.hears(RESET_1, now_ms=NOON_MS) == b"\xe5"
    first = meter.hears(FIRST_1, now_ms=NOON_MS)
    assert meter.hears(FIRST_1, now_ms=NOON_MS) == first
    assert first[-3] == 0x1F
    second = meter.hears(SECOND_1, now_ms=NOON_MS)
    assert second[-3] == 0x0F
    assert second != first


def test_only_the_meter_that_was_selected_answers():
    meter = _begin("heat meter by its serial number")
    ask = bytes.fromhex("107bfd7816")
    assert meter.hears(ask, now_ms=NOON_MS) == b""
    # 53 + FD + 52 + 19 + 58 + 85 + 06 + 4 * FF = 69A
    other = bytes.fromhex("680b0b6853fd5219588506ffffffff9a16")
    assert meter.hears(other, now_ms=NOON_MS) == b""
    assert meter.hears(ask, now_ms=NOON_MS) == b""
    own = bytes.fromhex("680b0b6853fd52185885f6ffffffff8916")
    assert meter.hears(own, now_ms=NOON_MS) == b"\xe5"
    assert meter.hears(ask, now_ms=NOON_MS)[:1] == b"\x68"


@pytest.mark.parametrize("variant", SIMULATOR.variants)
def test_an_independent_client_reads_the_header_of_a_simulated_meter(variant):
    meter = simulated.METERS[variant]
    (first, *_) = meter.telegrams(SIMULATOR.source(7)(NOON_MS), NOON_MS)
    frame = meterbus.load(simulated.answer(meter, first, 1))
    header = frame.body.interpreted["header"]
    digits = [meter.serial[at : at + 2] for at in range(0, 8, 2)]
    assert header["identification"] == ", ".join(f"0x{pair}" for pair in digits)
    assert header["manufacturer"] == meter.maker


def test_an_independent_client_reads_a_simulated_heat_meter():
    meter = simulated.METERS["heat meter"]
    shown = SIMULATOR.source(7)(NOON_MS)
    (records,) = meter.telegrams(shown, NOON_MS)
    truth = {one.register: one.value for one in records}
    theirs = [
        record.interpreted for record in meterbus.load(simulated.answer(meter, records, 1)).records
    ]
    assert float(theirs[0]["value"]) == truth["6-0:1.0.0"] / 1000
    assert float(theirs[1]["value"]) == truth["6-0:2.0.0"] / 1_000_000
    # It multiplies by binary fractions: 82.1 becomes 82.10000000000001.
    assert round(float(theirs[3]["value"]) * 1000) == truth["6-0:10.0.0"]
    assert theirs[8]["value"] == "2026-06-21T12:00"
