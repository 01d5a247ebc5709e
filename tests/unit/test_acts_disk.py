"""A disk that is full in the middle of a commit: nothing has changed, and the next try works."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ledger_bridge.books.acts.requests import Act, Exchange, Post, Request, Reserve, make
from ledger_bridge.desk import Answer, Paper, take
from tests.market import HOUR_MS, Market
from tests.street import ID, NOON_MS, key

PAGE_BYTES = 4096 + 24  # with its header in the write-ahead log
END_MS = NOON_MS + HOUR_MS


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """What a full disk does to a file that grows: so far, and not further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path, pool=(500, 0))
    market.act(Reserve("noor", "bram", "ENERGY", 100, END_MS), "reserve")
    market.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    market.community.db.execute("PRAGMA wal_autocheckpoint = 0")
    return market


def ask(market: Market, act: Act, *, now_ms: int = NOON_MS) -> Answer:
    document = make(Request(ID, "k", act), key=key("steward"))
    return take(market.community, Paper("act", document.decode()), now_ms=now_ms)


ACTS = {
    "exchange": Exchange("bram", "to-energy", 3_000),
    "reserve": Reserve("noor", "bram", "ENERGY", 7, END_MS),
    "post": Post(4),
}


@pytest.mark.parametrize("pages", [0, 1, 3, 5, 7])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_where_the_disk_is_full_nothing_changes_and_the_next_try_works(market, act, pages):
    """Invariant 5 (ledger): a group is wholly there or wholly absent."""
    before = list(market.community.db.iterdump())
    with no_file_above(pages * PAGE_BYTES + 32):
        ((what, where, try_),) = ask(market, act).problems
    assert what.startswith("the books cannot be written: ")
    assert ("act; nothing was changed", "make room, then ask again") == (where, try_)
    assert before == list(market.community.db.iterdump())
    assert "5" == ask(market, act).result
    market.verify()


def test_what_could_not_expire_for_want_of_room_expires_later(market):
    with no_file_above(32):
        problems = ask(market, Post(4), now_ms=END_MS).problems
    assert problems[0][0].startswith("the books cannot be written: ")
    assert 1 == market.community.expire(END_MS)
    market.verify()
