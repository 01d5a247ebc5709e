"""The bridge against its limits: posting against the bare SQL it issues, the full path against
checking and posting added up. Both limits are measured in the same run.

A batch is a quarter-hour of 1,000 homes: 1,000 records of 20 elements from 1,000 chains, each of
which moves a claim and posts a credit. SQLite synchronous FULL.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, cast

from drivers.reading import Reading
from gateway.contract import policy as papers
from gateway.contract import record as records
from gateway.contract.record import Element
from ledger_bridge.books.community import Community
from ledger_bridge.books.registry.edits import GatewayAdmitted, MemberAdded, MeterFitted
from ledger_bridge.inbox import Inbox, spare_the_collector
from tests.bench import Ratio
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, QUARTER_MS, Chain, Street, key

HOMES = 1_000
ROUNDS = 11

Call = tuple[bool, str, Any]


class Tap:
    """A connection that remembers the statements which passed."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.calls: list[Call] = []
        self._db = db

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self.calls.append((False, sql, values))
        return self._db.execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        rows = list(rows)
        self.calls.append((True, sql, rows))
        return self._db.executemany(sql, rows)


def homes(folder: Path, number: int = HOMES) -> Street:
    street = Street(folder, policy="")
    edits: list[Any] = []
    for n in range(number):
        edits += [
            MemberAdded(f"m{n}", f"acc{n}"),
            GatewayAdmitted(f"g{n}", key(f"g{n}").public.x),
            MeterFitted(f"g{n}", "hall", "", f"m{n}", 0),
        ]
    street.edit(*edits)
    document = papers.make(POLICY, community=ID, key=key("steward"))
    street.community.hand_in_policy(document, now_ms=0)
    street.inbox = Inbox(street.community)
    return street


def quarter(chain: Chain, number: int) -> bytes:
    at_ms = MIDNIGHT_MS + number * QUARTER_MS
    counters = ("1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.1", "1-0:2.8.2")
    readings = [
        Reading(register, (1_000 + number * place * 10) * 1_000, "mWh", at_ms, "E1")
        for place, register in enumerate(counters)
    ]
    readings += [Reading(f"1-0:{n}.7.0", 230_100, "mV", at_ms, "E1") for n in range(21, 36)]
    pack = [records.element("hall", reading, base_ms=at_ms) for reading in readings]
    return chain.record([*pack, Element(n="hall/telegram", vd="x" * 500)], made_ms=at_ms)


def tapped(street: Street) -> Tap:
    """Have the books written through a tap, whichever of their parts writes."""
    tap = Tap(street.community.db)
    street.community = Community(cast("sqlite3.Connection", tap), ID, log_key=key("log"))
    street.inbox = Inbox(street.community)
    return tap


def _post(street: Street, batch: list[tuple[str, bytes]]) -> tuple[float, float]:
    """Seconds for reading and checking a batch, and for storing, settling and posting it."""
    begin = time.perf_counter()
    believed = [street.inbox.believe(gateway, data) for gateway, data in batch]
    checked = time.perf_counter()
    delivery = street.inbox.store(believed, now_ms=NOON_MS)
    street.community.settle(NOON_MS)
    seconds = time.perf_counter() - checked
    assert delivery.stored == HOMES
    return checked - begin, seconds


def _take(street: Street, batch: list[tuple[str, bytes]]) -> float:
    """Seconds for the way a batch takes in the running bridge."""
    begin = time.perf_counter()
    delivery = street.inbox.take(batch, now_ms=NOON_MS)
    street.community.settle(NOON_MS)
    assert delivery.stored == HOMES
    return time.perf_counter() - begin


def repeat(db: sqlite3.Connection, calls: list[Call]) -> float:
    begin = time.perf_counter()
    for is_many, sql, values in calls:
        if is_many:
            db.executemany(sql, values)
        else:
            db.execute(sql, values).fetchall()
    return time.perf_counter() - begin


def run() -> list[Ratio]:
    """Medians over the rounds, each of which measures all in turn."""
    spare_the_collector()
    chains = [Chain(f"g{n}") for n in range(HOMES)]
    batches = [[(c.gateway, quarter(c, n)) for c in chains] for n in range(ROUNDS + 1)]
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = Path(name)
        plain, bare, full = (homes(folder / each) for each in ("plain", "bare", "full"))
        written = plain.community.db
        tap = tapped(plain)
        times: list[tuple[float, float, float, float]] = []
        for batch in batches:
            tap.calls.clear()
            checking, posting = _post(plain, batch)
            statements = repeat(bare.community.db, tap.calls)
            assert bare.community.db.total_changes == written.total_changes, "beside the tap"
            times.append((checking, posting, statements, _take(full, batch)))
    del times[0]
    checking, posting, statements, path = (median(column) for column in zip(*times, strict=True))
    of_bare = median(s / p for _, p, s, _ in times)
    of_limit = median((c + p) / f for c, p, _, f in times)
    per_s = [HOMES / seconds for seconds in (posting, statements, path, checking + posting)]
    return [
        Ratio("posting / the bare statements it issues", per_s[0], per_s[1], of_bare, 0.60),
        Ratio("full path / (checking + posting)", per_s[2], per_s[3], of_limit, 0.80),
    ]
