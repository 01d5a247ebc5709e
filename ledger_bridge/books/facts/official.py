"""Figures of metering companies and grid operators, and what somebody read off a meter."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec

from gateway.contract.signed import Malformed
from ledger_bridge.books.calendar import QUARTER_MS
from ledger_bridge.books.facts.evidence import Counter
from ledger_bridge.books.facts.when import is_instant

MEASURED, SUBSTITUTED = "m", "s"
# The quality of a quarter for which there is no figure.
MISSING = "-"

# The doubt about a figure that nobody measured: somebody reckoned what it would have been.
SUBSTITUTED_DOUBT = "substituted"

# Rows of official figures have no gateway; their chain is this, their number that of the paper.
OFFICIAL_CHAIN = "official"

# A year and a day of quarter-hours.
QUARTERS_MAX = 366 * 96 + 96
# What the largest connection of a distribution grid carries in a quarter: 1 GW for 15 minutes.
FIGURE_MWH_MAX = 250_000_000_000

# Energy of electricity, all tariffs together (0) or one of them.
_REGISTER = re.compile(r"(1-[0-9]{1,2}:[0-9]{1,3}\.8\.)([0-9]{1,2})")
_POINT = re.compile(r"[A-Za-z0-9-]{1,64}")


class Series(msgspec.Struct, frozen=True, tag="series", tag_field="kind"):
    """Energy of one register of a meter point per quarter-hour, from `start_ms` on without a gap.

    `values` are mWh, None where there is none. `quality` has one letter each: m measured,
    s substituted, - where there is none.
    """

    point: str
    register: str
    start_ms: int
    values: tuple[int | None, ...]
    quality: str
    source: str


class Sight(msgspec.Struct, frozen=True, tag="sight", tag_field="kind"):
    """Somebody read a meter: what it showed, in thousandths of `unit`, and when.

    `step` is what the last digit that was written down stands for: the true count was less than
    that above the value.
    """

    gateway: str
    device: str
    register: str
    serial: str
    at_ms: int
    value: int
    unit: str
    by: str
    step: int = 1


@lru_cache(maxsize=1024)
def total_of(register: str) -> str:
    """The register of all tariffs together; itself where it is that; "" for other quantities.

    >>> total_of("1-0:2.8.1"), total_of("0-n:24.2.1")
    ('1-0:2.8.0', '')
    """
    match = _REGISTER.fullmatch(register)
    return f"{match[1]}0" if match else ""


def check_series(series: Series) -> None:
    """Raises Malformed where it cannot be what somebody measured."""
    where = f"series of {series.point} {series.register}"
    if not _POINT.fullmatch(series.point):
        raise Malformed(f"{series.point!r} is no meter point")
    if not _REGISTER.fullmatch(series.register):
        raise Malformed(f"{where}: no register of electric energy, such as 1-0:2.8.0")
    if not 0 < len(series.values) <= QUARTERS_MAX:
        raise Malformed(f"{where}: {len(series.values)} quarters, 1 to {QUARTERS_MAX}")
    if series.start_ms % QUARTER_MS or not is_instant(series.start_ms):
        raise Malformed(f"{where}: {series.start_ms} begins no quarter-hour")
    if len(series.quality) != len(series.values):
        raise Malformed(f"{where}: {len(series.quality)} qualities of {len(series.values)} values")
    for n, (value, quality) in enumerate(zip(series.values, series.quality, strict=True)):
        if (value is None) != (quality == MISSING) or quality not in {MEASURED, SUBSTITUTED, "-"}:
            raise Malformed(f"{where}: quarter {n} is {value} of quality {quality!r}")
        if value is not None and not 0 <= value <= FIGURE_MWH_MAX:
            raise Malformed(f"{where}: {value} mWh in quarter {n}, 0 to {FIGURE_MWH_MAX}")


def check_sight(sight: Sight) -> None:
    """Raises Malformed where nobody can have read that."""
    where = f"sight of {sight.gateway}/{sight.device} {sight.register}"
    if not is_instant(sight.at_ms):
        raise Malformed(f"{where}: {sight.at_ms} is no time")
    if not 0 <= sight.value < 10**16 or not 0 < sight.step <= 10**12:
        raise Malformed(f"{where}: a count of {sight.value} in steps of {sight.step}")
    if sight.unit not in {"Wh", "l", "J"} or not sight.by.strip():
        raise Malformed(f"{where}: without a unit (Wh, l, J) or anybody who read it")


def columns(number: int, sight: Sight) -> tuple[str | int, ...]:
    """A sight-reading of paper `number`, in the order of the table's columns."""
    one = sight
    return (one.gateway, one.device, one.register, one.serial, one.at_ms, number,
            one.value, one.step, one.unit, one.by)  # fmt: skip


def figures(number: int, time_ms: int, said: Iterable[Series]) -> Iterator[Counter]:
    """The facts in the series of paper `number`. Raises Malformed where it says a quarter twice."""
    seen: set[tuple[str, str, int]] = set()
    for series in said:
        for n, value in enumerate(series.values):
            if value is None:
                continue
            at_ms = series.start_ms + (n + 1) * QUARTER_MS
            key = (series.point, series.register, at_ms)
            if key in seen:
                raise Malformed(f"two figures for {series.point} {series.register} at {at_ms}")
            seen.add(key)
            yield Counter(
                gateway="",
                device=series.point,
                register=series.register,
                serial="",
                at_ms=at_ms,
                chain=OFFICIAL_CHAIN,
                seq=number,
                value=value,
                unit="Wh",
                made_ms=time_ms,
                doubt=SUBSTITUTED_DOUBT if series.quality[n] == SUBSTITUTED else "",
            )
