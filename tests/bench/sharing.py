"""Sharing per quarter-hour: how fast members' quarters are shared by each key, and how many days of
100 homes are settled, their counts read from the books and their credits posted.

The goals are 800,000 members' quarter-hours a second, and a year of 100 homes in a minute: of one
core's time, whatever else the machine is doing.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ledger_bridge.books.calendar import bounds_ms, day_of
from ledger_bridge.books.registry.edits import GatewayAdmitted, MemberAdded, MeterFitted
from ledger_bridge.books.settle.sharing import Split, fixed, hybrid, pro_rata, rounds, share
from ledger_bridge.books.store import commit
from tests.bench import Ratio
from tests.street import ID, MIDNIGHT_MS, NOON_MS, POLICY, Street, key

HOMES = 100
DAYS = 40
MEMBER_QUARTERS_PER_S = 800_000
DAYS_PER_S = 365 / 60

RULE = """
[[rules]]
id = "shared"
rule = "energy_shared"
version = 1
asset = "ENERGY"
exclusive = "shared"
key = "pro-rata"
earns = "taker"
credit = "0.10"
per = "1 kWh"
"""

# Solar panels give back from seven to seven in summer, in quarter-hours of a day.
SUN = range(28, 76)


def run() -> list[Ratio]:
    return [*(_allocation(name, split) for name, split in _splits().items()), _days()]


def _splits() -> dict[str, Split]:
    weights = [random.Random(n).randint(1, 1_000) for n in range(HOMES)]
    by_weight = {"weights": weights, "whole": sum(weights)}
    return {
        "pro rata": pro_rata,
        "static": partial(fixed, **by_weight),
        "hybrid": partial(hybrid, **by_weight),
        "equal": partial(rounds, weights=[1] * HOMES),
        "rounds": partial(rounds, weights=weights),
    }


def _allocation(name: str, split: Split) -> Ratio:
    """Members' quarter-hours a second where less is given back than used: the dearest case."""
    chance = random.Random(7)
    quarters = [[chance.randint(0, 400_000) for _ in range(HOMES)] for _ in range(2_000)]
    produced = [chance.randint(0, 300_000) if n % 3 == 0 else 0 for n in range(HOMES)]
    begin = time.process_time()
    for used in quarters:
        share(produced, used, split)
    ours = len(quarters) * HOMES / (time.process_time() - begin)
    return Ratio(
        f"sharing by key: {name} (members' quarters)",
        ours,
        MEMBER_QUARTERS_PER_S,
        ours / MEMBER_QUARTERS_PER_S,
        1.0,
    )


def _days() -> Ratio:
    """Days of 100 homes a second, from counts in the books to credits in the accounts."""
    with tempfile.TemporaryDirectory() as folder:
        homes = street(Path(folder))
        begin = time.process_time()
        while homes.community.settle(NOON_MS):
            pass
        ours = DAYS / (time.process_time() - begin)
        reckoned = homes.community.db.execute("SELECT count(*) FROM shared_day").fetchone()
        assert reckoned == (DAYS,)
    return Ratio("days of 100 homes settled", ours, DAYS_PER_S, ours / DAYS_PER_S, 1.0)


def street(folder: Path) -> Street:
    """Homes of which a third has panels, with believed counts straight in the table."""
    made = Street(folder, policy=POLICY + RULE)
    edits: list[Any] = []
    for n in range(HOMES):
        edits += [
            MemberAdded(f"m{n}", f"acc{n:03}"),
            GatewayAdmitted(f"g{n}", key(f"g{n}").public.x),
            MeterFitted(f"g{n}", "hall", "", f"m{n}", 0),
        ]
    made.edit(*edits)
    db = made.community.db
    with commit(db):
        db.executemany(
            f"INSERT INTO counter VALUES ({', '.join('?' * 20)})",
            (row for n in range(HOMES) for row in _counts(n)),
        )
        db.execute(
            "INSERT INTO unshared (community, rule, day)"
            " SELECT DISTINCT community, 'shared', day FROM counter"
        )
    return made


def _counts(home: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(home)
    zone = "Europe/Amsterdam"
    begin_ms = MIDNIGHT_MS
    for _ in range(DAYS):
        day = day_of(begin_ms, zone)
        end_ms = bounds_ms(day, zone)[1]
        for number, start_ms in enumerate(range(begin_ms, end_ms, 900_000)):
            gives = home % 3 == 0 and number in SUN
            register = "1-0:2.8.1" if gives else "1-0:1.8.1"
            delta = chance.randrange(1_000, 400_000, 1_000)
            derived = (day, start_ms // 900_000, f"m{home}", delta, "", "", "self-reported", 0)
            at_ms = start_ms + 900_000
            fact = (f"g{home}", "hall", register, "E", at_ms, "c", number + 1, 0, "Wh", at_ms, "")
            yield (ID, *fact, *derived)
        begin_ms = end_ms
