"""A damaged journal: set aside, read again as far as it can be, and nothing lost in silence."""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.contract import record
from gateway.contract.errors import ConfigError, Unreachable
from gateway.contract.record import QUARTER, Element
from gateway.contract.record import SAMPLES as SAMPLES_TYP
from gateway.journal import EVIDENCE, SAMPLES, Journal, Tally, file, salvage
from gateway.journal.pages import PAGE_BYTES, Pages
from tests.journals import NOON, at, check_chain, current, digest_of, lost_records, put, reopen

QUARTERS = 60
PACKS = 20
DELIVERED = 25


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A journal of quarters with their telegrams, packs of samples, a contact and a container."""
    folder = tmp_path / "data"
    journal = reopen(folder)
    journal._disk.db.execute("PRAGMA synchronous = OFF")  # no power is cut here
    for number in range(QUARTERS):
        moment = at(number * 900_000)
        text = f"{number} " + "x" * 1_500
        journal.append(
            EVIDENCE,
            QUARTER,
            [Element(n="hall/telegram", vs=text)],
            moment=moment,
            boundary=("hall", NOON + number * 900_000),
        )
        if number % 3 == 0:
            pack = [Element(n="hall/x", vs="y" * 9_000)]
            journal.append(SAMPLES, SAMPLES_TYP, pack, moment=moment)
        journal.keep_pulses("roof", number, moment=moment)
        journal.commit(moment)
    journal.beside(
        "INSERT INTO container VALUES (:community, :gateway, 'glass', '', NULL, NULL, 7, 0, NULL)"
    )
    journal.commit(at(0))
    chain = current(journal).chain
    journal.receipt(chain, DELIVERED, digest_of(journal, chain, DELIVERED))
    journal.close()
    return folder


def database(folder: Path) -> Path:
    return folder / "journal.db"


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def zero_pages(path: Path, *numbers: int) -> None:
    for number in numbers:
        overwrite(path, (number - 1) * PAGE_BYTES, bytes(PAGE_BYTES))


def garbage_header(path: Path) -> None:
    overwrite(path, 0, random.Random(1).randbytes(100))


def zero_first_page(path: Path) -> None:
    zero_pages(path, 1)


def whole(journal: Journal) -> None:
    """All that was kept is there, and the chains go on."""
    assert journal.tally() == Tally(
        accepted=QUARTERS + PACKS,
        delivered=DELIVERED,
        pending=QUARTERS + PACKS - DELIVERED,
        expired=0,
    )
    evidence, samples = current(journal), current(journal, SAMPLES)
    records = journal.records(evidence.chain, start=1, limit=999)
    assert check_chain(records) == list(range(1, QUARTERS + 1))
    assert len(check_chain(journal.records(samples.chain, start=1, limit=999))) == PACKS
    assert journal.boundaries() == {"hall": NOON + (QUARTERS - 1) * 900_000}
    assert journal.pulses("roof") == QUARTERS - 1
    assert journal.ask("SELECT fraction, delivered_mg FROM container") == [("glass", 7)]


@pytest.mark.parametrize("damage", [garbage_header, zero_first_page])
def test_without_its_first_page_everything_is_read_again_and_goes_on(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(database(folder))
    journal = reopen(folder)
    whole(journal)
    chain = current(journal).chain
    assert put(journal) == chain
    assert check_chain(journal.records(chain, start=1, limit=999))[-1] == QUARTERS + 1
    journal.close()


def test_what_is_only_in_the_write_ahead_log_is_read_again_too(folder: Path) -> None:
    journal = reopen(folder)
    journal._disk.db.execute("PRAGMA wal_autocheckpoint = 0")
    chain = put(journal, 3)
    cut = folder.with_name("cut")
    shutil.copytree(folder, cut)
    journal.close()
    assert (cut / "journal.db-wal").stat().st_size > PAGE_BYTES
    garbage_header(database(cut))
    journal = reopen(cut)
    numbers = check_chain(journal.records(chain, start=1, limit=999))
    assert numbers == list(range(1, QUARTERS + 4))
    assert current(journal).chain == chain
    journal.close()


def test_a_damaged_file_is_kept_as_it_was_and_told_until_somebody_takes_it(folder: Path) -> None:
    garbage_header(database(folder))
    damaged = database(folder).read_bytes()
    journal = reopen(folder)
    aside = Path(journal.standing().set_aside)
    assert aside.parent == folder
    assert aside.name.startswith("journal-damaged-20")
    assert aside.read_bytes() == damaged
    journal.close()
    journal = reopen(folder)
    assert journal.standing().set_aside == str(aside)
    aside.unlink()
    assert journal.standing().set_aside == ""
    journal.close()


def test_two_damaged_files_of_one_moment_have_two_names(folder: Path) -> None:
    for _ in range(2):
        garbage_header(database(folder))
        reopen(folder).close()
    assert len(list(folder.glob("journal-damaged-*.db"))) == 2


def numbers_of(journal: Journal, chain: str) -> set[int]:
    return {seq for seq, _ in journal.numbered(chain, start=1, limit=9_999)}


def explained(journal: Journal, chain: str, delivered: int, last: int) -> None:
    """Every number above the last receipt is there, or said to be unreadable."""
    lost = [one for one in lost_records(journal) if one.chain == chain]
    gone = {seq for one in lost for seq in range(one.first, one.last + 1)}
    held = numbers_of(journal, chain)
    assert held.isdisjoint(gone)
    assert {seq for seq in held | gone if delivered < seq <= last} == set(
        range(delivered + 1, last + 1)
    )
    assert {one.why for one in lost} <= {"unreadable"}
    for one in lost:
        after = journal.records(chain, start=one.last + 1, limit=1)
        if one.last < last:
            assert record.parse(after[0])[1].identity.prev == one.digest


@pytest.mark.parametrize("seed", range(6))
def test_of_pages_that_are_gone_every_record_is_said_to_be_unreadable(
    folder: Path, seed: int
) -> None:
    intact = reopen(folder)
    evidence, samples = current(intact).chain, current(intact, SAMPLES).chain
    intact.close()
    pages = database(folder).stat().st_size // PAGE_BYTES
    zero_pages(database(folder), *random.Random(seed).sample(range(5, pages), 12))
    journal = reopen(folder)
    journal.commit(at(0))
    explained(journal, evidence, DELIVERED, QUARTERS)
    explained(journal, samples, 0, PACKS)
    tally = journal.tally()
    assert tally.expired == sum(journal.standing().lost.values()) > 0
    put(journal, 2)
    put(journal, 2, kind=SAMPLES)
    assert journal.tally().accepted == tally.accepted + 4
    journal.close()
    again = reopen(folder)
    assert again.tally().accepted == tally.accepted + 4
    again.close()


def test_a_chain_whose_end_is_gone_ends_and_another_begins(folder: Path) -> None:
    intact = reopen(folder)
    old = current(intact).chain
    tip = digest_of(intact, old, QUARTERS)
    intact.close()
    size = database(folder).stat().st_size
    os.truncate(database(folder), size // 2 // PAGE_BYTES * PAGE_BYTES)
    journal = reopen(folder)
    journal.commit(at(0))
    ended = [chain for chain in journal.chains() if chain.chain == old]
    assert [(chain.current, chain.last) for chain in ended] == [(False, QUARTERS)]
    assert current(journal).chain != old
    explained(journal, old, DELIVERED, QUARTERS)
    (said,) = [one for one in lost_records(journal) if one.chain == old]
    assert (said.last, said.digest) == (QUARTERS, tip)
    assert journal.tally().accepted == QUARTERS + PACKS + 2  # with the two that say what is lost
    journal.close()


def test_a_chain_of_which_nobody_knows_the_end_is_delivered_as_far_as_it_can_be_read(
    folder: Path,
) -> None:
    intact = reopen(folder)
    old = current(intact).chain
    intact.close()
    db = sqlite3.connect(database(folder))
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("DELETE FROM chain WHERE kind = 'evidence'")
    db.execute("DELETE FROM record WHERE chain = ? AND seq IN (1, 2, 60)", (old,))
    db.commit()
    db.execute("PRAGMA secure_delete = ON")
    db.execute("VACUUM")
    db.close()
    garbage_header(database(folder))
    journal = reopen(folder)
    journal.commit(at(0))
    (ended,) = [chain for chain in journal.chains() if chain.chain == old]
    assert (ended.current, ended.shared, ended.first, ended.last) == (False, True, 3, 59)
    assert [(old, 1, 2, "unreadable")] == [
        (one.chain, one.first, one.last, one.why) for one in lost_records(journal)
    ]
    assert journal.receipt(old, 60, "f" * 64).receipted == 59
    journal.close()


@pytest.mark.parametrize("size", [0, 5 * PAGE_BYTES], ids=["empty", "all_nul"])
def test_a_file_of_which_nothing_is_left_is_an_alarm_and_a_new_journal(
    folder: Path, size: int
) -> None:
    database(folder).write_bytes(bytes(size))
    journal = reopen(folder)
    assert journal.standing().set_aside != ""
    assert journal.tally() == Tally(0, 0, 0, 0)
    put(journal)
    journal.close()


def test_a_file_that_is_gone_is_logged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database(folder).unlink()
    reopen(folder).close()
    assert "the file is gone" in capsys.readouterr().out


def test_a_new_journal_is_no_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reopen(tmp_path).close()
    reopen(tmp_path).close()
    assert "damaged" not in capsys.readouterr().out


def test_a_record_whose_bytes_changed_is_not_sent(folder: Path) -> None:
    data = database(folder).read_bytes()
    where = data.index(b"40 xxxx")
    overwrite(database(folder), where, b"41")
    garbage_header(database(folder))
    journal = reopen(folder)
    journal.commit(at(0))
    assert [(41, 41)] == [(one.first, one.last) for one in lost_records(journal)]
    explained(journal, current(journal).chain, DELIVERED, QUARTERS)
    journal.close()


# Power cuts and full disks on the way


class PowerCut(BaseException):
    pass


def cut_before_rename(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """The gateway starts, and the power is cut before it renames a file for the n-th time."""
    rename, left = Path.rename, [number]

    def may(self: Path, target: Path) -> Path:
        if not left[0]:
            raise PowerCut
        left[0] -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", may)
        reopen(folder).close()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_power_cut_while_it_is_set_aside_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    garbage_header(database(folder))
    with pytest.raises(PowerCut):
        cut_before_rename(folder, monkeypatch, number)
    journal = reopen(folder)
    whole(journal)
    assert journal.standing().set_aside != ""
    journal.close()


def test_it_is_set_aside_with_three_renames(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    garbage_header(database(folder))
    cut_before_rename(folder, monkeypatch, 3)


def test_a_disk_without_room_for_a_new_journal_leaves_the_damaged_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    garbage_header(database(folder))
    damaged = database(folder).read_bytes()

    def is_full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(salvage.rescue, "copy", is_full)
        with pytest.raises(Unreachable, match="cannot be written: database or disk is full"):
            reopen(folder)
    assert database(folder).read_bytes() == damaged
    journal = reopen(folder)
    whole(journal)
    journal.close()


def test_a_log_is_put_on_the_disk_again_before_anybody_reads_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sync that failed the kernel has it, and the disk may not."""
    journal = reopen(folder)
    put(journal, 3)
    cut = folder.with_name("cut")
    shutil.copytree(folder, cut)
    journal.close()
    log = (cut / "journal.db-wal").read_bytes()
    done: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    def connect(path: Path, **more: None) -> sqlite3.Connection:
        done.append("connect")
        assert (cut / "journal.db-wal").read_bytes() == log
        return sqlite3.connect(path, **more)

    monkeypatch.setattr(os, "fsync", noted)
    reopen(cut, connect=connect).close()
    assert done == ["journal.db-wal", "connect"]


