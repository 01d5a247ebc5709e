"""Power that is cut, and disks that are full, while an update is made or taken back."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import schema
from gateway.contract.errors import PeopleError, Unreachable
from gateway.contract.record import QUARTER, Element
from gateway.journal import EVIDENCE, SAMPLES, file
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.inbox import Inbox
from tests.cuts import cut_at
from tests.journal_life import Life, cut, found_out, lay, some, troubles, unlinked, walk, ways
from tests.journals import at, check_chain, current, put, reopen
from tests.later import LIGHT, later_gateway, later_hub
from tests.power import Disk, Medium
from tests.street import ID, NOON_MS, QUARTER_MS, Chain, Street, key

LONG = True
CHECKPOINT_PAGES = 16
# Each cut of a hub is followed by `verify`.
CUT_EVERY = 17


@pytest.fixture
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        (Path(made) / "lived").mkdir()
        yield Path(made)


def program(which: str) -> AbstractContextManager[None]:
    return {
        "older": nullcontext(),
        "newer": later_gateway(),
        "newer, which leaves the records as they are": later_gateway(LIGHT),
    }[which]


PROGRAMS = ("newer", "newer, which leaves the records as they are")


def updated_and_taken_back(life: Life, newer: str) -> Life:
    """Records of the older program, of the newer one on trial, and of the older one again."""
    life.put(EVIDENCE, 3)
    life.put(SAMPLES, 2, LONG)
    with program(newer):
        life.restart()
        life.put(EVIDENCE, 2, LONG)
        life.deposit()
        life.restart()  # it fell over, and is tried once more
        life.deposit()
    life.restart()
    life.put(EVIDENCE, 2)
    life.deposit()
    life.commit_until_kept()
    life.end()
    return life


@pytest.mark.parametrize(
    ("newer", "is_taken_back"), [(PROGRAMS[0], True), (PROGRAMS[0], False), (PROGRAMS[1], True)]
)
def test_wherever_the_power_is_cut_in_an_update_no_record_is_lost(
    folder: Path, newer: str, is_taken_back: bool
) -> None:
    """Whichever program starts then: the newer one again, or the older one."""
    life = Life(folder / "lived", checkpoint_pages=CHECKPOINT_PAGES)
    updated_and_taken_back(life, newer)
    with program("older" if is_taken_back else newer):
        walked = walk(life, folder / "left", seed=1)
    print(f"{walked.points} crash points, {walked.disks} different disks")
    assert [] == walked.troubles
    assert walked.points > 280


def test_whichever_writes_a_disk_refuses_in_an_update_what_is_kept_is_kept(folder: Path) -> None:
    newer = PROGRAMS[0]
    whole = updated_and_taken_back(Life(folder / "lived", checkpoint_pages=4), newer)
    opened = whole.promises[1].asked
    wrong = []
    for first in range(opened, whole.disk.asked, 7):
        lay({}, folder / "lived")
        refused = range(first, first + 1 + first % 6)
        life = Life(folder / "lived", checkpoint_pages=4, refused=refused)
        updated_and_taken_back(life, newer)
        wrong += [f"{refused}: {trouble}" for trouble in found_out(life, folder / "left")]
    print(f"{whole.disk.asked - opened} writes and syncs refused")
    assert [] == wrong
    assert whole.disk.asked - opened > 150


@pytest.mark.parametrize("is_taken_back", [True, False])
def test_wherever_a_start_is_cut_off_among_its_files_the_next_has_every_record_and_no_half_copy(
    tmp_path: Path, is_taken_back: bool
) -> None:
    """The newer program in its step, or the older one on its way back."""
    whole, cut_off = tmp_path / "whole", tmp_path / "cut"
    put(older := reopen(whole), 3)
    older.close()
    if is_taken_back:
        with later_gateway():
            put(newer := reopen(whole), 2)
            newer.close()
    cuts = 0
    is_cut = True
    while is_cut:
        shutil.rmtree(cut_off, ignore_errors=True)
        shutil.copytree(whole, cut_off)
        with program("older" if is_taken_back else "newer"):
            is_cut = cut_at(cuts + 1, lambda: reopen(cut_off).close())
        cuts += is_cut
        for which in ("older", "newer", "older"):
            with program(which):
                again = reopen(cut_off)
                records = again.records(current(again).chain, start=1, limit=9)
                assert [1, 2, 3, 4, 5][: len(records)] == check_chain(records)
                assert (5 if is_taken_back else 3) == len(records)
                again.close()
        assert [] == list(cut_off.glob("*.part"))
    print(f"{cuts} cuts")
    assert cuts > 8


class Updated(Life):
    """A life in which the program changes; `running` is the one that runs."""

    def __init__(self, folder: Path, running: ExitStack, *, is_newer: bool) -> None:
        self._program = running
        if is_newer:
            self._program.enter_context(later_gateway())
        super().__init__(folder, checkpoint_pages=CHECKPOINT_PAGES)

    def update(self) -> None:
        self._program.close()
        self._program.enter_context(later_gateway())
        self.restart()

    def take_back(self) -> None:
        self._program.close()
        self.restart()


Act = tuple[str, tuple[str | int | bool, ...]]
ACTS: st.SearchStrategy[Act] = st.one_of(
    st.tuples(st.sampled_from(["update", "take_back", "deposit", "restart"]), st.just(())),
    st.tuples(st.sampled_from(["update", "take_back"]), st.just(())),
    st.tuples(st.just("put"), st.tuples(st.sampled_from([EVIDENCE, SAMPLES]), st.integers(1, 3))),
    st.tuples(st.just("receipt"), st.tuples(st.just(EVIDENCE), st.integers(0, 3))),
    st.tuples(st.just("later"), st.tuples(st.sampled_from([1, 24, 15 * 24]))),
)
# What happens, how far into it the power is cut, how much of what was not synced is left, and which
# program starts then.
LIVES = st.lists(
    st.tuples(
        st.lists(ACTS, min_size=1, max_size=10),
        st.floats(0, 1),
        st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def lived_through(lives: list[tuple[list[Act], float, float, bool]]) -> list[str]:
    """What is wrong after lives each of which begins with what a power cut left of the one before.

    A copy lies there all the while, as it does for a fortnight after an update.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        lived, left = Path(made) / "lived", Path(made) / "left"
        files: dict[str, bytes] = {}
        wrong, is_newer = [], False
        for acts, how_far, share, is_newer_then in lives:
            lay(files, lived)
            schema.copied(lived / "journal.db", 4).touch()
            with ExitStack() as running:
                life = Updated(lived, running, is_newer=is_newer)
                for does, arguments in acts:
                    getattr(life, does)(*arguments)
                life.end()
            point = round(how_far * len(life.disk.operations))
            files = cut(life, point, some(share, "seed"))
            is_newer = is_newer_then
            lay(files, left)
            schema.copied(left / "journal.db", 4).touch()
            with program("newer" if is_newer else "older"):
                wrong += unlinked(life) + troubles(life, point, left)
    return wrong


