"""The power is cut while an act is written: it is there as a whole or not at all, and asked once
more it is there once.
"""

from pathlib import Path

import pytest

from ledger_bridge.books import store
from ledger_bridge.books.acts.requests import Exchange, Request, make
from ledger_bridge.books.community import Community
from ledger_bridge.desk import Paper, take
from tests.journal_life import lay, ways
from tests.market import Market
from tests.power import Disk, Medium
from tests.street import ID, NOON_MS, key

ACT = Exchange("bram", "to-energy", 3_000)
PAPER = Paper("act", make(Request(ID, "k", ACT), key=key("steward")).decode())


@pytest.fixture
def written(tmp_path, monkeypatch):
    """What was done to the disk while the act was decided, and how much before it began."""
    market = Market(tmp_path / "lived", pool=(500, 0))
    market.community.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    market.community.db.close()
    with monkeypatch.context() as patch:
        disk = Disk(market.path.parent)
        patch.setattr(store, "_connect", lambda _: disk.connect(market.path))
        community = Community(store.open_to_write(market.path), ID, log_key=key("log"))
        begun = len(disk.operations)
        assert "4" == take(community, PAPER, now_ms=NOON_MS).result
    return disk, begun


def after(files: dict[str, bytes], folder: Path) -> tuple[int, str, tuple[int, int]]:
    """How many bookings were left, what the act comes to when it is asked for again, and what bram
    has then.
    """
    lay(files, folder)
    market = Market.at(folder)
    (left,) = market.community.db.execute("SELECT count(*) FROM booking").fetchone()
    result = take(market.community, PAPER, now_ms=NOON_MS).result
    assert 4 == market.verify().bookings
    held = market.holds("bram")
    market.community.db.close()
    return left, result, held


def test_an_act_is_there_or_not_and_once_wherever_the_power_is_cut(written, tmp_path):
    """Invariants 2 (DESIGN) and 5 (ledger); 3 WASTE at 1/3 is 1 ENERGY."""
    disk, begun = written
    medium, left = Medium(disk.before), []
    for point, operation in enumerate(disk.operations, start=1):
        medium.take(operation)
        if point < begun:
            continue
        for keep in ways(str(point)).values():
            found, result, held = after(medium.after_a_cut(keep), tmp_path / "left")
            assert ("4", (100, 5_000)) == (result, held)
            left.append(found)
    assert {3, 4} == set(left)
    assert [4, 4, 4] == left[-3:]
    print(f"\n{len(left)} cuts")
