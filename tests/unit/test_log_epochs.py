"""The log's key changes, the log begins again, and whoever looks can follow or is warned."""

import json
from pathlib import Path

import pytest

from gateway.contract import rotation, signed
from gateway.contract.errors import PeopleError
from gateway.contract.signed import Malformed
from ledger_bridge.books.community import Community
from ledger_bridge.books.log.note import Checkpoint, claimed, is_by, note
from ledger_bridge.books.log.proof import check, read, render
from ledger_bridge.books.log.proving import known, prove
from ledger_bridge.books.log.stored import epochs
from ledger_bridge.books.registry import restart, stewards
from ledger_bridge.books.registry.edits import LogBegunAgain, LogHandedOver, StewardsNamed
from ledger_bridge.books.registry.restart import Restart
from ledger_bridge.books.registry.stewards import Term
from ledger_bridge.books.store import open_to_write
from ledger_bridge.books.verify.look import Differs
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.inbox import Inbox
from tests.street import ID, MIDNIGHT_MS, QUARTER_MS, Chain, Street, key

KEYS = {key(name).public.x: key(name) for name in ("log", "log 2", "log 3")}


# Heads of other logs.
OTHERS = note(Checkpoint("meterkast/straatje", 1, bytes(32)), key=key("log"))
ODD = note(Checkpoint("meterkast/straat/01", 1, bytes(32)), key=key("log"))


class Log(Street):
    """A street whose hub has all keys that the log ever had."""

    def open(self) -> None:
        self.community = Community(
            open_to_write(self.path), ID, log_key=key("log"), log_keys=KEYS.__getitem__
        )
        self.inbox = Inbox(self.community)
        self.home = Chain("home")

    def credit(self) -> int:
        """One more booking; gives its number."""
        at_ms = MIDNIGHT_MS + self.home.seq * QUARTER_MS
        self.take("home", self.home.quarter(at_ms, export_wh=1_000 * self.home.seq))
        return self.community.book.last_booking

    def hand_over(self, old: str, new: str) -> None:
        said = rotation.make(ID, old=key(old), new=key(new), who=rotation.LOG)
        self.edit(LogHandedOver(said.decode()))

    def begin_again(self, number: int, name: str = "log", seen: str = "") -> None:
        asked = Restart(ID, number, key(name).public.x, seen)
        self.edit(LogBegunAgain(restart.make(asked, key=key("steward")).decode()))

    def newest(self) -> str:
        (note,) = self.community.db.execute(
            "SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return note

    def verified(self, name: str = "log") -> int:
        return verify(self.community.db, ID, log_key=key(name).public, progress=str).leaves

    def proof(self, booking: int, since: str = "") -> str:
        return render(prove(self.community.db, self.community.registry, booking, since=since))


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path)
    made.credit()
    made.credit()
    return made


# Another key


def test_the_old_key_signs_that_it_hands_over_and_the_new_one_what_comes_then(log):
    log.hand_over("log", "log 2")
    assert is_by(log.newest(), key("log").public)
    log.credit()
    assert is_by(log.newest(), key("log 2").public)
    assert claimed(log.newest()).origin == "meterkast/straat"


@pytest.mark.parametrize("known_key", ["log", "log 2", "log 3"])
def test_whoever_knows_any_key_of_the_log_can_verify_it_and_a_proof(log, known_key):
    """Invariant 23 (ledger)."""
    log.hand_over("log", "log 2")
    log.credit()
    log.hand_over("log 2", "log 3")
    booking = log.credit()
    assert log.verified(known_key) == log.community.book.tree.size
    shown = check(read(log.proof(booking)), key(known_key).public)
    assert booking == shown.booking


def test_a_head_of_before_is_followed_to_the_newest_one(log):
    kept = log.newest()
    log.hand_over("log", "log 2")
    log.credit()
    shown = check(read(log.proof(1, since=kept)), key("log").public, held=kept)
    assert 1 == shown.booking


def test_an_old_key_signs_nothing_any_more(log):
    """Who finds it later cannot make proofs with it."""
    log.hand_over("log", "log 2")
    log.credit()
    made = prove(log.community.db, log.community.registry, 1)
    stolen = signed_by("log", made.note)
    with pytest.raises(Malformed, match="not signed by the log's key"):
        check(made._replace(note=stolen), key("log").public)
    log.community.db.execute(
        "UPDATE checkpoint SET note = ? WHERE size = (SELECT max(size) FROM checkpoint)",
        (stolen,),
    )
    with pytest.raises(Differs, match="not signed by this log"):
        log.verified()


def signed_by(name: str, text: str) -> str:
    return note(claimed(text), key=key(name))


def test_the_books_are_opened_with_the_key_in_use(log):
    log.hand_over("log", "log 2")
    log.open()
    log.edit()
    assert is_by(log.newest(), key("log 2").public)


