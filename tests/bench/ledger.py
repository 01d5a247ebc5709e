"""The book by single commits and by repetition: one mint a commit against one row a commit, and a
batch that comes a second time against its first. SQLite synchronous FULL, on a real disk.
"""

import hashlib
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import median

from ledger_bridge.inbox import spare_the_collector
from tests.bench import Ratio
from tests.bench.bridge import HOMES, homes, quarter, repeat, tapped
from tests.street import MIDNIGHT_MS, NOON_MS, QUARTER_MS, Chain, Street

MINTS = 200
BATCHES = 7
DISK = "/var/tmp"  # where /tmp may be memory


def _one_row(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / "rows.db", isolation_level=None)
    for setting in ("journal_mode = WAL", "synchronous = FULL"):
        db.execute(f"PRAGMA {setting}")
    db.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, word TEXT NOT NULL) STRICT")
    return db


def _mints() -> list[Ratio]:
    """A claim settled, posted and signed in each commit; the bare statements of that commit; and a
    row inserted in each, in turn.
    """
    ours, statements, rows_ = [], [], []
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        folder = Path(name)
        street, twin = Street(folder / "ours"), Street(folder / "twin")
        chain, rows, tap = Chain("home"), _one_row(folder), tapped(street)
        for n in range(MINTS + 1):
            data = chain.quarter(MIDNIGHT_MS + n * QUARTER_MS, export_wh=30 * n)
            for one in (street, twin):
                one.inbox.take([("home", data)], now_ms=NOON_MS)
            tap.calls.clear()
            begin = time.perf_counter()
            street.community.settle(NOON_MS)
            ours.append(time.perf_counter() - begin)
            statements.append(repeat(twin.community.db, tap.calls))
            begin = time.perf_counter()
            with rows:
                rows.execute("BEGIN IMMEDIATE")
                rows.execute("INSERT INTO row (word) VALUES (?)", ("x" * 100,))
            rows_.append(time.perf_counter() - begin)
        (mints,) = street.community.db.execute("SELECT count(*) FROM booking").fetchone()
        assert mints == MINTS
        rows.close()
    mine, same, other = (1 / median(seconds) for seconds in (ours, statements, rows_))
    return [
        Ratio("one mint a commit / one row a commit", mine, other, mine / other, 0.90),
        Ratio("one mint a commit / its bare statements", mine, same, mine / same, 0.50),
    ]


def _state(street: Street) -> str:
    """Every byte of every table."""
    lines = "\n".join(street.community.db.iterdump())
    return hashlib.sha256(lines.encode()).hexdigest()


def _take(street: Street, batch: list[tuple[str, bytes]]) -> float:
    begin = time.perf_counter()
    street.inbox.take(batch, now_ms=NOON_MS)
    street.community.settle(NOON_MS)
    return time.perf_counter() - begin


def _again() -> Ratio:
    """The quarter-hours of many homes, each twice; the second time no byte is another."""
    chains = [Chain(f"g{n}") for n in range(HOMES)]
    firsts, seconds = [], []
    with tempfile.TemporaryDirectory(dir=DISK) as name:
        street = homes(Path(name))
        for n in range(BATCHES):
            batch = [(chain.gateway, quarter(chain, n)) for chain in chains]
            firsts.append(_take(street, batch))
            before = _state(street)
            seconds.append(_take(street, batch))
            assert before == _state(street), f"batch {n} changed something the second time"
    first, second = (HOMES / median(times) for times in (firsts, seconds))
    return Ratio("a batch again / the first time", second, first, second / first, 1.0)


def run() -> list[Ratio]:
    spare_the_collector()
    return [*_mints(), _again()]
