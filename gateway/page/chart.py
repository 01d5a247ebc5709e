"""Bars of energy as SVG: taken from the grid upwards, given back downwards.

A span without both its counts is drawn as a gap, not as nothing used.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

from gateway.history import Counters, First
from gateway.page.figures import number
from gateway.page.words import Language
from gateway.quarter import QUARTER_MS

TOP, BOTTOM = 16, 28
# Of a slot; the rest is between the bars.
BAR = 0.78
# Two labels closer than this would stand in each other.
ROW_MIN = 18
# A day's first count this long after midnight leaves something of the day out.
ON_TIME_MS = 3_600_000
# A meter speaks at least this often.
FIRST_COUNT_MS = 60_000


class Span(NamedTuple):
    """Energy of a quarter-hour or a day in mWh. `known` is False for a gap, `whole` where the
    counts are not of its very ends.
    """

    taken_mwh: int
    given_mwh: int
    known: bool
    whole: bool = True


GAP = Span(0, 0, known=False)


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


class Frame(NamedTuple):
    """How large a picture is in its own units; `left` is for the labels of its rows."""

    width: int
    height: int
    left: int


# For a window, and for a phone, on which a wide picture would be too low to read.
WIDE, NARROW = Frame(720, 240, 60), Frame(360, 220, 44)


class Chart(NamedTuple):
    frame: Frame
    bars: list[Bar]
    rows: list[Mark]
    labels: list[Mark]
    zero_y: float


def quarters(
    history: Mapping[int, Counters], now: Counters, *, start_ms: int, end_ms: int, now_ms: int
) -> list[Span]:
    """The quarter-hours from `start_ms` until now; the running one ends at the counters of now.

    One that has only begun, and whose first count has not come yet, is not drawn: no gap is due.
    """
    begun_ms = now_ms // QUARTER_MS * QUARTER_MS
    if begun_ms not in history and now_ms - begun_ms <= FIRST_COUNT_MS:
        now_ms = begun_ms
    found = []
    for at in range(start_ms, min(end_ms, now_ms), QUARTER_MS):
        first = history.get(at)
        last = now if at + QUARTER_MS >= now_ms else history.get(at + QUARTER_MS)
        found.append(_between_all(first, last) if first and last else GAP)
    return found


def _between_all(first: Counters, last: Counters) -> Span:
    """A gap where one count fell: another meter began with another number."""
    pairs = list(zip(first, last, strict=True))
    amounts = [between(*pair) for pair in pairs]
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < sum(None not in pair for pair in pairs):
        return GAP
    taken, given = amounts
    return Span(taken or 0, given or 0, known=True)


def between(first: int | None, last: int | None) -> int | None:
    """What was counted, None where that is not known or the count fell."""
    return last - first if first is not None and last is not None and last >= first else None


def counted(
    history: Mapping[int, Counters], now: Counters, *, start_ms: int, end_ms: int
) -> tuple[int, int]:
    """Taken and given back in mWh since the day's first boundary, gaps included.

    Of a meter that was swapped, what it counted until then and what the new one did since.
    """
    points = [history[at] for at in sorted(history) if start_ms <= at < end_ms] + [now]
    taken = _counted([point.import_mwh for point in points])
    given = _counted([point.export_mwh for point in points])
    return taken, given


def _counted(counts: list[int | None]) -> int:
    whole = between(counts[0], counts[-1])
    if whole is not None:
        return whole
    return sum(between(first, last) or 0 for first, last in pairwise(counts))


def day(
    taken: tuple[First | None, First | None],
    given: tuple[First | None, First | None],
    *,
    start_ms: int,
    end_ms: int,
) -> Span:
    """One day by the first count of it and that of the next day, or the count of now."""
    first, last = (
        Counters(*(end and end.value for end in ends)) for ends in zip(taken, given, strict=True)
    )
    span = _between_all(first, last)
    is_whole = all(
        begin.at_ms - start_ms <= ON_TIME_MS and end.at_ms - end_ms <= ON_TIME_MS
        for begin, end in (taken, given)
        if begin is not None and end is not None
    )
    return span._replace(whole=is_whole) if span.known else GAP


def draw(
    spans: list[Span],
    *,
    slots: int,
    labels: Mapping[int, str],
    title: Callable[[int, Span], str],
    language: Language,
    frame: Frame = WIDE,
) -> Chart:
    """`slots` is how many spans there is room for, `labels` what stands under a slot.

    `title` says what a slot's bars say on touch.
    """
    top = _ceiling(max((span.taken_mwh for span in spans), default=0))
    given = max((span.given_mwh for span in spans), default=0)
    low = _ceiling(given) if given else 0
    inner = frame.height - TOP - BOTTOM
    scale = inner / (top + low)
    zero_y = TOP + top * scale
    step = (frame.width - frame.left) / slots
    bars = [
        bar
        for slot, span in enumerate(spans)
        for bar in _bars(
            span, frame.left + slot * step, step, (zero_y, scale, inner), title(slot, span)
        )
    ]
    rows = [
        Mark(zero_y - mwh * scale, _kwh(abs(mwh), language))
        for mwh in sorted({top, 0, -low})
        if mwh == 0 or abs(mwh) * scale >= ROW_MIN
    ]
    marks = [Mark(frame.left + (slot + 0.5) * step, text) for slot, text in labels.items()]
    return Chart(frame, bars, rows, marks, zero_y)


def _bars(
    span: Span, x: float, step: float, axis: tuple[float, float, int], title: str
) -> list[Bar]:
    zero_y, scale, height = axis
    if not span.known:
        return [Bar(x, TOP, step, height, "gap", title)]
    taken, given = span.taken_mwh * scale, span.given_mwh * scale
    width, partly = step * BAR, "" if span.whole else " partly"
    bars = []
    if taken:
        bars.append(Bar(x, zero_y - taken, width, taken, f"taken{partly}", title))
    if given:
        bars.append(Bar(x, zero_y, width, given, f"given{partly}", title))
    return bars


def _kwh(mwh: int, language: Language) -> str:
    return number(mwh, 10**6, 3, language).rstrip("0").rstrip(",.")


def _ceiling(mwh: int) -> int:
    """The least of 1, 2, 5 times a power of ten Wh that is not below."""
    unit = 10_000
    while True:
        for factor in (1, 2, 5):
            if factor * unit >= mwh:
                return factor * unit
        unit *= 10
