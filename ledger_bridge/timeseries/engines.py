"""What databases of time series are asked over HTTP, and what their answers mean.

Spec: InfluxDB 2 API, `/api/v2/write` and `/api/v2/delete`, which 1.8, 3 Core and VictoriaMetrics
take writes by too. What is taken away goes by InfluxQL in 1.8, as a whole table in 3 Core and as
whole series in VictoriaMetrics.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from ledger_bridge.timeseries.schema import Bucket, Forget, Measurement, stored
from ledger_bridge.timeseries.target import Engine, Target

# A database that is there accepts within the first, and has stored a body within the second.
CONNECT_S = 3.0
WRITE_S = 20.0
# Taking away reads through what is stored.
FORGET_S = 120.0
# Of what a database says so much is told on.
WORDS_MAX = 300

TroubleKind = Literal["away", "token", "missing", "full"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Nanoseconds since 1970 end in 2262; no point is later than 2200.
_SPAN_MS = (0, 7_258_118_400_000)
_FULL = re.compile(r"no space|disk (?:is )?full|quota", re.IGNORECASE)
_TOO_OLD = re.compile(r"beyond retention", re.IGNORECASE)
# A web server before the database, or in its place: it has nothing against any line.
_HTML = re.compile(r"^4\d\d <")
_SINGLE = "'"
_DROPPED = re.compile(r"dropped=(\d+)")


class Trouble(Exception):
    """The database takes nothing now; in words what happened, and when it asks to be tried."""

    def __init__(self, kind: TroubleKind, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.kind = kind
        self.why = why
        self.after_s = after_s


class TooLarge(Exception):
    """A body of so many lines is not taken."""


class Unwanted(Exception):
    """The database does not take lines of a body, in its words; the others it may have taken.

    `dropped` is how many, where it says so. All may be no more than too old to be kept.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        found = _DROPPED.search(why)
        self.dropped = int(found[1]) if found else 0
        self.is_too_old = _TOO_OLD.search(why) is not None