# How damage is found


def test_what_cannot_be_read_while_it_runs_is_looked_through_at_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "LOOKED_THROUGH_BYTES", 0)  # as for a file too large to look through
    pages = database(folder).stat().st_size // PAGE_BYTES
    zero_pages(database(folder), *range(pages - 30, pages))
    journal = reopen(folder)
    chain = current(journal).chain
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        journal.records(chain, start=1, limit=999)
    journal.close()
    assert reopened(folder).standing().set_aside != ""


def change_text(folder: Path, number: int) -> None:
    """Two bytes of a record change, as a worn card changes them: the file is whole all the same."""
    where = database(folder).read_bytes().index(b"%d xxxx" % number)
    overwrite(database(folder), where, b"zz")


@pytest.mark.parametrize("number", [40, QUARTERS - 1], ids=["within", "at_the_end"])
def test_a_record_whose_bytes_changed_ends_the_gateway_and_is_told_after_that(
    folder: Path, number: int
) -> None:
    change_text(folder, number)
    journal = reopen(folder)
    chain = current(journal).chain
    with pytest.raises(sqlite3.DatabaseError, match=f"record {number + 1} of {chain} is not what"):
        journal.records(chain, start=1, limit=999)
    journal.close()
    journal = reopen(folder)
    journal.commit(at(0))
    assert [(number + 1, number + 1)] == [(one.first, one.last) for one in lost_records(journal)]
    explained(journal, chain, DELIVERED, QUARTERS)
    journal.close()


