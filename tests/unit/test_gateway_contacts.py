"""A contact at a gateway: its count in the records of each quarter-hour, and in the journal."""

import struct

import pytest

from drivers.reading import Message
from drivers.s0 import DEVICE
from gateway.contract import record
from gateway.contract.keys import SigningKey
from gateway.devices import DeviceNow
from gateway.intake import Intake
from gateway.journal import EVIDENCE, Journal
from tests.unit.test_gateway_intake import NOON, HandClock

EVENT = struct.Struct("<QIIII24x")
MS = 1_000_000


class House:
    """A gateway with one contact; `go_on` lets time pass, in which the session rests and tells."""

    def __init__(self, folder):
        self.folder, self.clock = folder, HandClock()
        self.open()

    def open(self):
        self.journal = Journal.open(
            self.folder, community="z", gateway="g", key=SigningKey(bytes(32)), boot="b"
        )
        count = self.journal.pulses("roof")
        self.session = DEVICE.open({"count": str(count or 0), "register": "1-0:2.8.0"})
        self.intake = Intake(
            self.journal,
            {"roof": DeviceNow("s0", talks=True)},
            clock=self.clock,
            samples_shared_since=None,
            point=None,
            real_s=lambda: self.clock.now_ms / 1000,
            contacts={"roof"},
        )
        self.number = 0
        self._hear(self.session.timeout())

    def power_cut(self):
        self.journal.close()  # what is in memory is gone
        self.open()

    def pulse(self):
        stamp, number = self.clock.now_ms * MS, self.number
        self.number += 2
        edges = EVENT.pack(stamp, 2, 17, number + 1, number + 1)
        edges += EVENT.pack(stamp + 40 * MS, 1, 17, number + 2, number + 2)
        self._hear(self.session.feed(edges))

    def go_on(self, seconds):
        for _ in range(0, seconds, 30):
            self.clock.now_ms += 30_000
            self._hear(self.session.timeout())
            self.intake.tick()

    def _hear(self, steps):
        for step in steps:
            if isinstance(step, Message):
                self.intake.hear("roof", step)

    def counts(self):
        """Minutes after the first boundary, and pulses, of each record of evidence."""
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == EVIDENCE]
        told = []
        for data in self.journal.records(chain, start=1, limit=99):
            made = record.parse(data)[1]
            if made.typ == record.CLOCK:
                continue
            first = made.elements[0]
            assert (first.n, first.u) == ("roof/1-0:2.8.0", "pulse")
            told.append(((made.identity.made_ms - NOON) // 60_000, int(bytes(first.v))))
        return told


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.journal.close()


def test_a_silent_contact_has_a_count_at_every_quarter_hour(house):
    house.go_on(300)
    house.pulse()
    house.go_on(3_600)
    assert house.counts() == [(0, 0), (15, 1), (30, 1), (45, 1), (60, 1)]


def test_a_count_in_evidence_is_never_ahead_of_the_count_kept(house):
    house.go_on(900)
    for _ in range(5):
        house.clock.now_ms += 1_000
        house.pulse()
    house.clock.now_ms += 900_000
    house.pulse()  # the sixth, and the first reading of its quarter-hour
    house.clock.now_ms += 2_000
    house.intake.tick()
    assert house.counts()[-1][1] == 6
    assert house.journal._disk.db.execute("SELECT pulses FROM contact").fetchall() == [(6,)]


def test_what_came_within_the_last_ten_seconds_is_lost_by_a_power_cut_and_no_more(house):
    house.go_on(60)
    for _ in range(25):
        house.pulse()
        house.intake.tick()
        house.clock.now_ms += 1_000
    house.power_cut()
    shown = house.intake.devices["roof"].readings["1-0:2.8.0"].value
    assert 15 <= shown < 25
    house.clock.now_ms += 1_000
    house.pulse()
    assert house.journal.pulses("roof") == shown + 1


def test_pulses_are_kept_while_the_clock_is_unset(house):
    house.clock.is_set = False
    house.pulse()
    house.clock.now_ms += 10_000
    house.intake.tick()
    house.power_cut()
    assert house.journal.pulses("roof") == 1
