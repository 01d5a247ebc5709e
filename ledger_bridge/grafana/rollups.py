"""What a database is told once: where series are kept, for how long, and what is made of samples.

Quarter-hours and days need no rollup: the hub writes them itself, exactly. Of samples, which go
after MONTHS, each engine that can makes a mean, a least and a most of each quarter-hour that stay.

Spec: InfluxQL CREATE CONTINUOUS QUERY (InfluxDB 1.x); Flux tasks, date.truncate and
aggregateWindow (InfluxDB 2.x); `influxdb3 create database` (InfluxDB 3 Core)
"""

from typing import NamedTuple, get_args

from ledger_bridge.timeseries.schema import SAMPLE, SAMPLE_QUARTER
from ledger_bridge.timeseries.target import Engine

ENGINES: tuple[Engine, ...] = get_args(Engine)

# How long the database `months` keeps what comes in more than once a quarter-hour.
MONTHS = "92d"
# Samples come late where a gateway was cut off. What is recent is reckoned anew each hour, and each
# day as far back as a gateway of the usual size keeps samples for its hub.
SPANS = (("hour", "1h", "6h"), ("day", "1d", "15d"))


class Database(NamedTuple):
    """Where the hub writes its series: `years` and `months` are databases, or buckets."""

    engine: Engine = "influxdb2"
    url: str = "http://127.0.0.1:8086"
    org: str = "meterkast"
    years: str = "meterkast"
    months: str = "meterkast_months"
    # Whether whoever reads has to say who they are.
    is_guarded: bool = True


def set_up(database: Database) -> dict[str, str]:
    """The files, by name, that set this database up; those called *.sh are to be run.

    All may be told again, and change nothing then.
    """
    match database.engine:
        case "influxdb1":
            return {"influxdb1.iql": _influxdb1(database)}
        case "influxdb2":
            tasks = {f"{SAMPLE_QUARTER.name}_{name}": span for name, *span in SPANS}
            lines = "\n".join(f"task {name}" for name in tasks)
            script = _INFLUXDB2.format(**database._asdict(), months_kept=MONTHS, tasks=lines)
            return {
                "influxdb2.sh": script,
                **{f"{name}.flux": _task(database, name, *span) for name, span in tasks.items()},
            }
        case "influxdb3":
            return {"influxdb3.sh": _INFLUXDB3.format(**database._asdict(), months_kept=MONTHS)}
        case "victoriametrics":
            return {"victoriametrics.sh": _VICTORIAMETRICS.format(months_kept=MONTHS)}


def _influxdb1(database: Database) -> str:
    rollups = "".join(
        _QUERY.format(
            name=f"{SAMPLE_QUARTER.name}_{name}",
            every=every,
            back=back,
            source=SAMPLE.name,
            target=SAMPLE_QUARTER.name,
            years=database.years,
            months=database.months,
        )
        for name, every, back in SPANS
    )
    return _INFLUXDB1.format(**database._asdict(), months_kept=MONTHS, rollups=rollups)


def _task(database: Database, name: str, every: str, back: str) -> str:
    return _TASK.format(
        name=name,
        every=every,
        back=back,
        source=SAMPLE.name,
        target=SAMPLE_QUARTER.name,
        years=database.years,
        months=database.months,
    )


_INFLUXDB1 = """\
-- InfluxDB 1.8 or 1.11, told once; what is there already stays. Whoever may:
--   curl -sS {url}/query --data-urlencode q@influxdb1.iql
CREATE DATABASE "{years}";
CREATE DATABASE "{months}";
ALTER RETENTION POLICY "autogen" ON "{months}" DURATION {months_kept} SHARD DURATION 7d;
{rollups}"""

_QUERY = """\
CREATE CONTINUOUS QUERY "{name}" ON "{months}" RESAMPLE EVERY {every} FOR {back} BEGIN
  SELECT mean("value") AS "mean", min("value") AS "min", max("value") AS "max"
  INTO "{years}"."autogen"."{target}" FROM "{months}"."autogen"."{source}"
  GROUP BY time(15m), *
END;
"""

