"""Whatever is asked of the desk, in whatever order: what must hold of the books holds afterwards.

The acts are drawn at random, most of them from what may succeed; some come twice under one key, and
time goes on between them.
"""

import shutil
from collections import Counter
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_bridge.books.acts.requests import (
    Act,
    Cancel,
    Donate,
    Exchange,
    Post,
    Request,
    Reserve,
    Retire,
    Reverse,
    Transfer,
    Void,
    WriteOff,
    make,
)
from ledger_bridge.books.registry.edits import LimitSet
from ledger_bridge.desk import Answer, Paper, take
from tests.market import HOUR_MS, Market
from tests.street import ID, NOON_MS, key

PEOPLE = ("noor", "bram", "noor", "bram", "pool", "supplier")
ASSETS = ("ENERGY", "WASTE")
OFFERS = ("to-energy", "to-waste")
ANYBODY = ("noor", "bram", "pool", "clearing", "retired", "cancelled", "eve", "")
ANYTHING = ("ENERGY", "WASTE", "SLEEPING", "BOUND", "GOLD", "")
ODD_NUMBERS = (-5, 0, 1, 5_000, 2**62, 2**64, -(2**64))
STEPS = 40


class Step(NamedTuple):
    """An act under one of some keys, so that some come twice; or a limit. Hours pass before it."""

    hours: int
    name: str
    what: Act | LimitSet


