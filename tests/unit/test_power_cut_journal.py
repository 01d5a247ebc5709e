"""A journal whose power is cut after any operation on its disk has all that it accepted."""

import random
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.journal import EVIDENCE, PRIVATE, SAMPLES, Room
from tests.journal_life import Life, cut, damaged, found_out, lay, walk
from tests.power import SECTOR_BYTES

LONG = True

# Short, so that a small run crosses the end of the write-ahead log several times.
CHECKPOINT_PAGES = 16
FULL = "PRAGMA synchronous = FULL"
VERSION_3 = Path(__file__).parents[1] / "golden/journal_version_3.sql"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Thousands of small disks are made: in memory where there is a folder for that."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        (Path(made) / "lived").mkdir()
        yield Path(made)


def live(life: Life) -> Life:
    """Groups, single deposits, receipts, checkpoints, pruning, two restarts."""
    for kind in (EVIDENCE, SAMPLES, PRIVATE, EVIDENCE):
        life.put(kind, 3)
        life.later(1)
    life.put(EVIDENCE, 2, LONG)
    life.deposit()
    life.deposit()
    life.receipt(EVIDENCE, behind=2)
    life.restart()
    for _ in range(6):
        life.put(SAMPLES, 2, LONG)
        life.deposit()
        life.later(1)
    life.receipt(EVIDENCE)
    life.receipt(SAMPLES, behind=1)
    life.receipt(EVIDENCE, behind=3)
    life.later(14 * 24)
    life.put(EVIDENCE)
    life.put(PRIVATE)
    life.later(2)
    life.put(SAMPLES)
    assert life.chain(SAMPLES).first > 1
    life.restart()
    life.deposit()
    life.end()
    return life


def live_in_a_small_room(life: Life) -> Life:
    """The room is full again and again: samples go, then delivered evidence; a hub goes back."""
    for _ in range(3):
        for kind in (SAMPLES, PRIVATE, EVIDENCE):
            life.put(kind, 4, LONG)
        life.receipt(EVIDENCE, behind=1)
    life.receipt(EVIDENCE, behind=11)
    life.receipt(SAMPLES, behind=2)
    life.renew()
    life.begin_again(EVIDENCE)
    for _ in range(4):
        life.put(SAMPLES, 3, LONG)
        life.deposit()
    assert life.journal.tally().expired > 0
    life.end()
    return life


def test_wherever_the_power_is_cut_no_accepted_record_is_lost_and_none_is_corrupt(
    folder: Path,
) -> None:
    life = live(Life(folder / "lived", checkpoint_pages=CHECKPOINT_PAGES))
    walked = walk(life, folder / "left", seed=1)
    print(f"{walked.points} crash points, {walked.disks} different disks")
    assert [] == walked.troubles
    assert walked.points > 650
    assert walked.disks > 1_100


def test_wherever_the_power_is_cut_what_makes_room_is_gone_and_said_to_be_or_is_there(
    folder: Path,
) -> None:
    room = Room(max_bytes=150_000, free_bytes_min=0)
    life = live_in_a_small_room(
        Life(folder / "lived", room=room, checkpoint_pages=CHECKPOINT_PAGES)
    )
    walked = walk(life, folder / "left", seed=1)
    print(f"{walked.points} crash points, {walked.disks} different disks")
    assert [] == walked.troubles
    assert walked.points > 800


def live_shortly(life: Life) -> Life:
    """As long as it takes to have written everything once; ends when all that was put is kept."""
    life.put(EVIDENCE, 2)
    life.deposit()
    life.put(SAMPLES, 2, LONG)
    life.receipt(EVIDENCE, behind=1)
    life.deposit()
    life.restart()
    life.put(PRIVATE, 2, LONG)
    life.deposit()
    life.put(EVIDENCE)
    life.commit_until_kept()
    life.end()
    return life


def test_whichever_writes_a_disk_refuses_what_is_kept_is_kept_and_what_is_turned_away_is_not(
    folder: Path,
) -> None:
    whole = live_shortly(Life(folder / "lived", checkpoint_pages=4))
    opened = whole.promises[1].asked
    wrong = []
    for first in range(opened, whole.disk.asked, 3):
        lay({}, folder / "lived")
        refused = range(first, first + 1 + first % 6)
        life = live_shortly(Life(folder / "lived", checkpoint_pages=4, refused=refused))
        wrong += [f"{refused}: {trouble}" for trouble in found_out(life, folder / "left")]
    print(f"{whole.disk.asked - opened} writes and syncs refused")
    assert [] == wrong
    assert whole.disk.asked - opened > 100


@pytest.mark.parametrize(
    ("synchronous", "trouble"),
    [
        pytest.param("NORMAL", "accepted records are lost", id="loses accepted records"),
        pytest.param("OFF", "it is damaged", id="corrupts the journal"),
    ],
)
def test_with_less_care_than_ours_a_power_cut(folder: Path, synchronous: str, trouble: str) -> None:
    """The simulator is not blind: these are the promises that SQLite does not make."""
    instead = {FULL: f"PRAGMA synchronous = {synchronous}"}
    life = live(Life(folder / "lived", checkpoint_pages=CHECKPOINT_PAGES, instead=instead))
    walked = walk(life, folder / "left", seed=1, every=9)
    assert trouble in "\n".join(walked.troubles)


def test_an_upgrade_of_the_schema_is_done_or_not_begun(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "lived/journal.db")) as old:
        old.executescript(VERSION_3.read_text())
        old.execute("PRAGMA journal_mode = WAL")
    life = Life(folder / "lived", checkpoint_pages=CHECKPOINT_PAGES)
    life.deposit()
    life.end()
    walked = walk(life, folder / "left", seed=1)
    print(f"{walked.points} crash points, {walked.disks} different disks")
    assert [] == walked.troubles
    assert walked.points > 15


def damage(folder: Path, *, every: int) -> tuple[int, list[str]]:
    """Every so many sectors of a journal that lost its power are damaged, one at a time."""
    life = live_shortly(Life(folder / "lived", checkpoint_pages=CHECKPOINT_PAGES))
    files = cut(life, life.promises[-3].operations, lambda: False)
    chance = random.Random(1)
    sectors, wrong = 0, []
    for name, data in files.items():
        for at in range(0, len(data), every * SECTOR_BYTES):
            sector = chance.choice([bytes(SECTOR_BYTES), chance.randbytes(SECTOR_BYTES)])
            lay(files | {name: data[:at] + sector + data[at + SECTOR_BYTES :]}, folder / "left")
            wrong += [f"{name} at {at}: {trouble}" for trouble in damaged(folder / "left")]
            sectors += 1
    print(f"{sectors} sectors damaged")
    return sectors, wrong


def test_a_journal_with_a_damaged_sector_opens_goes_on_and_holds_nothing_else(
    folder: Path,
) -> None:
    sectors, wrong = damage(folder, every=5)
    assert [] == wrong
    assert sectors > 60


@pytest.mark.soak
def test_a_journal_with_any_damaged_sector_opens_goes_on_and_holds_nothing_else(
    folder: Path,
) -> None:
    sectors, wrong = damage(folder, every=1)
    assert [] == wrong
    assert sectors > 300


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_wherever_the_power_is_cut_and_whatever_it_leaves_no_accepted_record_is_lost(
    folder: Path, seed: int
) -> None:
    life = live(Life(folder / "lived", checkpoint_pages=2 * seed))
    assert [] == walk(life, folder / "left", seed=seed).troubles
