"""A house whose disk takes nothing: it goes on reading, and misses no more than it must."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract import record
from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE
from gateway.quarter import QUARTER_MS
from tests.unit.test_gateway_intake import NOON, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def block(bench: Bench) -> None:
    bench.journal._disk.db.execute("PRAGMA query_only = ON")


def mend(bench: Bench) -> None:
    bench.journal._disk.db.execute("PRAGMA query_only = OFF")
    bench.clock.now_ms += 5_000
    bench.intake.tick()


def stuck_from(bench: Bench, at_ms: int) -> None:
    """A quarter-hour begins, and the disk does not take it."""
    bench.telegram(at_ms, 1_000)
    block(bench)
    bench.telegram(at_ms + 2_000, 1_000)
    assert not bench.journal.takes


def quarters(bench: Bench) -> list[tuple[int, int]]:
    """Milliseconds since noon, and what the meter showed."""
    told = []
    for one in bench.records(EVIDENCE):
        if one.typ == QUARTER:
            made_ms, first = one.identity.made_ms or 0, one.elements[0]
            told.append((made_ms + record.milli(first.t) - NOON, record.milli(first.v)))
    return told


def test_what_was_heard_before_is_kept_once_the_disk_takes_it(bench: Bench) -> None:
    stuck_from(bench, NOON)
    for second in range(3, 60):
        bench.telegram(NOON + second * 1_000, 1_000)
        bench.intake.tick()
    mend(bench)
    assert bench.journal.takes
    assert [(0, 1_000)] == quarters(bench)


def test_nothing_is_piled_up_and_the_first_reading_after_it_is_the_next_one(bench: Bench) -> None:
    stuck_from(bench, NOON)
    waiting = len(bench.journal._group.rows)
    for minute in range(1, 40):
        bench.telegram(NOON + minute * 60_000, 1_000 + minute)
        bench.intake.tick()
    assert waiting == len(bench.journal._group.rows)
    assert 1_039 == bench.intake.devices["hall"].readings["1-0:1.8.1"].value
    mend(bench)
    bench.telegram(NOON + 2_460_000, 1_041)
    bench.telegram(NOON + 3 * QUARTER_MS, 1_045)
    assert [(0, 1_000), (2_460_000, 1_041), (2_700_000, 1_045)] == quarters(bench)


def test_a_gateway_that_ends_meanwhile_says_what_it_could_not_keep(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    stuck_from(bench, NOON)
    bench.intake.finish()
    assert "not_kept_at_the_end" in capsys.readouterr().out
    bench.journal._disk.db.execute("PRAGMA query_only = OFF")
    bench.restart()
    bench.telegram(NOON + 60_000, 1_001)
    assert [(60_000, 1_001)] == quarters(bench)
