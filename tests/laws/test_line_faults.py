"""Whatever is wrong with a line: no driver raises, none reads what was never shown, and all read
again once the line is mended. Every variant of every simulated device, with every fault.
"""

import pytest

from drivers import sdk
from firmware_sim import device
from firmware_sim.faults import FAULTS, Line
from tests.talk import Talk

# A contact at a pin has no line to be damaged.
SIMULATORS = {name: device.load(name) for name in device.names() if not sdk.load(name).counts}
VARIANTS = [(name, variant) for name, one in SIMULATORS.items() for variant in one.variants]
NOON_MS = 1_782_036_000_000
SEED = 7
FAULTY_MS = 20_000
MENDED_MS = 30_000
# What a telegram without a checksum can be seen to have suffered: nothing is missing within it, and
# no digit becomes another digit.
SEEN_WITHOUT_CHECKSUM = {
    "parity",
    "no-parity",
    "wrong-speed",
    "inverted",
    "late-start",
    "run-together",
    "silence",
    "echo",
}


class Witness(Line):
    """A line that remembers all that its device ever showed."""

    def __init__(self, simulated, faults, seed):
        super().__init__(simulated, faults, seed)
        self.shown = set()
        self._last = {}

    def _see(self):
        truth = self.truth()
        if truth != self._last:
            self._last = dict(truth)
            self.shown |= set(truth.items())

    def hears(self, data, *, now_ms):
        said = super().hears(data, now_ms=now_ms)
        self._see()
        return said

    def ticks(self, now_ms):
        said = super().ticks(now_ms)
        self._see()
        return said


def _begun(name, variant, fault):
    """A talk over a line with one fault. Polls that are rare by default come every 5 s."""
    simulator = SIMULATORS[name]
    declared = sdk.load(name)
    simulated = simulator.begin(variant, simulator.source(SEED), SEED, NOON_MS)
    line = Witness(simulated, [fault], SEED)
    rare = [one for one in declared.settings if one.name == "interval" and float(one.default) > 5]
    often = {one.name: "5" for one in rare}
    session = declared.open({**simulator.variants[variant], **often})
    return Talk(session, line, now_ms=NOON_MS), line


def _readings(messages):
    return [reading for message in messages for reading in message.readings]


def _false(readings, shown):
    """Readings of registers that the device has, with values that it never showed."""
    known = {register for register, _ in shown}
    return [r for r in readings if r.register in known and (r.register, r.value) not in shown]


def test_the_faults_cover_every_simulated_device(capsys):
    with capsys.disabled():
        print(f"\nline faults: {len(VARIANTS)} variants, {len(FAULTS)} faults")
    assert SEEN_WITHOUT_CHECKSUM < set(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_a_faulty_line_tells_nothing_false_and_a_mended_one_tells_again(name, variant, fault):
    talk, line = _begun(name, variant, fault)
    told = _readings(talk.go_on(FAULTY_MS))
    if fault not in SEEN_WITHOUT_CHECKSUM:
        told = [reading for reading in told if not reading.doubt]
    # A value may be told after the device has gone on to the next.
    assert _false(told, line.shown) == []

    line.mend()
    talk.go_on(MENDED_MS - 10_000)
    talk.go_on(10_000)
    again = [r for message, _ in talk.heard for r in message.readings if r.doubt != "unstable"]
    assert again, "nothing was read after the line was mended"
    assert _false(again, line.shown) == []
