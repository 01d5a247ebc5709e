"""Real databases for the time series: InfluxDB 1.6.7, seen as 1.8 is, and VictoriaMetrics.

InfluxDB 1.6.7 has no `/api/v2/write` yet, so `Front` stands before it and translates that one path
as 1.8 understands it; everything else passes. A test may have it answer something else instead.

Spec: InfluxDB 1.8, <https://docs.influxdata.com/influxdb/v1/tools/api/#apiv2write-http-endpoint>
"""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from firmware_sim.premises import free_ports
from tests.system.programs import end, kill

HOST = "127.0.0.1"
YEARS, MONTHS = "meterkast", "meterkast_months"
READY_S_MAX = 20.0
_PRECISIONS = {"ns": "n", "us": "u", "ms": "ms", "s": "s", "": "n"}
_KEPT_HEADERS = ("Content-Encoding", "Content-Type", "Accept")

_CONFIG = """
reporting-disabled = true
bind-address = "{host}:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "{host}:{http}"
log-enabled = false
[continuous_queries]
log-enabled = false
[logging]
level = "error"
suppress-logo = true
"""


class Answer(NamedTuple):
    """What an HTTP server says."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Refused(Exception):
    """The database does not do what it was asked; its words."""


class Series(NamedTuple):
    """One series of a result. `values` are rows, in the order of `columns`; times are UTC ms."""

    name: str
    tags: dict[str, str]
    columns: tuple[str, ...]
    values: list[list[Any]]


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one of its own to the database."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet: a second one would wait for the first to be confirmed.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "Front"

    def setup(self) -> None:
        super().setup()
        self._upstream = http.client.HTTPConnection(HOST, self.server.upstream, timeout=30)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            answer = self._answer(urllib.parse.urlsplit(self.path), body)
        except (OSError, http.client.HTTPException):
            # The database is away: nobody answers, as if it stood here itself.
            self.close_connection = True
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.status != http.HTTPStatus.NO_CONTENT:
            self.wfile.write(answer.body)

    do_POST = do_GET  # noqa: N815 - so the server calls it

    def _answer(self, path: urllib.parse.SplitResult, body: bytes) -> Answer:
        if path.path == "/health":
            body = b'{"name":"influxdb","message":"ready for queries and writes","status":"pass"}'
            return Answer(200, body, (("Content-Type", "application/json"),))
        wanted = self.server.token and path.path != "/ping"
        if wanted and self.headers.get("Authorization") != f"Token {self.server.token}":
            return _error(401, "authorization failed")
        if path.path == "/api/v2/write":
            return self._write(dict(urllib.parse.parse_qsl(path.query)), body)
        return self._pass_on(self.path, body)

    def _write(self, asked: dict[str, str], body: bytes) -> Answer:
        self.server.bodies += 1
        if self.server.kept is not None:
            self.server.kept.append((asked.get("bucket", ""), body))
        if self.server.instead:
            return self.server.instead.popleft()
        precision = _PRECISIONS.get(asked.get("precision", ""))
        if precision is None:
            return _error(400, f"invalid precision {asked['precision']!r} (use ns, us, ms or s)")
        database, _, policy = asked.get("bucket", "").partition("/")
        words = urllib.parse.urlencode({"db": database, "rp": policy, "precision": precision})
        return self._pass_on(f"/write?{words}", body)

    def _pass_on(self, path: str, body: bytes) -> Answer:
        kept = {name: self.headers[name] for name in _KEPT_HEADERS if name in self.headers}
        self._upstream.request(self.command, path, body, kept)
        given = self._upstream.getresponse()
        said = given.read()
        dropped = ("content-length", "transfer-encoding", "connection")
        headers = tuple(pair for pair in given.getheaders() if pair[0].lower() not in dropped)
        return Answer(given.status, said, headers)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _error(status: int, words: str) -> Answer:
    body = json.dumps({"error": words}).encode()
    return Answer(status, body, (("Content-Type", "application/json"),))


class Front(ThreadingHTTPServer):
    """What clients talk to. `bodies` counts the writes that came, refused ones too.

    `token`: who has another one, or none, is sent away; "" lets everybody in. `instead`: answers
    to the next writes, which then do not reach the database. `kept`: a list that all writes are
    put into, by bucket, where somebody wants them.
    """

    daemon_threads = True

    def __init__(self, port: int, upstream: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.upstream = upstream
        self.token = ""
        self.instead: deque[Answer] = deque()
        self.bodies = 0
        self.kept: list[tuple[str, bytes]] | None = None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that went away is no matter."""


