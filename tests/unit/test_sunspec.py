"""SunSpec: the walk along the chain, what stands for no value, and chains that lead nowhere."""

import struct

import pytest

from drivers import sunspec
from drivers.reading import Message
from drivers.sdk import Rest, SettingError
from drivers.wire.modbus import HOLDING, Question
from drivers.wire.sunspec import MODELS, read
from firmware_sim.devices import sunspec as simulated
from firmware_sim.modbus import Cell, Meter, Slave, house
from tests.talk import Talk

NOON_MS = 1_782_036_000_000
PLACE = (3, 5)
NO_INT = b"\x80\x00"


def _words(*numbers):
    return b"".join(struct.pack(">H", number & 0xFFFF) for number in numbers)


def _talk(cells, *, seconds=15, **settings):
    """What is told of a device that has these cells, in the time of a round or two."""
    slave = Slave(Meter(lambda _shown: cells), house(7))
    talk = Talk(sunspec.DEVICE.open(settings), slave, now_ms=NOON_MS)
    return talk.go_on(seconds * 1_000)


def _chain(*models, base=40_000, mark=b"SunS"):
    """The cells of a chain of models, each an id and its registers."""
    body = b"".join(_words(number, len(raw) // 2) + raw for number, raw in models)
    return [Cell(HOLDING, base, mark + body + _words(0xFFFF, 0))]


def _faults(messages):
    return {fault.detail for message in messages for fault in message.faults}


def _values(messages):
    return {r.register: r.value for message in messages for r in message.readings}


def _meter(**points):
    """Model 203 with nothing but these, by their offset as `at16`."""
    raw = bytearray(NO_INT * 36 + bytes(2 * (105 - 36)))
    for name, told in points.items():
        at = 2 * int(name[2:])
        raw[at : at + len(told)] = told
    return bytes(raw)


PLATE = b"ABC".ljust(32, b"\0") + b"M1".ljust(32, b"\0") + bytes(32) + b"S1".ljust(32, b"\0")
PLATE += _words(1, 0x8000)


@pytest.mark.parametrize("base", [40_000, 50_000, 0])
def test_a_chain_is_found_at_each_of_its_three_places(base):
    told = _talk(_chain((1, PLATE), (203, _meter(at16=_words(150), at20=_words(1))), base=base))
    assert _values(told)["1-0:16.7.0"] == 1_500_000
    assert _values(told)["0-0:96.1.0"] == "S1"


def test_models_that_nobody_knows_are_passed_over_by_their_length():
    meter = _meter(at44=struct.pack(">I", 12_345), at52=_words(1))
    told = _talk(_chain((1, PLATE), (64_900, bytes(246)), (12, bytes(2)), (203, meter)))
    assert _values(told)["1-0:1.8.0"] == 123_450_000


def test_a_value_that_the_device_does_not_have_is_left_out():
    readings, faults = read(MODELS[203], _meter(), PLACE, serial="", doubt="", sign=1)
    assert (readings, faults) == ([], [])
    raw = b"\xff\xff" * 12 + NO_INT * 2 + b"\xff\xff" + NO_INT * 7 + bytes(4) + bytes(52)
    assert read(MODELS[103], raw[:72] + _words(2), PLACE, serial="", doubt="", sign=1)[1] == []
    nan = struct.pack(">f", float("nan")) * 62
    assert read(MODELS[213], nan, PLACE, serial="", doubt="", sign=1) == ([], [])


def test_a_counter_that_never_counted_is_left_out():
    raw = _meter(at36=bytes(4), at44=struct.pack(">I", 1), at52=_words(0))
    readings, _ = read(MODELS[203], raw, PLACE, serial="", doubt="", sign=1)
    assert [(one.register, one.value) for one in readings] == [("1-0:1.8.0", 1_000)]


@pytest.mark.parametrize(
    ("scale", "number", "milli"),
    [(0, 2301, 2_301_000), (-1, 2301, 230_100), (-3, 2301, 2_301), (2, 3, 300_000)],
)
def test_a_scale_factor_is_a_power_of_ten(scale, number, milli):
    raw = _meter(at6=_words(number), at13=_words(scale))
    readings, faults = read(MODELS[203], raw, PLACE, serial="", doubt="", sign=1)
    assert [(one.register, one.value) for one in readings] == [("1-0:32.7.0", milli)]
    assert faults == []


@pytest.mark.parametrize("scale", [11, -11, -0x8000])
def test_a_scale_factor_that_is_none_makes_no_value(scale):
    raw = _meter(at6=_words(2301), at13=_words(scale))
    readings, faults = read(MODELS[203], raw, PLACE, serial="", doubt="", sign=1)
    assert readings == []
    assert [(one.kind, one.offset, one.length) for one in faults] == [("object", 3, 5)]
    assert faults[0].detail == f"1-0:32.7.0: its scale factor is {scale}"


def test_an_endless_float_is_a_fault():
    raw = struct.pack(">f", float("nan")) * 13 + struct.pack(">f", float("inf")) + bytes(192)
    _, faults = read(MODELS[213], raw, PLACE, serial="", doubt="", sign=1)
    assert [fault.detail for fault in faults] == ["1-0:16.7.0: 7f800000 is endless"]


@pytest.mark.parametrize(("positive", "milli"), [("taken", 1_500_000), ("given", -1_500_000)])
def test_what_positive_power_of_a_meter_means_is_a_setting(positive, milli):
    told = _talk(_chain((203, _meter(at16=_words(15), at20=_words(2)))), positive=positive)
    assert _values(told)["1-0:16.7.0"] == milli


@pytest.mark.parametrize("positive", ["taken", "given"])
def test_an_inverter_that_makes_something_has_negative_power(positive):
    inverter = bytearray(b"\xff\xff" * 50)
    inverter[24:28] = _words(2406, 0)
    inverter[44:50] = struct.pack(">I", 500) + _words(0)
    inverter[72:74] = _words(4)
    told = _talk(_chain((103, bytes(inverter))), positive=positive)
    assert _values(told)["1-0:16.7.0"] == -2_406_000
    assert _values(told)["1-0:2.8.0"] == 500_000
    assert _values(told)["status"] == "producing"


@pytest.mark.parametrize(
    ("part", "counter"), [("", 1_000), ("meter", 1_000), ("meter 2", 2_000), ("METER 1", 1_000)]
)
def test_a_part_of_the_chain_is_chosen_by_name_and_number(part, counter):
    one, two = (_meter(at44=struct.pack(">I", number), at52=_words(0)) for number in (1, 2))
    other = PLATE.replace(b"S1", b"S2")
    told = _talk(_chain((1, PLATE), (203, one), (1, other), (203, two)), part=part)
    assert _values(told)["1-0:1.8.0"] == counter
    assert {r.serial for m in told for r in m.readings} == {f"S{counter // 1_000}"}


def test_a_part_that_is_not_there_is_named_with_the_chain():
    told = _talk(_chain((1, PLATE), (203, _meter())), part="inverter")
    assert _faults(told) == {"no inverter 1 in the chain of 1, 203"}
    assert _values(told) == {}


def test_a_part_that_is_not_there_yet_is_looked_for_again():
    cells = _chain((1, PLATE), (203, _meter()))
    slave = Slave(Meter(lambda _shown: cells), house(7))
    talk = Talk(sunspec.DEVICE.open({"part": "inverter"}), slave, now_ms=NOON_MS)
    assert talk.go_on(15_000)
    cells[:] = _chain((1, PLATE), (103, b"\xff\xff" * 36 + _words(8) + bytes(26)))
    assert _values(talk.go_on(30_000))["status"] == "standing by"


def test_a_device_that_is_no_sunspec_device_is_told_so():
    told = _talk([Cell(HOLDING, base, bytes(4)) for base in (40_000, 50_000, 0)])
    assert {f"no SunSpec mark at {base}" for base in (40_000, 50_000, 0)} == _faults(told)


def test_a_device_that_refuses_all_three_places_is_told_so():
    told = _talk([Cell(HOLDING, 100, bytes(4))])
    assert len(_faults(told)) == 3
    assert all("it has no such registers" in detail for detail in _faults(told))


def test_a_chain_without_an_end_is_left_after_forty_models():
    told = _talk(_chain(*[(9, b"")] * 50), seconds=60)
    assert _faults(told) == {"no meter or inverter 1 in the chain of " + ", ".join(["9"] * 40)}


def test_a_chain_that_leads_out_of_the_registers_ends_there():
    cells = [Cell(HOLDING, 40_000, b"SunS" + _words(1, 0xFFFE, 203, 105) + _meter())]
    assert _faults(_talk(cells)) == {"no meter or inverter 1 in the chain of no model at all"}


def test_a_model_that_is_shorter_than_its_specification_gives_what_it_has():
    told = _talk(_chain((203, _meter(at16=_words(15), at20=_words(0))[:60])))
    assert _values(told) == {"1-0:16.7.0": 15_000}


def test_the_chain_is_walked_once_and_again_after_a_silence():
    session = sunspec.DEVICE.open({"interval": "60"})
    slave = simulated.SIMULATOR.begin("inverter", house(7), 7, NOON_MS)

    def round_of(answers):
        asked = 0
        steps = session.timeout()
        while not any(isinstance(step, Rest) for step in steps):
            sends = [step for step in steps if hasattr(step, "data")]
            asked += len(sends)
            said = slave.hears(sends[0].data, now_ms=NOON_MS) if sends and answers else b""
            steps = session.feed(said) if said else session.timeout()
            if said and not any(isinstance(step, Message) for step in steps):
                steps = session.timeout()
        return asked

    assert round_of(answers=True) == 7  # the mark, four heads, the type plate, the inverter
    assert round_of(answers=True) == 1
    assert round_of(answers=False) == 3
    assert round_of(answers=True) == 7


def test_another_masters_walk_is_followed_and_a_new_one_begins_anew():
    book = sunspec.Book("", 1, 1)

    def hear(start, raw):
        return book.take(Question(1, HOLDING, start, len(raw) // 2), raw, PLACE)

    meter = _meter(at16=_words(15), at20=_words(0))
    assert hear(40_000, b"SunS" + _words(203, 105)).readings == ()
    assert [r.value for r in hear(40_004, meter).readings] == [15_000]
    assert hear(40_000, b"SunS" + _words(64_900, 105)).readings == ()
    assert hear(40_004, meter).readings == ()


@pytest.mark.parametrize(
    ("name", "text"), [("part", "battery"), ("part", "meter 0"), ("positive", "import")]
)
def test_a_setting_that_cannot_work_is_refused_by_name(name, text):
    with pytest.raises(SettingError) as refused:
        sunspec.DEVICE.open({name: text})
    assert refused.value.name == name
