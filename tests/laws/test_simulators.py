"""What a simulated device meant is what the driver reads: the two were written apart.

Every variant of every simulated device is held to it by being there.
"""

from datetime import date

import pytest

from drivers import sdk
from drivers.reading import Message
from firmware_sim import device, street
from firmware_sim.devices import mtsics, p1, rdm6300
from firmware_sim.household import Household, local_midnight_ms
from firmware_sim.scale import Plate
from firmware_sim.truth import registers
from tests.talk import Talk

SIMULATORS = {name: device.load(name) for name in device.names()}
VARIANTS = [(name, variant) for name, one in SIMULATORS.items() for variant in one.variants]
NOON_MS = 1_782_036_000_000  # 21 June 2026, 12 o'clock in Amsterdam
# Longer than any pause between two telegrams or answers.
TALK_MS = 40_000


def test_every_driver_has_a_simulated_device(capsys):
    with capsys.disabled():
        print(f"\nsimulator laws: {len(SIMULATORS)} devices, {len(VARIANTS)} variants")
    assert set(SIMULATORS) == set(sdk.names())


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_driver_reads_what_the_simulated_device_shows(name, variant):
    simulator = SIMULATORS[name]
    simulated = simulator.begin(variant, simulator.source(7), 7, NOON_MS)
    session = sdk.load(name).open(simulator.variants[variant])
    talk = Talk(session, simulated, now_ms=NOON_MS)
    talk.go_on(TALK_MS)
    told = [(message, truth) for message, truth in talk.heard if message.readings]
    assert told, "nothing was read"
    seen = set()
    for message, truth in told:
        for reading in message.readings:
            if reading.register in truth and reading.doubt != "unstable":
                seen.add(reading.register)
                assert reading.value == truth[reading.register], reading
    assert seen == {register for _, truth in told for register in truth}


def _messages(steps):
    return [step for step in steps if isinstance(step, Message)]


@pytest.mark.parametrize("home", street.HOMES, ids=lambda home: home.member)
@pytest.mark.parametrize("dialect", p1.DIALECTS)
@pytest.mark.parametrize(
    "day", [date(2026, 6, 21), date(2026, 10, 25)], ids=["summer", "change to winter time"]
)
def test_a_p1_telegram_is_read_as_what_the_meter_showed(dialect, home, day):
    meter = home.house.meter._replace(dialect=dialect)
    household = Household(home.house, seed=7, start_ms=local_midnight_ms(day))
    session = sdk.load("p1").open({})
    told = 0
    for step in range(9_000):
        household.step()
        if step % 45:
            continue
        shown = household.shown()
        for message in _messages(session.feed(p1.telegram(meter, shown))):
            told += 1
            read = {r.register: r for r in message.readings}
            assert message.faults == ()
            expected = registers(shown)
            assert {name: read[name].value for name in expected} == expected
            assert read["1-0:1.8.1"].at_ms == shown.at_ms
            assert read["1-0:1.8.1"].serial == meter.serial
            assert read["1-0:2.7.0"].value == shown.export_w * 1000
    # The last telegram may be held back until its line end is known to be one.
    assert told in {199, 200}


def _weights(messages):
    """The last thing said of the weight: (net in mg, doubt)."""
    said = [r for m in messages for r in m.readings if r.register in {"net", "gross"}]
    return {(r.register, r.value, r.doubt) for r in said}


def test_a_scale_is_read_as_what_lies_on_it():
    plate = Plate(street.SCALE)
    talk = Talk(sdk.load("mtsics").open({}), mtsics.Terminal(street.SCALE, plate))
    talk.go_on(2_000)
    assert {value for _, value, _ in _weights(talk.go_on(2_000))} == {0}
    plate.put(3_217_400, now_ms=talk.now_ms, moved_ms=2_000)
    moving = _weights(talk.go_on(2_400))
    assert moving
    assert {doubt for _, value, doubt in moving if value} == {"unstable"}
    talk.go_on(1_000)
    settled = _weights(talk.go_on(2_000))
    assert settled
    assert {value for _, value, _ in settled} == {3_215_000}
    assert "unstable" not in {doubt for _, _, doubt in settled}


@pytest.mark.parametrize(("load_mg", "expected"), [(61_000_000, "over"), (-2_000_000, "under")])
def test_a_scale_out_of_range_gives_a_fault_and_no_weight(load_mg, expected):
    plate = Plate(street.SCALE)
    talk = Talk(sdk.load("mtsics").open({}), mtsics.Terminal(street.SCALE, plate))
    talk.go_on(2_000)
    plate.put(load_mg, now_ms=talk.now_ms)
    talk.go_on(2_000)
    messages = talk.go_on(2_000)
    assert _weights(messages) == set()
    assert expected in {fault.kind for message in messages for fault in message.faults}


def test_a_card_is_read_by_its_number_as_often_as_it_is_said():
    reader = rdm6300.Reader()
    session = sdk.load("rdm6300").open({})
    reader.hold("0A00C0FFEE")
    messages = [m for ms in (0, 65, 130) for m in _messages(session.feed(reader.sends(ms)))]
    assert [m.readings[0].value for m in messages] == ["0A00C0FFEE"] * 3
    assert {m.readings[0].register for m in messages} == {"card"}
