"""The journal: nothing accepted is lost, nothing leaves without a receipt."""

import errno
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract import record
from gateway.contract.errors import ConfigError, Unreachable, UsageError
from gateway.contract.record import QUARTER, Element
from gateway.contract.record import SAMPLES as SAMPLES_TYP
from gateway.journal import EVIDENCE, KEPT_MS, PRIVATE, SAMPLES, Journal, ReceiptRefused, Tally
from gateway.quarter import Moment
from tests.journals import NOON, at, check_chain, digest_of, put, reopen


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = reopen(tmp_path)
    yield opened
    opened.close()


def test_records_are_numbered_signed_and_chained(journal: Journal) -> None:
    chain = put(journal, 3)
    assert check_chain(journal.records(chain, start=1, limit=9)) == [1, 2, 3]


def test_a_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    chain = put(first, 2)
    first.close()
    second = reopen(tmp_path)
    assert put(second) == chain
    assert check_chain(second.records(chain, start=1, limit=9)) == [1, 2, 3]
    second.close()


def test_what_is_not_committed_is_not_there(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    first.append(EVIDENCE, QUARTER, [], moment=at(0), boundary=("hall", NOON))
    first.close()
    second = reopen(tmp_path)
    assert second.boundaries() == {}
    assert second.tally() == Tally(0, 0, 0, 0)
    second.close()


def test_a_boundary_is_in_the_commit_of_its_record(journal: Journal) -> None:
    journal.append(EVIDENCE, QUARTER, [], moment=at(0), boundary=("hall", NOON))
    assert journal.boundaries() == {}
    journal.commit(at(0))
    assert journal.boundaries() == {"hall": NOON}


def test_samples_wait_a_minute_of_domain_time_and_evidence_two_seconds(journal: Journal) -> None:
    assert not journal.is_due(10**9)
    journal.append(SAMPLES, SAMPLES_TYP, [], moment=at(1_000))
    assert not journal.is_due(60_999)
    assert journal.is_due(61_000)
    journal.append(EVIDENCE, QUARTER, [], moment=at(3_000))
    assert not journal.is_due(4_999)
    assert journal.is_due(5_000)


def test_pulses_are_kept_within_ten_seconds_and_sooner_with_what_else_is_written(
    journal: Journal,
) -> None:
    journal.keep_pulses("roof", 7, moment=at(1_000))
    assert not journal.is_due(9_999)
    assert journal.is_due(10_000)
    journal.append(EVIDENCE, QUARTER, [], moment=at(2_000))
    assert journal.is_due(4_000)
    journal.commit(at(4_000))
    assert not journal.is_due(10_000)


def test_later_pulses_do_not_put_off_the_commit_of_earlier_ones(journal: Journal) -> None:
    for pulse in range(9):
        journal.keep_pulses("roof", pulse, moment=at(1_000 * pulse))
    assert journal.is_due(9_000)


def test_the_last_count_is_given_before_it_is_written_and_after_a_restart(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    assert first.pulses("roof") is None
    first.keep_pulses("roof", 7, moment=at(0))
    first.keep_pulses("tap", 3, moment=at(0))
    assert first.pulses("roof") == 7
    first.commit(at(0))
    first.keep_pulses("roof", 8, moment=at(0))
    first.close()
    second = reopen(tmp_path)
    assert (second.pulses("roof"), second.pulses("tap")) == (7, 3)
    second.close()


def test_a_count_that_did_not_change_is_not_written_again(journal: Journal) -> None:
    journal.keep_pulses("roof", 7, moment=at(0))
    journal.commit(at(0))
    journal.keep_pulses("roof", 7, moment=at(1_000))
    assert not journal.is_due(10**9)
    commits: list[int] = []
    journal.on_commit = lambda: commits.append(1)
    journal.commit(at(2_000))
    assert commits == []


def test_a_house_that_joins_a_community_counts_on(tmp_path: Path) -> None:
    house = reopen(tmp_path, None)
    house.keep_pulses("roof", 7, moment=at(0))
    house.commit(at(0))
    house.close()
    member = reopen(tmp_path, "zonstraat")
    assert member.pulses("roof") == 7
    member.keep_pulses("roof", 5, moment=at(0))  # a new contact, counted from the start
    member.commit(at(0))
    assert member.pulses("roof") == 5
    member.close()


# The schema of version 3, and what version 2 and 1 lacked of it.
VERSION_3 = (Path(__file__).parents[1] / "golden" / "journal_version_3.sql").read_text()
# A test's own rows go into its tables.
EMPTIED = "".join(
    f"DELETE FROM {table};" for table in ("record", "chain", "boundary", "contact", "container")
)


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("PRAGMA user_version = 3", id="3"),
        pytest.param("DROP TABLE container; PRAGMA user_version = 2", id="2"),
        pytest.param("DROP TABLE container; DROP TABLE contact; PRAGMA user_version = 1", id="1"),
    ],
)
def test_a_journal_from_before_keeps_its_records_and_goes_on(tmp_path: Path, before: str) -> None:
    new = reopen(tmp_path / "new")
    chain = put(new, 3)
    new.receipt(chain, 1, digest_of(new, chain, 1))
    rows = new._disk.db.execute("SELECT * FROM record").fetchall()
    (tip,) = new._disk.db.execute("SELECT digest FROM chain WHERE chain = ?", (chain,)).fetchone()
    new.close()
    (tmp_path / "old").mkdir()
    old = sqlite3.connect(tmp_path / "old" / "journal.db", isolation_level=None)
    old.executescript(VERSION_3 + EMPTIED)
    old.execute(
        "INSERT INTO chain VALUES ('zonstraat', 'home', ?, 'evidence', 1, 3, ?, 1, 0)", (chain, tip)
    )
    old.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    old.execute("INSERT INTO boundary VALUES ('zonstraat', 'home', 'hall', 7)")
    old.executescript(before)
    old.close()
    upgraded = reopen(tmp_path / "old")
    assert upgraded._disk.db.execute("PRAGMA user_version").fetchone() == (4,)
    assert upgraded._disk.db.execute("PRAGMA foreign_key_check").fetchall() == []
    assert upgraded.boundaries() == {"hall": 7}
    assert upgraded.tally() == Tally(accepted=3, delivered=1, pending=2, expired=0)
    upgraded.keep_pulses("roof", 7, moment=at(0))
    upgraded.beside(FILL, mass_mg=5)
    assert put(upgraded) == chain
    assert check_chain(upgraded.records(chain, start=1, limit=9)) == [1, 2, 3, 4]
    assert (upgraded.pulses("roof"), filled(upgraded)) == (7, 5)
    upgraded.close()


