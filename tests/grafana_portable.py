"""Reads InfluxQL that InfluxDB 1.8, 2 and 3 Core all answer the same, and nothing more than that.

Written from the grammars of all three, not from what makes our queries: one SELECT of one
measurement that the schema has, with its fields and tags and in double quotes.

Spec: <https://docs.influxdata.com/influxdb/v1/query_language/spec/>,
<https://docs.influxdata.com/influxdb/v2/query-data/influxql/>,
<https://docs.influxdata.com/influxdb3/core/reference/influxql/feature-support/>
"""

import re
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ledger_bridge.timeseries.schema import EMPTYING, MEASUREMENTS, WEIGHT, Measurement

_KNOWN = {one.name: one for one in MEASUREMENTS}
_TAGS = {tag for one in MEASUREMENTS for tag in one.tags}
_SOURCES = {"years": "meterkast", "months": "meterkast-months"}
# Of a span that grows with how far one looks, and of any.
_POINTS, _SUMS = {"mean", "last", "max", "min"}, {"sum", "count"}
_SPANS = {"1m", "15m", "1h", "1d", "$__interval"}
# Grafana takes what stands between two divisions for a pattern: a variable elsewhere must be raw.
_RAW = r"\$\{\w+:raw\}"
_NUMBER = rf"\d+(?:\.\d+)?|{_RAW}"
_VALUE = rf"= '(?:[^'\"$]+|{_RAW})'|=~ /\^\$\w+\$/"
# What has so few points that all of them may be asked.
_FEW = (EMPTYING, WEIGHT)


class Mistake(ValueError):
    """What a query has that not every engine answers, or that the schema lacks."""


class Read(NamedTuple):
    """What a query asks: of which measurement and source, each how long, by which tags."""

    measurement: Measurement | None
    source: str
    every: str = ""
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()


class _Text:
    """A query that is read from left to right."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, pattern: str, *, what: str = "") -> str:
        """What comes next, by the pattern's first group if it has one; else it is a mistake."""
        found = self.maybe(pattern)
        if found is None:
            raise Mistake(f"no {what or pattern} here: {self.rest[:40]!r}")
        return found

    def maybe(self, pattern: str) -> str | None:
        found = re.match(rf"\s*(?:{pattern})", self.rest)
        if not found:
            return None
        self.rest = self.rest[found.end() :]
        return (found[1] if found.re.groups else None) or found[0].strip()

    def name(self) -> str:
        return self.take(r'"([a-z_]+)"', what="name in double quotes")


class _Figures(NamedTuple):
    """What is selected: fields that there must be, functions, and whether a field stands alone."""

    fields: set[str]
    functions: set[str]
    raw: list[str]


def read(influxql: str) -> Read:
    """A query of a panel, an alert or a variable. Raises Mistake."""
    text = _Text(influxql)
    if text.maybe("SHOW TAG VALUES"):
        return _of_values(text)
    text.take("SELECT", what="SELECT")
    figures = _Figures(set(), set(), [])
    while True:
        _sum(text, figures)
        if text.maybe("AS"):
            text.name()
        if not text.maybe(","):
            break
    of = _measurement(text)
    _all_in(figures.fields, of.fields, of)
    text.take("WHERE", what="WHERE")
    where = _conditions(text, of, timed=True)
    every, by = _groups(text, of)
    _end(text, of, figures, every)
    return Read(of, _SOURCES[of.bucket], every, by, where)


def _of_values(text: _Text) -> Read:
    of = _measurement(text) if re.match(r"\s*FROM", text.rest) else None
    text.take("WITH KEY =", what="WITH KEY =")
    tag = text.name()
    _all_in({tag}, of.tags if of else _TAGS, of)
    where = _conditions(text, of, timed=False) if text.maybe("WHERE") else ()
    _over(text)
    return Read(of, _SOURCES[of.bucket if of else "years"], where=where)