def change_sql(folder: Path, statement: str) -> None:
    db = sqlite3.connect(database(folder))
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA writable_schema = ON")
    db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        pytest.param(
            "UPDATE sqlite_schema SET sql = replace(sql, 'gateway', 'gatuway')"
            " WHERE name = 'tally'",
            "its tables are not those of a journal",
            id="schema",
        ),
        pytest.param(
            "UPDATE chain SET receipted = receipted + 1, last = last + 1 WHERE kind = 'samples'",
            "of 81 records 1 are missing",
            id="tally",
        ),
        pytest.param(
            "UPDATE boundary SET device = CAST(X'FF68616C' AS TEXT)",
            "Could not decode to UTF-8",
            id="text",
        ),
    ],
)
def test_what_is_whole_and_makes_no_sense_is_damaged_too(
    folder: Path, capsys: pytest.CaptureFixture[str], statement: str, why: str
) -> None:
    change_sql(folder, statement)
    journal = reopen(folder)
    assert why in capsys.readouterr().out
    journal.commit(at(0))
    explained(journal, current(journal).chain, DELIVERED, QUARTERS)
    journal.close()


def test_a_file_that_cannot_be_made_good_is_left_to_a_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_malformed(path: Path, **more: None) -> sqlite3.Connection:
        raise sqlite3.DatabaseError("malformed for ever")

    with pytest.raises(ConfigError, match="cannot be read: malformed for ever"):
        reopen(folder, connect=is_malformed)


