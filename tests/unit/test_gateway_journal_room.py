"""A journal without room: what goes, in which order, and that nothing goes unsaid."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.contract import record
from gateway.contract.errors import Unreachable
from gateway.contract.record import QUARTER, Element
from gateway.contract.record import SAMPLES as SAMPLES_TYP
from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, Journal, NotKept, Room, Tally, room
from gateway.journal.room import Space
from tests.journals import at, check_chain, current, digest_of, lost_records, put, reopen

# Half a hundred records of a page or two each.
SMALL = Room(max_bytes=600_000, free_bytes_min=0)
FULL = "database or disk is full"


def connect(path: Path, **more: None) -> sqlite3.Connection:
    """With a write-ahead log of some pages: else that alone would fill the little room."""
    db = sqlite3.connect(path, **more)
    db.execute("PRAGMA wal_autocheckpoint = 8")
    return db


def small(folder: Path, limits: Room = SMALL) -> Journal:
    return reopen(folder, connect=connect, room=limits)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = small(tmp_path)
    yield opened
    opened.close()


def fill(journal: Journal, count: int, *, kind: str = SAMPLES, ms: int = 0) -> None:
    """So many commits of one record each, a record two pages."""
    for _ in range(count):
        journal.append(kind, SAMPLES_TYP, [Element(n="hall/x", vs="y" * 7_000)], moment=at(ms))
        journal.commit(at(ms))


def held(journal: Journal, kind: str) -> int:
    chain = current(journal, kind)
    return chain.last - chain.first + 1


def test_samples_go_first_and_a_signed_record_says_which(journal: Journal) -> None:
    put(journal, 5)
    fill(journal, 80)
    samples, evidence = current(journal, SAMPLES), current(journal)
    (said, *_) = lost_records(journal)
    assert (said.chain, said.first, said.why) == (samples.chain, 1, "disk-short")
    assert samples.first > 1
    assert check_chain(journal.records(evidence.chain, start=1, limit=99))[:5] == [1, 2, 3, 4, 5]
    assert journal.standing().lost == {samples.chain: samples.first - 1}
    assert journal.tally().expired == samples.first - 1
    assert journal.takes


def test_a_hub_can_go_on_after_what_is_lost(journal: Journal) -> None:
    fill(journal, 80)
    samples = current(journal, SAMPLES)
    next_one = record.parse(journal.records(samples.chain, start=samples.first, limit=1)[0])[1]
    said = lost_records(journal)[-1]
    assert (said.last, said.digest) == (samples.first - 1, next_one.identity.prev)


def test_the_oldest_samples_go_whoever_has_them(journal: Journal) -> None:
    for _ in range(40):
        fill(journal, 1, kind=PRIVATE)
        fill(journal, 1, kind=SAMPLES)
    firsts = current(journal, PRIVATE).first, current(journal, SAMPLES).first
    assert firsts[0] > 1
    assert abs(firsts[0] - firsts[1]) <= 1
    assert journal.tally().expired == firsts[1] - 1


def test_room_is_made_for_a_while_and_said_in_one_record(journal: Journal) -> None:
    fill(journal, 150)
    assert 2 <= len(lost_records(journal)) <= 12
    assert journal.standing().used_bytes <= SMALL.max_bytes
    assert [one.why for one in lost_records(journal)] == ["disk-short"] * len(lost_records(journal))
    firsts = [one.first for one in lost_records(journal)]
    assert firsts == [1, *(one.last + 1 for one in lost_records(journal)[:-1])]


def test_samples_that_were_delivered_go_without_a_word(journal: Journal) -> None:
    fill(journal, 40)
    chain = current(journal, SAMPLES).chain
    journal.receipt(chain, 40, digest_of(journal, chain, 40))
    fill(journal, 30)
    assert current(journal, SAMPLES).first > 1
    assert lost_records(journal) == []
    assert journal.tally() == Tally(accepted=70, delivered=40, pending=30, expired=0)


def test_delivered_evidence_goes_after_all_samples_and_the_oldest_first(journal: Journal) -> None:
    fill(journal, 20, kind=EVIDENCE)
    chain = current(journal).chain
    journal.receipt(chain, 15, digest_of(journal, chain, 15))
    fill(journal, 20, kind=PRIVATE)
    fill(journal, 40, kind=EVIDENCE)
    journal.receipt(chain, 55, digest_of(journal, chain, 55))
    fill(journal, 20, kind=EVIDENCE)
    assert held(journal, PRIVATE) == 0
    assert 1 < current(journal).first <= 56
    assert lost_records(journal) == []
    assert journal.tally() == Tally(accepted=80, delivered=55, pending=25, expired=0)


def test_pending_evidence_never_goes_and_stops_the_line(journal: Journal) -> None:
    fill(journal, 20, kind=SAMPLES)
    fill(journal, 90, kind=EVIDENCE)
    assert not journal.takes
    assert journal.standing().full
    evidence = current(journal)
    numbers = check_chain(journal.records(evidence.chain, start=1, limit=999))
    assert numbers == list(range(1, evidence.last + 1))


def test_a_full_journal_takes_again_once_the_hub_has_what_waited(journal: Journal) -> None:
    fill(journal, 90, kind=EVIDENCE)
    chain = current(journal).chain
    journal.receipt(chain, 60, digest_of(journal, chain, 60))
    assert not journal.is_due(4_999)
    assert journal.is_due(5_000)
    journal.commit(at(5_000))
    assert journal.takes
    assert not journal.standing().full
    assert journal.tally() == Tally(accepted=90, delivered=60, pending=30, expired=0)


def test_a_journal_that_is_given_less_room_makes_it_without_being_asked(tmp_path: Path) -> None:
    wide = small(tmp_path, Room(10**9, 0))
    fill(wide, 100)
    wide.close()
    narrow = small(tmp_path)
    assert not narrow.takes
    assert narrow.is_due(0)
    narrow.commit(at(0))
    assert narrow.takes
    assert narrow.standing().used_bytes <= SMALL.max_bytes
    narrow.close()


def test_on_a_disk_that_others_fill_samples_make_room_for_evidence(tmp_path: Path) -> None:
    journal = small(tmp_path, Room(max_bytes=2_000_000, free_bytes_min=10**18))
    fill(journal, 90)
    first = current(journal, SAMPLES).first
    assert first > 1
    fill(journal, 10, kind=EVIDENCE)
    assert current(journal, SAMPLES).first == first
    assert journal.takes
    journal.close()


def test_a_record_of_what_is_lost_that_goes_too_is_made_anew(tmp_path: Path) -> None:
    journal = small(tmp_path, Room())
    fill(journal, 40)
    journal._disk.limits = Room(max_bytes=1, free_bytes_min=0)
    chain = put(journal, 40)
    samples = current(journal, SAMPLES).chain
    last = current(journal).last
    assert [(samples, 1, 40)] == [(one.chain, one.first, one.last) for one in lost_records(journal)]
    journal.receipt(chain, last, digest_of(journal, chain, last))
    journal.commit(at(0))
    assert current(journal).first == last + 1
    assert [(samples, 1, 40)] == [(one.chain, one.first, one.last) for one in lost_records(journal)]
    assert len(journal.explaining(samples)) == 1
    journal.close()


@pytest.mark.parametrize(
    ("space", "is_short", "has_room"),
    [
        pytest.param(Space(900_000, 0, 500_000), False, True, id="plenty"),
        pytest.param(Space(900_001, 0, 500_000), False, False, id="soon_full"),
        pytest.param(Space(1_000_000, 0, 500_000), False, False, id="just_full"),
        pytest.param(Space(1_000_001, 0, 500_000), True, False, id="too_full"),
        pytest.param(Space(500_000, 24_999, 499_999), True, False, id="disk_short"),
        pytest.param(Space(500_000, 25_000, 499_999), False, False, id="disk_short_and_own_left"),
        pytest.param(Space(500_000, 100_000, 499_999), False, True, id="disk_short_and_own_room"),
    ],
)
def test_room_is_made_when_there_is_too_little_and_until_there_is_some(
    space: Space, is_short: bool, has_room: bool
) -> None:
    limits = Room(max_bytes=1_000_000, free_bytes_min=500_000)
    assert (space.is_short(limits), space.has_room(limits)) == (is_short, has_room)


# A disk that takes nothing


def full_disk(journal: Journal) -> None:
    """The file may not grow any more, as on a disk that is full."""
    (pages,) = journal._disk.db.execute("PRAGMA page_count").fetchone()
    journal._disk.db.execute(f"PRAGMA max_page_count = {pages}")


def read_only_disk(journal: Journal) -> None:
    journal._disk.db.execute("PRAGMA query_only = ON")


def mended(journal: Journal) -> None:
    journal._disk.db.execute("PRAGMA query_only = OFF")
    journal._disk.db.execute("PRAGMA max_page_count = 1000000")


BLOCKS = [
    pytest.param(full_disk, FULL, id="full"),
    pytest.param(read_only_disk, "attempt to write a readonly database", id="read_only"),
]


def stuck(journal: Journal) -> None:
    """Evidence is appended until the disk does not take it."""
    with pytest.raises(NotKept):
        fill(journal, 99, kind=EVIDENCE, ms=1_000)


@pytest.mark.parametrize(("block", "why"), BLOCKS)
def test_what_the_disk_does_not_take_stays_and_is_kept_later_without_a_gap(
    tmp_path: Path, block: Callable[[Journal], None], why: str
) -> None:
    journal = small(tmp_path, Room())
    put(journal, 3)
    block(journal)
    stuck(journal)
    assert (journal.standing().stuck, journal.takes) == (why, False)
    before = journal.tally().accepted
    mended(journal)
    assert not journal.is_due(5_999)
    assert journal.is_due(6_000)
    journal.commit(at(6_000))
    assert (journal.standing().stuck, journal.takes) == ("", True)
    put(journal)
    assert journal.tally().accepted == before + 2
    numbers = check_chain(journal.records(current(journal).chain, start=1, limit=999))
    assert numbers == list(range(1, before + 3))
    journal.close()


def deposit(journal: Journal) -> None:
    with journal.at_once(at(2_000)):
        journal.append(EVIDENCE, QUARTER, [Element(n="deposit")], moment=at(2_000))
        journal.beside("INSERT INTO boundary VALUES (:community, :gateway, 'x', 1)")


@pytest.mark.parametrize(("block", "why"), BLOCKS)
def test_what_must_be_kept_at_once_and_is_not_was_never_appended(
    tmp_path: Path, block: Callable[[Journal], None], why: str
) -> None:
    journal = small(tmp_path, Room())
    put(journal, 3)
    block(journal)
    stuck(journal)
    waiting = len(journal._group.rows)
    with pytest.raises(NotKept, match=why):
        deposit(journal)
    assert len(journal._group.rows) == waiting
    mended(journal)
    journal.commit(at(9_000))
    records = journal.records(current(journal).chain, start=1, limit=999)
    assert check_chain(records)
    assert b"deposit" not in b"".join(records)
    assert journal.boundaries() == {}
    journal.close()


def test_a_disk_is_tried_again_although_nothing_waits(journal: Journal) -> None:
    read_only_disk(journal)
    with pytest.raises(NotKept), journal.at_once(at(0)):
        journal.append(EVIDENCE, QUARTER, [], moment=at(0))
    with pytest.raises(NotKept):
        journal.commit(at(5_000))
    assert not journal.is_due(9_999)
    assert journal.is_due(10_000)
    mended(journal)
    journal.commit(at(10_000))
    assert journal.takes
    assert journal.tally() == Tally(0, 0, 0, 0)


def test_a_receipt_that_cannot_be_written_comes_again(journal: Journal) -> None:
    chain = put(journal, 3)
    digest = digest_of(journal, chain, 2)
    read_only_disk(journal)
    assert journal.receipt(chain, 2, digest).receipted == 0
    assert not journal.takes
    mended(journal)
    assert journal.receipt(chain, 2, digest).receipted == 2
    assert journal.takes


def test_on_a_full_disk_samples_make_room_for_evidence_at_once(tmp_path: Path) -> None:
    journal = small(tmp_path, Room(max_bytes=2_000_000, free_bytes_min=0))
    fill(journal, 60)
    full_disk(journal)
    fill(journal, 20, kind=EVIDENCE)
    assert journal.takes
    assert current(journal, SAMPLES).first > 32
    (said,) = lost_records(journal)
    assert (said.first, said.last) == (1, current(journal, SAMPLES).first - 1)
    assert journal.tally().accepted == 81
    assert check_chain(journal.records(current(journal).chain, start=1, limit=99))[-1] == 21
    journal.close()


def test_an_error_that_is_no_disk_s_is_not_waited_out(journal: Journal) -> None:
    journal.append(EVIDENCE, QUARTER, [], moment=at(0))
    journal.beside("no such statement")
    with pytest.raises(sqlite3.OperationalError, match="syntax error"):
        journal.commit(at(0))
    assert journal.takes


def test_the_lost_record_is_in_the_commit_of_what_goes(journal: Journal) -> None:
    fill(journal, 50)
    read_only = "CREATE TEMP TRIGGER no BEFORE INSERT ON record WHEN NEW.typ = 'mk-lost-v1'"
    journal._disk.db.execute(f"{read_only} BEGIN SELECT RAISE(ABORT, 'cut'); END")
    with pytest.raises(sqlite3.IntegrityError, match="cut"):
        fill(journal, 50)
    assert current(journal, SAMPLES).first == 1
    assert held(journal, SAMPLES) == current(journal, SAMPLES).last
    assert len(journal.records(current(journal, SAMPLES).chain, start=1, limit=999)) == held(
        journal, SAMPLES
    )


# The ballast


def test_some_of_the_disk_is_held_back_and_given_up_where_it_is_full(tmp_path: Path) -> None:
    journal = small(tmp_path, Room(max_bytes=2_000_000, free_bytes_min=0))
    ballast = tmp_path / "journal.ballast"
    assert ballast.stat().st_blocks * 512 >= room.BALLAST_BYTES
    fill(journal, 60)
    full_disk(journal)
    seen: list[bool] = []
    journal.on_commit = lambda: seen.append(ballast.exists())
    fill(journal, 20, kind=EVIDENCE)
    assert False in seen
    assert ballast.exists()
    journal.close()


def test_a_disk_with_little_left_is_not_made_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 50_000_000 + room.BALLAST_BYTES - 1)
    reopen(tmp_path).close()
    assert not (tmp_path / "journal.ballast").exists()


def test_a_gateway_starts_on_a_full_disk_in_the_room_that_was_held_back(tmp_path: Path) -> None:
    first = reopen(tmp_path)
    chain = put(first, 3)
    first.close()

    def needs_room(path: Path, **more: None) -> sqlite3.Connection:
        if (tmp_path / "journal.ballast").exists():
            raise sqlite3.OperationalError(FULL)
        return sqlite3.connect(path, **more)

    second = reopen(tmp_path, connect=needs_room)
    assert len(second.records(chain, start=1, limit=9)) == 3
    second.close()


def test_a_ballast_that_cannot_be_given_up_is_not_given_up_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is read-only."""
    reopen(tmp_path).close()

    def refuse(*_: object, **__: object) -> sqlite3.Connection:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(room.Ballast, "release", lambda _: None)
    with pytest.raises(Unreachable, match="readonly"):
        reopen(tmp_path, connect=refuse)


