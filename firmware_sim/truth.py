"""What really happened in the street: every step's counters, and per member and local day a sum.

`truth.jsonl` has one line per meter and step, so any reading can be checked at its stamp;
`truth.json` has the days. Both are the village's own word and know nothing of the books.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from firmware_sim.devices.p1 import Shown
from firmware_sim.people import Deposit
from firmware_sim.street import HOMES, METER, Visit, shown_mg


def registers(shown: Shown) -> dict[str, int]:
    """The counters that a meter shows, by OBIS code, in mWh; gas in mL at its own time only."""
    gas = shown.gas
    fresh = {"0-1:24.2.1": gas.litres * 1000} if gas and gas.at_ms == shown.at_ms else {}
    return fresh | {
        "1-0:1.8.1": shown.import_t1_wh * 1000,
        "1-0:1.8.2": shown.import_t2_wh * 1000,
        "1-0:2.8.1": shown.export_t1_wh * 1000,
        "1-0:2.8.2": shown.export_t2_wh * 1000,
    }


class Bag(msgspec.Struct, frozen=True):
    """A bag that the screen accepted: what the person put down, and what the screen said."""

    member: str
    fraction: str
    mass_mg: int
    shown_mg: int
    deposit: str
    net_mg: int
    at_ms: int


class Day(msgspec.Struct):
    """A local day, from midnight to midnight: watt-hours by member, and every accepted bag."""

    day: str
    exported_wh: dict[str, int]
    imported_wh: dict[str, int]
    bags: list[Bag]


def bag(visit: Visit, deposit: Deposit) -> Bag:
    return Bag(
        member=visit.member,
        fraction=visit.fraction,
        mass_mg=visit.mass_mg,
        shown_mg=shown_mg(visit.mass_mg),
        deposit=deposit.id,
        net_mg=deposit.net_mg,
        at_ms=deposit.at_ms,
    )


def day_of(day: str, begin: Mapping[str, Shown], end: Mapping[str, Shown], bags: list[Bag]) -> Day:
    """The day between what the meters (by member) showed at its two midnights."""
    exported = {
        member: end[member].export_t1_wh
        + end[member].export_t2_wh
        - begin[member].export_t1_wh
        - begin[member].export_t2_wh
        for member in begin
    }
    imported = {
        member: end[member].import_t1_wh
        + end[member].import_t2_wh
        - begin[member].import_t1_wh
        - begin[member].import_t2_wh
        for member in begin
    }
    return Day(day=day, exported_wh=exported, imported_wh=imported, bags=bags)


class Steps:
    """Writes `truth.jsonl`."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="ascii")

    def write(self, member: str, shown: Shown) -> None:
        home = next(home for home in HOMES if home.member == member)
        line = {"gateway": home.gateway, "device": METER, "at_ms": shown.at_ms}
        self._file.write(msgspec.json.encode(line | registers(shown)).decode() + "\n")

    def close(self) -> None:
        self._file.close()


def read_steps(path: Path) -> dict[tuple[str, str, int], dict[str, int]]:
    """Counters by (gateway, device, UTC ms), as `Steps` wrote them."""
    steps: dict[tuple[str, str, int], dict[str, int]] = {}
    for line in path.read_bytes().splitlines():
        said: dict[str, Any] = msgspec.json.decode(line)
        key = (said.pop("gateway"), said.pop("device"), said.pop("at_ms"))
        steps[key] = said
    return steps
