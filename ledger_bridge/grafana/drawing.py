"""What Grafana reads, made of boards: the only part of this that needs Grafana's own SDK.

Spec: Grafana 11.6, dashboard JSON model, as grafana-foundation-sdk 11.6 writes it
"""

import json
from collections.abc import Callable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    stat,
    statetimeline,
    table,
    text,
)
from grafana_foundation_sdk.builders import timeseries as series
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from ledger_bridge.grafana.panels import (
    TAG,
    Board,
    Choice,
    Column,
    Kind,
    Line,
    Panel,
    Row,
    Step,
    uid,
)
from ledger_bridge.grafana.query import Query
from ledger_bridge.grafana.words import Language, Said

# What comes once a minute need not come in each minute of the clock; what is missing for longer is
# a gap.
GAP_MS = 300_000


def _source(query: Query) -> models.DataSourceRef:
    return models.DataSourceRef(type_val="influxdb", uid=query.source)


class InfluxQL(Dataquery, Builder[Dataquery]):
    """A query as Grafana's InfluxDB data source has it; the SDK has none of its own.

    `alias` is what the line is called.
    """

    def __init__(self, query: Query, ref_id: str, alias: str, *, is_table: bool) -> None:
        self._query, self._ref_id, self._alias, self._is_table = query, ref_id, alias, is_table

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        told: dict[str, object] = {
            "refId": self._ref_id,
            "datasource": _source(self._query),
            "query": self._query.influxql,
            "rawQuery": True,
            "resultFormat": "table" if self._is_table else "time_series",
        }
        return told | ({"alias": self._alias} if self._alias else {})


def built(board: Board, language: Language, zone: str) -> models.Dashboard:
    """The dashboard in one language; times are shown as the clocks of a zone have them."""
    made = (
        dashboard.Dashboard(board.title.in_(language))
        .uid(uid(board.name, language))
        .description(board.about.in_(language))
        .tags([TAG, language])
        .timezone(zone)
        .week_start("monday")
        .time(board.since, "now")
        .refresh(board.refresh)
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(_others(language))
    )
    for choice in board.choices:
        made.with_variable(_variable(choice, language))
    for part in board.parts:
        if isinstance(part, Row):
            made.with_row(dashboard.Row(part.title.in_(language)).id(part.id))
        else:
            made.with_panel(_panel(part, language))
    return made.build()


def encode(told: models.Dashboard) -> bytes:
    """The dashboard as its file has it: always the same, and easy to compare."""
    text = json.dumps(told, cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False)
    return f"{text}\n".encode()


def _others(language: Language) -> dashboard.DashboardLink:
    """Links to all dashboards in this language, which keep what is chosen and the time."""
    return (
        dashboard.DashboardLink("")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG, language])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )


def _variable(
    choice: Choice, language: Language
) -> dashboard.QueryVariable | dashboard.TextBoxVariable:
    if choice.query is None:
        typed = dashboard.TextBoxVariable(choice.name).label(choice.words.in_(language))
        now = models.VariableOption(selected=True, text=choice.default, value=choice.default)
        typed.default_value(choice.default).current(now).options([now])
        return typed.description(choice.about.in_(language)) if choice.about else typed
    found = (
        dashboard.QueryVariable(choice.name)
        .label(choice.words.in_(language))
        .datasource(_source(choice.query))
        .query(choice.query.influxql)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
    if choice.about:
        found.description(choice.about.in_(language))
    if choice.is_multi:
        everything = models.VariableOption(selected=True, text=["All"], value=["$__all"])
        found.multi(multi=True).include_all(include_all=True).all_value(".*").current(everything)
    return found


def _panel(panel: Panel, language: Language) -> Any:
    made = _DRAWN[panel.kind](panel, language)
    made.id(panel.id).title(panel.title.in_(language)).span(panel.width).height(panel.height)
    if panel.kind == "words":
        return made
    made.description(panel.about.in_(language)).unit(panel.unit)
    made.datasource(_source(panel.lines[0].query)).no_value(panel.nothing.in_(language))
    made.color_scheme(dashboard.FieldColor().mode(_COLOURED[panel.kind]))
    if panel.decimals is not None:
        made.decimals(panel.decimals)
    if panel.least is not None:
        made.min(panel.least)
    if panel.most is not None:
        made.max(panel.most)
    if panel.now:
        made.time_from(panel.now)
    if panel.every:
        made.interval(panel.every)
    if panel.says:
        made.mappings([_mapping(panel.says, language)])
    made.thresholds(_thresholds(panel.steps or (Step(None, "text"),)))
    for letter, line in zip(ascii_uppercase, panel.lines, strict=False):
        alias = line.words.in_(language) if isinstance(line.words, Said) else line.words
        made.with_target(InfluxQL(line.query, letter, alias, is_table=panel.kind == "table"))
        if properties := list(_of_line(line)):
            made.override_by_query(letter, properties)
    return made


_BY_LINE, _BY_STEP = models.FieldColorModeId.PALETTE_CLASSIC, models.FieldColorModeId.THRESHOLDS
_COLOURED: dict[Kind, models.FieldColorModeId] = {
    **dict.fromkeys(("bars", "lines", "steps", "points", "ranks"), _BY_LINE),
    **dict.fromkeys(("states", "figures", "table"), _BY_STEP),
}


def _of_line(line: Line) -> Iterator[models.DynamicConfigValue]:
    if line.colour:
        fixed = {"mode": "fixed", "fixedColor": line.colour}
        yield models.DynamicConfigValue("color", fixed)
    if line.unit:
        yield models.DynamicConfigValue("unit", line.unit)
    if line.is_below:
        yield models.DynamicConfigValue("custom.transform", "negative-Y")
    if line.is_part:
        yield models.DynamicConfigValue("custom.drawStyle", "line")
        yield models.DynamicConfigValue("custom.lineInterpolation", "stepAfter")
        yield models.DynamicConfigValue("custom.lineWidth", 2)
        yield models.DynamicConfigValue("custom.fillOpacity", 0)


def _thresholds(steps: tuple[Step, ...]) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().steps(
        [models.Threshold(value=step.value, color=step.colour) for step in steps]
    )


def _mapping(says: Mapping[str, Said], language: Language) -> models.ValueMap:
    return models.ValueMap(
        {
            value: models.ValueMappingResult(text=words.in_(language), index=n)
            for n, (value, words) in enumerate(says.items())
        }
    )


def _over_time(panel: Panel) -> series.Panel:
    made = (
        series.Panel()
        .line_width(1)
        .span_nulls(GAP_MS)
        .show_points(options.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI))
    )
    if panel.is_stacked:
        made.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))
    if panel.steps:
        drawn = options.GraphThresholdsStyleMode.DASHED
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(drawn))
    return made