def test_a_disk_without_any_room_is_no_reason_to_throw_the_journal_away(tmp_path: Path) -> None:
    def is_full(path: Path, **more: None) -> sqlite3.Connection:
        raise sqlite3.OperationalError(FULL)

    with pytest.raises(Unreachable, match=f"cannot be written: {FULL}") as told:
        reopen(tmp_path, connect=is_full)
    assert "make room on the disk" in str(told.value)


def test_that_the_disk_is_full_is_said_in_these_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room_for_the_index(path: Path, **more: None) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(room, "free_bytes", lambda _: 4096)
    with pytest.raises(Unreachable, match=r"the disk is full \(disk I/O error\)"):
        reopen(tmp_path, connect=no_room_for_the_index)


@pytest.mark.parametrize(
    ("text", "size"),
    [("16 MB", 16_000_000), ("1 GB", 1_000_000_000), ("250 MB", 250_000_000)],
)
def test_a_size_is_read(text: str, size: int) -> None:
    assert room.bytes_of(text) == size


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 TB", "'1 TB' is not a size"),
        ("1000000000", "'1000000000' is not a size"),
        ("-1 GB", "'-1 GB' is not a size"),
        ("15 MB", "'15 MB' is too little for a journal"),
        ("0 GB", "'0 GB' is too little for a journal"),
    ],
)
def test_what_is_no_size_for_a_journal_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        room.bytes_of(text)