# From whole hours to whole hours: of a quarter-hour cut in two only a part would be written.
_TASK = """\
import "date"

option task = {{name: "{name}", every: {every}, offset: 5m}}

samples = from(bucket: "{months}")
    |> range(start: date.truncate(t: -{back}, unit: 1h), stop: date.truncate(t: now(), unit: 1h))
    |> filter(fn: (r) => r._measurement == "{source}" and r._field == "value")

keep = (name, fn) => samples
    |> aggregateWindow(every: 15m, fn: fn, createEmpty: false, timeSrc: "_start")
    |> set(key: "_measurement", value: "{target}")
    |> set(key: "_field", value: name)
    |> to(bucket: "{years}")
    |> yield(name: name)

keep(name: "mean", fn: mean)
keep(name: "min", fn: min)
keep(name: "max", fn: max)
"""

_INFLUXDB2 = """\
#!/bin/sh
# InfluxDB 2.7 or later, told once; what is there already stays. Needs the command influx and the
# token of whoever may make buckets (INFLUX_TOKEN), and leaves two tokens beside itself:
#   series.token    for the hub: put it where bridge.toml says series_token_file
#   reader.secret   for Grafana: put it at /etc/grafana/meterkast/reader.secret
# A bucket without a slash in its name answers InfluxQL under its own name by itself.
set -eu
umask 077
cd "$(dirname "$0")"
: "${{INFLUX_TOKEN:?set it to a token that may make buckets}}"
export INFLUX_TOKEN
export INFLUX_HOST="${{INFLUX_HOST:-{url}}}"
export INFLUX_ORG="${{INFLUX_ORG:-{org}}}"

id_of() {{
    influx bucket list --name "$1" --hide-headers | awk '{{ print $1 }}'
}}

bucket() {{ # its name, and how long it keeps what it has; 0 is for good
    if influx bucket list --name "$1" --hide-headers >/dev/null 2>&1; then
        influx bucket update --id "$(id_of "$1")" --retention "$2" >/dev/null
    else
        influx bucket create --name "$1" --retention "$2" >/dev/null
    fi
}}

task() {{ # its name, which is its file's
    influx task list --hide-headers | grep -qw "$1" ||
        influx task create --file "$1.flux" >/dev/null
}}

token() {{ # the file, what the token is for, and what it may
    file="$1" what="$2"
    shift 2
    [ -s "$file" ] && return
    influx auth create --description "$what" --json "$@" |
        sed -n 's/.*"token": *"\\([^"]*\\)".*/\\1/p' >"$file"
    [ -s "$file" ] || {{ rm -f "$file"; echo "no token came for $what" >&2; exit 1; }}
}}

bucket "{years}" 0
bucket "{months}" {months_kept}
years="$(id_of "{years}")" months="$(id_of "{months}")"
{tasks}
token series.token "meterkast: the hub writes and takes away" \\
    --read-bucket "$years" --write-bucket "$years" \\
    --read-bucket "$months" --write-bucket "$months"
token reader.secret "meterkast: Grafana reads" --read-bucket "$years" --read-bucket "$months"
echo "set up: {years} for good, {months} for {months_kept}"
"""

_INFLUXDB3 = """\
#!/bin/sh
# InfluxDB 3 Core, told once; what is there already stays, and its retention with it, which can be
# given only when a database is made. Needs the command influxdb3 and its admin token
# (INFLUXDB3_AUTH_TOKEN); Core has no token that may only read, so hub and Grafana get that one.
# Core puts no files together: beyond some three days a query meets more files than it may read. So
# it shows the last days and no years; for those take InfluxDB 2.7 or 1.8. It has no continuous
# query or task either: nothing is made of samples here, and they go after {months_kept}.
set -eu
export INFLUXDB3_HOST_URL="${{INFLUXDB3_HOST_URL:-{url}}}"

database() {{ # its name, and how long it keeps what it has
    name="$1"
    shift
    influxdb3 show databases --format csv | grep -qx "$name" ||
        influxdb3 create database "$@" "$name"
}}

database "{years}"
database "{months}" --retention-period {months_kept}
"""

_VICTORIAMETRICS = """\
#!/bin/sh
# VictoriaMetrics, single node. It knows no InfluxQL: neither dashboards nor alerts work with it.
# It has one retention for everything, which the samples of people's homes set: what is older is
# dropped without a word, and stays in the hub's books. Of a point that is written again one is kept
# (dedup), not always the newer: a correction is not sure to show.
exec victoria-metrics \\
    -retentionPeriod={months_kept} \\
    -dedup.minScrapeInterval=1ms \\
    -httpListenAddr=127.0.0.1:8428 \\
    "$@"
"""
