"""What Grafana 11 asks a database for a dashboard's panels and variables: its queries expanded.

Written from Grafana's documentation, and from its tests for what that leaves open; it stands in
for the program itself, which this project cannot run.

Spec: <https://grafana.com/docs/grafana/v11.6/datasources/influxdb/template-variables/>,
<https://grafana.com/docs/grafana/v11.6/dashboards/variables/variable-syntax/>
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.influx import MONTHS, YEARS, Series

DATABASES = {"meterkast": YEARS, "meterkast-months": MONTHS}
# What Grafana rounds the time between two points of a panel to, and from which quotient on.
# Spec: Grafana, rangeutil, roundInterval
_STEPS_MS = (
    *((10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000)),
    *((3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000)),
    *((45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000)),
    *((750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000)),
    *((5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000)),
    *((32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000)),
    *((1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000)),
)
_YEAR_MS = 31_536_000_000
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SHOWN = ((_YEAR_MS, "y"), (86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"))
_SPECIAL = re.compile(r"[\\/^$*+?.()|[\]{}]")
_NAMED = re.compile(r"\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]")

Ask = Callable[[str, str], list[Series]]


class Span(NamedTuple):
    """The time range of a dashboard, both ends in it, UTC ms."""

    from_ms: int
    to_ms: int


class Variable(NamedTuple):
    """A variable with what is chosen: one value, or a tuple of them where several may be.

    `is_pattern`: what stands for all of them is the dashboard's own, and goes in as it is.
    """

    name: str
    chosen: str | tuple[str, ...]
    is_multi: bool = False
    is_pattern: bool = False


class Asked(NamedTuple):
    """A query of a panel, a variable or an annotation as the dashboard has it."""

    where: str
    database: str
    influxql: str
    alias: str = ""
    is_table: bool = False
    panel: Mapping[str, Any] = {}


def milliseconds(text: str) -> int:
    """A duration as Grafana writes it.

    >>> milliseconds("15m"), milliseconds(">1d")
    (900000, 86400000)
    """
    found = re.fullmatch(r">?(\d+)(ms|s|m|h|d|w)", text)
    assert found, f"no duration: {text!r}"
    return int(found[1]) * _UNITS_MS[found[2]]


def interval_ms(span: Span, *, points: int, at_least: str = "") -> int:
    """The time between two points that Grafana takes for this range in a panel so wide.

    >>> interval_ms(Span(0, 86_400_000), points=1_000), interval_ms(Span(0, 1), points=1)
    (60000, 1)
    """
    wanted = (span.to_ms - span.from_ms) / points
    rounded = next((step for below, step in _STEPS_MS if wanted < below), _YEAR_MS)
    return max(rounded, milliseconds(at_least) if at_least else 1)


def shown(duration_ms: int) -> str:
    """A duration as Grafana's server writes it into a query: whole in its biggest unit.

    >>> shown(900_000), shown(5_400_000)
    ('15m', '1h')
    """
    return next(
        (f"{duration_ms // unit}{name}" for unit, name in _SHOWN if duration_ms >= unit),
        f"{duration_ms}ms",
    )


def escaped(value: str) -> str:
    r"""A value that a regular expression takes by the letter.

    >>> escaped("1-0:1.8.1")
    '1-0:1\\.8\\.1'
    """
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", value)


def _filled(variable: Variable, influxql: str, form: str | None) -> str:
    chosen = variable.chosen
    if form == "raw" or variable.is_pattern:
        return chosen if isinstance(chosen, str) else ",".join(chosen)
    assert form in {None, "regex"}, f"a form that this does not know: {form}"
    in_regex = re.search(rf"/.*\$\{{?{variable.name}\b.*/", influxql)
    if isinstance(chosen, str):
        return escaped(chosen) if variable.is_multi or in_regex or form else chosen
    alternatives = "|".join(map(escaped, chosen))
    if form:
        return alternatives if len(chosen) == 1 else f"({alternatives})"
    # Outside of a regular expression Grafana joins several values by commas.
    return f"({alternatives})" if variable.is_multi or in_regex else ",".join(chosen)


def expand(
    influxql: str, *, span: Span, step_ms: int, variables: Mapping[str, Variable] | None = None
) -> str:
    """The query as it reaches the database. Fails on a variable that there is not.

    >>> hall = {"device": Variable("device", ("hall", "s.0"), is_multi=True)}
    >>> asked = '"device" =~ /^$device$/ AND $timeFilter'
    >>> expand(asked, span=Span(1, 2), step_ms=1, variables=hall)
    '"device" =~ /^(hall|s\\\\.0)$/ AND time >= 1ms and time <= 2ms'
    """
    of_range = {
        "timeFilter": f"time >= {span.from_ms}ms and time <= {span.to_ms}ms",
        "__interval": shown(step_ms),
        "__interval_ms": str(step_ms),
        "interval": shown(step_ms),
        "__from": str(span.from_ms),
        "__to": str(span.to_ms),
    }
    known = variables or {}

    def fill(found: re.Match[str]) -> str:
        name, form = found[1] or found[2] or found[4], found[3]
        if name in known:
            return _filled(known[name], influxql, form)
        assert name in of_range, f"no variable ${name}: {influxql}"
        return of_range[name]

    return _NAMED.sub(fill, influxql)


def panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All panels but rows, those in closed rows too."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def span_of(panel: Mapping[str, Any], span: Span) -> Span:
    """What a panel shows where the dashboard shows a time that ends now: some look less far back.

    >>> span_of({"timeFrom": "1h"}, Span(0, 86_400_000))
    Span(from_ms=82800000, to_ms=86400000)
    """
    back = panel.get("timeFrom")
    return Span(span.to_ms - milliseconds(back), span.to_ms) if back else span


def _database(source: Any, where: str) -> str:
    uid = source.get("uid") if isinstance(source, dict) else source
    assert uid in DATABASES, f"{where}: no data source {uid!r}"
    return DATABASES[uid]


def of_panels(dashboard: Mapping[str, Any]) -> list[Asked]:
    """The queries of all panels that Grafana sends."""
    return [
        Asked(
            f"{dashboard['title']} / {panel['title']} / {target['refId']}",
            _database(target.get("datasource") or panel.get("datasource"), panel["title"]),
            target["query"],
            target.get("alias", ""),
            is_table=target.get("resultFormat") == "table",
            panel=panel,
        )
        for panel in panels(dashboard)
        for target in panel.get("targets", ())
        if not target.get("hide") and "query" in target
    ]


def of_annotations(dashboard: Mapping[str, Any]) -> list[Asked]:
    """The queries of what is marked in all panels."""
    found = []
    for one in dashboard.get("annotations", {}).get("list", ()):
        if not one.get("builtIn"):
            where = f"{dashboard['title']} / annotation {one['name']}"
            influxql = one.get("query") or one["target"]["query"]
            found.append(Asked(where, _database(one["datasource"], where), influxql))
    return found


def influxql_of(variable: Mapping[str, Any]) -> str:
    """The query of a variable, which Grafana keeps as text or as an object."""
    query = variable["query"]
    text: str = query if isinstance(query, str) else query["query"]
    return text


def offered(variable: Mapping[str, Any], ask: Ask, known: Mapping[str, Variable]) -> list[str]:
    """The values that a variable offers, in their order, which Grafana finds as it opens."""
    kind = variable["type"]
    if kind == "custom":
        # Each is a value, or a text with its value.
        return [part.split(" : ")[-1].strip() for part in variable["query"].split(",")]
    if kind in {"textbox", "constant"}:
        return [str(variable["query"])]
    assert kind == "query", f"{variable['name']}: a kind that this does not know: {kind}"
    database = _database(variable["datasource"], variable["name"])
    influxql = expand(influxql_of(variable), span=Span(0, 0), step_ms=1, variables=known)
    values = [
        # The first column says of what tag it is, or when.
        str(row[1] if len(row) > 1 else row[0])
        for series in ask(influxql, database)
        for row in series.values
    ]
    if wanted := variable.get("regex"):
        pattern = re.compile(wanted.strip("/"))
        matches = [match for value in values if (match := pattern.search(value))]
        values = [match[1] if match.groups() else match[0] for match in matches]
    return sorted(set(values)) if variable.get("sort") else list(dict.fromkeys(values))


def chosen(
    dashboard: Mapping[str, Any], ask: Ask, choice: Mapping[str, str] | None = None
) -> dict[str, Variable]:
    """All variables as they stand when the dashboard opens, but for those that `choice` names."""
    known: dict[str, Variable] = {}
    for variable in dashboard["templating"]["list"]:
        name, is_multi = variable["name"], bool(variable.get("multi"))
        values = offered(variable, ask, known)
        current = variable.get("current", {}).get("value")
        if choice and name in choice:
            known[name] = Variable(name, choice[name], is_multi)
        elif variable.get("includeAll") and current in (None, "$__all", ["$__all"]):
            pattern = variable.get("allValue")
            known[name] = Variable(name, pattern or tuple(values), is_multi, bool(pattern))
        elif current:
            now = tuple(current) if isinstance(current, list) else current
            known[name] = Variable(name, now, is_multi)
        else:
            known[name] = Variable(name, values[0] if values else "", is_multi)
    return known
