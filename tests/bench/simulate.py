"""How many days of 100 homes `policy simulate` tries other rules on in a second: rules that read
counters, rules that ask for the time of day, and rules that share energy by another key.

The goal is a year in two minutes.
"""

import tempfile
import time
from pathlib import Path

from ledger_bridge.books.calendar import day_of
from ledger_bridge.books.policy.policy import parse
from ledger_bridge.books.policy.simulate import simulate
from tests.bench import Ratio
from tests.bench.sharing import DAYS, RULE, street
from tests.street import ID, MIDNIGHT_MS, POLICY, Street

DAYS_PER_S = 365 / 120

RULES = {
    "counters": POLICY.replace('"1/3"', '"1/2"'),
    "counters by the hour": POLICY.replace(
        'credit = "1/3"', 'credit = "1/2"\nhours = "17:00-21:00"'
    ),
    "shared energy": POLICY + RULE.replace("pro-rata", "equal"),
}


def run() -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        homes = street(Path(folder))
        return [_simulated(homes, name, toml) for name, toml in RULES.items()]


def _simulated(homes: Street, name: str, toml: str) -> Ratio:
    begin = time.perf_counter()
    found = simulate(
        homes.community.db,
        ID,
        parse(toml, name="policy"),
        registry=homes.community.registry,
        first=day_of(MIDNIGHT_MS, "Europe/Amsterdam"),
        last=day_of(MIDNIGHT_MS + (DAYS - 1) * 86_400_000, "Europe/Amsterdam"),
        files={},
        progress=lambda done, total: None,
    )
    ours = DAYS / (time.perf_counter() - begin)
    assert any(change.after for change in found.changes.values())
    return Ratio(f"days simulated: {name}", ours, DAYS_PER_S, ours / DAYS_PER_S, 1.0)
