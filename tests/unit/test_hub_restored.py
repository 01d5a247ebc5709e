"""A hub whose books are a backup, and two gateways that are copies of one: nothing is lost, twice
or hidden. The gateway's own journal and publisher on one side, the inbox on the other.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract import policy as papers
from gateway.contract import receipt
from gateway.journal import EVIDENCE
from gateway.quarter import Moment
from ledger_bridge import inbox
from ledger_bridge.books import store
from ledger_bridge.books.community import Community
from ledger_bridge.books.registry import papers as registries
from ledger_bridge.books.registry.edits import Edits, Founded, GatewayAdmitted
from ledger_bridge.books.verify.verify import verify
from ledger_bridge.inbox import Delivery, Inbox
from tests.publisher import BRIDGE, KEY, NOON, Bench
from tests.street import POLICY, key

DAY_MS = 86_400_000
NOON_MS = 1_780_308_000_000  # of the bench
TURNS_MAX = 400


class Books:
    """The books of community z, to which gateway `home` of a bench belongs."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "books.db"
        self.open()
        founded = Founded((key("steward").public.x,), BRIDGE.public.x, key("log").public.x, "pot")
        edits = Edits("z", 0, (founded, GatewayAdmitted("home", KEY.public.x)))
        document = registries.make(edits, key=key("steward"))
        self.community.hand_in_edits(document, {}, now_ms=0)
        policy = papers.make(POLICY.replace("straat", "z"), community="z", key=key("steward"))
        self.community.hand_in_policy(policy, now_ms=0)

    def open(self) -> None:
        self.community = Community(store.open_to_write(self.path), "z", log_key=key("log"))
        self.inbox = Inbox(self.community)

    def close(self) -> None:
        self.community.db.close()

    def take(self, bench: Bench) -> Delivery:
        """What the broker has is stored, and the gateway hears the receipts."""
        some = [("home", data) for data in bench.link.records]
        bench.link.records.clear()
        delivery = self.inbox.take(some, now_ms=NOON_MS)
        self.hear(bench, delivery.receipts)
        return delivery

    def hear(self, bench: Bench, receipts: list[receipt.Receipt]) -> None:
        for one in receipts:
            bench.hear(receipt.make(one, key=BRIDGE))

    def numbers(self) -> list[int]:
        rows = self.community.db.execute("SELECT seq FROM record ORDER BY chain, seq")
        return [seq for (seq,) in rows]

    def numbers_of(self, *chains: str) -> list[int]:
        """What is stored of these, chain by chain."""
        of_chain = "SELECT seq FROM record WHERE chain = ? ORDER BY seq"
        rows = [row for chain in chains for row in self.community.db.execute(of_chain, (chain,))]
        return [seq for (seq,) in rows]

    def check(self) -> None:
        verify(self.community.db, "z", log_key=key("log").public, progress=str)


def pump(bench: Bench, books: Books, moment: Moment = NOON) -> list[Delivery]:
    """Turn after turn, until the gateway has a receipt for everything."""
    deliveries = []
    for _ in range(TURNS_MAX):
        bench.journal.commit(moment)
        bench.turn(bench.now_s + 0.5)
        deliveries.append(books.take(bench))
        if not bench.journal.tally().pending and bench.journal.takes:
            return deliveries
    raise AssertionError("not within so many turns")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "home").mkdir()
    made = Bench(tmp_path / "home")
    yield made
    made.journal.close()


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def restore(books: Books, backup: Path) -> None:
    books.close()
    for file in books.path.parent.glob("books.db*"):
        file.unlink()
    shutil.copy(backup, books.path)
    books.open()


def backed_up(books: Books) -> Path:
    backup = books.path.with_name("backup.db")
    books.community.db.execute("VACUUM INTO ?", (str(backup),))
    return backup


def test_a_hub_restored_from_a_backup_asks_again_and_gets_all_once(bench, books):
    bench.put(500)
    pump(bench, books)
    backup = backed_up(books)
    bench.put(3_000)
    pump(bench, books)
    restore(books, backup)
    bench.put(1)
    deliveries = pump(bench, books)
    assert ("home", inbox.TOO_FAR) in deliveries[0].refused
    assert list(range(1, 3_502)) == books.numbers()
    assert 3_501 == bench.journal.tally().delivered
    books.check()


def test_a_restored_hub_gets_all_although_nothing_new_comes_once_a_gateway_says_hello(bench, books):
    bench.put(20)
    pump(bench, books)
    backup = backed_up(books)
    bench.put(30)
    pump(bench, books)
    restore(books, backup)
    books.hear(bench, books.inbox.receipts("home", [], now_ms=NOON_MS))
    pump(bench, books)
    assert list(range(1, 51)) == books.numbers()


def test_what_was_dropped_since_the_backup_is_declared_lost_and_the_rest_comes(bench, books):
    bench.put(10)
    pump(bench, books)
    backup = backed_up(books)
    bench.put(2_000)
    pump(bench, books)
    # Evidence that is receipted stays for 14 days.
    later = Moment(NOON_MS + 15 * DAY_MS, 15 * DAY_MS, "synced")
    bench.journal.commit(later)
    bench.put(5)
    bench.journal.commit(later)
    first = bench.chain().first
    assert first > 1_011
    restore(books, backup)
    pump(bench, books, later)
    last = bench.chain().last
    assert [*range(1, 11), *range(first, last + 1)] == books.numbers()
    lost = books.community.db.execute("SELECT first, last, passed_from FROM lost").fetchall()
    assert [(11, first - 1, 11)] == lost
    books.check()


def test_two_copies_of_a_gateway_hear_that_its_chain_is_held_and_go_on(bench, books, tmp_path):
    bench.put(3)
    pump(bench, books)
    shutil.copytree(tmp_path / "home", tmp_path / "copy")
    copy = Bench(tmp_path / "copy")
    old = bench.chain().chain
    bench.put(1)
    pump(bench, books)
    copy.journal.append(EVIDENCE, "mk-quarter-v1", [], moment=NOON._replace(mono_ms=7))
    copy.journal.commit(NOON)
    copy.turn(copy.now_s + 1)
    delivery = books.take(copy)
    assert [("home", inbox.FORKED)] == delivery.refused
    assert ["two records under number 4"] == [one.held for one in delivery.receipts]
    assert {old: "two records under number 4"} == copy.publisher.standing().held
    bench.put(1)
    bench.turn(bench.now_s + 1)
    assert [("home", inbox.HELD)] == books.take(bench).refused
    assert {old: "two records under number 4"} == bench.publisher.standing().held
    pump(bench, books)
    pump(copy, books)
    assert [1, 2, 3, 4, 1, 1] == books.numbers_of(old, bench.chain().chain, copy.chain().chain)
    (proof,) = books.community.db.execute("SELECT seq FROM fork").fetchall()
    assert (4,) == proof
    books.check()
    copy.journal.close()
