"""Panels as SVG and HTML: what a dashboard says of them, and what was found for them."""

import html
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil, floor, inf, log10
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.docs.series_units import round_steps, shown

QUARTER_MS = 900_000
ZONE = ZoneInfo("Europe/Amsterdam")
COLOURS = {
    "green": "#4f9d45",
    "yellow": "#e0b400",
    "red": "#d44a4a",
    "blue": "#3274d9",
    "orange": "#e6822e",
    "purple": "#8f5fbf",
    "text": "#3b4754",
    "transparent": "none",
}
CLASSIC = ("#4f9d45", "#e0b400", "#3fa0c8", "#e6822e", "#d44a4a", "#3274d9", "#8f5fbf", "#7a8a99")
_FAINT, _INK, _GRID = "#6b7785", "#1f2933", "#e3e8ee"
_LINE_PX = 17


class Field(NamedTuple):
    """A line of a panel: figures at times, None where there is none, and how it is drawn."""

    name: str
    points: Sequence[tuple[int, float | None]]
    style: Mapping[str, Any]
    colour: str

    @property
    def unit(self) -> str:
        return str(self.style.get("unit", ""))

    @property
    def decimals(self) -> int | None:
        return self.style.get("decimals")

    @property
    def custom(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.style.get("custom", {})
        return found

    def told(self) -> list[float]:
        return [value for _, value in self.points if value is not None]


def colour(name: str, place: int = 0) -> str:
    """A colour by Grafana's name, else that of the place."""
    if name.startswith(("#", "rgb")):
        return name
    shade = name.rsplit("-", 1)[-1]
    return COLOURS.get(shade, CLASSIC[place % len(CLASSIC)])


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 11) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
        f' fill="{_FAINT}">{html.escape(words)}</text>'
    )


def ticks(
    low: float, high: float, *, number: int = 4, steps: Sequence[float] = (), least: float = 0
) -> list[float]:
    """Round figures from at most `low` to at least `high`, some `number` of them.

    >>> ticks(0, 3.2), ticks(0, 1, least=1)
    ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 1.0])
    """
    if high <= low:
        high = low + 1
    rough = max((high - low) / number, least)
    power = 10.0 ** floor(log10(rough))
    sizes = (*steps, *(size * power for size in (1, 2, 2.5, 5, 10)))
    step = max(next(size for size in sizes if size >= rough * 0.999), least)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(n * step, 12) for n in range(first, last + 1)]