class Database:
    """One database. Every method raises Trouble."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._client = InfluxDBClient(
            target.url,
            target.token,
            org=target.org or "-",
            timeout=(CONNECT_S * 1000, WRITE_S * 1000),
        )
        api = self._client.write_api(write_options=SYNCHRONOUS)
        self._write: Callable[..., None] = api.write
        self._call: Callable[..., Any] = self._client.api_client.call_api
        self._forget = _FORGET[target.engine]

    def write(self, bucket: Bucket, lines: Sequence[str]) -> None:
        """Raises TooLarge, or Unwanted where not all lines are taken."""
        name, body = self._bucket(bucket), "\n".join(lines)
        _asked(lambda: self._write(name, record=body, write_precision=WritePrecision.MS))

    def forget(self, some: Iterable[Forget]) -> list[Forget]:
        """Take away what can be taken away as it is said; gives the rest."""
        return [one for one in some if not self._is_taken_away(one)]

    def _is_taken_away(self, one: Forget) -> bool:
        try:
            return self._forget(self, one)
        except Unwanted:
            return False

    def clear(self, measurement: Measurement, community: str) -> None:
        """Take away all points of a community; where that cannot be, of all that write here."""
        if self._target.engine == "influxdb3":
            words = {"db": self._bucket(measurement.bucket), "table": measurement.name}
            words["hard_delete_at"] = "now"
            try:
                self.ask("DELETE", "/api/v3/configure/table", words)
            except Trouble as trouble:
                if trouble.kind != "missing":  # what is not there need not go
                    raise
        else:
            self._forget(self, Forget(measurement, {"community": community}))

    def take_away(self, one: Forget) -> None:
        """As InfluxDB 2 does it."""
        begin_ms, end_ms = one.span_ms or _SPAN_MS
        tags = {"_measurement": one.measurement.name, **one.tags}
        predicate = " AND ".join(f"{name}={_quoted(value)}" for name, value in tags.items())
        # The end is part of what goes.
        start, stop = _at(begin_ms), _at(end_ms) - timedelta(microseconds=1)
        words = {"org": self._client.org, "bucket": self._bucket(one.measurement.bucket)}
        body = {"start": start.isoformat(), "stop": stop.isoformat(), "predicate": predicate}
        self.ask("POST", "/api/v2/delete", words, body)

    def influxql(self, bucket: Bucket, statement: str) -> None:
        """Have InfluxDB 1 do something."""
        said = self.ask("POST", "/query", {"db": self._bucket(bucket), "q": statement})
        results = said.get("results", []) if isinstance(said, dict) else []
        for words in (result["error"] for result in results if "error" in result):
            raise Trouble("missing" if "database not found" in words else "away", words)

    def ask(
        self,
        method: str,
        path: str,
        words: Mapping[str, str],
        body: Mapping[str, str] | None = None,
    ) -> Any:
        """What else there is to ask, with JSON for a body; gives the JSON of the answer."""
        limits = (CONNECT_S * 1000, FORGET_S * 1000)
        return _asked(
            lambda: self._call(
                path,
                method,
                query_params=list(words.items()),
                body=body,
                response_type="object",
                auth_settings=[],
                _return_http_data_only=True,
                _request_timeout=limits,
            )
        )

    def _bucket(self, bucket: Bucket) -> str:
        return self._target.years if bucket == "years" else self._target.months


def _of_influxdb1(database: Database, one: Forget) -> bool:
    wheres = [f'"{name}" = {_quoted(value, _SINGLE)}' for name, value in one.tags.items()]
    if one.span_ms:
        wheres += [f"time >= {one.span_ms[0]}ms", f"time < {one.span_ms[1]}ms"]
    statement = f'DELETE FROM "{one.measurement.name}" WHERE {" AND ".join(wheres)}'
    database.influxql(one.measurement.bucket, statement)
    return True


def _of_influxdb2(database: Database, one: Forget) -> bool:
    database.take_away(one)
    return True


def _of_influxdb3(_: Database, __: Forget) -> bool:
    return False


def _of_victoriametrics(database: Database, one: Forget) -> bool:
    if one.span_ms:
        return False
    fields = "|".join(one.measurement.fields)
    wheres = [f'__name__=~"{one.measurement.name}_({fields})"']
    wheres += [f"{name}={_quoted(value)}" for name, value in one.tags.items()]
    match = {"match[]": f"{{{','.join(wheres)}}}"}
    # What came within the last second would stay.
    database.ask("GET", "/internal/force_flush", {})
    database.ask("POST", "/api/v1/admin/tsdb/delete_series", match)
    return True


# Whether what is to go was taken away.
_FORGET: dict[Engine, Callable[[Database, Forget], bool]] = {
    "influxdb1": _of_influxdb1,
    "influxdb2": _of_influxdb2,
    "influxdb3": _of_influxdb3,
    "victoriametrics": _of_victoriametrics,
}


def _quoted(value: str, mark: str = '"') -> str:
    """A tag's value, as it is stored, as a string of a question."""
    escaped = stored(value).replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def _at(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _asked(ask: Callable[[], Any]) -> Any:
    """The answer, or what is wrong with it."""
    try:
        return ask()
    except ApiException as error:
        raise _meaning(error) from error
    except (HTTPError, OSError) as error:
        raise Trouble("away", _reason(error)) from error
    except UnicodeDecodeError as error:  # whatever answers there, it is no such database
        raise Trouble("away", "the answer is no text") from error


def _reason(error: Exception) -> str:
    """Why there is no answer, without the address, which is told anyway."""
    cause: BaseException = error
    while inner := (cause.__cause__ or cause.__context__):
        cause = inner
    return str(cause)[:WORDS_MAX] or type(cause).__name__


def _meaning(error: ApiException) -> Exception:
    """What an answer other than 2xx says."""
    words = f"{error.status} {_words(error.body) or error.reason}"
    match error.status:
        case 413:
            return TooLarge(words)
        case 400 | 422 if not _HTML.search(words):
            return Unwanted(words)
        case 401 | 403:
            return Trouble("token", words)
        case 404:
            return Trouble("missing", words)
    headers: Mapping[str, str] = error.headers or {}
    after = headers.get("Retry-After", "")
    kind: TroubleKind = "full" if _FULL.search(words) else "away"
    return Trouble(kind, words, float(after) if after.isascii() and after.isdigit() else 0.0)


def _words(body: Any) -> str:
    """What a database says of an error; each has its own form."""
    try:
        said = msgspec.json.decode(body or "")
    except msgspec.MsgspecError:
        return str(body or "").strip()[:WORDS_MAX]
    if isinstance(said, dict):
        data = said.get("data")
        if isinstance(data, list) and data and isinstance(data[0], dict):
            said = data[0].get("error_message", said)
        else:
            said = said.get("message") or said.get("error") or said
    return str(said)[:WORDS_MAX]