FILL = """
INSERT INTO container (community, gateway, fraction, emptying, delivered_mg, pieces)
VALUES (:community, :gateway, 'glass', '', :mass_mg, 0)
ON CONFLICT DO UPDATE SET delivered_mg = delivered_mg + excluded.delivered_mg
"""


def filled(journal: Journal) -> int | None:
    rows = journal.ask("SELECT delivered_mg FROM container WHERE community = :community")
    return rows[0][0] if rows else None


def test_what_stands_beside_the_records_is_in_the_commit_of_its_record(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    first.append(EVIDENCE, QUARTER, [], moment=at(0))
    first.beside(FILL, mass_mg=5)
    assert filled(first) is None
    first.close()
    second = reopen(tmp_path)
    assert (filled(second), second.tally()) == (None, Tally(0, 0, 0, 0))
    for _ in range(2):
        second.beside(FILL, mass_mg=5)
        put(second)
    second.commit(at(0))
    second.close()
    third = reopen(tmp_path)
    assert (filled(third), third.tally()) == (10, Tally(2, 0, 2, 0))
    third.close()


def test_the_newest_of_a_kind_come_in_their_own_order_whatever_the_clock_says(
    journal: Journal,
) -> None:
    for number, utc_ms in enumerate((NOON, None, NOON - 5_000, NOON + 1)):
        moment = Moment(utc_ms, 0, "synced")
        journal.append(EVIDENCE, QUARTER, [Element(n=f"hall/{number}")], moment=moment)
        journal.append(EVIDENCE, "mk-other-v1", [], moment=moment)
    journal.commit(at(0))
    told = [record.parse(data)[1].elements[0].n for data in journal.newest(QUARTER, 3)]
    assert told == ["hall/1", "hall/2", "hall/3"]


def test_appending_gives_the_number_of_the_record(journal: Journal) -> None:
    numbers = [journal.append(EVIDENCE, QUARTER, [], moment=at(0)) for _ in range(2)]
    journal.commit(at(0))
    assert [*numbers, journal.append(EVIDENCE, QUARTER, [], moment=at(0))] == [1, 2, 3]


def test_a_clock_that_was_set_back_makes_the_group_due(journal: Journal) -> None:
    journal.append(SAMPLES, SAMPLES_TYP, [], moment=at(100_000))
    assert journal.is_due(99_999)


def test_a_receipt_delivers_and_the_sum_always_balances(journal: Journal) -> None:
    chain = put(journal, 5)
    assert journal.tally() == Tally(accepted=5, delivered=0, pending=5, expired=0)
    journal.receipt(chain, 3, digest_of(journal, chain, 3))
    assert journal.tally() == Tally(accepted=5, delivered=3, pending=2, expired=0)


def test_a_hub_that_went_back_gets_its_records_again(journal: Journal) -> None:
    chain = put(journal, 5)
    journal.receipt(chain, 5, digest_of(journal, chain, 5))
    journal.receipt(chain, 2, digest_of(journal, chain, 2))
    assert journal.tally() == Tally(accepted=5, delivered=2, pending=3, expired=0)
    assert len(journal.records(chain, start=3, limit=9)) == 3


@pytest.mark.parametrize(
    ("up_to", "digest", "why"),
    [(2, "0" * 64, "differs"), (6, "0" * 64, "has no record 6"), (-1, "", "has no record -1")],
)
def test_a_receipt_that_does_not_fit_changes_nothing(
    journal: Journal, up_to: int, digest: str, why: str
) -> None:
    chain = put(journal, 5)
    with pytest.raises(ReceiptRefused, match=why):
        journal.receipt(chain, up_to, digest)
    assert journal.tally() == Tally(accepted=5, delivered=0, pending=5, expired=0)


def test_receipted_evidence_is_kept_fourteen_days_and_pending_for_ever(journal: Journal) -> None:
    chain = put(journal, 3)
    journal.receipt(chain, 2, digest_of(journal, chain, 2))
    put(journal, ms=KEPT_MS)
    assert check_chain(journal.records(chain, start=1, limit=9)) == [1, 2, 3, 4]
    put(journal, ms=KEPT_MS + 3_600_000)
    (evidence,) = [c for c in journal.chains() if c.kind == EVIDENCE]
    assert (evidence.first, evidence.last) == (3, 5)
    assert journal.tally() == Tally(accepted=5, delivered=2, pending=3, expired=0)


def test_samples_that_may_not_leave_count_nowhere_and_go_after_fourteen_days(
    journal: Journal,
) -> None:
    chain = put(journal, 2, kind=PRIVATE)
    assert journal.tally() == Tally(0, 0, 0, 0)
    put(journal, kind=PRIVATE, ms=KEPT_MS + 3_600_001)
    assert len(journal.records(chain, start=1, limit=9)) == 1
    with pytest.raises(ReceiptRefused, match="no shared chain"):
        journal.receipt(chain, 1, "")


def test_a_house_without_a_community_delivers_nothing(tmp_path: Path) -> None:
    journal = reopen(tmp_path, community=None)
    put(journal, 2)
    assert journal.tally() == Tally(0, 0, 0, 0)
    journal.close()


def test_another_community_gets_chains_of_its_own(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    chain = put(first, 2)
    first.close()
    second = reopen(tmp_path, community="dorp")
    assert put(second) != chain
    assert second.tally() == Tally(1, 0, 1, 0)
    second.close()


def test_a_commit_is_on_the_disk_when_it_returns(journal: Journal) -> None:
    assert journal._disk.db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert journal._disk.db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_is_deleted_is_not_written_over(journal: Journal) -> None:
    assert journal._disk.db.execute("PRAGMA secure_delete").fetchone() == (0,)


def test_a_second_writer_is_refused_and_told_who_writes(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"process {os.getpid()}"):
        reopen(tmp_path)


def test_a_journal_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    opened = reopen(tmp_path)
    opened._disk.db.execute("PRAGMA user_version = 5")
    opened._disk.db.execute("PRAGMA application_id = 0")  # no update was here lately
    opened.close()
    with pytest.raises(ConfigError, match="schema 5, this program knows 4"):
        reopen(tmp_path)


@pytest.mark.parametrize("name", ["mkdir", "open"])
def test_a_folder_that_takes_nothing_is_no_reason_to_throw_the_journal_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def is_full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, name, is_full)
    with pytest.raises(Unreachable, match="cannot be written: No space left on device") as told:
        reopen(tmp_path / "data")
    assert "move it aside" not in str(told.value)


def test_a_full_disk_with_no_room_for_our_name_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", is_full)
    reopen(tmp_path).close()


WRITER = """
import sys
from pathlib import Path
from gateway.journal import SAMPLES
from tests.journals import put, reopen

journal = reopen(Path(sys.argv[1]))
while True:
    put(journal, 7)
    put(journal, 2, kind=SAMPLES)
    print(journal.tally().accepted, flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_what_was_accepted_is_there_after_sigkill(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    accepted = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as writer:
            assert writer.stdout
            for _ in range(chance.randrange(1, 60)):
                accepted = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                accepted = int(line)
    journal = reopen(tmp_path)
    assert journal.tally().accepted >= accepted
    for chain in journal.chains():
        if chain.kind in {EVIDENCE, SAMPLES}:
            numbers = check_chain(journal.records(chain.chain, start=1, limit=10**6))
            assert numbers == list(range(1, chain.last + 1))
    journal.close()
