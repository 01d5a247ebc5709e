"""What of a metering company's figures is new to the books: checked, compared, and as papers."""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books.calendar import QUARTER_MS, day_counted
from ledger_bridge.books.facts.believe import most_mwh
from ledger_bridge.books.facts.official import (
    MISSING,
    OFFICIAL_CHAIN,
    QUARTERS_MAX,
    SUBSTITUTED,
    SUBSTITUTED_DOUBT,
    Series,
    total_of,
)
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.quantity import written
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned
from ledger_bridge.official.reading import Figure, Found, Key, Refused

Json = dict[str, Any]

# A gap of more than a day begins another series.
GAP_QUARTERS = 96
# So many figures are one paper: some seconds of work for the desk, and far from its bytes.
FIGURES_MAX = 50_000


class Books(NamedTuple):
    """The books as far as figures are compared with them."""

    db: sqlite3.Connection
    community: str
    registry: Registry
    policies: Policies


class Taken(NamedTuple):
    """What would be taken of a file: figures that are new or other than before, by point and
    register; how many are known already; what is refused; and what there is to say of each.
    """

    figures: dict[Key, dict[int, Figure]]
    known: int
    refused: list[Refused]
    told: list[Json]


def compare(found: Found, books: Books, *, now_ms: int) -> Taken:
    """Hold a file against the registry and against what the books have."""
    refused = list(found.refused)
    fresh: dict[Key, dict[int, Figure]] = {}
    known = 0
    told = []
    for key, figures in sorted(found.figures.items()):
        checked = _checked(key, figures, books, now_ms=now_ms, refused=refused)
        there = _in_force(key, checked, books)
        new = {
            quarter: figure
            for quarter, figure in checked.items()
            if figure.mwh is not None
            and there.get(quarter) != (figure.mwh, figure.quality == SUBSTITUTED)
        }
        known += sum(figure.mwh is not None for figure in checked.values()) - len(new)
        if new:
            fresh[key] = new
        if checked:
            told.append(_told(key, checked, new, books))
    return Taken(fresh, known, sorted(set(refused)), told)


def _checked(
    key: Key, figures: dict[int, Figure], books: Books, *, now_ms: int, refused: list[Refused]
) -> dict[int, Figure]:
    """The figures that can be: of a point somebody has, not ahead, no more than it carries."""
    point, _ = key
    taken = {}
    for quarter, figure in sorted(figures.items()):
        ended_ms = (quarter + 1) * QUARTER_MS
        fit = books.registry.fit_of_point(point, ended_ms - 1)
        if fit is None:
            why = f"nobody has meter point {point} then: meterkast device fit … --point {point}"
        elif ended_ms > now_ms:
            why = "this is still to come"
        elif figure.mwh is not None and figure.mwh > most_mwh(fit.rated_w, QUARTER_MS):
            why = f"{written(figure.mwh, 'kWh')} is more than {fit.rated_w} W bring in a quarter"
        else:
            taken[quarter] = figure
            continue
        refused.append(Refused(figure.line, why))
    return taken


def _in_force(key: Key, figures: dict[int, Figure], books: Books) -> dict[int, tuple[int, bool]]:
    """The figures that the books have, each as the last paper about it says."""
    if not figures:
        return {}
    rows = books.db.execute(
        "SELECT at_ms, value, doubt FROM counter WHERE community = ? AND gateway = ''"
        " AND device = ? AND register = ? AND serial = '' AND at_ms BETWEEN ? AND ? AND chain = ?"
        " ORDER BY at_ms, seq",
        (
            books.community,
            *key,
            (min(figures) + 1) * QUARTER_MS,
            (max(figures) + 1) * QUARTER_MS,
            OFFICIAL_CHAIN,
        ),
    )
    return {
        at_ms // QUARTER_MS - 1: (value, doubt == SUBSTITUTED_DOUBT) for at_ms, value, doubt in rows
    }


