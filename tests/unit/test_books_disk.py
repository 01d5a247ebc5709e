"""A disk that is full at any statement of any commit: nothing has changed, and the next try works.

A street lives through a list of steps. At one of them the disk is full: at its first statement, at
its second and so on, until there is room for all of them. In the end the books are those of the
street that always had room.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.contract import policy as policies
from ledger_bridge.books.acts.requests import Close, Donate, Transfer
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts import papers
from ledger_bridge.books.facts.official import Series, Sight
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.registry.edits import MemberErased, MemberLeft, MeterFitted
from ledger_bridge.inbox import Inbox
from tests.homes import IN, OUT, RULE, Home, Homes, day
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, key

DAY_MS = 86_400_000
JULY_MS = MIDNIGHT_MS + 12 * DAY_MS
KWH = 1_000_000
EAN = "871694831000000001"
PRO_RATA = 'key = "pro-rata"\n'
FULL = "database or disk is full"
STATEMENTS_MAX = 100
# What a step leaves behind, but for salts and the tree heads over them.
TABLES = (
    *("booking", "posting", "balance", "claim", "dirty", "closed", "counter", "deposit", "sight"),
    *("shared", "shared_day", "unshared", "record", "chain", "policy", "paper", "holder"),
    *("seal", "kept"),
)


class Full:
    """A connection that finds the disk full after so many statements that write; None: there is
    room. Looking and undoing need none.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.room: int | None = None
        self.commits = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def _need(self, sql: str) -> None:
        if sql.split(maxsplit=1)[0] in {"SELECT", "WITH", "PRAGMA", "ROLLBACK"}:
            return
        if self.room == 0 or (sql == "COMMIT" and not self.commits):
            raise sqlite3.OperationalError(FULL)
        if self.room is not None:
            self.room -= 1

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self._need(sql)
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        self._need(sql)
        return self._db.executemany(sql, rows)