def _measurement(text: _Text) -> Measurement:
    text.take("FROM", what="FROM")
    name = text.name()
    if name not in _KNOWN:
        raise Mistake(f"no measurement {name}")
    return _KNOWN[name]


def _all_in(names, known, of) -> None:
    if missing := set(names) - set(known):
        raise Mistake(f"{of.name if of else 'the schema'} has no {', '.join(sorted(missing))}")


def _sum(text: _Text, figures: _Figures) -> None:
    _product(text, figures)
    while text.maybe(r"[+-]"):
        _product(text, figures)


def _product(text: _Text, figures: _Figures) -> None:
    _term(text, figures)
    while text.maybe(r"[*/]"):
        _term(text, figures)


def _term(text: _Text, figures: _Figures) -> None:
    if text.maybe(r"\("):
        _sum(text, figures)
        text.take(r"\)")
    elif function := text.maybe(r"([a-z_]+)\("):
        _call(text, figures, function)
    elif text.maybe(_NUMBER) is None:
        field = text.name()
        figures.fields.add(field)
        figures.raw.append(field)


def _call(text: _Text, figures: _Figures, function: str) -> None:
    if function == "non_negative_difference":
        function = text.take(r"([a-z_]+)\(", what="function of a field")
        _call(text, figures, function)
    elif function in _POINTS | _SUMS:
        figures.functions.add(function)
        figures.fields.add(text.name())
    else:
        raise Mistake(f"not every engine has the function {function}")
    text.take(r"\)")


def _conditions(text: _Text, of: Measurement | None, *, timed: bool) -> tuple[str, ...]:
    found, times = [], 0
    while True:
        if text.maybe(r"\$timeFilter|time <= \$\{__to\}ms"):
            times += 1
        elif text.maybe(r"\("):
            found.append(_condition(text, of))
            while text.maybe("OR"):
                found.append(_condition(text, of))
            text.take(r"\)")
        else:
            found.append(_condition(text, of))
        if not text.maybe("AND"):
            break
    if times != timed:
        raise Mistake(f"the time stands {times} times in WHERE")
    return tuple(found)


def _condition(text: _Text, of: Measurement | None) -> str:
    name = text.name()
    if text.maybe(r"> \d+"):
        _all_in({name}, of.fields if of else (), of)
    else:
        text.take(_VALUE, what="value, raw variable, or variable as a pattern")
        _all_in({name}, of.tags if of else _TAGS, of)
    return name


def _groups(text: _Text, of: Measurement) -> tuple[str, tuple[str, ...]]:
    if not text.maybe("GROUP BY"):
        return "", ()
    every = text.maybe(r"time\(([^)]*)\)") or ""
    if every and every not in _SPANS:
        raise Mistake(f"a span that nobody knows: {every}")
    by = [] if every else [text.name()]
    while text.maybe(","):
        by.append(text.name())
    _all_in(by, of.tags, of)
    return every, tuple(by)


def _end(text: _Text, of: Measurement, figures: _Figures, every: str) -> None:
    has_fill = text.maybe(r"fill\((null|none)\)") is not None
    is_newest = text.maybe("ORDER BY time DESC LIMIT 1") is not None
    zone = text.maybe(r"tz\('([\w/+-]+)'\)")
    _over(text)
    if has_fill != bool(every):
        raise Mistake("fill() goes with time()")
    if figures.functions and figures.raw:
        raise Mistake(f"{', '.join(figures.raw)} stands beside functions")
    if figures.raw and not (is_newest or of in _FEW):
        raise Mistake("all points are asked")
    if figures.functions & _SUMS and every in {"$__interval", "1m"}:
        raise Mistake("a sum that changes with how far one looks")
    if (every == "1d") != bool(zone):
        raise Mistake("a day needs a zone, and nothing else does")
    if zone:
        ZoneInfo(zone)


def _over(text: _Text) -> None:
    if text.rest.strip():
        raise Mistake(f"more than is known: {text.rest.strip()[:40]!r}")