def test_a_hub_without_the_new_key_hands_over_to_nobody(log):
    other = rotation.make(ID, old=key("log"), new=key("elsewhere"), who=rotation.LOG)
    before = log.newest()
    with pytest.raises(KeyError):
        log.edit(LogHandedOver(other.decode()))
    assert before == log.newest()
    assert log.community.registry.log == key("log").public.x


@pytest.mark.parametrize(
    "said",
    [
        rotation.make(ID, old=key("bridge"), new=key("log 2"), who=rotation.LOG),
        rotation.make(ID, old=key("log"), new=key("log 2")),
        rotation.make("dorp", old=key("log"), new=key("log 2"), who=rotation.LOG),
        rotation.make(ID, old=key("log"), new=key("log"), who=rotation.LOG),
        b"nothing",
    ],
    ids=["another key", "as the bridge", "another community", "the same key", "noise"],
)
def test_a_handover_that_is_none_changes_nothing(log, said):
    before = log.newest()
    with pytest.raises(PeopleError):
        log.edit(LogHandedOver(said.decode()))
    assert before == log.newest()


# The log begins again


def test_a_new_epoch_begins_with_the_last_head_of_the_one_before(log):
    """Invariant 23 (ledger): the first leaf names it, the origin is another one."""
    before = log.newest()
    log.begin_again(2)
    db = log.community.db
    first = log.community.book.log.first
    (kind, body) = db.execute("SELECT kind, body FROM leaf WHERE idx = ?", (first,)).fetchone()
    assert "epoch" == kind
    assert {"number": 2, "before": before} == json.loads(body)
    assert ("meterkast/straat/2", 2) == claimed(log.newest())[:2]
    log.credit()
    assert log.verified() == first + log.community.book.tree.size


def test_bookings_of_both_epochs_are_proven(log):
    """Invariant 24 (ledger)."""
    log.begin_again(2)
    booking = log.credit()
    old = check(read(log.proof(1)), key("log").public)
    new = check(read(log.proof(booking)), key("log").public)
    size = epochs(log.community.db, ID)[0].size()
    assert (1, size) == (old.booking, old.size)
    assert (booking, log.community.book.tree.size) == (new.booking, new.size)


def test_a_proof_of_an_ended_epoch_leads_to_the_key_that_signed_its_last_head(log):
    log.hand_over("log", "log 2")
    log.credit()
    log.begin_again(2, "log 2")
    log.hand_over("log 2", "log 3")
    log.credit()
    assert 1 == check(read(log.proof(1)), key("log").public).booking
    with pytest.raises(Malformed, match="not signed by the log's key"):
        check(read(log.proof(1)), key("log 3").public)


def test_the_books_are_opened_in_the_epoch_that_grows(log):
    log.begin_again(2)
    size = log.community.book.tree.size
    root = log.community.book.tree.root()
    log.open()
    assert (2, size, root) == (
        log.community.book.log.epoch,
        log.community.book.tree.size,
        log.community.book.tree.root(),
    )
    log.edit()
    assert log.verified()


def test_books_restored_twice_from_one_backup_begin_an_epoch_that_nobody_has_seen(tmp_path):
    log = Log(tmp_path / "one")
    log.credit()
    backups = [tmp_path / "first.db", tmp_path / "second.db"]
    for backup in backups:
        log.community.db.execute("VACUUM INTO ?", (str(backup),))
    first, second = map(Restored, backups)
    first.begin_again(2)
    first.edit()
    with pytest.raises(PeopleError, match="epoch 2 of 'straat', not 3"):
        second.begin_again(2, seen=first.newest())
    second.begin_again(3, seen=first.newest())
    assert "meterkast/straat/3" == claimed(second.newest()).origin
    assert [1, 3] == [one.epoch for one in epochs(second.community.db, ID)]
    assert second.verified()
    second.open()
    second.edit()
    assert second.verified()


def test_a_lost_key_is_replaced_by_the_stewards(log):
    log.begin_again(2, "log 2", seen=log.newest())
    booking = log.credit()
    assert is_by(log.newest(), key("log 2").public)
    assert log.verified("log 2")
    text = log.proof(booking)
    assert booking == check(read(text), key("log 2").public).booking
    with pytest.raises(Malformed, match="not signed by the log's key"):
        check(read(text), key("log").public)


def test_two_of_three_stewards_must_sign_where_as_many_are_asked(log):
    three = tuple(key(name).public.x for name in ("steward", "s2", "s3"))
    log.edit(StewardsNamed(stewards.make(Term(ID, 1, three, 2), key=key("steward")).decode()))
    one = restart.make(Restart(ID, 2, key("log 2").public.x), key=key("steward"))
    with pytest.raises(PeopleError, match="signed by 1 of the 2 who must"):
        log.edit(LogBegunAgain(one.decode()))
    log.edit(LogBegunAgain(signed.add(one, key=key("s3")).decode()))
    assert log.community.registry.epoch == 2
    assert log.verified()


