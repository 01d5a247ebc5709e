"""Dashboards are such as Grafana takes, as far as its SDK's types tell; broken ones are caught."""

import copy
import json
from typing import Any

import jsonschema
import pytest
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from tests.grafana_schema import dashboard_schema

CHECK = jsonschema.Draft202012Validator(dashboard_schema())
QUERY = {
    "refId": "A",
    "datasource": {"type": "influxdb", "uid": "meterkast"},
    "query": 'SELECT last("inside") FROM "container" WHERE $timeFilter',
    "rawQuery": True,
    "resultFormat": "time_series",
}


def whole() -> dict[str, Any]:
    """A dashboard of one panel, as the SDK writes it."""
    panel = timeseries.Panel().title("a").unit("kwatth").line_width(1).id(1)
    built = builders.Dashboard("a").uid("a").with_panel(panel).build()
    told: dict[str, Any] = json.loads(JSONEncoder().encode(built))
    told["panels"][0]["targets"] = [copy.deepcopy(QUERY)]
    return told


def mistakes(dashboard: dict[str, Any]) -> list[str]:
    return [error.json_path for error in CHECK.iter_errors(dashboard)]


def test_what_the_sdk_writes_is_taken():
    assert [] == mistakes(whole())


BROKEN = {
    "a number where a text belongs": (("title",), 7),
    "a kind of panel that there is not": (("panels", 0, "type"), "time-series"),
    "a key that nobody knows": (("panels", 0, "tittle"), "a"),
    "a place on the grid that is a text": (("panels", 0, "gridPos", "x"), "0"),
    "a unit that is a number": (("panels", 0, "fieldConfig", "defaults", "unit"), 1),
    "a line width that is a text": (
        ("panels", 0, "fieldConfig", "defaults", "custom", "lineWidth"),
        "1",
    ),
    "a way to draw that there is not": (
        ("panels", 0, "fieldConfig", "defaults", "custom", "drawStyle"),
        "dotted",
    ),
    "an option of another kind of panel": (("panels", 0, "options"), {"graphMode": "area"}),
    "a query in no language": (("panels", 0, "targets", 0, "query"), None),
    "a format that there is not": (("panels", 0, "targets", 0, "resultFormat"), "matrix"),
    "a source without a name": (("panels", 0, "targets", 0, "datasource"), {"type": "influxdb"}),
    "a cursor that there is not": (("graphTooltip",), 9),
}


@pytest.mark.parametrize(("path", "value"), BROKEN.values(), ids=BROKEN)
def test_a_broken_dashboard_is_caught(path, value):
    told = whole()
    place: Any = told
    for step in path[:-1]:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    place[path[-1]] = value
    assert mistakes(told)


@pytest.mark.parametrize(
    "path", [("schemaVersion",), ("templating",), ("panels", 0, "type")], ids=str
)
def test_what_must_be_there_is_missed(path):
    told = whole()
    place: Any = told
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    assert mistakes(told)