def reopened(folder: Path) -> Journal:
    journal = reopen(folder)
    journal.close()
    return reopen(folder)


def test_the_pages_are_read_as_sqlite_reads_them(folder: Path) -> None:
    pages = Pages(database(folder))
    found = sorted(row.values for row in pages.rows() if len(row.values) == 7)
    pages.close()
    db = sqlite3.connect(database(folder))
    assert found == sorted(db.execute("SELECT * FROM record").fetchall())
    db.close()


def test_a_log_that_began_anew_is_read_as_sqlite_reads_it(folder: Path) -> None:
    def connect(path: Path, **more: None) -> sqlite3.Connection:
        db = sqlite3.connect(path, **more)
        db.execute("PRAGMA wal_autocheckpoint = 16")
        return db

    journal = reopen(folder, connect=connect)
    for _ in range(30):
        put(journal)
    cut = folder.with_name("cut")
    shutil.copytree(folder, cut)
    journal.close()
    pages = Pages(database(cut))
    found = sorted(row.values for row in pages.rows() if len(row.values) == 7)
    pages.close()
    db = sqlite3.connect(database(cut))
    assert found == sorted(db.execute("SELECT * FROM record").fetchall())
    db.close()


def test_a_commit_whose_end_is_not_in_the_log_never_was(folder: Path) -> None:
    journal = reopen(folder)
    journal._disk.db.execute("PRAGMA wal_autocheckpoint = 0")
    put(journal, 3)
    put(journal, 30)  # on some pages, of which only the last is not in the log
    cut = folder.with_name("cut")
    shutil.copytree(folder, cut)
    journal.close()
    log = cut / "journal.db-wal"
    os.truncate(log, log.stat().st_size - 1)
    pages = Pages(database(cut))
    found = sorted(row.values for row in pages.rows() if len(row.values) == 7)
    pages.close()
    db = sqlite3.connect(database(cut))
    assert found == sorted(db.execute("SELECT * FROM record").fetchall())
    assert len(found) == QUARTERS + PACKS + 3
    db.close()


