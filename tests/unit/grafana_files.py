"""What Grafana 11.6 takes of the files it reads when it starts: no other key, and no other type.

Written from its documentation, and where that leaves something open from the names that its
reader has; it stands in for the program itself, which this project cannot run.

Spec: <https://grafana.com/docs/grafana/v11.6/administration/provisioning/>
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
DURATION: Schema = {"type": "string", "pattern": r"^\d+[smhdw]$"}
# Grafana's own rule for the names by which things are found.
UID: Schema = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,40}$"}
ORG: Schema = {"const": 1}


def table(required: Schema, **optional: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def several(of: Schema) -> Schema:
    return {"type": "array", "items": of, "minItems": 1}


_OF_INFLUXDB = table(
    {"version": {"const": "InfluxQL"}, "dbName": TEXT, "httpMode": {"enum": ["GET", "POST"]}},
    httpHeaderName1=TEXT,
)
DATA_SOURCES = table(
    {
        "apiVersion": {"const": 1},
        "datasources": several(
            table(
                {
                    "name": TEXT,
                    "uid": UID,
                    "orgId": ORG,
                    "type": {"const": "influxdb"},
                    "access": {"const": "proxy"},
                    "url": {"type": "string", "pattern": "^https?://"},
                    "editable": {"type": "boolean"},
                    "jsonData": _OF_INFLUXDB,
                },
                user=TEXT,
                secureJsonData=table({}, password=TEXT, httpHeaderValue1=TEXT),
            )
        ),
    }
)
DASHBOARDS = table(
    {
        "apiVersion": {"const": 1},
        "providers": several(
            table(
                {
                    "name": TEXT,
                    "orgId": ORG,
                    "folder": TEXT,
                    "type": {"const": "file"},
                    "disableDeletion": {"type": "boolean"},
                    "allowUiUpdates": {"type": "boolean"},
                    "updateIntervalSeconds": {"type": "integer", "minimum": 1},
                    "options": table({"path": {"type": "string", "pattern": "^/"}}),
                }
            )
        ),
    }
)

_SOURCE = table({"type": TEXT, "uid": UID})
_QUERY = table(
    {
        "refId": TEXT,
        "datasource": _SOURCE,
        "rawQuery": {"const": True},
        "query": TEXT,
        "resultFormat": {"enum": ["time_series", "table", "logs"]},
        "intervalMs": {"type": "integer", "minimum": 1},
        "maxDataPoints": {"type": "integer", "minimum": 1},
    }
)
_REDUCE = table(
    {
        "refId": TEXT,
        "datasource": _SOURCE,
        "type": {"const": "reduce"},
        "expression": TEXT,
        "reducer": {"enum": ["sum", "mean", "min", "max", "count", "last", "median"]},
    }
)
_MATH = table({"refId": TEXT, "datasource": _SOURCE, "type": {"const": "math"}, "expression": TEXT})
_SECONDS: Schema = {"type": "integer", "minimum": 0}
ALERTING = table(
    {
        "apiVersion": {"const": 1},
        "groups": several(
            table(
                {
                    "orgId": ORG,
                    "name": TEXT,
                    "folder": TEXT,
                    "interval": DURATION,
                    "rules": several(
                        table(
                            {
                                "uid": UID,
                                "title": {"type": "string", "minLength": 1, "maxLength": 190},
                                "condition": TEXT,
                                "data": several(
                                    table(
                                        {
                                            "refId": TEXT,
                                            "datasourceUid": UID,
                                            "model": {"anyOf": [_QUERY, _REDUCE, _MATH]},
                                        },
                                        relativeTimeRange=table({"from": _SECONDS, "to": _SECONDS}),
                                    )
                                ),
                                "noDataState": {"enum": ["NoData", "Alerting", "OK", "KeepLast"]},
                                "execErrState": {"enum": ["Error", "Alerting", "OK", "KeepLast"]},
                                "for": DURATION,
                                "annotations": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                                "labels": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                            },
                            dashboardUid=UID,
                            panelId={"type": "integer", "minimum": 1},
                        )
                    ),
                }
            )
        ),
    }
)
