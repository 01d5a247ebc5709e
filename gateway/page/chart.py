"""Today in quarter-hours as SVG: taken from the grid upwards, given back downwards.

A quarter-hour without both its boundaries is drawn as a gap, not as nothing used.
"""

from typing import NamedTuple

from gateway.history import Counters
from gateway.quarter import QUARTER_MS

WIDTH, HEIGHT = 720, 260
LEFT, TOP, BOTTOM = 52, 16, 28


class Quarter(NamedTuple):
    """Energy of one quarter-hour in mWh; `known` is False for a gap."""

    start_ms: int
    taken_mwh: int
    given_mwh: int
    known: bool


class Bar(NamedTuple):
    """One rectangle; `kind` is its class in the style sheet, `title` what it says on touch."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Mark(NamedTuple):
    """A line of the grid or a label: where, and what it says."""

    at: float
    text: str


class Chart(NamedTuple):
    bars: list[Bar]
    rows: list[Mark]
    hours: list[Mark]
    zero_y: float


def quarters(
    history: dict[int, Counters], now: Counters | None, *, start_ms: int, end_ms: int, now_ms: int
) -> list[Quarter]:
    """The quarter-hours from `start_ms` until now; the running one ends at the counters of now."""
    found = []
    for at in range(start_ms, min(end_ms, now_ms), QUARTER_MS):
        first = history.get(at)
        last = now if at + QUARTER_MS > now_ms else history.get(at + QUARTER_MS)
        taken = _between(first and first.import_mwh, last and last.import_mwh)
        given = _between(first and first.export_mwh, last and last.export_mwh)
        known = taken is not None or given is not None
        found.append(Quarter(at, taken or 0, given or 0, known))
    return found


def _between(first: int | None, last: int | None) -> int | None:
    return last - first if first is not None and last is not None and last >= first else None


def counted(
    history: dict[int, Counters], now: Counters, *, start_ms: int, end_ms: int
) -> tuple[int, int]:
    """Taken and given back in mWh since the day's first boundary, gaps included."""
    first = next((history[at] for at in sorted(history) if start_ms <= at < end_ms), now)
    taken = _between(first.import_mwh, now.import_mwh)
    given = _between(first.export_mwh, now.export_mwh)
    return taken or 0, given or 0


def draw(day: list[Quarter], *, slots: int, hour_of: dict[int, str]) -> Chart:
    """`slots` is the number of quarter-hours of the day, `hour_of` the label of a slot."""
    top = _ceiling(max((q.taken_mwh for q in day), default=0))
    low = (
        _ceiling(max((q.given_mwh for q in day), default=0)) if any(q.given_mwh for q in day) else 0
    )
    inner = HEIGHT - TOP - BOTTOM
    scale = inner / (top + low)
    zero_y = TOP + top * scale
    step = (WIDTH - LEFT) / slots
    bars = [
        bar
        for slot, quarter in enumerate(day)
        for bar in _bars(quarter, x=LEFT + slot * step, width=step, zero_y=zero_y, scale=scale)
    ]
    rows = [Mark(zero_y - mwh * scale, _kwh(abs(mwh))) for mwh in {top, 0, -low}]
    hours = [Mark(LEFT + slot * step, text) for slot, text in hour_of.items()]
    return Chart(bars, rows, hours, zero_y)


def _bars(quarter: Quarter, *, x: float, width: float, zero_y: float, scale: float) -> list[Bar]:
    if not quarter.known:
        return [Bar(x, TOP, width, HEIGHT - TOP - BOTTOM, "gap", "no readings")]
    taken, given = quarter.taken_mwh * scale, quarter.given_mwh * scale
    bars = []
    if taken:
        said = f"{_kwh(quarter.taken_mwh)} kWh taken"
        bars.append(Bar(x, zero_y - taken, width * 0.8, taken, "taken", said))
    if given:
        said = f"{_kwh(quarter.given_mwh)} kWh given back"
        bars.append(Bar(x, zero_y, width * 0.8, given, "given", said))
    return bars


def _kwh(mwh: int) -> str:
    return f"{mwh / 1_000_000:.3f}".rstrip("0").rstrip(".")


def _ceiling(mwh: int) -> int:
    """The least of 1, 2, 5 times a power of ten Wh that is not below."""
    unit = 10_000
    while True:
        for factor in (1, 2, 5):
            if factor * unit >= mwh:
                return factor * unit
        unit *= 10
