"""Energy shared as five countries do: cases worked out by hand.

Each file of `sharing/` says where the practice is described, reckons in words, and has the mWh of
noor, bram and saar in the first quarter-hours of a day, and who took and gave.
"""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from ledger_bridge.books.telling.shared import quarters
from tests.homes import Home, Homes
from tests.street import ID

CASES = sorted(Path(__file__).parent.joinpath("sharing").glob("*.toml"))
MEMBERS = {"noor": "home", "bram": "barn", "saar": "shed"}
HOURS = 8_760


def _file(case: dict[str, Any]) -> str:
    """The text of a case's file of coefficients; hourly ones are alike but for those it names."""
    if case.get("file") != "hourly":
        return str(case.get("file", "")).lstrip()
    hours = case["hours"]
    lines = (f"{n};{hours.get(str(n), hours['every'])}" for n in range(1, HOURS + 1))
    return "\n".join((f"hour;{hours['members']}", *lines)) + "\n"


def _deliver(homes: Homes, case: dict[str, Any]) -> None:
    for member, gateway in MEMBERS.items():
        home = Home(gateway)
        counts = [home.count(0)]
        for n, quarter in enumerate(case["quarters"], start=1):
            moved = quarter[member]
            counts.append(home.count(n, moved.get("produced", 0), moved.get("used", 0)))
        homes.take(gateway, *counts, home.count(96))


def _told(homes: Homes) -> list[dict[str, Any]]:
    """Who took and gave in each quarter-hour in which anybody gave energy back, and the rest."""
    community = homes.community
    by_member = {
        member: quarters(
            community.db,
            ID,
            "shared",
            "2026-06-21",
            member,
            registry=community.registry,
            policies=community.policies,
        )
        for member in MEMBERS
    }
    return [
        {
            "taken": {name: parts[n].taken for name, parts in by_member.items() if parts[n].taken},
            "given": {name: parts[n].given for name, parts in by_member.items() if parts[n].given},
            "left": one.left,
        }
        for n, one in enumerate(by_member["noor"])
    ]


@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_a_quarter_is_shared_as_that_country_does(file: Path, tmp_path: Path) -> None:
    """Invariant 5 (DESIGN), invariants 16 and 17 (ledger): from counts, through the books."""
    case = tomllib.loads(file.read_text("utf-8"))
    homes = Homes(
        tmp_path, case["key"], shares=case.get("factors", ("1", "1", "1")), file=_file(case)
    )
    _deliver(homes, case)
    expected = [
        {key: quarter[key] for key in ("taken", "given", "left")}
        for quarter in case["quarters"]
        if "left" in quarter
    ]
    assert expected == _told(homes)
    homes.check()


def test_so_many_cases_are_covered() -> None:
    print(f"{len(CASES)} cases of sharing")
    assert 13 == len(CASES)