class Axis(NamedTuple):
    """From figures to pixels, and which of them are written beside it."""

    low: float
    high: float
    marks: Sequence[float]

    def of(self, value: float) -> float:
        """How far up, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def _axis(fields: Sequence[Field], stacked: Mapping[str, Sequence[tuple[float, float]]]) -> Axis:
    values = list(itertools.chain.from_iterable(field.told() for field in fields))
    for field in fields:
        for pair in stacked.get(field.name, ()):
            values += pair
    style = fields[0].style
    # What is far from nothing, as a voltage is, is not drawn down to it.
    base = () if values and min(values) > max(values) / 2 and not _has_bars(fields) else (0.0,)
    low = style["min"] if style.get("min") is not None else min([*values, *base], default=0.0)
    high = style["max"] if style.get("max") is not None else max([*values, *base], default=1.0)
    # What is told as whole things has no marks between them.
    least = 1 if style.get("decimals") == 0 else 0
    marks = ticks(low, high, steps=round_steps(fields[0].unit), least=least)
    return Axis(min(low, marks[0]), max(high, marks[-1]), marks)


def _has_bars(fields: Sequence[Field]) -> bool:
    return any(field.custom.get("drawStyle") == "bars" for field in fields)


def _hours(span_ms: tuple[int, int], room: int) -> Iterator[tuple[int, str]]:
    """Local times worth a mark."""
    begin, end = (datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZONE) for ms in span_ms)
    hours = (end - begin).total_seconds() / 3600
    every = next((n for n in (1, 2, 3, 4, 6, 12, 24) if hours / n <= room), None)
    if every is None:
        every = 24 * ceil(hours / 24 / room)
    at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    while at <= end:
        if at >= begin:
            yield round(at.timestamp() * 1000), f"{at:%H:%M}" if every < 24 else f"{at:%-d %b}"
        at = (at.astimezone(UTC) + timedelta(hours=every)).astimezone(ZONE)
        if every >= 24:
            at = (at + timedelta(hours=2)).replace(hour=0)


def _stacks(fields: Sequence[Field]) -> dict[str, list[tuple[float, float]]]:
    """From where to where each point of a stacked field goes."""
    found: dict[str, list[tuple[float, float]]] = {}
    ups: dict[tuple[str, int], float] = {}
    for field in fields:
        stacking = field.custom.get("stacking", {})
        if stacking.get("mode") not in {"normal", "percent"}:
            continue
        group = f"{stacking.get('group', 'A')}"
        for at_ms, value in field.points:
            begin = ups.get((group, at_ms), 0.0)
            ups[group, at_ms] = begin + (value or 0.0)
            found.setdefault(field.name, []).append((begin, begin + (value or 0.0)))
    return found


def _runs(field: Field) -> Iterator[list[tuple[int, int, float]]]:
    """Points without a gap between them: place, time, value. The panel says what gap is none."""
    run: list[tuple[int, int, float]] = []
    bridged = field.custom.get("spanNulls", False)
    bridged_ms = (inf if bridged else 0) if isinstance(bridged, bool) else bridged
    is_missing = False
    for place, (at_ms, value) in enumerate(field.points):
        if value is None:
            is_missing = True
            continue
        if run and is_missing and at_ms - run[-1][1] > bridged_ms:
            yield run
            run = []
        run.append((place, at_ms, value))
        is_missing = False
    if run:
        yield run


class Plot(NamedTuple):
    """Where in the picture things are drawn."""

    left: float
    top: float
    width: float
    height: float
    span_ms: tuple[int, int]

    def x(self, at_ms: float) -> float:
        begin, end = self.span_ms
        return self.left + self.width * (at_ms - begin) / max(1, end - begin)

    def y(self, axis: Axis, value: float) -> float:
        return self.top + self.height * (1 - axis.of(value))


def _step_ms(fields: Sequence[Field]) -> int:
    """The time between points that follow each other, of whichever field."""
    times = sorted({at_ms for field in fields for at_ms, _ in field.points})
    return min((b - a for a, b in itertools.pairwise(times)), default=QUARTER_MS)


def _drawn(
    plot: Plot,
    axis: Axis,
    field: Field,
    stack: Sequence[tuple[float, float]] | None,
    *,
    step_ms: int,
) -> Iterator[str]:
    opacity = field.custom.get("fillOpacity", 0) / 100
    style = field.custom.get("drawStyle", "line")
    step = field.custom.get("lineInterpolation") == "stepAfter"
    base = plot.y(axis, min(max(0.0, axis.low), axis.high))
    if style == "bars":
        width = plot.width * step_ms / max(1, plot.span_ms[1] - plot.span_ms[0])
        right = plot.left + plot.width
        for place, (at_ms, value) in enumerate(field.points):
            begin = plot.x(at_ms)
            if value and begin < right:
                low, high = stack[place] if stack else (0.0, value)
                top, bottom = sorted((plot.y(axis, high), plot.y(axis, low)))
                yield (
                    f'<rect x="{begin:.1f}" y="{top:.1f}" height="{bottom - top:.1f}"'
                    f' width="{min(max(1.0, width * 0.94), right - begin):.1f}"'
                    f' fill="{field.colour}" fill-opacity="{opacity:.2f}"'
                    f' stroke="{field.colour}" stroke-width="{field.custom.get("lineWidth", 0)}"/>'
                )
        return
    for run in _runs(field):
        spots = [
            (plot.x(at_ms), plot.y(axis, stack[place][1] if stack else value))
            for place, at_ms, value in run
        ]
        if style == "points" or len(spots) == 1:
            yield from (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{field.colour}"/>'
                for x, y in spots
            )
            continue
        way = f"M{spots[0][0]:.1f},{spots[0][1]:.1f}"
        for x, y in spots[1:]:
            way += f"H{x:.1f}V{y:.1f}" if step else f"L{x:.1f},{y:.1f}"
        if opacity:
            if stack:
                back = [(plot.x(at_ms), plot.y(axis, stack[place][0])) for place, at_ms, _ in run]
                closing = "".join(f"L{x:.1f},{y:.1f}" for x, y in reversed(back))
            else:
                closing = f"L{spots[-1][0]:.1f},{base:.1f}L{spots[0][0]:.1f},{base:.1f}"
            yield f'<path d="{way}{closing}Z" fill="{field.colour}" fill-opacity="{opacity:.2f}"/>'
        yield f'<path d="{way}" fill="none" stroke="{field.colour}" stroke-width="1.6"/>'


def over_time(fields: Sequence[Field], span_ms: tuple[int, int], width: int, height: int) -> str:
    """A panel of type timeseries: the axis of the first unit is left, that of the second right."""
    units = list(dict.fromkeys(field.unit for field in fields))
    sides = [[field for field in fields if field.unit == unit] for unit in units[:2]]
    stacked = [_stacks(side) for side in sides]
    axes = [_axis(side, stack) for side, stack in zip(sides, stacked, strict=True)]
    legend, legend_px = _legend(fields, width)
    right = 62 if len(axes) > 1 else 14
    plot = Plot(62, 8, width - 62 - right, height - 34 - legend_px, span_ms)
    parts = []
    for mark in axes[0].marks:
        y = plot.y(axes[0], mark)
        parts.append(
            f'<line x1="{plot.left}" x2="{plot.left + plot.width}" y1="{y:.1f}" y2="{y:.1f}"'
            f' stroke="{_GRID}"/>'
        )
        parts.append(text(plot.left - 6, y + 4, _mark(mark, sides[0][0]), anchor="end"))
    for mark in axes[1].marks if len(axes) > 1 else ():
        y = plot.y(axes[1], mark)
        parts.append(text(plot.left + plot.width + 6, y + 4, _mark(mark, sides[1][0])))
    for at_ms, words in _hours(span_ms, int(plot.width / 62)):
        x = plot.x(at_ms)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{plot.top}" y2="{plot.top + plot.height}"'
            f' stroke="{_GRID}"/>'
        )
        is_last = x > plot.left + plot.width - 12
        anchor = "end" if is_last else "middle"
        parts.append(text(x + 8 * is_last, plot.top + plot.height + 15, words, anchor=anchor))
    step_ms = _step_ms(fields)
    for side, stack, axis in zip(sides, stacked, axes, strict=True):
        for field in side:
            parts += _drawn(plot, axis, field, stack.get(field.name), step_ms=step_ms)
    parts.append(f'<g transform="translate(0,{height - legend_px})">{legend}</g>')
    return _svg(width, height, parts)


def _mark(value: float, field: Field) -> str:
    return str(shown(value, field.unit, field.decimals if value % 1 else None)) if value else "0"


def _legend(fields: Sequence[Field], width: int) -> tuple[str, int]:
    """What colour is what, in as many lines as it takes; and how high that is."""
    parts, x, y = [], 62.0, 12
    for field in fields:
        need = 32 + 6.8 * len(field.name)
        if x + need > width and x > 62:
            x, y = 62.0, y + _LINE_PX
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 7}" width="12" height="4" rx="2" fill="{field.colour}"/>'
        )
        parts.append(text(x + 17, y, field.name))
        x += need
    return "".join(parts), y + 8


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"{''.join(parts)}</svg>"
    )


def threshold_colour(style: Mapping[str, Any], value: float | None) -> str:
    """The colour of the highest step that the figure reaches."""
    found = "green"
    for step in style.get("thresholds", {}).get("steps", ()):
        if step.get("value") is None or (value is not None and value >= step["value"]):
            found = step["color"]
    return colour(found)


def mapped(style: Mapping[str, Any], value: Any) -> tuple[str, str] | None:
    """The words, and the colour or "", that a panel has for this value."""
    for mapping in style.get("mappings", ()):
        options = mapping["options"]
        if mapping["type"] == "value":
            found = options.get(str(value)) or options.get(
                f"{value:g}" if _is_figure(value) else ""
            )
        elif mapping["type"] == "range" and _is_figure(value):
            low, high = options.get("from"), options.get("to")
            inside = (low is None or value >= low) and (high is None or value <= high)
            found = options["result"] if inside else None
        elif mapping["type"] == "special":
            found = options["result"] if options["match"] == "null" and value is None else None
        else:
            found = None
        if found:
            return found.get("text", ""), found.get("color", "")
    return None


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float)


def cell(style: Mapping[str, Any], value: Any, *, is_tinted: bool = True) -> tuple[str, str]:
    """What stands for a value, and its colour: the words of the panel, else the figure."""
    tint = threshold_colour(style, value) if is_tinted and _is_figure(value) else ""
    if words := mapped(style, value):
        return words[0], colour(words[1]) if words[1] else tint
    if value is None:
        return "-", ""
    if not _is_figure(value):
        return str(value), ""
    unit, decimals = str(style.get("unit", "")), style.get("decimals")
    if unit.startswith(("dateTime", "time:")):
        at = datetime.fromtimestamp(value / 1000, UTC).astimezone(ZONE)
        return f"{at:%Y-%m-%d %H:%M}", ""
    return str(shown(value, unit, decimals)), tint


def big_figures(fields: Sequence[tuple[Field, float | None]], width: int, height: int) -> str:
    """A panel of type stat: each field's figure, in the colour that it has."""
    each = width / max(1, len(fields))
    parts = []
    for place, (field, value) in enumerate(fields):
        words, tint = cell(field.style, value)
        tint = tint or threshold_colour(field.style, value)
        size = min(34, height * 0.42, each / (len(words) + 2) * 1.6)
        middle = each * (place + 0.5)
        below = height / 2 + size * 0.35
        if len(fields) > 1:
            parts.append(text(middle, height - 8, field.name, anchor="middle"))
            below -= 8
        parts.append(
            f'<text x="{middle:.1f}" y="{below:.1f}" text-anchor="middle" font-weight="600"'
            f' font-size="{size:.0f}" fill="{tint}">{html.escape(words)}</text>'
        )
    return _svg(width, height, parts)


