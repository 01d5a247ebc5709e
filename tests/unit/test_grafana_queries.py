"""That tests ask what Grafana would ask, after the cases of its own documentation and tests."""

import doctest

import pytest

from tests import grafana_queries
from tests.grafana_queries import Span, Variable, chosen, expand, interval_ms

DAY = Span(1_596_240_000_000, 1_596_326_400_000)
PATHS = ("/special/path", "/other")


def _expanded(influxql, *variables):
    return expand(
        influxql, span=DAY, step_ms=900_000, variables={one.name: one for one in variables}
    )


def test_the_examples_of_the_module_hold():
    assert 0 == doctest.testmod(grafana_queries).failed


def test_the_time_range_and_the_interval_are_filled_in():
    asked = "WHERE $timeFilter GROUP BY time($__interval), x / $__interval_ms"
    assert (
        "WHERE time >= 1596240000000ms and time <= 1596326400000ms GROUP BY time(15m), x / 900000"
    ) == _expanded(asked)


@pytest.mark.parametrize(
    ("expected", "influxql", "variable"),
    [
        ("path = '/special/path'", "path = '$v'", Variable("v", PATHS[0])),
        (r"path =~ /^\/special\/path$/", "path =~ /^$v$/", Variable("v", PATHS[0])),
        (r"path =~ /^(\/special\/path|\/other)$/", "path =~ /^$v$/", Variable("v", PATHS, True)),
        (r"path =~ /^(\/special\/path|\/other)$/", "path =~ /^${v}$/", Variable("v", PATHS)),
        ("path =~ /^.*$/", "path =~ /^$v$/", Variable("v", ".*", False, True)),
        ("1.5 * x", "${v:raw} * x", Variable("v", "1.5")),
    ],
    ids=["as it is", "in a pattern", "several", "all", "a pattern for all", "raw"],
)
def test_a_variable_is_escaped_where_a_pattern_has_it(expected, influxql, variable):
    assert expected == _expanded(influxql, variable)


def test_a_variable_that_there_is_not_is_a_mistake():
    with pytest.raises(AssertionError, match="no variable \\$nobody"):
        _expanded("x = '$nobody'")


@pytest.mark.parametrize(
    ("expected", "points", "at_least"),
    [(60_000, 1_000, ""), (900_000, 1_000, "15m"), (3_600_000, 24, ""), (86_400_000, 12, "1d")],
)
def test_a_day_is_parted_as_wide_as_the_panel_is(expected, points, at_least):
    assert expected == interval_ms(DAY, points=points, at_least=at_least)


def test_variables_open_with_what_the_dashboard_says_else_with_the_first():
    def ask(influxql, database):
        assert (
            """SHOW TAG VALUES WITH KEY = "device" WHERE "gateway" = 'home'""",
            "meterkast",
        ) == (
            influxql,
            database,
        )
        return [
            grafana_queries.Series("", {}, ("key", "value"), [["device", "b"], ["device", "a"]])
        ]

    source = {"uid": "meterkast"}
    query = """SHOW TAG VALUES WITH KEY = "device" WHERE "gateway" = '$gateway'"""
    listed = [
        {"name": "gateway", "type": "custom", "query": "home,point"},
        {"name": "device", "type": "query", "datasource": source, "query": query, "sort": 1},
        {"name": "all", "type": "custom", "query": "x,y", "includeAll": True, "multi": True},
        {"name": "price", "type": "textbox", "query": "0.25", "current": {"value": "0.30"}},
    ]
    found = chosen({"templating": {"list": listed}}, ask)
    assert {"gateway": "home", "device": "a", "all": ("x", "y"), "price": "0.30"} == {
        name: one.chosen for name, one in found.items()
    }
