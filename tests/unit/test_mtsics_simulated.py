"""The driver and a simulated scale that is overloaded, switched, zeroed and tared."""

from itertools import pairwise

import pytest

from drivers import mtsics
from firmware_sim.devices.mtsics import DIALECTS, Terminal
from firmware_sim.scale import Plate, Scale
from tests.talk import Talk

SCALE = Scale(capacity_mg=60_000_000, division_mg=5_000, serial="B427100311")
EVERY = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
LEVEL_1 = pytest.mark.parametrize("name", ["ICS429", "KERN IFB", "KERN PCB", "no Z", "repeating"])


class Late(Terminal):
    """A scale that thinks before it answers, as all do."""

    answer = b""

    def hears(self, data, *, now_ms):
        self.answer += super().hears(data, now_ms=now_ms)
        return b""

    def ticks(self, now_ms):
        answer, self.answer = self.answer, b""
        return answer + super().ticks(now_ms)


class Bench:
    """A scale that has been asked for two seconds, with nothing on it."""

    def __init__(self, dialect):
        self.plate = Plate(SCALE)
        self.scale = Late(SCALE, self.plate, dialect)
        self.session = mtsics.DEVICE.open({})
        self.talk = Talk(self.session, self.scale)
        self.talk.go_on(2_000)

    def put(self, load_mg, moved_ms=0):
        self.plate.put(load_mg, now_ms=self.talk.now_ms, moved_ms=moved_ms)

    def told(self, ms=3_000):
        """The readings of so long, after some time for questions and answers under way."""
        self.talk.go_on(1_000)
        messages = self.talk.go_on(ms)
        return [reading for message in messages for reading in message.readings]

    def faults(self):
        return {fault.kind for message in self.talk.messages for fault in message.faults}


def _mg(readings, register):
    return {r.value for r in readings if r.register == register and r.doubt == "unchecked"}


@EVERY
def test_a_bag_is_weighed_once_it_rests(dialect):
    bench = Bench(dialect)
    bench.put(3_425_000, moved_ms=5_000)
    assert {r.doubt for r in bench.told(3_000) if r.register == "net"} == {"unstable"}
    bench.talk.go_on(2_000)
    readings = bench.told()
    assert _mg(readings, "net") == {3_425_000}
    assert {r.doubt for r in readings} == {"unchecked"}


@EVERY
@pytest.mark.parametrize(("load_mg", "kind"), [(61_000_000, "over"), (-2_000_000, "under")])
def test_a_load_out_of_range_has_no_weight(dialect, load_mg, kind):
    bench = Bench(dialect)
    bench.put(load_mg)
    assert bench.told() == []
    assert bench.faults() == {kind}


@EVERY
def test_a_scale_that_was_switched_on_loaded_has_no_weight(dialect):
    bench = Bench(dialect)
    bench.put(20_000_000)
    bench.talk.go_on(2_000)
    bench.scale.indicator.switch_on(bench.talk.now_ms)
    assert bench.told() == []
    assert bench.faults() == {"busy"}


@EVERY
@pytest.mark.parametrize("unit", ["lb", "oz", "pcs"])
def test_a_scale_that_was_switched_to_another_unit_has_no_weight(dialect, unit):
    bench = Bench(dialect)
    bench.put(3_425_000)
    bench.scale.indicator.unit = unit
    assert _mg(bench.told(), "net") == set()
    assert bench.faults() == {"unit"}


@LEVEL_1
def test_a_tared_crate_is_told_beside_what_is_in_it(name):
    bench = Bench(DIALECTS[name])
    bench.put(1_500_000)
    bench.talk.go_on(2_000)
    bench.session.command("tare")
    bench.talk.go_on(2_000)
    bench.put(4_925_000)
    readings = bench.told()
    assert _mg(readings, "gross") == {4_925_000}
    assert _mg(readings, "tare") == {1_500_000}
    assert _mg(readings, "net") == {3_425_000}


@pytest.mark.parametrize("name", ["level 0", "level 0, deaf"])
def test_a_scale_of_level_0_tells_its_net_weight_as_often_as_another(name):
    bench = Bench(DIALECTS[name])
    bench.put(1_500_000)
    bench.talk.go_on(4_000)  # it is asked for more than that, and says nothing
    readings = bench.told(10_000)
    assert {r.register for r in readings} == {"net"}
    assert len(readings) >= 45


@EVERY
def test_a_dirty_plate_is_zero_once_the_scale_was_told_so(dialect):
    bench = Bench(dialect)
    bench.put(200_000)
    assert _mg(bench.told(), "net") == {200_000}
    bench.session.command("zero")
    bench.talk.go_on(3_000)
    assert _mg(bench.told(), "net") == {0}


@EVERY
def test_a_bag_is_not_made_zero_and_goes_on_being_weighed(dialect):
    bench = Bench(dialect)
    bench.put(9_000_000)
    bench.talk.go_on(2_000)
    bench.session.command("zero")
    bench.talk.go_on(3_000)
    assert "refused" in bench.faults()
    assert _mg(bench.told(), "net") == {9_000_000}


@EVERY
def test_the_serial_number_is_told_where_the_scale_knows_it(dialect):
    bench = Bench(dialect)
    expected = "" if "I4" in dialect.lacks else "B427100311"
    assert {r.serial for r in bench.told()} == {expected}


@EVERY
def test_no_two_questions_are_nearer_than_a_tenth_of_a_second(dialect):
    bench = Bench(dialect)
    heard = []
    hears = bench.scale.hears

    def listen(data, *, now_ms):
        heard.append(now_ms)
        return hears(data, now_ms=now_ms)

    bench.scale.hears = listen
    bench.put(1_500_000)
    bench.told(10_000)
    assert min(b - a for a, b in pairwise(heard)) >= 100