class Life(Homes):
    """The street, its disk, and what happens in it in this order."""

    def open(self) -> None:
        super().open()
        self.disk = Full(self.community.db)
        db = cast("sqlite3.Connection", self.disk)
        self.community = Community(db, ID, log_key=key("log"))
        self.inbox = Inbox(self.community)
        self.disk.execute("PRAGMA synchronous = OFF")  # here no power fails

    def begin(self) -> None:
        self.open_accounts()
        self._now_ms = JULY_MS

    def steps(self) -> dict[str, Callable[[], object]]:
        point, barn = Chain("point"), Home("barn")
        records = [
            *(("home", one) for one in day("home", (4 * KWH, 0), (0, 0), (900_000, 100))),
            *(("barn", barn.count(*one)) for one in ((0,), (1, 0, 3 * KWH), (2, 0, KWH), (96,))),
            *(("point", point.deposit(NOON_MS + n, grams=900, card="AB"[n])) for n in (0, 1)),
        ]
        later = [("barn", barn.count(192, 500_000, KWH))]
        toml = (POLICY + RULE + PRO_RATA).replace("2026-06-21", "2026-07-04")
        policy = policies.make(toml.replace('"0.05"', '"0.07"'), community=ID, key=key("steward"))
        figures = Series(EAN, OUT, MIDNIGHT_MS + 2 * QUARTER_MS, (700_000,), "m", "Liander")
        # More than the count that comes late will say: with it those before it wait.
        sight_ms = MIDNIGHT_MS + 140 * QUARTER_MS
        sight = Sight("barn", "hall", IN, "E1", sight_ms, 9 * KWH, "Wh", "Ans", KWH)
        paper = papers.make(Paper(ID, "file", JULY_MS, (figures, sight)), key=key("steward"))
        return {
            "deliver": lambda: self.inbox.take(records, now_ms=NOON_MS),
            "settle": self.settle,
            "fit": lambda: self.edit(MeterFitted("home", "hall", "E1", "noor", 1, point=EAN)),
            "paper": lambda: self.community.hand_in_evidence(paper, now_ms=JULY_MS),
            "settle what the paper said": self.settle,
            "give": lambda: self.act(Transfer("bram", "noor", "WASTE", 5), "g", now_ms=JULY_MS),
            "close": lambda: self.act(Close("2026-06"), "june", now_ms=JULY_MS),
            "settle what the close ended": self.settle,
            "policy": lambda: self.community.hand_in_policy(policy, now_ms=JULY_MS),
            "leave": lambda: self.edit(MemberLeft("noor", MIDNIGHT_MS + DAY_MS)),
            "give up": self.give_up,
            "settle what is left": self.settle,
            "erase": lambda: self.edit(MemberErased("noor")),
            "deliver late": lambda: self.inbox.take(later, now_ms=JULY_MS),
            "settle what was late": self.settle,
        }

    def settle(self) -> None:
        self.community.settle(JULY_MS)

    def give_up(self) -> None:
        """What noor still has goes to the pool; what was given before has its name already."""
        for asset in ("ENERGY", "WASTE"):
            amount = self.balance("acc-noor", asset)
            if amount:
                self.act(Donate("noor", "pool", asset, amount), f"up {asset}", now_ms=JULY_MS)

    def tables(self) -> dict[str, list[Any]]:
        """What it all left behind."""
        return {
            table: sorted(map(repr, self.disk.execute(f"SELECT * FROM {table}")))
            for table in TABLES
        }

    def squeeze(self, step: Callable[[], object]) -> int:
        """Do it with room for no statement, for one, for two …; gives how often it failed."""
        before = list(self.disk.iterdump())
        for room in range(STATEMENTS_MAX):
            self.disk.room = room
            try:
                step()
            except sqlite3.OperationalError:
                assert before == list(self.disk.iterdump())
            else:
                return room
            finally:
                self.disk.room = None
        raise AssertionError("it never had room")

    def give_up_at_the_end(self, step: Callable[[], object]) -> None:
        """Nobody tries it again after the disk was full at its very last statement."""
        before = list(self.disk.iterdump())
        self.disk.commits = False
        with pytest.raises(sqlite3.OperationalError, match=FULL):
            step()
        self.disk.commits = True
        assert before == list(self.disk.iterdump())


def lived(folder: Path, squeezed: str) -> tuple[dict[str, list[Any]], int]:
    """The books after such a life, and how often the disk was full."""
    life, failures = Life(folder, PRO_RATA), 0
    life.begin()
    for name, step in life.steps().items():
        if name == squeezed:
            failures = life.squeeze(step)
        else:
            step()
    life.check()
    return life.tables(), failures


@pytest.fixture(scope="module")
def with_room(tmp_path_factory):
    tables, failures = lived(tmp_path_factory.mktemp("room"), "")
    assert 0 == failures
    return tables


STEPS = (
    *("deliver", "settle", "fit", "paper", "settle what the paper said", "give", "close"),
    *("settle what the close ended", "policy", "leave", "erase", "deliver late"),
    "settle what was late",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_full_disk_changes_nothing_and_the_next_try_does_all(tmp_path, with_room, step):
    """Invariant 5 (ledger), 10 (DESIGN)."""
    tables, failures = lived(tmp_path, step)
    assert failures > 3
    assert with_room == tables


def lived_without(folder: Path, skipped: str, *, tried: bool) -> dict[str, list[Any]]:
    """The books after such a life but for a step, which was tried in vain or never thought of."""
    life = Life(folder, PRO_RATA)
    life.begin()
    for name, step in life.steps().items():
        if name != skipped:
            step()
        elif tried:
            life.give_up_at_the_end(step)
    life.check()
    return life.tables()


@pytest.mark.parametrize("step", ["fit", "paper", "policy", "deliver late"])
def test_what_found_no_room_and_was_not_tried_again_never_was(tmp_path, step):
    """Invariant 10 (DESIGN). Nothing of it is kept in mind: all that follows is as without it."""
    never = lived_without(tmp_path / "never", step, tried=False)
    assert never == lived_without(tmp_path / "in vain", step, tried=True)
