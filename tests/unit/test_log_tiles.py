"""The log as files: what is there, when, and what a monitor makes of it that knows no more."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract.cards import token
from gateway.contract.errors import PeopleError
from ledger_bridge.books.acts.requests import Transfer
from ledger_bridge.books.book import Batch
from ledger_bridge.books.log import proofs
from ledger_bridge.books.log.note import read_note
from ledger_bridge.books.log.stored import Log, growing
from ledger_bridge.books.log.tiles import publish, tile_path
from ledger_bridge.books.registry.edits import CardGiven, MemberAdded, MeterFitted
from ledger_bridge.books.store import commit
from tests.street import CARD_KEY, ID, NOON_MS, QUARTER_MS, Chain, Street, key
from tests.unit.test_log import slow_root


@pytest.fixture
def street(tmp_path):
    return Street(tmp_path / "books")


def say(street: Street, count: int) -> None:
    """So many more leaves in one commit, of no meaning."""
    batch: Batch = street.community.book.batch(NOON_MS)
    for number in range(count):
        batch.leaf("act", {"number": number})
    with commit(street.community.db):
        batch.write()
    batch.done()


def fill(street: Street, size: int) -> Log:
    """Leaves up to this number."""
    say(street, size - street.community.book.tree.size)
    return growing(street.community.db, ID)


def files(folder: Path) -> list[str]:
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/000", (0, 0)),
        ("tile/0/x001/x234/067", (0, 1_234_067)),
        ("tile/1/999.p/17", (1, 999, 17)),
        ("tile/entries/x001/000.p/1", ("entries", 1_000, 1)),
    ],
)
def test_a_tile_lies_where_the_specification_says(path, tile):
    assert path == tile_path(*tile)


def test_a_small_log_is_one_part_of_a_tile(street, tmp_path):
    log = fill(street, 5)
    assert not publish(tmp_path / "log", log, ())
    assert ["checkpoint", "keys", "tile/0/000.p/5", "tile/entries/000.p/5"] == files(
        tmp_path / "log"
    )


def test_256_leaves_are_a_full_tile_and_the_first_hash_of_the_next_level(street, tmp_path):
    """The example of the specification."""
    publish(tmp_path / "log", fill(street, 256), ())
    assert [
        "checkpoint",
        "keys",
        "tile/0/000",
        "tile/1/000.p/1",
        "tile/entries/000",
    ] == files(tmp_path / "log")


def test_70000_leaves_are_the_tiles_of_the_specification(street, tmp_path, monkeypatch):
    """273 full tiles and one of 112 hashes, a full one and one of 17, and one of 1."""
    monkeypatch.setattr("os.fsync", Disk(files_left=10_000).fsync)
    folder = tmp_path / "log"
    log = fill(street, 70_000)
    while publish(folder, log, ()):
        pass
    assert 273 + 1 == len(files(folder / "tile" / "0"))
    assert 112 * 32 == (folder / "tile/0/273.p/112").stat().st_size
    assert ["000", "001.p/17"] == files(folder / "tile" / "1")
    assert 256 * 32 == (folder / "tile/1/000").stat().st_size
    assert ["000.p/1"] == files(folder / "tile" / "2")


class Monitor:
    """Reads nothing but the folder, and reckons as the RFC says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        note = (folder / "checkpoint").read_bytes().decode()
        self.head = read_note(note, key=key("log").public)

    def _tile(self, level: int | str, n: int, width: int) -> bytes:
        """A part of a tile, or the whole one where that is there already."""
        part = self._folder / tile_path(level, n, width)
        return (part if part.exists() else self._folder / tile_path(level, n)).read_bytes()

    def entries(self) -> list[bytes]:
        found: list[bytes] = []
        while len(found) < self.head.size:
            n, width = len(found) // 256, min(256, self.head.size - len(found))
            data = self._tile("entries", n, width)
            for _ in range(width):
                length = int.from_bytes(data[:2], "big")
                found.append(data[2 : 2 + length])
                data = data[2 + length :]
        return found

    def hashes(self, level: int, start: int, stop: int) -> list[bytes]:
        n, at = divmod(start, 256)
        width = min(256, (self.head.size >> (8 * level)) - 256 * n)
        data = self._tile(level, n, width)
        return [data[32 * i : 32 * i + 32] for i in range(at, at + stop - start)]


