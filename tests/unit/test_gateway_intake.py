"""What becomes of a message: records in the right chain, the day's chart, nothing twice."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from drivers.reading import Message, Reading
from gateway.contract import record
from gateway.contract.keys import SigningKey
from gateway.days import local_midnight_ms
from gateway.devices import DeviceNow
from gateway.history import Counters
from gateway.intake import Intake
from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, Journal
from gateway.quarter import QUARTER_MS

NOON = 1_780_308_000_000  # 2026-06-01T10:00:00Z, a boundary


class HandClock:
    """A domain clock moved by hand."""

    boot = "b"

    def __init__(self) -> None:
        self.now_ms = NOON
        self.is_set = True

    def utc_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms

    def bound_ms(self) -> int | None:
        return 0

    def quality(self) -> str:
        return "synced" if self.is_set else "unset"


class Bench:
    def __init__(self, folder: Path, *, since: date | None = None) -> None:
        self.folder, self.since, self.clock = folder, since, HandClock()
        self.open()

    def open(self) -> None:
        key = SigningKey(bytes(32))
        self.journal = Journal.open(self.folder, community="z", gateway="g", key=key, boot="b")
        self.intake = Intake(
            self.journal,
            {"hall": DeviceNow("p1", talks=True)},
            clock=self.clock,
            samples_shared_since=self.since,
            point=None,
            real_s=lambda: 0.0,
        )

    def restart(self) -> None:
        self.journal.close()
        self.open()

    def telegram(self, at_ms: int, import_mwh: int, *, lag_ms: int = 0) -> None:
        """A telegram stamped `at_ms` that is heard when the domain is `lag_ms` further."""
        self.clock.now_ms = at_ms + lag_ms
        reading = Reading("1-0:1.8.1", import_mwh, "mWh", at_ms, "K8")
        self.intake.hear("hall", Message(0, b"/telegram", (reading,)))

    def records(self, kind: str) -> list[record.Record]:
        self.intake.finish()
        (chain,) = [c.chain for c in self.journal.chains() if c.kind == kind]
        return [record.parse(data)[1] for data in self.journal.records(chain, start=1, limit=999)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def test_a_quarter_hour_is_one_record_with_the_meters_time_however_late_it_is_read(
    bench: Bench,
) -> None:
    for step in range(0, 1_800_001, 10_000):
        bench.telegram(NOON + step, step, lag_ms=step % 60_000)
    quarters = bench.records(EVIDENCE)
    told = []
    for quarter in quarters:
        first = quarter.elements[0]
        made_ms = quarter.identity.made_ms or 0
        told.append((made_ms + record.milli(first.t) - NOON, record.milli(first.v)))
    assert told == [(0, 0), (900_000, 900_000), (1_800_000, 1_800_000)]


def test_a_restart_repeats_no_boundary_and_skips_none(bench: Bench) -> None:
    bench.telegram(NOON + 10_000, 1)
    bench.intake.finish()
    bench.restart()
    bench.telegram(NOON + 20_000, 2)
    bench.telegram(NOON + QUARTER_MS + 400_000, 3)
    assert [bytes(one.elements[0].v) for one in bench.records(EVIDENCE)] == [b"0.001", b"0.003"]


def test_samples_leave_only_from_the_day_of_consent(tmp_path: Path) -> None:
    bench = Bench(tmp_path, since=date(2026, 6, 2))
    midnight_ms = local_midnight_ms(date(2026, 6, 2))
    for minute in range(-30, 30):
        bench.telegram(midnight_ms + minute * 60_000, minute + 30)
    assert [len(one.elements) for one in bench.records(PRIVATE)] == [15, 15]
    assert [len(one.elements) for one in bench.records(SAMPLES)] == [15, 15]
    assert bytes(bench.records(SAMPLES)[0].elements[0].v) == b"0.03"
    bench.journal.close()


def test_a_record_of_samples_keeps_to_its_quarter_hour(bench: Bench) -> None:
    for minute in (0, 1, 2, 15, 16):
        bench.telegram(NOON + minute * 60_000, minute)
    assert [len(one.elements) for one in bench.records(PRIVATE)] == [3, 2]


def test_the_chart_knows_after_a_restart_what_it_knew(bench: Bench) -> None:
    bench.telegram(NOON + 60_000, 1_000)
    bench.telegram(NOON + QUARTER_MS + 60_001, 2_000)
    bench.telegram(NOON + 2 * QUARTER_MS, 3_000)
    known = {NOON: Counters(1_000, None), NOON + 2 * QUARTER_MS: Counters(3_000, None)}
    assert bench.intake.history.quarters == {"hall": known}
    bench.intake.finish()
    bench.restart()
    assert bench.intake.history.quarters == {"hall": known}


def test_a_gateway_without_a_clock_takes_the_meters_and_says_so(bench: Bench) -> None:
    bench.clock.is_set = False
    bench.telegram(NOON, 1)
    (quarter,) = bench.records(EVIDENCE)
    assert (quarter.identity.clock, quarter.identity.made_ms) == ("meter", NOON)
