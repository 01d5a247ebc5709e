"""What a gateway writes down while its clock is wrong, and when it is set right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.reading import Message, Reading
from gateway.contract import record
from gateway.contract.keys import SigningKey
from gateway.contract.record import CLOCK, QUARTER
from gateway.devices import DeviceNow
from gateway.intake import Intake
from gateway.journal import EVIDENCE, Journal
from tests.clocks import HOUR_MS, MINUTE_MS, Clock

NOON = 1_782_036_000_000  # 2026-06-21T10:00:00Z, a boundary
TO_1970_MS = -NOON


class Bench:
    """A gateway with a meter that has no clock, heard once a minute."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock(NOON)
        self.open()

    def open(self) -> None:
        key, boot = SigningKey(bytes(32)), self.clock.boot
        self.journal = Journal.open(self.folder, community="z", gateway="g", key=key, boot=boot)
        self.intake = Intake(
            self.journal,
            {"hall": DeviceNow("sml", talks=True)},
            clock=self.clock,
            samples_shared_since=None,
            point=None,
            real_s=lambda: 0.0,
        )

    def restart(self) -> None:
        self.intake.finish()
        self.journal.close()
        self.open()

    def go_on(self, minutes: int) -> None:
        for _ in range(minutes):
            self.intake.tick()
            reading = Reading("1-0:1.8.0", 5_000_000, "mWh", None, "C1")
            self.intake.hear("hall", Message(0, b"\x1b", (reading,)))
            self.clock.true_ms += MINUTE_MS

    def evidence(self) -> list[record.Record]:
        self.intake.finish()
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == EVIDENCE]
        return [record.parse(data)[1] for data in self.journal.records(chain, start=1, limit=99)]

    def quarters(self) -> list[float]:
        """At which true minutes after noon a count was written down."""
        begun = self.clock.true_ms - self.clock.mono_ms() - NOON
        return [
            (begun + one.identity.mono_ms) / MINUTE_MS
            for one in self.evidence()
            if one.typ == QUARTER
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def test_a_boot_begins_with_its_clock_and_says_when_it_is_synced(bench: Bench) -> None:
    bench.clock.begin(off_ms=-HOUR_MS, is_kept=False)
    bench.restart()
    bench.go_on(2)
    bench.clock.off_ms, bench.clock.is_kept = 0, True
    bench.go_on(2)
    told = [one for one in bench.evidence() if one.typ == CLOCK]
    assert [("held", NOON - HOUR_MS), ("synced", NOON + 2 * MINUTE_MS)] == [
        (one.identity.clock, one.identity.made_ms) for one in told
    ]
    assert ["clock/bound", "clock/step"] == [one.n for one in told[1].elements]


def test_a_clock_a_quarter_hour_ahead_that_is_set_right_leaves_no_quarter_out(bench: Bench) -> None:
    bench.clock.begin(off_ms=15 * MINUTE_MS, is_kept=False)
    bench.restart()
    bench.go_on(2)
    bench.clock.off_ms, bench.clock.is_kept = 0, True
    bench.go_on(30)
    # At the start, when it is set right, and at each quarter from then on.
    assert [0, 2, 15, 30] == bench.quarters()


def test_without_any_clock_a_count_is_written_down_every_quarter_hour(bench: Bench) -> None:
    bench.clock.begin(off_ms=TO_1970_MS, is_kept=False)
    bench.restart()
    bench.go_on(40)
    # The boot was 20 s before noon.
    assert [0, 15, 30] == bench.quarters()
    unset = [one.identity for one in bench.evidence()]
    assert {("unset", None)} == {(who.clock, who.made_ms) for who in unset}


def test_what_counts_from_a_boot_is_no_boundary_for_the_next_boot(bench: Bench) -> None:
    bench.clock.begin(off_ms=TO_1970_MS, is_kept=False)
    bench.restart()
    bench.go_on(40)
    bench.clock.begin(off_ms=TO_1970_MS, is_kept=False)
    bench.restart()
    bench.go_on(1)
    assert {} == bench.journal.boundaries()
    assert "boot-3" == bench.evidence()[-1].identity.boot
    assert QUARTER == bench.evidence()[-1].typ


def test_the_chart_shows_no_quarter_hour_that_is_still_to_come(bench: Bench) -> None:
    bench.clock.begin(off_ms=5 * HOUR_MS, is_kept=False)
    bench.restart()
    bench.go_on(2)
    assert [NOON + 5 * HOUR_MS] == list(bench.intake.history.quarters["hall"])
    bench.clock.off_ms, bench.clock.is_kept = 0, True
    bench.go_on(14)
    assert [NOON + 15 * MINUTE_MS] == list(bench.intake.history.quarters["hall"])