@given(lives=LIVES)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_history_of_updates_taken_back_and_power_cut_leaves_chains_without_gap_or_fork(
    lives: list[tuple[list[Act], float, float, bool]],
) -> None:
    assert [] == lived_through(lives)


@pytest.mark.soak
@given(lives=LIVES)
@settings(max_examples=1_500, deadline=None)
def test_thousands_of_histories_of_updates_leave_chains_without_gap_or_fork(
    lives: list[tuple[list[Act], float, float, bool]],
) -> None:
    assert [] == lived_through(lives)


def opened(path: Path, *, is_newer: bool = False) -> Community:
    """The books, by the program that runs now, with all that follows from the evidence."""
    with later_hub() if is_newer else nullcontext():
        community = Community(store.open_to_write(path), ID, log_key=key("log"))
        while community.settle(NOON_MS):
            pass
    return community


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """What is done to the disk while a newer hub takes the step, books, and is taken back."""
    street, home = Street(tmp_path / "lived"), Chain("home")
    street.take(
        "home", *(home.quarter(NOON_MS + n * QUARTER_MS, export_wh=n * 300) for n in (0, 1))
    )
    street.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    street.community.db.close()
    disk = Disk(street.path.parent)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_connect", lambda _: disk.connect(street.path))
        community = opened(street.path, is_newer=True)
        record = home.quarter(NOON_MS + 2 * QUARTER_MS, export_wh=600)
        Inbox(community).take([("home", record)], now_ms=NOON_MS)
        while community.settle(NOON_MS):
            pass
        community.db.close()
        opened(street.path).db.close()
    return disk