@pytest.mark.parametrize(
    ("said", "asked", "signer"),
    [
        ("epoch 3 of 'straat', not 2", Restart(ID, 3, key("log").public.x), "steward"),
        ("epoch 2 of 'dorp'", Restart("dorp", 2, key("log").public.x), "steward"),
        ("not signed by a steward", Restart(ID, 2, key("log").public.x), "log"),
        ("error", Restart(ID, 2, "no key"), "steward"),
        ("not a signed note", Restart(ID, 2, key("log").public.x, "seen"), "steward"),
        ("which is no log of 'straat'", Restart(ID, 2, key("log").public.x, OTHERS), "steward"),
        ("which is no log of 'straat'", Restart(ID, 2, key("log").public.x, ODD), "steward"),
    ],
    ids=["number", "community", "signer", "key", "no-note", "another's", "oddly-named"],
)
def test_a_beginning_that_nobody_may_ask_for_changes_nothing(log, said, asked, signer):
    before = log.newest()
    paper = restart.make(asked, key=key(signer))
    with pytest.raises(PeopleError, match=said):
        log.edit(LogBegunAgain(paper.decode()))
    assert (before, 1) == (log.newest(), log.community.registry.epoch)


def test_the_same_paper_again_changes_nothing(log):
    log.begin_again(2)
    with pytest.raises(PeopleError, match="epoch 2 of 'straat', not 3"):
        log.begin_again(2)


def test_a_document_begins_the_log_again_once_at_most(log):
    papers = [
        LogBegunAgain(
            restart.make(Restart(ID, n, key("log").public.x), key=key("steward")).decode()
        )
        for n in (2, 3)
    ]
    with pytest.raises(PeopleError, match="the log begins again twice"):
        log.edit(*papers)


def test_a_key_of_before_never_comes_back(log):
    log.hand_over("log", "log 2")
    with pytest.raises(PeopleError, match="had this key before"):
        log.begin_again(2, "log")
    with pytest.raises(PeopleError, match="does not lead from"):
        log.hand_over("log 2", "log")


def test_a_backup_is_told_from_the_head_that_a_neighbour_kept(tmp_path):
    """The hub goes on from a backup, says other things, and the neighbour's head shows it."""
    log = Log(tmp_path / "one")
    log.credit()
    backup = tmp_path / "backup.db"
    log.community.db.execute("VACUUM INTO ?", (str(backup),))
    log.credit()
    kept = log.newest()
    older = Restored(backup)
    assert known(older.community.db, older.community.registry, kept).is_ahead
    while known_is_ahead(older, kept):
        older.edit()
    with pytest.raises(PeopleError, match="the log was changed"):
        known(older.community.db, older.community.registry, kept)
    older.begin_again(2, seen=kept)
    assert older.verified()


def known_is_ahead(log: Log, kept: str) -> bool:
    try:
        return known(log.community.db, log.community.registry, kept).is_ahead
    except PeopleError:
        return False


class Restored(Log):
    """Books that lie there already."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._now_ms = MIDNIGHT_MS
        self.open()


# What verify names


TAMPERINGS = {
    "a subtree of the writer's making": (
        "INSERT INTO subtree VALUES ('straat', 1, 1, 0, x'00')",
        "subtree 1 1 0",
    ),
    "an epoch of the writer's making": (
        "INSERT INTO epoch VALUES ('straat', 3, 1)",
        "epoch 3 1",
    ),
    "an epoch forgotten": ("DELETE FROM epoch", "epoch 2"),
    "a first leaf that nobody can read": (
        "UPDATE leaf SET body = x'7b' WHERE kind = 'epoch'",
        "leaf",
    ),
    "the first leaf of the epoch": (
        'UPDATE leaf SET body = CAST(\'{"number":2,"before":""}\' AS BLOB) WHERE kind = \'epoch\'',
        "leaf",
    ),
}


@pytest.mark.parametrize(("statement", "where"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_what_was_changed_of_epochs_is_named(log, statement, where):
    log.begin_again(2)
    log.credit()
    log.community.db.execute(statement)
    with pytest.raises(Differs) as found:
        log.verified()
    assert found.value.where.startswith(where)


def test_a_log_that_begins_again_by_itself_is_named(log):
    """Whoever has the log's key, and no steward's, begins it again."""
    batch = log.community.book.batch(MIDNIGHT_MS)
    batch.begin_epoch(2, key=key("log"))
    batch.write()
    batch.done()
    log.community.settle(MIDNIGHT_MS)
    log.credit()
    with pytest.raises(Differs, match="no steward asked that the log begin again"):
        log.verified()


def test_a_log_that_goes_on_though_stewards_began_it_again_is_named(log, monkeypatch):
    monkeypatch.setattr(Community, "_follow_log", lambda *_: None)
    log.begin_again(2)
    with pytest.raises(Differs, match="does not begin again where stewards said so"):
        log.verified()
