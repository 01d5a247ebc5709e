"""What panels ask: InfluxQL that InfluxDB 1.8, 2 and 3 Core all answer.

One SELECT over one measurement, its names always in double quotes. No subquery, no INTO, no regular
expression for a measurement. Sums and counts are of a fixed span, so that a figure does not change
with how far one looks; `$__interval` is for means, bounds and last values.

Spec: InfluxQL, <https://docs.influxdata.com/influxdb/v2/query-data/influxql/>; Grafana 11.6,
<https://grafana.com/docs/grafana/v11.6/datasources/influxdb/query-editor/>
"""

import re
from typing import Literal, NamedTuple

from ledger_bridge.timeseries.schema import Measurement

Every = Literal["", "$__interval", "1m", "15m", "1h", "1d"]
Fill = Literal["null", "none"]

# Where each bucket is found; provisioning gives the sources these names.
SOURCES = {"years": "meterkast", "months": "meterkast-months"}

# What of the integers in the series makes a kWh, a m³, a GJ, a kg and a piece.
KWH = 1_000_000
M3 = 1_000_000
GJ = 1_000_000_000_000
KG = 1_000_000
PIECE = 1_000

_NAMES = re.compile(r'"([^"]+)"')
# What a figure is called may be any name.
_CALLED = re.compile(r' AS "[^"]+"')


class Query(NamedTuple):
    """A question, and the data source that it goes to."""

    influxql: str
    source: str


def is_(tag: str, value: str) -> str:
    """That a tag has this value."""
    return f"\"{tag}\" = '{value}'"


def chosen(tag: str) -> str:
    """That a tag has the one value that the variable of its name has chosen.

    `raw`, as Grafana takes whatever stands between two slashes for a pattern, a division and a
    zone's name too, and would put a backslash before what has a meaning in patterns.
    """
    return is_(tag, f"${{{tag}:raw}}")


def among(tag: str) -> str:
    """That a tag is among what the variable of its name has chosen, which may be several."""
    return f'"{tag}" =~ /^${tag}$/'


# Of the community that the dashboard shows.
HERE = chosen("community")


def select(
    what: str,
    of: Measurement,
    *where: str,
    every: Every = "",
    by: tuple[str, ...] = (),
    fill: Fill = "null",
    zone: str = "",
    since_ever: bool = False,
    newest: bool = False,
) -> Query:
    """A query in the time that a dashboard shows, or `since_ever` until the end of that.

    `what` is the figures, with their fields in double quotes. `fill` says whether spans in which
    there is nothing are told, as gaps. `zone` is whose midnight a day begins at. `newest`: only the
    last point of each group, with its time.

    >>> from ledger_bridge.timeseries.schema import QUARTER
    >>> select('sum("gained")', QUARTER, is_("flow", "gas"), every="15m", by=("device",)).influxql
    'SELECT sum("gained") FROM "quarter" WHERE "flow" = \\'gas\\' AND $timeFilter GROUP BY time(15m), "device" fill(null)'
    """  # noqa: E501 - a query is one line
    asked = _names(_CALLED.sub("", what))
    assert of.fields.keys() >= asked, f"{of.name} has no {asked}"
    known = {*of.tags, *of.fields}
    assert known >= (asked := _names(*where) | set(by)), f"{of.name} has no {asked}"
    conditions = (*where, "time <= ${__to}ms" if since_ever else "$timeFilter")
    groups = [*([f"time({every})"] if every else []), *(f'"{tag}"' for tag in by)]
    parts = [f'SELECT {what} FROM "{of.name}" WHERE {" AND ".join(conditions)}']
    if groups:
        parts.append(f"GROUP BY {', '.join(groups)}")
    if every:
        parts.append(f"fill({fill})")
    if newest:
        parts.append("ORDER BY time DESC LIMIT 1")
    if zone:
        parts.append(f"tz('{zone}')")
    return Query(" ".join(parts), SOURCES[of.bucket])


def _names(*parts: str) -> set[str]:
    """The fields or tags that these name."""
    return {name for part in parts for name in _NAMES.findall(part)}


def values_of(tag: str, *where: str, of: Measurement | None = None) -> Query:
    """Which values a tag has, for a variable to choose from.

    >>> values_of("gateway", HERE).influxql
    'SHOW TAG VALUES WITH KEY = "gateway" WHERE "community" = \\'${community:raw}\\''
    """
    assert of is None or {*of.tags} >= (asked := {tag} | _names(*where)), (
        f"{of.name} has no {asked}"
    )
    source = f' FROM "{of.name}"' if of else ""
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    text = f'SHOW TAG VALUES{source} WITH KEY = "{tag}"{condition}'
    return Query(text, SOURCES[of.bucket if of else "years"])