@pytest.mark.parametrize("size", [3, 256, 300, 1000])
def test_a_monitor_finds_the_signed_root_in_the_entries_and_in_the_tiles(street, tmp_path, size):
    """Invariant 23 (ledger)."""
    publish(tmp_path / "log", fill(street, size), ())
    monitor = Monitor(tmp_path / "log")
    assert size == monitor.head.size
    assert slow_root(monitor.entries()) == monitor.head.root
    assert proofs.root(monitor, 0, size) == monitor.head.root


def test_what_is_published_grows_and_parts_go_once_a_tile_is_full(street, tmp_path):
    """Invariant 8 (DESIGN)."""
    folder = tmp_path / "log"
    publish(folder, fill(street, 200), ())
    before = Monitor(folder).head
    publish(folder, fill(street, 255), ())
    assert ["000.p/200", "000.p/255"] == files(folder / "tile" / "0")
    publish(folder, fill(street, 600), ())
    assert ["000", "001", "002.p/88"] == files(folder / "tile" / "0")
    monitor = Monitor(folder)
    path = proofs.consistency(monitor, before.size, 600)
    roots = proofs.roots_by_consistency(before.size, 600, path, old_root=before.root)
    assert (before.root, monitor.head.root) == roots


def test_nothing_new_writes_nothing(street, tmp_path):
    log = fill(street, 5)
    publish(tmp_path / "log", log, ())
    (tmp_path / "log" / "keys").unlink()
    publish(tmp_path / "log", log, ())
    assert "keys" not in files(tmp_path / "log")


def test_a_long_log_is_published_step_by_step(street, tmp_path, monkeypatch):
    monkeypatch.setattr("ledger_bridge.books.log.tiles.LEAVES_AT_ONCE", 100)
    folder = tmp_path / "log"
    sizes = [fill(street, size).signed_size() for size in (90, 180, 500)]
    log = growing(street.community.db, ID)
    found = []
    while publish(folder, log, ()):
        found.append(Monitor(folder).head.size)
    assert sizes == [*found, Monitor(folder).head.size]


@pytest.mark.parametrize("files_left", range(7))
def test_a_head_is_published_after_all_that_leads_to_it(street, tmp_path, monkeypatch, files_left):
    """The disk is full at each of the seven files that bring 10 leaves to 300: both entry bundles,
    both tiles of hashes, the tile above them, the keys, the head. What is there fits together, and
    the rest follows.
    """
    folder = tmp_path / "log"
    publish(folder, fill(street, 10), ())
    log = fill(street, 300)
    monkeypatch.setattr("os.fsync", Disk(files_left=files_left).fsync)
    with pytest.raises(OSError, match="No space left"):
        publish(folder, log, ())
    monkeypatch.undo()
    before = Monitor(folder)
    assert (10, slow_root(before.entries())) == (before.head.size, before.head.root)
    assert publish(folder, log, ()) is False
    monitor = Monitor(folder)
    assert (300, slow_root(monitor.entries())) == (monitor.head.size, monitor.head.root)


