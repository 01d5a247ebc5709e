"""What a member earned day by day, as bars of an SVG. Pure; floats are for drawing only."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 480, 150, 52, 12, 24
# Of a day's slot; the rest is between the bars.
BAR = 0.72
# Days that are named below: more would stand in each other on a phone.
LABELS_MAX = 8


class Bar(NamedTuple):
    """A day's bar; `kind` is plus or minus, `title` what it says on touch."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


class Label(NamedTuple):
    """Where a text stands."""

    at: float
    text: str


class Chart(NamedTuple):
    """Bars over and under a line; `rows` are named at the left, `days` below."""

    asset: str
    width: int
    height: int
    left: int
    zero_y: float
    bars: list[Bar]
    rows: list[Label]
    days: list[Label]


def draw(asset: str, days: list[str], amounts: Mapping[str, Decimal]) -> Chart:
    """The amounts of an asset on these days; a day without one has no bar."""
    most = _ceiling(max([Decimal(0), *amounts.values()]))
    least = -_ceiling(-min([Decimal(0), *amounts.values()]))
    span = float(most - least) or 1.0
    inner = HEIGHT - TOP - BOTTOM
    zero_y = TOP + inner * (float(most) / span if most or least else 1.0)
    step = (WIDTH - LEFT) / len(days)
    bars = []
    for slot, day in enumerate(days):
        amount = amounts.get(day, Decimal(0))
        if amount:
            height = abs(float(amount)) / span * inner
            y = zero_y - height if amount > 0 else zero_y
            kind = "plus" if amount > 0 else "minus"
            x = LEFT + (slot + (1 - BAR) / 2) * step
            bars.append(Bar(x, y, step * BAR, height, kind, f"{day}: {amount:f} {asset}"))
    rows = [
        Label(zero_y - float(one) / span * inner, f"{one:f}")
        for one in sorted({most, least, Decimal(0)})
    ]
    every = -(-len(days) // LABELS_MAX)
    labels = [
        Label(LEFT + (slot + 0.5) * step, day[8:].lstrip("0"))
        for slot, day in enumerate(days)
        if slot % every == 0
    ]
    return Chart(asset, WIDTH, HEIGHT, LEFT, zero_y, bars, rows, labels)


def _ceiling(amount: Decimal) -> Decimal:
    """The least of 1, 2, 5 times a power of ten that is not below; 0 for nothing."""
    if not amount:
        return Decimal(0)
    unit = Decimal(1).scaleb(amount.adjusted())
    return next(unit * n for n in (1, 2, 5, 10) if unit * n >= amount)