def _told(key: Key, figures: dict[int, Figure], new: dict[int, Figure], books: Books) -> Json:
    """One point's register, as people look at it before they sign."""
    point, register = key
    zone = books.policies.zone
    first, last = min(figures), max(figures)
    days: dict[str, int] = defaultdict(int)
    for quarter, figure in sorted(figures.items()):
        days[day_counted((quarter + 1) * QUARTER_MS, zone)] += figure.mwh or 0
    some = [figure for figure in figures.values() if figure.mwh is not None]
    fit = books.registry.fit_of_point(point, (last + 1) * QUARTER_MS - 1)
    assert fit
    return {
        "point": point,
        "member": fit.member,
        "register": register,
        "first": min(days),
        "last": max(days),
        "quarters": len(some),
        "new": len(new),
        "missing": last - first + 1 - len(some),
        "gaps": sum(b - a > 1 for a, b in pairwise(sorted(figures))),
        "substituted": sum(figure.quality == SUBSTITUTED for figure in some),
        "kwh": _kwh(sum(figure.mwh or 0 for figure in some)),
        "gateway_kwh": _by_gateway(point, register, (first, last), books),
        "rewarded": any(
            concerned(books.policies, reads, register, day)
            for day in days
            for reads in ("counter", "shared")
        ),
        "days": {day: _kwh(mwh) for day, mwh in days.items()},
    }


def _by_gateway(point: str, register: str, span: tuple[int, int], books: Books) -> str:
    """kWh that the gateway's meters counted at this point in these quarters, "" for none: of the
    same register, or of all tariffs where they are compared with a total.
    """
    begin, end = span[0] * QUARTER_MS, (span[1] + 1) * QUARTER_MS + QUARTER_MS - 1
    found = []
    for gateway, device in books.registry.points.get(point, ()):
        for other, low, high in books.db.execute(
            "SELECT register, min(value), max(value) FROM counter WHERE community = ?"
            " AND gateway = ? AND device = ? AND gateway != '' AND unit = 'Wh'"
            " AND verdict NOT IN ('lower', 'rating', 'ahead', 'ignored', 'revoked')"
            " AND at_ms BETWEEN ? AND ? GROUP BY register, serial",
            (books.community, gateway, device, begin, end),
        ):
            is_tariff = total_of(other) == register != other
            if other == register or is_tariff:
                found.append((is_tariff, high - low))
    # A meter that also counts all tariffs together would be compared with twice as much.
    whole = [mwh for is_tariff, mwh in found if not is_tariff]
    some = whole or [mwh for _, mwh in found]
    return _kwh(sum(some)) if some else ""


def _kwh(mwh: int) -> str:
    """mWh in kWh, exactly and without the unit."""
    return written(Fraction(mwh, 1_000_000))


def papers(taken: Taken, *, community: str, source: str, now_ms: int) -> Iterator[Paper]:
    """The papers that say what is new, each of a size that is quickly taken in."""
    batch: list[Series] = []
    count = 0
    for key, figures in taken.figures.items():
        for series in _series(key, figures, source):
            if count and count + len(series.values) > FIGURES_MAX:
                yield _paper(batch, community=community, now_ms=now_ms)
                batch, count = [], 0
            batch.append(series)
            count += len(series.values)
    if batch:
        yield _paper(batch, community=community, now_ms=now_ms)


def _series(key: Key, figures: dict[int, Figure], source: str) -> Iterator[Series]:
    """Runs of quarters without a long gap."""
    run: list[int] = []
    for quarter in sorted(figures):
        if run and (quarter - run[-1] > GAP_QUARTERS or quarter - run[0] >= QUARTERS_MAX):
            yield _one(key, run, figures, source)
            run = []
        run.append(quarter)
    yield _one(key, run, figures, source)


def _one(key: Key, run: list[int], figures: dict[int, Figure], source: str) -> Series:
    every = range(run[0], run[-1] + 1)
    return Series(
        point=key[0],
        register=key[1],
        start_ms=run[0] * QUARTER_MS,
        values=tuple(figures[n].mwh if n in figures else None for n in every),
        quality="".join(figures[n].quality if n in figures else MISSING for n in every),
        source=source,
    )


def _paper(said: list[Series], *, community: str, now_ms: int) -> Paper:
    digest = hashlib.sha256(to_json(said)).hexdigest()[:16]
    return Paper(community, f"official {now_ms} {digest}", now_ms, tuple(said))