def states(fields: Sequence[Field], span_ms: tuple[int, int], width: int, height: int) -> str:
    """A panel of type state-timeline: a bar for each field, in the colours of what it was."""
    left = min(width * 0.3, 20 + 6.6 * max(len(field.name) for field in fields))
    plot = Plot(left, 4, width - left - 14, height - 26, span_ms)
    room = min(34.0, plot.height / len(fields))
    step_ms = _step_ms(fields)
    parts = []
    for at_ms, words in _hours(span_ms, int(plot.width / 62)):
        anchor = "end" if plot.x(at_ms) > plot.left + plot.width - 12 else "middle"
        parts.append(text(plot.x(at_ms), height - 8, words, anchor=anchor))
    for place, field in enumerate(fields):
        top = plot.top + place * room
        parts.append(text(left - 8, top + room / 2 + 4, field.name, anchor="end"))
        for value, run in itertools.groupby(field.points, key=lambda point: point[1]):
            times = [at_ms for at_ms, _ in run]
            if value is None:
                continue
            begin, end = plot.x(times[0]), min(plot.x(times[-1] + step_ms), plot.left + plot.width)
            words, tint = cell(field.style, value)
            parts.append(
                f'<rect x="{begin:.1f}" y="{top + room * 0.14:.1f}" rx="2" fill="{tint}"'
                f' width="{max(1.5, end - begin):.1f}" height="{room * 0.72:.1f}"'
                ' fill-opacity="0.75"/>'
            )
            if end - begin > 7 * len(words) + 8:
                parts.append(
                    f'<text x="{(begin + end) / 2:.1f}" y="{top + room / 2 + 4:.1f}" fill="#fff"'
                    f' font-size="11" text-anchor="middle">{html.escape(words)}</text>'
                )
    return _svg(width, height, parts)