class _Database:
    """A program with a folder of its own that answers HTTP on `port`."""

    port: int
    ready: str

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.log = folder / "log"
        self._command = command
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(f"http://{HOST}:{self.port}{self.ready}", timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return
        self.end()
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As a power cut does."""
        kill(self.process)

    def end(self) -> None:
        """As a service manager does."""
        end(self.process)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class Influx(_Database):
    """InfluxDB 1.6.7 with empty databases for years and for months.

    Clients use `url`, whether the database is up or not; `straight` is the database itself.
    """

    ready = "/ping"

    def __init__(self, folder: Path, program: str = "influxd") -> None:
        rpc, self.port, front = free_ports(3)
        self.straight, self.url = f"http://{HOST}:{self.port}", f"http://{HOST}:{front}"
        folder.mkdir(parents=True)
        config = folder / "influxdb.conf"
        config.write_text(_CONFIG.format(host=HOST, rpc=rpc, http=self.port, folder=folder))
        super().__init__(folder, [program, "-config", str(config)])
        self.front = Front(front, self.port)
        self.renew()

    def renew(self) -> None:
        """Up and as it was when it was new, whatever a test did to it."""
        if self.process.poll() is not None:
            self.start()
        self.front.token = ""
        self.front.instead.clear()
        self.front.kept = None
        for name in (YEARS, MONTHS):
            self.query(f'DROP DATABASE "{name}"; CREATE DATABASE "{name}"')

    def query(self, influxql: str, database: str = YEARS) -> list[Series]:
        """Ask in InfluxQL, several statements where `;` parts them. Raises Refused."""
        words = urllib.parse.urlencode({"q": influxql, "db": database, "epoch": "ms"})
        try:
            with urllib.request.urlopen(f"{self.straight}/query", words.encode(), 30) as answer:
                results = json.load(answer)["results"]
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from error
        for result in results:
            if "error" in result:
                raise Refused(f"{result['error']}: {influxql}")
        return [
            Series(
                one.get("name", ""),
                one.get("tags", {}),
                tuple(one["columns"]),
                one.get("values", []),
            )
            for result in results
            for one in result.get("series", ())
        ]

    def rows(self, influxql: str, database: str = YEARS) -> list[dict[str, Any]]:
        """The rows of all series, each with the tags of its series."""
        return [
            {**one.tags, **dict(zip(one.columns, row, strict=True))}
            for one in self.query(influxql, database)
            for row in one.values
        ]

    def points(self, measurement: str, database: str = YEARS) -> list[dict[str, Any]]:
        """All points of a measurement, in the order of their times."""
        return self.rows(f'SELECT * FROM "{measurement}"', database)

    def write(self, *lines: str, database: str = YEARS) -> None:
        """Write lines whose times are UTC milliseconds, past the translator. Raises Refused."""
        url = f"{self.straight}/write?db={database}&precision=ms"
        try:
            urllib.request.urlopen(url, "\n".join(lines).encode(), 30).close()
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from error

    def end(self) -> None:
        super().end()
        self.front.shutdown()
        self.front.server_close()


class Victoria(_Database):
    """VictoriaMetrics, which keeps what is a hundred years old."""

    ready = "/health"

    def __init__(self, folder: Path, program: str = "victoria-metrics", *options: str) -> None:
        (self.port,) = free_ports(1)
        self.url = f"http://{HOST}:{self.port}"
        folder.mkdir(parents=True)
        super().__init__(
            folder,
            [
                program,
                f"-httpListenAddr={HOST}:{self.port}",
                f"-storageDataPath={folder / 'data'}",
                "-retentionPeriod=100y",
                "-loggerLevel=ERROR",
                *options,
            ],
        )

    def get(self, path: str, **words: str) -> bytes:
        """What it says to this question."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(words)}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            said: bytes = answer.read()
        return said

    def export(self, match: str) -> list[dict[str, Any]]:
        """All samples of the series that match, as it has them: metric, values, timestamps."""
        self.get("/internal/force_flush")
        said = self.get("/api/v1/export", **{"match[]": match})
        return [json.loads(line) for line in said.splitlines()]


if __name__ == "__main__":  # a front in a process of its own: its port, and the database's
    Front(int(sys.argv[1]), int(sys.argv[2]))
    signal.pause()
