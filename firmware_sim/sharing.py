"""Who gave energy to whom on a day, quarter-hour by quarter-hour, reckoned apart from the books.

From what the books say each meter showed (which is held against what it did show) and nothing else:
a second opinion on how they share. In exact fractions of mWh, rounded once per quarter-hour.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

from firmware_sim.street import DEVICES, GIVEN, PULSES_PER_KWH, TAKEN

QUARTER_MS = 900_000
MWH_PER_PULSE = 1_000_000 // PULSES_PER_KWH


class Flow(NamedTuple):
    """mWh of a member: of a quarter-hour what they gave to the grid and took from it; of a day what
    they gave to neighbours, and took from them.
    """

    given: int = 0
    taken: int = 0


class Shared(NamedTuple):
    """A day: by member, in mWh, and what nobody of the street could use."""

    members: dict[str, Flow]
    left: int


def flows(statements: Mapping[str, Any]) -> dict[int, dict[str, Flow]]:
    """By quarter-hour since 1970 and member, from the readings of a day's statements."""
    found: dict[int, dict[str, Flow]] = defaultdict(lambda: defaultdict(Flow))
    for member, statement in statements.items():
        for register, counts in _counts(statement["readings"]):
            for quarter, value in counts.items():
                gained = value - counts.get(quarter - 1, value)
                before = found[quarter][member]
                given, taken = (gained, 0) if register in GIVEN else (0, gained)
                found[quarter][member] = Flow(before.given + given, before.taken + taken)
    return found


def given_back(statement: Mapping[str, Any]) -> int:
    """mWh from the first reading of a day's statement to the last, at the two midnights."""
    return sum(
        max(counts.values()) - min(counts.values())
        for register, counts in _counts(statement["readings"])
        if register in GIVEN
    )


def _wanted(place: tuple[str, str], readings: Iterable[Mapping[str, Any]]) -> set[str]:
    """The registers of a meter that count: the total where it tells one, else its tariffs.

    What is used behind another meter is counted there.
    """
    shown = {one["register"] for one in readings if _place(one) == place}
    wanted = set()
    for total, *tariffs in (GIVEN, TAKEN) if not DEVICES[place].behind else (GIVEN,):
        wanted |= {total} & shown or set(tariffs) & shown
    return wanted


def _counts(readings: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[int, int]]]:
    """Register after register of every meter, of those that count: what it showed at the end of
    each quarter-hour, in mWh.
    """
    found: dict[tuple[tuple[str, str], str], dict[int, int]] = defaultdict(dict)
    for one in readings:
        at_ms = round(datetime.fromisoformat(one["at"]).timestamp() * 1000)
        value = one["value"] * (MWH_PER_PULSE if one["unit"] == "pulse" else 1)
        found[_place(one), one["register"]][at_ms // QUARTER_MS - 1] = value
    for (place, register), counts in found.items():
        if register in _wanted(place, readings):
            yield register, counts


def _place(reading: Mapping[str, Any]) -> tuple[str, str]:
    return reading["gateway"], reading["device"]


def share(quarters: Mapping[int, Mapping[str, Flow]], order: Iterable[str]) -> Shared:
    """To each in proportion to what they used; from each in proportion to what they gave.

    `order` is that of accounts: it says who comes first where two remainders are equal.
    """
    given: dict[str, int] = defaultdict(int)
    taken: dict[str, int] = defaultdict(int)
    left = 0
    names = list(order)
    for flow in quarters.values():
        there = {name: flow.get(name, Flow()) for name in names}
        made = sum(one.given for one in there.values())
        used = sum(one.taken for one in there.values())
        shared = min(made, used)
        left += made - shared
        for name, mwh in _parts(shared, {n: one.taken for n, one in there.items()}).items():
            taken[name] += mwh
        for name, mwh in _parts(shared, {n: one.given for n, one in there.items()}).items():
            given[name] += mwh
    return Shared({name: Flow(given[name], taken[name]) for name in names}, left)


def _parts(whole: int, weights: Mapping[str, int]) -> dict[str, int]:
    """
    >>> _parts(5, {"noor": 1, "bram": 1})
    {'noor': 3, 'bram': 2}
    """
    total = sum(weights.values())
    if not total:
        return {}
    exact = {name: Fraction(whole * weight, total) for name, weight in weights.items()}
    parts = {name: floor(part) for name, part in exact.items()}
    for name in sorted(exact, key=lambda n: parts[n] - exact[n])[: whole - sum(parts.values())]:
        parts[name] += 1
    return parts
