"""A JSON schema of Grafana's dashboards, made of the types that its own SDK has.

The SDK writes a key for each attribute in `to_json`: always, or where it is not None. From there
come the names and which of them must be there; the types come from the annotations.
"""

import enum
import inspect
import re
import types
import typing
from typing import Any

from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import Dashboard

Schema = dict[str, Any]

# Classes whose attributes have the types `object` or `Dataquery` are completed by these.
QUERY: Schema = {
    "type": "object",
    "properties": {
        "refId": {"type": "string", "pattern": "^[A-Z]$"},
        "datasource": {
            "type": "object",
            "properties": {"type": {"const": "influxdb"}, "uid": {"type": "string"}},
            "required": ["type", "uid"],
            "additionalProperties": False,
        },
        "query": {"type": "string", "minLength": 1},
        "rawQuery": {"const": True},
        "resultFormat": {"enum": ["time_series", "table"]},
        "alias": {"type": "string"},
        "hide": {"type": "boolean"},
    },
    "required": ["refId", "datasource", "query", "rawQuery", "resultFormat"],
    "additionalProperties": False,
}
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    object: {},
    Any: {},
    Dataquery: {"$ref": "#/$defs/query"},
}


class Types:
    """The definitions met so far, by their names."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {"query": QUERY}

    def of(self, kind: Any) -> Schema:
        """The schema of an annotation."""
        if kind in _PLAIN:
            return _PLAIN[kind]
        if typing.get_origin(kind):
            return self._of_several(typing.get_origin(kind), typing.get_args(kind))
        if issubclass(kind, enum.Enum):
            return {"enum": [one.value for one in kind]}
        name = f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"
        if name not in self.defs:
            self.defs[name] = {}  # so that a type may have itself inside
            self.defs[name] = self._of_class(kind)
        return {"$ref": f"#/$defs/{name}"}

    def _of_several(self, origin: Any, inner: tuple[Any, ...]) -> Schema:
        if origin is typing.Literal:
            return {"enum": list(inner)}
        if origin is list:
            return {"type": "array", "items": self.of(inner[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(inner[1])}
        assert origin in {typing.Union, types.UnionType}, origin
        kinds = [self.of(one) for one in inner if one is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

    def _of_class(self, kind: type) -> Schema:
        source = inspect.getsource(kind.to_json)
        hints = typing.get_type_hints(kind)
        always = re.findall(r'"(\w+)": self\.(\w+)', source)
        sometimes = re.findall(r'payload\["(\w+)"\] = self\.(\w+)', source)
        null = {key for key, name in always if types.NoneType in typing.get_args(hints[name])}
        properties = {key: self.of(hints[name]) for key, name in (*always, *sometimes)}
        return {
            "type": "object",
            "properties": properties
            | {key: {"anyOf": [properties[key], {"type": "null"}]} for key in null},
            "required": [key for key, _ in always],
            "additionalProperties": False,
        }


def dashboard_schema() -> Schema:
    """Of a whole dashboard; each panel's options and fields are those of its kind."""
    known = Types()
    whole = known.of(Dashboard)
    register_default_plugins()
    kinds = Runtime().panelcfg_variants
    panel = known.defs["dashboard.Panel"]
    panel["properties"]["type"] = {"enum": sorted(kinds)}
    known.defs["dashboard.RowPanel"]["properties"]["type"] = {"const": "row"}
    panel["allOf"] = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {
                "properties": {
                    "options": _hooked(known, kind.options_from_json_hook),
                    "fieldConfig": {
                        "properties": {
                            "defaults": {
                                "properties": {
                                    "custom": _hooked(known, kind.field_config_from_json_hook)
                                }
                            }
                        }
                    },
                }
            },
        }
        for name, kind in kinds.items()
    ]
    return {**whole, "$defs": known.defs}


def _hooked(known: Types, from_json: Any) -> Schema:
    return {} if from_json is None else known.of(from_json.__self__)
