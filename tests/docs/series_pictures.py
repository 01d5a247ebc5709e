"""A dashboard's panels on one page, drawn from what its queries find. This is not Grafana.

It knows of Grafana what our dashboards use, and fails where they use more.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.docs import series_drawn as drawn
from tests.docs.series_drawn import Field
from tests.grafana_queries import (
    Ask,
    Asked,
    Span,
    Variable,
    expand,
    interval_ms,
    of_panels,
    span_of,
)
from tests.influx import Series

WIDTH_PX = 1280
_MARGIN_PX, _COLUMNS, _ROW_PX, _HEAD_PX = 16, 24, 30, 34
# So many points over a day: in a demonstration the hub puts down how it fares each ten minutes, for
# its clock is fast.
_POINTS = 48
SAID = "drawn from the same queries by a test; this is not Grafana"

_STYLE = """
body { margin: 0; background: #f4f6f8; font-family: "Inter", "DejaVu Sans", sans-serif; }
header { padding: 14px 20px 10px; }
h1 { font-size: 21px; margin: 0; color: #1f2933; font-weight: 650; }
header p { margin: 3px 0 0; font-size: 12.5px; color: #6b7785; }
main { position: relative; }
section { position: absolute; background: #fff; border: 1px solid #dde3ea; border-radius: 6px;
  overflow: hidden; }
section.row { background: none; border: 0; overflow: visible; }
section.row h2 { font-size: 14px; padding: 3px 2px; color: #3b4754; overflow: visible; }
h2 { font-size: 12.5px; margin: 0; padding: 9px 12px 4px; color: #1f2933; font-weight: 600;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
svg { display: block; font-family: inherit; }
table { border-collapse: collapse; font-size: 11.5px; width: calc(100% - 24px); margin: 2px 12px; }
th { text-align: left; color: #6b7785; font-weight: 600; border-bottom: 1px solid #dde3ea; }
th, td { padding: 3px 8px 3px 0; white-space: nowrap; }
td { border-bottom: 1px solid #eef1f4; }
.none { color: #6b7785; font-size: 12px; padding: 6px 12px; }
.text { color: #3b4754; font-size: 12px; padding: 0 12px; line-height: 1.45; }
"""


def _named(asked: Asked, series: Series, column: str) -> str:
    """What Grafana calls a series, by the alias of its query."""
    if not asked.alias:
        tags = ", ".join(f"{name}: {value}" for name, value in series.tags.items())
        return f"{series.name}.{column} {{{tags}}}" if tags else f"{series.name}.{column}"

    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name.startswith("tag_"):
            return series.tags.get(name.removeprefix("tag_"), "")
        return {"col": column, "m": series.name, "measurement": series.name}[name]

    return re.sub(r"\$(\w+)|\[\[(\w+)\]\]", fill, asked.alias)


def _style_of(panel: Mapping[str, Any], name: str, ref: str) -> dict[str, Any]:
    """What the panel says of a field of this name, of this query."""
    config = panel.get("fieldConfig", {})
    style: dict[str, Any] = dict(config.get("defaults", {}))
    style["custom"] = dict(style.get("custom", {}))
    for override in config.get("overrides", ()):
        matcher = override["matcher"]
        options = matcher.get("options")
        fits = {
            "byName": lambda options=options: options == name,
            "byRegexp": lambda options=options: re.search(options.strip("/"), name),
            "byFrameRefID": lambda options=options: options == ref,
        }[matcher["id"]]
        if fits():
            for one in override["properties"]:
                where, _, key = one["id"].partition(".")
                if key:
                    style[where] = {**style.get(where, {}), key: one["value"]}
                else:
                    style[where] = one["value"]
    return style


def _fields(panel: Mapping[str, Any], found: Sequence[tuple[Asked, list[Series]]]) -> list[Field]:
    fields: list[Field] = []
    for asked, some in found:
        ref = asked.where.rsplit(" / ", 1)[-1]
        for series in some:
            for place, column in enumerate(series.columns[1:], start=1):
                name = _named(asked, series, column)
                style = _style_of(panel, name, ref)
                fixed = style.get("color", {}).get("fixedColor")
                tint = drawn.colour(fixed or "", len(fields))
                points = [(row[0], row[place]) for row in series.values]
                if style["custom"].get("transform") == "negative-Y":
                    points = [(at_ms, None if v is None else -v) for at_ms, v in points]
                fields.append(Field(style.get("displayName") or name, points, style, tint))
    return fields


def reduced(field: Field, how: str) -> float | None:
    """One figure of a line, as a panel asks for it."""
    told = field.told()
    ways: dict[str, Callable[[], float | None]] = {
        "last": lambda: field.points[-1][1],
        "lastNotNull": lambda: told[-1],
        "sum": lambda: sum(told),
        "max": lambda: max(told),
        "min": lambda: min(told),
        "mean": lambda: sum(told) / len(told),
        "count": lambda: len(told),
    }
    return ways[how]() if told else None


def _figures(panel: Mapping[str, Any], fields: Iterable[Field]) -> list[tuple[Field, float | None]]:
    (how,) = panel["options"]["reduceOptions"]["calcs"]
    return [(field, reduced(field, how)) for field in fields]


Frame = tuple[list[str], list[list[Any]]]


def _frame(found: Sequence[tuple[Asked, list[Series]]]) -> Frame:
    """All rows of the results, with the tags of their series before their figures."""
    heads: list[str] = []
    rows: list[dict[str, Any]] = []
    for _, some in found:
        for series in some:
            names = ("Time", *series.tags, *series.columns[1:])
            heads += [name for name in names if name not in heads]
            rows += [
                dict(zip(names, (row[0], *series.tags.values(), *row[1:]), strict=True))
                for row in series.values
            ]
    return heads, [[row.get(head) for head in heads] for row in rows]


def _organized(frame: Frame, options: Mapping[str, Any]) -> Frame:
    heads, rows = frame
    left_out = {name for name, yes in options.get("excludeByName", {}).items() if yes}
    order = options.get("indexByName", {})
    kept = sorted(
        (place for place, head in enumerate(heads) if head not in left_out),
        key=lambda place: order.get(heads[place], place),
    )
    names = options.get("renameByName", {})
    return [names.get(heads[n]) or heads[n] for n in kept], [[row[n] for n in kept] for row in rows]


def _sorted(frame: Frame, options: Mapping[str, Any]) -> Frame:
    heads, rows = frame
    for by in reversed(options["sort"]):
        if by["field"] in heads:
            place = heads.index(by["field"])
            rows = sorted(
                rows,
                key=lambda row, n=place: (row[n] is None, row[n]),
                reverse=by.get("desc", False),
            )
    return heads, rows


def _table(panel: Mapping[str, Any], found: Sequence[tuple[Asked, list[Series]]]) -> str:
    frame, time = _frame(found), "Time"
    for step in panel.get("transformations", ()):
        options = step.get("options", {})
        match step["id"]:
            case "organize":
                frame = _organized(frame, options)
                time = options["renameByName"].get(time) or time
            case "sortBy":
                frame = _sorted(frame, options)
            case "merge":
                pass  # all rows are in one table here
            case other:
                raise AssertionError(f"a transformation that this does not know: {other}")
    heads, rows = frame
    styles = [_style_of(panel, head, "") for head in heads]
    for head, style in zip(heads, styles, strict=True):
        if head == time:
            style["unit"] = "dateTimeAsIso"
    cells = [
        [
            drawn.cell(style, value, is_tinted="color" in str(style["custom"].get("cellOptions")))
            for style, value in zip(styles, row, strict=True)
        ]
        for row in rows
    ]
    return drawn.table(
        [s.get("displayName") or h for s, h in zip(styles, heads, strict=True)], cells
    )


def _body(
    panel: Mapping[str, Any],
    found: Sequence[tuple[Asked, list[Series]]],
    span: Span,
    size: tuple[int, int],
) -> str:
    kind = panel["type"]
    if kind == "text":
        words = re.sub(r"[#*`]", "", panel["options"]["content"])
        return f'<div class="text">{html.escape(words)}</div>'
    if not any(series.values for _, some in found for series in some):
        words = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue", "No data")
        return f'<div class="none">{html.escape(words)}</div>'
    if kind == "table":
        return _table(panel, found)
    return _picture(kind, panel, _fields(panel, found), span, size)


def _picture(
    kind: str, panel: Mapping[str, Any], fields: list[Field], span: Span, size: tuple[int, int]
) -> str:
    match kind:
        case "timeseries":
            return drawn.over_time(fields, span, *size)
        case "state-timeline":
            return drawn.states(fields, span, *size)
        case "stat":
            return drawn.big_figures(_figures(panel, fields), *size)
        case "bargauge":
            figures = sorted(_figures(panel, fields), key=lambda one: -(one[1] or 0))
            return drawn.long_bars(figures, *size)
    raise AssertionError(f"a panel that this does not know: {kind}")


def page(
    dashboard: Mapping[str, Any], ask: Ask, variables: Mapping[str, Variable], span: Span
) -> str:
    """The dashboard as HTML, with all its figures between these times."""
    asked = of_panels(dashboard)
    parts, lowest = [], 0
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        each = (WIDTH_PX - 2 * _MARGIN_PX) / _COLUMNS
        left, width = _MARGIN_PX + place["x"] * each, round(place["w"] * each) - 8
        top, height = place["y"] * _ROW_PX, place["h"] * _ROW_PX - 8
        lowest = max(lowest, top + height)
        body = ""
        if panel["type"] != "row":
            seen = span_of(panel, span)
            found = [(one, _ask(one, ask, variables, seen)) for one in asked if one.panel is panel]
            body = _body(panel, found, seen, (width, height - _HEAD_PX))
        title = html.escape(_filled(panel["title"], variables))
        kind = ' class="row"' if panel["type"] == "row" else ""
        parts.append(
            f'<section{kind} style="left:{left:.0f}px;top:{top}px;width:{width}px;'
            f'height:{height}px"><h2>{title}</h2>{body}</section>'
        )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><style>{_STYLE}</style>'
        f"<header><h1>{html.escape(dashboard['title'])}</h1><p>{SAID}</p></header>"
        f'<main style="height:{lowest + _MARGIN_PX}px">{"".join(parts)}</main></html>'
    )


def keep(drawn: str, picture: Path, chromium: str) -> None:
    """Take a picture of a page with a real browser."""
    with sync_playwright() as playwright:
        window = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            tab = window.new_page(viewport={"width": WIDTH_PX, "height": 800})
            tab.set_content(drawn)
            tab.screenshot(path=picture, full_page=True)
        finally:
            window.close()


def _filled(title: str, variables: Mapping[str, Variable]) -> str:
    for name, variable in variables.items():
        words = variable.chosen if isinstance(variable.chosen, str) else " + ".join(variable.chosen)
        title = title.replace(f"${name}", words)
    return title


def _ask(asked: Asked, ask: Ask, variables: Mapping[str, Variable], span: Span) -> list[Series]:
    at_least = asked.panel.get("interval") or ""
    step_ms = interval_ms(span, points=_POINTS, at_least=at_least)
    return ask(
        expand(asked.influxql, span=span, step_ms=step_ms, variables=variables), asked.database
    )