def likely(draw: Random, booked: int, now_ms: int) -> Act:
    """An act that may well succeed after so many bookings."""
    one, other = draw.choice(PEOPLE), draw.choice(PEOPLE)
    asset, amount, words = draw.choice(ASSETS), draw.randrange(30, 400), "as agreed"
    number = booked - draw.randrange(4)
    return draw.choice(
        (
            *(Transfer(one, other, asset, amount), Donate(one, "pool", asset, amount)),
            *(Exchange(one, draw.choice(OFFERS), amount),) * 2,
            *(Reserve(one, other, asset, amount, now_ms + draw.randrange(30) * HOUR_MS),) * 4,
            *(Post(number, draw.choice((None, amount // 2))), Post(number), Void(number)),
            *(Retire(one, asset, amount), Cancel(one, asset, amount, words)),
            *(Reverse(number, words), WriteOff(one, asset, "pool", words)),
        )
    )


def odd(draw: Random, now_ms: int) -> Act:
    """An act that hardly can succeed."""
    one, other = draw.choice(ANYBODY), draw.choice(ANYBODY)
    asset, amount, words = draw.choice(ANYTHING), draw.choice(ODD_NUMBERS), draw.choice(("", "x"))
    number = draw.choice(ODD_NUMBERS)
    return draw.choice(
        (
            *(Transfer(one, other, asset, amount), Donate(one, other, asset, amount)),
            *(Exchange(one, other, amount), Reserve(one, other, asset, amount, now_ms + number)),
            *(Post(number, amount), Void(number), Retire(one, asset, amount)),
            *(Cancel(one, asset, amount, words), Reverse(number, words)),
            WriteOff(one, asset, other, words),
        )
    )


def limit(draw: Random) -> LimitSet:
    floor, ceiling = draw.choice((None, -300, 0)), draw.choice((None, 800, 4_000))
    return LimitSet(draw.choice(PEOPLE), draw.choice(ASSETS), floor, ceiling, "a trial")


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Books in which noor, bram and the pool have something of both."""
    market = Market(tmp_path_factory.mktemp("market"), pool=(300, 2_500))
    market.act(Transfer("noor", "bram", "ENERGY", 300), "energy")
    market.act(Transfer("bram", "noor", "WASTE", 2_500), "waste")
    market.edit(LimitSet("noor", "WASTE", -500, None, "as agreed"))
    market.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    market.community.db.close()
    return market.path


class Trade:
    """A copy of those books, and what must hold in it after each step."""

    def __init__(self, before: Any, folder: Any) -> None:
        path = folder / "books.db"
        shutil.copy(before, path)
        self.market = Market.__new__(Market)
        self.market.path = path
        self.market._now_ms = NOON_MS
        self.market.open()
        self.db.execute("PRAGMA synchronous = OFF")  # here no power fails
        self.now_ms = NOON_MS
        self.asked: list[tuple[str, Act]] = []
        self.accepted: list[str] = []

    @property
    def db(self) -> Any:
        return self.market.community.db

    def live(self, draw: Random) -> None:
        """Some steps: mostly acts, of which some come twice under one key."""
        for _ in range(STEPS):
            self.now_ms += draw.choice((0, 0, 0, 1, 7)) * HOUR_MS
            self.market.community.expire(self.now_ms)
            kind = draw.randrange(20)
            if kind == 0:
                self.market.edit(limit(draw))
            elif kind == 1 and self.asked:
                self._do(*draw.choice(self.asked))
            elif kind < 4:
                self._do(f"k{draw.randrange(400)}", odd(draw, self.now_ms))
            else:
                act = likely(draw, self._count("booking"), self.now_ms)
                self._do(f"k{draw.randrange(400)}", act)

    def _do(self, name: str, act: Act) -> None:
        held, leaves = self._balances(), self._count("leaf")
        self.asked.append((name, act))
        if self.ask(name, act).problems:
            assert (held, leaves) == (self._balances(), self._count("leaf"))
            return
        self.accepted.append(type(act).__name__)
        self._check_bounds(held, goes_back=isinstance(act, Post | Void))
        self.check()

    def ask(self, name: str, act: Act) -> Answer:
        document = make(Request(ID, name, act), key=key("steward"))
        return take(self.market.community, Paper("act", document.decode()), now_ms=self.now_ms)

    def _count(self, table: str) -> int:
        count: int = self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count

    def _balances(self) -> dict[tuple[str, str], int]:
        rows = self.db.execute("SELECT account, asset, amount FROM balance")
        return {(account, asset): amount for account, asset, amount in rows}

    def _check_bounds(self, held: dict[tuple[str, str], int], *, goes_back: bool) -> None:
        """Nobody went below their floor by the act, or above their ceiling by what was not theirs
        before.
        """
        registry = self.market.community.registry
        for (account, asset), after in self._balances().items():
            holder = registry.holder_of(account) or ""
            change = after - held.get((account, asset), 0)
            floor, ceiling = registry.limits.get((holder, asset), (0, None))
            assert change >= 0 or after >= (floor or 0), (holder, asset, after)
            is_within = ceiling is None or after <= ceiling
            assert change <= 0 or is_within or goes_back, (holder, asset, after)

    def check(self) -> None:
        """What holds of all books, by plain SQL."""
        none = self.db.execute(
            "SELECT booking, asset FROM posting GROUP BY booking, asset HAVING sum(amount) != 0"
        ).fetchall()
        assert [] == none
        odd = self.db.execute(
            "SELECT account, asset FROM (SELECT account, asset, amount FROM balance"
            " UNION ALL SELECT account, asset, -amount FROM posting)"
            " GROUP BY account, asset HAVING sum(amount) != 0"
        ).fetchall()
        assert [] == odd
        apart = self.db.execute(
            "SELECT asset FROM (SELECT asset, amount FROM balance WHERE account = 'acc-clearing'"
            " UNION ALL SELECT asset, -amount FROM reservation WHERE ended IS NULL)"
            " GROUP BY asset HAVING sum(amount) != 0"
        ).fetchall()
        assert [] == apart
        known = {"pot", *self.market.community.registry.accounts.values()}
        known |= {one.id for one in self.market.community.registry.others.values()}
        assert {account for account, _ in self._balances()} <= known
        count, last = self.db.execute("SELECT count(*), max(seq) FROM booking").fetchone()
        assert count == last


@pytest.fixture(scope="module")
def accepted():
    """What was carried out in all: a law about nothing says nothing."""
    kinds: Counter[str] = Counter()
    yield kinds
    print(f"\nacts carried out: {kinds}")
    assert kinds.total() > 250
    assert len(kinds) == 10  # of 10 kinds


SEEDS = st.integers(0, 2**32)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_whatever_is_asked_the_books_hold(seed, before, accepted, tmp_path_factory):
    """Invariants 1 and 2 (DESIGN); 1, 2, 3, 4, 5 and 6 (ledger); and verify replays every act."""
    trade = Trade(before, tmp_path_factory.mktemp("trade"))
    trade.live(Random(seed))
    trade.market.verify()
    accepted.update(trade.accepted)


def asked_again(trade: Trade) -> list[tuple[str, str]]:
    """What each act came to, and what it comes to when it is asked for once more."""
    rows = trade.db.execute("SELECT seq, client_key FROM booking WHERE client_key IS NOT NULL")
    first = {name: str(seq) for seq, name in rows}
    came: dict[str, list[str]] = {name: [] for name in first}
    for name, act in trade.asked:
        if name in first:
            came[name].append(trade.ask(name, act).result)
    return [(first[name], max(results)) for name, results in came.items() if results]


@settings(max_examples=10)
@given(seed=SEEDS)
def test_what_is_asked_again_is_answered_as_before_and_changes_nothing(
    seed, before, tmp_path_factory
):
    """Invariant 8 (ledger)."""
    trade = Trade(before, tmp_path_factory.mktemp("trade"))
    trade.live(Random(seed))
    trade.market.community.settle(trade.now_ms)
    dump = list(trade.db.iterdump())
    assert all(first == again for first, again in asked_again(trade))
    assert dump == list(trade.db.iterdump())