def _bars(panel: Panel, _language: Language) -> series.Panel:
    made = (
        _over_time(panel)
        .draw_style(options.GraphDrawStyle.BARS)
        .bar_alignment(options.BarAlignment.AFTER)
    )
    if panel.is_stacked:
        return made.fill_opacity(80).line_width(0)
    return made.fill_opacity(35)  # bars that do not stack stand before each other


def _lines(panel: Panel, _language: Language) -> series.Panel:
    return _over_time(panel).draw_style(options.GraphDrawStyle.LINE).fill_opacity(8)


def _steps(panel: Panel, _language: Language) -> series.Panel:
    stays = options.LineInterpolation.STEP_AFTER
    drawn = _over_time(panel).draw_style(options.GraphDrawStyle.LINE).line_interpolation(stays)
    return drawn.span_nulls(span_nulls=True)


def _points(panel: Panel, _language: Language) -> series.Panel:
    return _over_time(panel).draw_style(options.GraphDrawStyle.POINTS).point_size(7)


def _states(_panel: Panel, _language: Language) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(merge_values=True)
        .show_value(options.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .line_width(0)
    )


def _figures(panel: Panel, _language: Language) -> stat.Panel:
    return (
        stat.Panel()
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs([panel.reduced]))
    )


def _ranks(panel: Panel, _language: Language) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .orientation(options.VizOrientation.HORIZONTAL)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs([panel.reduced]))
    )


def _table(panel: Panel, language: Language) -> table.Panel:
    made = table.Panel().align(options.FieldTextAlignment.AUTO).inspect(inspect=False)
    if len(panel.lines) > 1:
        made.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    if panel.order:
        field, is_most_first = panel.order.removeprefix("-"), panel.order.startswith("-")
        made.with_transformation(_sorted(field, is_most_first=is_most_first))
    made.with_transformation(_organized(panel, language))
    for column in panel.columns:
        if properties := list(_of_column(column, language)):
            made.override_by_name(column.words.in_(language), properties)
    return made


def _sorted(field: str, *, is_most_first: bool) -> models.DataTransformerConfig:
    by = {"fields": {}, "sort": [{"field": field, "desc": is_most_first}]}
    return models.DataTransformerConfig(id_val="sortBy", options=by)


def _organized(panel: Panel, language: Language) -> models.DataTransformerConfig:
    names = [column.name for column in panel.columns]
    return models.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": {} if "Time" in names else {"Time": True},
            "indexByName": {name: place for place, name in enumerate(names)},
            "renameByName": {one.name: one.words.in_(language) for one in panel.columns},
        },
    )


def _of_column(column: Column, language: Language) -> Iterator[models.DynamicConfigValue]:
    if column.unit:
        yield models.DynamicConfigValue("unit", column.unit)
    if column.decimals is not None:
        yield models.DynamicConfigValue("decimals", column.decimals)
    if column.says:
        yield models.DynamicConfigValue("mappings", [_mapping(column.says, language)])
    if column.steps:
        yield models.DynamicConfigValue("thresholds", _thresholds(column.steps).build())
        yield models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})
    if column.width:
        yield models.DynamicConfigValue("custom.width", column.width)
    if column.link:
        link = {"title": column.link.title.in_(language), "url": column.link.url(language)}
        yield models.DynamicConfigValue("links", [link])


def _words(panel: Panel, language: Language) -> text.Panel:
    return text.Panel().mode(TextMode.MARKDOWN).content(panel.about.in_(language))


# The builders of all kinds of panels have much in common, but no type that says so.
_DRAWN: dict[Kind, Callable[[Panel, Language], Any]] = {
    "bars": _bars,
    "lines": _lines,
    "steps": _steps,
    "points": _points,
    "states": _states,
    "figures": _figures,
    "ranks": _ranks,
    "table": _table,
    "words": _words,
}
