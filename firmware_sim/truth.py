"""What really happened in the street: what every meter said, and per member and local day a sum.

`truth.jsonl` has one line for each time a meter spoke, so any reading can be checked at its stamp;
`truth.json` has the days. Both are the village's own word and know nothing of the books.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import msgspec

from firmware_sim.devices.p1 import Shown
from firmware_sim.people import Slip
from firmware_sim.street import Visit, shown_mg

# A gateway and one of its devices.
Place = tuple[str, str]


def registers(shown: Shown, dialect: str = "5.0.2") -> dict[str, int]:
    """The counters that a meter shows, by OBIS code, in mWh; gas in mL at its own time only."""
    gas = shown.gas
    code = "0-1:24.2.3" if dialect == "be" else "0-1:24.2.1"
    fresh = {code: gas.litres * 1000} if gas and gas.at_ms == shown.at_ms else {}
    return fresh | {
        "1-0:1.8.1": shown.import_t1_wh * 1000,
        "1-0:1.8.2": shown.import_t2_wh * 1000,
        "1-0:2.8.1": shown.export_t1_wh * 1000,
        "1-0:2.8.2": shown.export_t2_wh * 1000,
    }


class Bag(msgspec.Struct, frozen=True):
    """What the screen accepted: what the person brought, and what the slip said.

    `member` is who has it in the end, "" for nobody known. `code` is what the slip says to whoever
    has no card here.
    """

    member: str
    fraction: str
    mass_mg: int
    shown_mg: int
    pieces: int
    deposit: str
    net_mg: int
    code: str
    claims: bool
    at_ms: int


class Day(msgspec.Struct):
    """A local day, from midnight to midnight: watt-hours by member, every accepted bag, and the
    word with which each dishonest try was turned away ("" where it was not).
    """

    day: str
    exported_wh: dict[str, int]
    imported_wh: dict[str, int]
    bags: list[Bag]
    turned_away: list[str] = []


def bag(visit: Visit, slip: Slip, *, at_ms: int) -> Bag:
    return Bag(
        member=visit.member,
        fraction=visit.load.fraction,
        mass_mg=visit.load.mass_mg,
        shown_mg=shown_mg(visit.load.mass_mg),
        pieces=visit.load.pieces,
        deposit=slip.deposit,
        net_mg=slip.net_mg or 0,
        code=slip.code,
        claims=visit.claims,
        at_ms=at_ms,
    )


class Energy(NamedTuple):
    """What a household has given back and taken so far, as its meters show it in whole Wh."""

    exported_wh: int
    imported_wh: int


def day_of(
    day: str,
    begin: Mapping[str, Energy],
    end: Mapping[str, Energy],
    bags: list[Bag],
    turned_away: list[str],
) -> Day:
    """The day between what was counted (by member) at its two midnights."""
    exported = {name: end[name].exported_wh - begin[name].exported_wh for name in begin}
    imported = {name: end[name].imported_wh - begin[name].imported_wh for name in begin}
    return Day(
        day=day, exported_wh=exported, imported_wh=imported, bags=bags, turned_away=turned_away
    )


class Steps:
    """Writes `truth.jsonl`."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="ascii")

    def write(self, place: Place, at_ms: int, shown: Mapping[str, int | str]) -> None:
        """What a device said at this time: its numbers."""
        line: dict[str, int | str] = {"gateway": place[0], "device": place[1], "at_ms": at_ms}
        line |= {named(name): value for name, value in shown.items() if isinstance(value, int)}
        self._file.write(msgspec.json.encode(line).decode() + "\n")

    def close(self) -> None:
        self._file.close()


def named(register: str) -> str:
    """What the books call a register: a meter behind another is the same on any channel.

    >>> named("6-0:1.0.0*1"), named("0-1:24.2.3")
    ('6-0:1.0.0_1', '0-n:24.2.3')
    """
    if register.startswith("0-1:24.2."):
        return register.replace("0-1:", "0-n:")
    return register.replace("*", "_")  # the wire knows no asterisk in names


def read_steps(path: Path) -> dict[tuple[str, str, int], dict[str, int]]:
    """What was shown, by (gateway, device, UTC ms); what was said last at a time counts."""
    steps: dict[tuple[str, str, int], dict[str, int]] = {}
    for line in path.read_bytes().splitlines():
        said: dict[str, Any] = msgspec.json.decode(line)
        key = (said.pop("gateway"), said.pop("device"), said.pop("at_ms"))
        steps[key] = said
    return steps
