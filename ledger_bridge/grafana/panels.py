"""Dashboards as they are written here, and how one becomes what Grafana reads.

A board is plain values with its words in both languages, so that both have the same queries. Panels
fill the grid from left to right; a line of them is `LINE` wide. What was not measured is a gap.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any, Literal, NamedTuple

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
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from ledger_bridge.grafana.query import Query, Target, source, values_of
from ledger_bridge.grafana.words import COMMUNITY, NOTHING, Language, Said

LINE = 24
TAG = "meterkast"

# How a panel draws: a bar from the begin of each span; a line from point to point; a line that
# stays where it was until the next point; a strip in the colours of its steps; a figure; a bar for
# each figure; rows; words.
Kind = Literal["bars", "lines", "steps", "states", "figures", "ranks", "table", "words"]
Colour = Literal["green", "yellow", "orange", "red", "blue", "purple", "text"]
Reduced = Literal["lastNotNull", "sum", "max", "mean"]


class Community(NamedTuple):
    """What a policy says that figures cannot be shown without.

    `zone` is whose midnight a day begins at. `scales` has each asset's decimal places, by its code.
    """

    zone: str
    scales: Mapping[str, int]


class Step(NamedTuple):
    """From this value on, this colour. The first one of a panel is from None on."""

    value: float | None
    colour: Colour


class Line(NamedTuple):
    """What is asked, and what it is called: `words` may name tags, as `$tag_device`.

    `is_below` draws it down from zero. `unit` is for a line with another one than its panel.
    """

    query: Query
    words: Said | str = ""
    colour: Colour | None = None
    unit: str = ""
    is_below: bool = False


class Column(NamedTuple):
    """A column of a table, by the tag or field that is in it. `says` is for values with words."""

    name: str
    words: Said
    unit: str = ""
    steps: tuple[Step, ...] = ()
    says: Mapping[str, Said] = {}
    link: "Link | None" = None
    decimals: int | None = None
    width: int | None = None


class Link(NamedTuple):
    """From a cell to another board: `chosen` are its variables, `${__value.raw}` what is there."""

    title: Said
    board: str
    chosen: Mapping[str, str]

    def url(self, language: Language) -> str:
        """
        >>> Link(Said("Huis", "Home"), "household", {"account": "${__value.raw}"}).url("nl")
        '/d/meterkast-household-nl?var-account=${__value.raw}&${__url_time_range}'
        """
        chosen = "".join(f"var-{name}={value}&" for name, value in self.chosen.items())
        return f"/d/{uid(self.board, language)}?{chosen}${{__url_time_range}}"


class Panel(NamedTuple):
    """A panel. Its `id` stays what it is, for links to it.

    `now` is how far back it looks where it shows what is, whatever the dashboard's time. A table
    has `columns`, and rows in the `order` of one, the most first where it begins with "-". A panel
    of words has them in `about`.
    """

    id: int
    kind: Kind
    title: Said
    about: Said
    lines: tuple[Line, ...] = ()
    unit: str = "none"
    decimals: int | None = None
    width: int = 12
    height: int = 8
    is_stacked: bool = False
    reduced: Reduced = "lastNotNull"
    steps: tuple[Step, ...] = ()
    says: Mapping[str, Said] = {}
    least: float | None = None
    most: float | None = None
    columns: tuple[Column, ...] = ()
    order: str = ""
    now: str = ""
    every: str = ""
    nothing: Said = NOTHING


class Row(NamedTuple):
    """A heading above the panels that follow."""

    id: int
    title: Said


class Choice(NamedTuple):
    """A variable. `query` finds what there is to choose from; without one it is typed in."""

    name: str
    words: Said
    query: Query | None = None
    is_multi: bool = False
    default: str = ""
    about: Said | None = None


class Board(NamedTuple):
    """A dashboard; `name` is the stem of its file and, with the language, its uid."""

    name: str
    title: Said
    about: Said
    choices: tuple[Choice, ...]
    parts: tuple[Row | Panel, ...]
    since: str = "now-7d"
    refresh: str = "5m"


# Every dashboard begins with this.
OF_COMMUNITY = Choice("community", COMMUNITY, values_of("community"))


def uid(name: str, language: Language) -> str:
    """What a dashboard is called in links.

    >>> uid("coop", "nl")
    'meterkast-coop-nl'
    """
    return f"{TAG}-{name}-{language}"


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
        .datasource(source(choice.query))
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
    made.datasource(source(panel.lines[0].query)).no_value(panel.nothing.in_(language))
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
        made.with_target(Target(line.query, letter, alias, is_table=panel.kind == "table"))
        if properties := list(_of_line(line)):
            made.override_by_query(letter, properties)
    return made


_BY_LINE, _BY_STEP = models.FieldColorModeId.PALETTE_CLASSIC, models.FieldColorModeId.THRESHOLDS
_COLOURED: dict[Kind, models.FieldColorModeId] = {
    **dict.fromkeys(("bars", "lines", "steps", "ranks"), _BY_LINE),
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
        .span_nulls(span_nulls=False)
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
    return (
        _over_time(panel)
        .draw_style(options.GraphDrawStyle.BARS)
        .bar_alignment(options.BarAlignment.AFTER)
        .fill_opacity(80)
        .line_width(0)
    )


def _lines(panel: Panel, _language: Language) -> series.Panel:
    return _over_time(panel).draw_style(options.GraphDrawStyle.LINE).fill_opacity(8)


def _steps(panel: Panel, _language: Language) -> series.Panel:
    stays = options.LineInterpolation.STEP_AFTER
    return _over_time(panel).draw_style(options.GraphDrawStyle.LINE).line_interpolation(stays)


def _states(_panel: Panel, _language: Language) -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .merge_values(merge_values=True)
        .show_value(options.VisibilityMode.NEVER)
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
    made = table.Panel()
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
    "states": _states,
    "figures": _figures,
    "ranks": _ranks,
    "table": _table,
    "words": _words,
}