def long_bars(fields: Sequence[tuple[Field, float | None]], width: int, height: int) -> str:
    """A panel of type bargauge: a bar for each field, the longest first."""
    left = min(width * 0.4, 20 + 6.6 * max((len(field.name) for field, _ in fields), default=0))
    high = max((value or 0 for _, value in fields), default=0)
    room = min(30.0, (height - 6) / max(1, len(fields)))
    parts = []
    for place, (field, value) in enumerate(fields):
        top = 3 + place * room
        words, tint = cell(field.style, value)
        most = field.style.get("max") or high or 1
        length = (width - left - 90) * min(1.0, max(0.0, (value or 0) / most))
        by_steps = field.style.get("color", {}).get("mode") == "thresholds"
        parts.append(text(left - 8, top + room / 2 + 4, field.name, anchor="end"))
        parts.append(
            f'<rect x="{left:.1f}" y="{top + room * 0.16:.1f}" width="{max(1, length):.1f}"'
            f' height="{room * 0.68:.1f}" rx="2" fill="{tint if by_steps else field.colour}"/>'
        )
        parts.append(text(left + length + 7, top + room / 2 + 4, words))
    return _svg(width, height, parts)


def table(heads: Sequence[str], rows: Sequence[Sequence[tuple[str, str]]]) -> str:
    """A panel of type table: cells with the colour of their words."""
    head = "".join(f"<th>{html.escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td style="color:{tint or _INK}">{html.escape(words)}</td>' for words, tint in row
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
