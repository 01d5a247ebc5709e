"""What panels ask: InfluxQL that InfluxDB 1.8, 2 and 3 Core all answer.

One SELECT over one measurement, its names always in double quotes. No subquery, no INTO, no regular
expression for a measurement. Sums and counts are of a fixed span, so that a figure does not change
with how far one looks; `$__interval` is for means, bounds and last values.

Spec: InfluxQL, <https://docs.influxdata.com/influxdb/v2/query-data/influxql/>; Grafana 11.6,
<https://grafana.com/docs/grafana/v11.6/datasources/influxdb/query-editor/>
"""

import re
from typing import Literal, NamedTuple

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from ledger_bridge.timeseries.schema import Measurement

Every = Literal["", "$__interval", "15m", "1h", "1d"]
Fill = Literal["null", "none"]

# Where each bucket is found; provisioning gives the sources these names.
SOURCES = {"years": "meterkast", "months": "meterkast-months"}

# What of the integers in the series makes a kWh, a m³, a GJ and a kg.
KWH = 1_000_000
M3 = 1_000_000
GJ = 1_000_000_000_000
KG = 1_000_000

_NAMES = re.compile(r'"([^"]+)"')


class Query(NamedTuple):
    """A question, and the data source that it goes to."""

    influxql: str
    source: str


def is_(tag: str, value: str) -> str:
    """That a tag has this value; one variable stands for one value."""
    return f"\"{tag}\" = '{value}'"


def among(tag: str, variable: str = "") -> str:
    """That a tag is among what the variable of its name has chosen, which may be several."""
    return f'"{tag}" =~ /^${variable or tag}$/'


# Of the community that the dashboard shows.
HERE = is_("community", "$community")


def select(
    what: str,
    of: Measurement,
    *where: str,
    every: Every = "",
    by: tuple[str, ...] = (),
    fill: Fill = "null",
    zone: str = "",
) -> Query:
    """A query in the time that a dashboard shows.

    `what` is the figures, with their fields in double quotes. `fill` says whether spans in which
    there is nothing are told, as gaps. `zone` is whose midnight a day begins at.

    >>> from ledger_bridge.timeseries.schema import QUARTER
    >>> select('sum("gained")', QUARTER, is_("flow", "gas"), every="15m", by=("device",)).influxql
    'SELECT sum("gained") FROM "quarter" WHERE "flow" = \\'gas\\' AND $timeFilter GROUP BY time(15m), "device" fill(null)'
    """  # noqa: E501 - a query is one line
    assert of.fields.keys() >= (asked := _names(what)), f"{of.name} has no {asked}"
    conditions = (*where, "$timeFilter")
    assert set(of.tags) >= (asked := _names(*where) | set(by)), f"{of.name} has no {asked}"
    groups = [*([f"time({every})"] if every else []), *(f'"{tag}"' for tag in by)]
    parts = [f'SELECT {what} FROM "{of.name}" WHERE {" AND ".join(conditions)}']
    if groups:
        parts.append(f"GROUP BY {', '.join(groups)}")
    if every:
        parts.append(f"fill({fill})")
    if zone:
        parts.append(f"tz('{zone}')")
    return Query(" ".join(parts), SOURCES[of.bucket])


def _names(*parts: str) -> set[str]:
    """The fields or tags that these name; the rest of the name of what is counted as it is."""
    return {name for part in parts for name in _NAMES.findall(part)}


def values_of(tag: str, *where: str, of: Measurement | None = None) -> Query:
    """Which values a tag has, for a variable to choose from.

    >>> values_of("gateway", HERE).influxql
    'SHOW TAG VALUES WITH KEY = "gateway" WHERE "community" = \\'$community\\''
    """
    source = f' FROM "{of.name}"' if of else ""
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    text = f'SHOW TAG VALUES{source} WITH KEY = "{tag}"{condition}'
    return Query(text, SOURCES[of.bucket if of else "years"])


def source(query: Query) -> DataSourceRef:
    return DataSourceRef(type_val="influxdb", uid=query.source)


class InfluxQL(Dataquery):
    """A query as Grafana's InfluxDB data source has it; the SDK has none of its own."""

    def __init__(self, query: Query, ref_id: str, alias: str, *, is_table: bool) -> None:
        self.query, self.ref_id, self.alias, self.is_table = query, ref_id, alias, is_table

    def to_json(self) -> dict[str, object]:
        told: dict[str, object] = {
            "refId": self.ref_id,
            "datasource": source(self.query),
            "query": self.query.influxql,
            "rawQuery": True,
            "resultFormat": "table" if self.is_table else "time_series",
        }
        return told | ({"alias": self.alias} if self.alias else {})


class Target(Builder[Dataquery]):
    """A query of a panel; `alias` is what its line is called."""

    def __init__(self, query: Query, ref_id: str, alias: str = "", *, is_table: bool = False):
        self._query = InfluxQL(query, ref_id, alias, is_table=is_table)

    def build(self) -> Dataquery:
        return self._query