def test_records_deleted_long_ago_do_not_come_back_below_a_gap(folder: Path) -> None:
    db = sqlite3.connect(database(folder))
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("DELETE FROM record WHERE chain LIKE 'evidence-%' AND seq < 12")
    db.commit()
    db.execute("PRAGMA secure_delete = ON")
    db.execute("DELETE FROM record WHERE chain LIKE 'evidence-%' AND seq BETWEEN 12 AND 16")
    db.commit()
    db.close()
    garbage_header(database(folder))
    journal = reopen(folder)
    evidence = current(journal)
    assert (evidence.first, evidence.last) == (17, QUARTERS)
    assert numbers_of(journal, evidence.chain) == set(range(17, QUARTERS + 1))
    assert journal.tally().expired == 0
    journal.close()


@pytest.mark.parametrize("seed", range(20))
def test_noise_for_a_file_is_no_journal_and_ends_nobody(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    noise = b"".join(
        chance.choice((b"\x0d", b"\x05", b"\x00")) + chance.randbytes(PAGE_BYTES - 1)
        for _ in range(20)
    )
    (tmp_path / "journal.db").write_bytes(noise)
    (tmp_path / "journal.db-wal").write_bytes(chance.randbytes(chance.randrange(9_000)))
    journal = reopen(tmp_path)
    assert journal.tally() == Tally(0, 0, 0, 0)
    put(journal)
    journal.close()


def test_a_changed_record_without_its_neighbour_is_found_by_its_signature(folder: Path) -> None:
    db = sqlite3.connect(database(folder))
    db.execute("DELETE FROM record WHERE seq = 42 AND chain LIKE 'evidence-%'")
    db.commit()
    db.close()
    overwrite(database(folder), database(folder).read_bytes().index(b"40 xxxx"), b"41")
    garbage_header(database(folder))
    journal = reopen(folder)
    journal.commit(at(0))
    assert [(41, 42)] == [(one.first, one.last) for one in lost_records(journal)]
    explained(journal, current(journal).chain, DELIVERED, QUARTERS)
    journal.close()


def test_a_file_whose_pages_have_no_end_is_looked_at_for_a_while_only(tmp_path, monkeypatch):
    opened = reopen(tmp_path)
    opened.close()
    monkeypatch.setattr(file, "LOOKED_S_MAX", -1.0)
    monkeypatch.setattr(file, "LOOKED_STEPS", 1)
    assert "it cannot be read to an end" == file.damage(tmp_path / "journal.db", is_suspect=True)
