"""Verifying the book, from the first leaf to the root: postings per second against the limit.

Each entitlement is hashed into the tree, read, held against its rows, its claim, its policy, its
member's account and the balances. Evidence is left out: there signatures take the time.
"""

import gc
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from ledger_bridge.books.book import Claim, Posting
from ledger_bridge.books.registry.edits import MemberAdded
from ledger_bridge.books.store import commit
from ledger_bridge.books.verify import papers
from ledger_bridge.books.verify.look import ClaimRow, Look
from ledger_bridge.books.verify.replay import replay
from ledger_bridge.books.verify.seen import Seen
from ledger_bridge.books.verify.verify import COLLECT_EVERY
from tests.bench import Ratio
from tests.street import ID, NOON_MS, Street, key

HOMES = 500
DAYS = 200
ROUNDS = 5
# Ten million postings in less than a minute, and some more.
LIMIT_PER_S = 200_000

FIRST = date(2026, 6, 21)


def _fill(street: Street) -> None:
    """A book of entitlements: of each home one a day, and one commit a day."""
    street.edit(*(MemberAdded(f"m{n}", f"acc-m{n}") for n in range(HOMES)))
    book, db = street.community.book, street.community.db
    policy = street.community.policies.in_order[0].hash
    for day in range(DAYS):
        period = (FIRST + timedelta(days=day)).isoformat()
        batch = book.batch(NOON_MS)
        with commit(db):
            rows = []
            for n in range(HOMES):
                claim, due = Claim("sun", f"m{n}", period), 1_000 + n
                lines = [Posting(f"acc-m{n}", "ENERGY", due), Posting("pot", "ENERGY", -due)]
                measured = {"1-0:2.8.1": 3 * due}  # mWh at a third of a credit per kWh
                said = {"claim": claim, "quantities": measured, "policy": policy}
                batch.book("entitlement", lines, {**said, "due": due, "before": 0}, claim=claim)
                rows.append((ID, *claim, "ENERGY", due))
            db.executemany("INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?)", rows)
            batch.write()
        batch.done()


def _seconds(street: Street) -> float:
    look = Look(street.community.db, ID, key("log").public, Seen(ID), str)
    papers.registry(look)
    papers.policies(look)
    for rule, member, period, asset, due in look.rows(
        "SELECT rule, member, period, asset, due FROM claim WHERE community = ?"
    ):
        look.claims[Claim(rule, member, period)] = ClaimRow(asset, due)
    begin = time.perf_counter()
    replay(look)
    return time.perf_counter() - begin


def run() -> list[Ratio]:
    with tempfile.TemporaryDirectory(dir=".") as name:
        street = Street(Path(name))
        _fill(street)
        before = gc.get_threshold()
        gc.set_threshold(COLLECT_EVERY)
        seconds = median(_seconds(street) for _ in range(ROUNDS))
        gc.set_threshold(*before)
    per_s = 2 * HOMES * DAYS / seconds
    ratio = per_s / LIMIT_PER_S
    return [Ratio("verify: postings from the log to the root", per_s, LIMIT_PER_S, ratio, 1.0)]