@pytest.mark.parametrize("is_newer", [False, True])
def test_wherever_the_power_is_cut_in_an_update_of_a_hub_every_credit_is_there_once(
    disk: Disk, tmp_path: Path, is_newer: bool
) -> None:
    """300 Wh and 300 Wh at a third of a credit per kWh; the second came while on trial."""
    medium, found, path = Medium(disk.before), [], tmp_path / "left/books.db"
    for point, operation in enumerate(disk.operations):
        medium.take(operation)
        if point % CUT_EVERY:
            continue
        for keep in ways(str(point)).values():
            lay(medium.after_a_cut(keep), path.parent)
            community = opened(path, is_newer=is_newer)
            balance = "SELECT amount FROM balance WHERE account = 'acc-noor'"
            found += [amount for (amount,) in community.db.execute(balance)]
            verify(community.db, ID, log_key=key("log").public, progress=str)
            community.db.close()
    print(f"{len(found)} cuts")
    assert {100_000, 200_000} == set(found)
    assert [200_000] * 3 == found[-3:]
    assert sorted(found) == found
    assert len(found) > 60


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def leave(place: Path, free: int) -> None:
    """Fill a file system but for so many bytes."""
    usage = os.statvfs(place)
    with (place / "others").open("wb") as others:
        os.posix_fallocate(others.fileno(), 0, usage.f_bavail * usage.f_frsize - free)


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
@pytest.mark.parametrize("free_mb", range(1, 31))
def test_however_much_of_the_disk_is_free_a_gateway_runs_with_every_record(
    small: Path, free_mb: int
) -> None:
    """5 MB of journal of which the newer program changes the largest table; 20 MB are asked for."""
    journal = reopen(small)
    for _ in range(60):
        for _ in range(20):
            elements = [Element(n="hall/telegram", vd="A" * 3_000)]
            journal.append(EVIDENCE, QUARTER, elements, moment=at(0))
        journal.commit(at(0))
    journal.close()
    (small / "journal.ballast").unlink(missing_ok=True)
    leave(small, free_mb * 1_000_000)
    is_begun, records = free_mb >= 20, 1_200
    with later_gateway(), nullcontext() if is_begun else pytest.raises(Unreachable):
        put(newer := reopen(small), 2)
        newer.close()
        records += 2
    older = reopen(small)
    assert list(range(1, records + 1)) == check_chain(
        older.records(current(older).chain, start=1, limit=9_999)
    )
    older.close()
    assert "" == file.damage(small / "journal.db", is_suspect=True)


@pytest.mark.soak
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")
@pytest.mark.parametrize("free_mb", range(1, 31))
def test_however_much_of_the_disk_is_free_a_hub_runs_with_every_credit(
    small: Path, free_mb: int
) -> None:
    """5 MB of books, 4 000 times 300 Wh at a third of a credit per kWh; 24 MB are asked for."""
    street, home = Street(small), Chain("home")
    for part in range(20):
        numbers = range(200 * part, 200 * part + 200)
        said = [home.quarter(NOON_MS + n * QUARTER_MS, export_wh=n * 300) for n in numbers]
        street.take("home", *said)
    street.community.db.close()
    leave(small, free_mb * 1_000_000)
    is_begun = free_mb >= 25
    with nullcontext() if is_begun else pytest.raises(PeopleError, match="another schema wants"):
        opened(street.path, is_newer=True).db.close()
    community = opened(street.path)
    balance = "SELECT amount FROM balance WHERE account = 'acc-noor'"
    assert [(399_900_000,)] == community.db.execute(balance).fetchall()
    verify(community.db, ID, log_key=key("log").public, progress=str)
    community.db.close()
