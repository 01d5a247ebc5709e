"""What a dashboard's panels show of the points in a database, as Grafana would ask."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger_bridge.grafana.drawing import built, encode
from ledger_bridge.grafana.panels import Board
from tests.grafana_queries import Span, chosen, expand, interval_ms, of_panels, span_of
from tests.influx import Influx

ZONE = "Europe/Amsterdam"
POINTS = 1_000


class Shown(NamedTuple):
    """One line of a panel: which query it is of, its tags, and its rows, times in minutes."""

    letter: str
    tags: dict[str, str]
    rows: list[list[Any]]


def answers(
    board: Board, panel_id: int, influx: Influx, span: Span, choice: Mapping[str, str] | None = None
) -> list[Shown]:
    """What the queries of a panel give; times count in minutes from the begin of the span."""
    told = json.loads(encode(built(board, "en", ZONE)))
    variables = chosen(told, influx.query, choice)
    shown = []
    for asked in of_panels(told):
        if asked.panel["id"] != panel_id:
            continue
        seen = span_of(asked.panel, span)
        step_ms = interval_ms(seen, points=POINTS, at_least=asked.panel.get("interval", ""))
        influxql = expand(asked.influxql, span=seen, step_ms=step_ms, variables=variables)
        shown += [
            Shown(asked.where[-1], one.tags, [_counted(row, span) for row in one.values])
            for one in influx.query(influxql, asked.database)
        ]
    return shown


def _counted(row: list[Any], span: Span) -> list[Any]:
    return [(row[0] - span.from_ms) // 60_000, *row[1:]]


def without_gaps(shown: list[Shown]) -> list[Shown]:
    """Of lines with one figure, the spans that have one.

    Queries without spans of time begin at theirs, which may be long ago: that is 0 here.
    """
    return [
        one._replace(rows=[[max(at, 0), value] for at, value in one.rows if value is not None])
        for one in shown
    ]
