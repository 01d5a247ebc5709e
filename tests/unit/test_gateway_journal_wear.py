"""What is written to the card, by the day, as the kernel counts it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.record import QUARTER
from gateway.journal import EVIDENCE, Journal, wear
from gateway.quarter import Moment
from tests.journals import NOON, reopen

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Counter:
    """Stands for the kernel's count."""

    def __init__(self) -> None:
        self.bytes: int | None = 1_000_000

    def write(self, count: int) -> None:
        assert self.bytes is not None
        self.bytes += count


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    stands_in = Counter()
    monkeypatch.setattr(wear, "written_bytes", lambda: stands_in.bytes)
    return stands_in


@pytest.fixture
def journal(tmp_path: Path, counter: Counter) -> Iterator[Journal]:
    opened = reopen(tmp_path)
    yield opened
    opened.close()


def commit(journal: Journal, ms: int, *, utc_ms: int | None = NOON) -> None:
    moment = Moment(None if utc_ms is None else utc_ms + ms, ms, "synced")
    journal.append(EVIDENCE, QUARTER, [], moment=moment)
    journal.commit(moment)


def told(journal: Journal) -> tuple[int | None, int | None]:
    standing = journal.standing()
    return standing.written_today_bytes, standing.written_bytes_per_day


def test_what_is_written_counts_for_its_day(journal: Journal, counter: Counter) -> None:
    assert (None, None) == told(journal)
    counter.write(10)
    commit(journal, 0)
    counter.write(5)
    commit(journal, HOUR_MS)
    assert (15, None) == told(journal)


def test_the_last_whole_day_is_one_that_was_counted_from_its_beginning(
    journal: Journal, counter: Counter
) -> None:
    for day, count in enumerate((10, 20, 30)):
        counter.write(count)
        commit(journal, day * DAY_MS)
    assert (30, 20) == told(journal)


def test_a_day_after_one_without_the_gateway_is_not_whole(
    journal: Journal, counter: Counter
) -> None:
    for day, count in ((0, 10), (2, 20), (3, 30)):
        counter.write(count)
        commit(journal, day * DAY_MS)
    assert (30, None) == told(journal)


def test_the_count_goes_on_after_a_restart(tmp_path: Path, counter: Counter) -> None:
    first = reopen(tmp_path)
    counter.write(10)
    commit(first, 0)
    first.close()
    counter.bytes = 0  # another process
    second = reopen(tmp_path)
    counter.write(7)
    commit(second, HOUR_MS)
    assert (17, None) == told(second)
    second.close()


def test_it_is_written_down_once_in_ten_minutes(journal: Journal, counter: Counter) -> None:
    kept = []
    for minute in range(0, 21, 5):
        counter.write(1)
        commit(journal, minute * 60_000)
        kept += journal.ask("SELECT bytes FROM written")
    assert [(1,), (1,), (3,), (3,), (5,)] == kept


def test_what_is_written_while_nobody_knows_the_day_counts_for_the_next_one_known(
    journal: Journal, counter: Counter
) -> None:
    counter.write(10)
    commit(journal, 0, utc_ms=None)
    assert (None, None) == told(journal)
    counter.write(5)
    commit(journal, HOUR_MS)
    assert (15, None) == told(journal)


def test_old_days_are_forgotten(journal: Journal, counter: Counter) -> None:
    for day in range(wear.DAYS_KEPT + 5):
        counter.write(1)
        commit(journal, day * DAY_MS)
    assert [(wear.DAYS_KEPT,)] == journal.ask("SELECT COUNT(*) FROM written")


def test_where_the_kernel_does_not_count_nothing_is_told(
    journal: Journal, counter: Counter
) -> None:
    counter.bytes = None
    commit(journal, 0)
    assert (None, None) == told(journal)


def test_the_kernel_counts_what_this_process_writes(tmp_path: Path) -> None:
    before = wear.written_bytes()
    assert before is not None
    with (tmp_path / "x").open("wb") as file:
        file.write(bytes(1_000_000))
        file.flush()
        os.fsync(file.fileno())
    after = wear.written_bytes()
    assert after is not None
    if after == before:
        pytest.skip("this folder is in memory, of which the kernel counts nothing")
    assert 1_000_000 <= after - before < 1_200_000


def test_a_kernel_that_does_not_count_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wear, "IO", tmp_path / "io")
    assert wear.written_bytes() is None