class Disk:
    """Has room for so many files."""

    def __init__(self, *, files_left: int) -> None:
        self._left = files_left

    def fsync(self, _: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise OSError(28, "No space left on device")


def test_books_that_are_older_than_what_was_published_publish_nothing(street, tmp_path):
    """Invariant 23 (ledger): the head that others have seen stays where it is."""
    folder = tmp_path / "log"
    publish(folder, fill(street, 20), ())
    older = Street(tmp_path / "backup")
    with pytest.raises(PeopleError, match="20 leaves were published, and these books have 10"):
        publish(folder, fill(older, 10), ())
    assert 20 == Monitor(folder).head.size


def test_books_that_say_something_else_publish_nothing(street, tmp_path):
    folder = tmp_path / "log"
    publish(folder, fill(street, 20), ())
    other = Street(tmp_path / "other")
    with pytest.raises(PeopleError, match="another head of 20 leaves was published") as found:
        publish(folder, fill(other, 25), ())
    assert "hub restored --checkpoint" in found.value.problems[0].try_
    assert 20 == Monitor(folder).head.size


def test_a_spoilt_head_in_the_folder_is_named(street, tmp_path):
    folder = tmp_path / "log"
    log = fill(street, 5)
    publish(folder, log, ())
    (folder / "checkpoint").write_text("spoilt")
    with pytest.raises(PeopleError, match="what was published cannot be read"):
        publish(folder, log, ())


def test_nothing_personal_is_in_the_files(street, tmp_path):
    """Invariant 26 (ledger), 9 (DESIGN): members, accounts, meters and amounts are not there."""
    home = Chain("home")
    street.take("home", home.quarter(NOON_MS - QUARTER_MS, export_wh=0, serial="E0047007"))
    street.take("home", home.quarter(NOON_MS, export_wh=987_654, serial="E0047007"))
    publish(tmp_path / "log", growing(street.community.db, ID), ())
    data = b"".join(one.read_bytes() for one in (tmp_path / "log").rglob("*") if one.is_file())
    for word in (b"noor", b"acc-noor", b"E0047007", b"home", b"987654", b"1-0:2.8.1", b"ENERGY"):
        assert word not in data


WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=8, max_size=12)


@settings(max_examples=15, deadline=None)
@given(words=st.lists(WORDS, min_size=6, max_size=6, unique=True), wh=st.integers(10**6, 10**7))
def test_whatever_people_and_things_are_called_nothing_published_says_it(words, wh):
    """Invariants 26 (ledger), 9 (DESIGN): names, numbers, meters, cards, amounts and reasons."""
    member, account, name, number, serial, reason = words
    with TemporaryDirectory() as folder:
        street = Street(Path(folder) / "books")
        fits = MemberAdded(member, account), MeterFitted("home", "hall", serial, member, 1)
        street.edit(*fits, CardGiven(token("C", CARD_KEY), member))
        with commit(street.community.db) as db:
            db.execute("INSERT INTO person VALUES (?, ?, ?, ?)", (ID, member, name, number))
        home, point = Chain("home"), Chain("point")
        for n in range(9):
            at_ms = NOON_MS + n * QUARTER_MS
            street.take("home", home.quarter(at_ms, export_wh=wh + n * 900, serial=serial))
        street.take("point", point.deposit(NOON_MS, grams=2_000, card="C"))
        street.act(Transfer(member, "bram", "WASTE", 7), reason)
        publish(Path(folder) / "log", growing(street.community.db, ID), ())
        files = (Path(folder) / "log").rglob("*")
        data = b"".join(one.read_bytes() for one in files if one.is_file())
    said = [*words, str(wh), token("C", CARD_KEY), "1-0:2.8.1"]
    assert [] == [word for word in said if word.encode() in data]


@pytest.mark.parametrize("gone", ["", "WHERE n = 0", "WHERE n = 1"])
def test_what_is_not_kept_is_reckoned_when_the_books_are_opened(street, tmp_path, gone):
    """An older program kept none; two rows over 600 leaves."""
    fill(street, 600)
    street.community.db.execute(f"DELETE FROM subtree {gone}")
    street.open()
    rows = street.community.db.execute("SELECT level, n FROM subtree").fetchall()
    assert [(1, 0), (1, 1)] == rows
    publish(tmp_path / "log", growing(street.community.db, ID), ())
    assert slow_root(Monitor(tmp_path / "log").entries()) == Monitor(tmp_path / "log").head.root
