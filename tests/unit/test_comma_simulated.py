"""The driver and simulated indicators that are overloaded, switched, zeroed, tared and tilted."""

import pytest

from drivers import comma
from firmware_sim.devices.comma import DIALECTS, Terminal
from firmware_sim.scale import Plate, Scale
from tests.talk import Talk

SCALE = Scale(capacity_mg=60_000_000, division_mg=5_000)
EVERY = pytest.mark.parametrize("name", DIALECTS)
JUDGED = pytest.mark.parametrize("name", [name for name in DIALECTS if name != "CAS, 10 bytes"])


class Late(Terminal):
    """An indicator that thinks before it answers, as all do."""

    answer = b""

    def hears(self, data, *, now_ms):
        self.answer += super().hears(data, now_ms=now_ms)
        return b""

    def ticks(self, now_ms):
        answer, self.answer = self.answer, b""
        return answer + super().ticks(now_ms)


class Bench:
    """An indicator that has been heard for a second, with nothing on it."""

    def __init__(self, name):
        dialect, settings = DIALECTS[name]
        self.plate = Plate(SCALE)
        self.scale = Late(SCALE, self.plate, dialect)
        self.session = comma.DEVICE.open(settings)
        self.talk = Talk(self.session, self.scale)
        self.talk.go_on(1_000)

    def put(self, load_mg, moved_ms=0):
        self.plate.put(load_mg, now_ms=self.talk.now_ms, moved_ms=moved_ms)

    def command(self, word):
        for step in self.session.command(word):
            self.scale.hears(step.data, now_ms=self.talk.now_ms)
        self.talk.go_on(2_000)

    def told(self, ms=1_500):
        """The readings of so long, after some time for answers under way."""
        self.talk.go_on(1_000)
        messages = self.talk.go_on(ms)
        return [reading for message in messages for reading in message.readings]

    def faults(self):
        return {fault.kind for message in self.talk.messages for fault in message.faults}


def _weights(readings):
    """The weights at rest; gross and net are the same as long as nothing is tared."""
    still = [r for r in readings if r.doubt == "unchecked"]
    return {r.value for r in still if r.register in {"gross", "net"}}


@JUDGED
def test_a_bag_is_weighed_once_it_rests(name):
    bench = Bench(name)
    bench.put(3_425_000, moved_ms=4_000)
    assert {r.doubt for r in bench.told()} == {"unstable"}
    bench.talk.go_on(2_500)
    assert _weights(bench.told()) == {3_425_000}


@EVERY
@pytest.mark.parametrize("load_mg", [61_000_000, -2_000_000], ids=["over", "under"])
def test_a_load_out_of_range_has_no_weight(name, load_mg):
    bench = Bench(name)
    bench.put(load_mg)
    assert bench.told() == []
    kind = "over" if load_mg > 0 or not name.startswith(("Dini", "A&D")) else "under"
    if name == "A&D, 18 bytes":
        kind = "over"  # which has one word for both
    assert bench.faults() == (set() if name == "CAS, 10 bytes" else {kind})


@EVERY
def test_a_scale_that_was_switched_on_loaded_has_no_weight(name):
    bench = Bench(name)
    bench.put(20_000_000)
    bench.talk.go_on(1_000)
    bench.scale.indicator.switch_on(bench.talk.now_ms)
    assert bench.told() == []


@JUDGED
@pytest.mark.parametrize("unit", ["lb", "oz", "pcs"])
def test_a_scale_that_was_switched_to_another_unit_has_no_weight(name, unit):
    bench = Bench(name)
    bench.put(3_425_000)
    bench.scale.indicator.unit = unit
    bench.talk.go_on(1_000)
    assert bench.told() == []
    assert bench.faults() == {"unit"}


@pytest.mark.parametrize("name", [name for name in DIALECTS if name.startswith("Dini")])
def test_a_scale_that_is_not_level_has_no_weight(name):
    bench = Bench(name)
    bench.put(3_425_000)
    bench.scale.is_tilted = True
    assert bench.told() == []
    assert bench.faults() == {"tilt"}


@pytest.mark.parametrize("name", ["CAS", "CAS, asked"])
def test_a_weight_that_is_only_held_on_the_display_is_none(name):
    bench = Bench(name)
    bench.put(3_425_000)
    bench.scale.is_held = True
    assert bench.told() == []
    assert bench.faults() == {"hold"}


@JUDGED
def test_a_crate_is_tared_and_what_is_in_it_is_weighed(name):
    bench = Bench(name)
    bench.put(1_500_000)
    bench.talk.go_on(1_000)
    bench.command("tare")
    bench.put(4_925_000)
    net = {r.value for r in bench.told() if r.register == "net" and r.doubt == "unchecked"}
    assert net == {3_425_000}


@JUDGED
def test_a_dirty_plate_is_zero_once_the_scale_was_told_so(name):
    bench = Bench(name)
    bench.put(200_000)
    assert _weights(bench.told()) == {200_000}
    bench.command("zero")
    assert _weights(bench.told()) == {0}


@JUDGED
def test_a_bag_is_not_made_zero_and_goes_on_being_weighed(name):
    bench = Bench(name)
    bench.put(9_000_000)
    bench.talk.go_on(1_000)
    bench.command("zero")
    assert _weights(bench.told()) == {9_000_000}


def test_each_bag_has_one_record_in_the_alibi_memory_and_tells_its_number():
    bench = Bench("Dini Argeo, alibi")
    for bag in (1, 2, 3):
        bench.put(bag * 1_000_000)
        bench.talk.go_on(2_000)
        last = bench.talk.go_on(3_000)[-1]
        assert last.readings[-1].value == f"00000-{bag:06}"
        assert bench.scale.records == bag
        bench.put(0)
        bench.talk.go_on(3_000)
    assert bench.scale.records == 3


def test_a_scale_without_alibi_memory_that_is_to_keep_says_so():
    bench = Bench("Dini Argeo")
    bench.session = comma.DEVICE.open({"alibi": "yes"})
    bench.talk = Talk(bench.session, bench.scale, now_ms=bench.talk.now_ms)
    bench.put(3_425_000)
    told = bench.talk.go_on(3_000)
    assert "alibi" in {fault.kind for message in told for fault in message.faults}
    assert _weights(bench.told()) == {3_425_000}
