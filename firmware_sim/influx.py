"""The InfluxDB that a demonstration fills, where there is one: which it is, and its databases."""

import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import NamedTuple

from gateway.contract.errors import Problem, Unreachable, UsageError

# What the bridge calls them where nobody says otherwise.
DATABASES = ("meterkast", "meterkast_months")
# As the database's own command line calls them.
TOKEN, ORGANISATION = "INFLUX_TOKEN", "INFLUX_ORG"
ANSWER_S_MAX = 5.0


class _NotElsewhere(urllib.request.HTTPRedirectHandler):
    """The token is for nobody that the database names."""

    def redirect_request(self, *_: object) -> None:
        """None: the answer is the answer."""


# As the bridge asks it: by no proxy.
_STRAIGHT = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NotElsewhere)


class Influx(NamedTuple):
    """Where it listens, which of the bridge's engines it is, and what opens it ("": nothing)."""

    url: str
    engine: str
    token: str

    @classmethod
    def find(cls, url: str) -> "Influx":
        """Ask what is there. Raises Unreachable, or UsageError for what is no address."""
        plain = url.rpartition("@")[2]  # a password is not told on
        if plain != url or not url.startswith(("http://", "https://")):
            try_ = f"http://{plain.rpartition('//')[2]}, and what opens it in {TOKEN}"
            raise UsageError(Problem("this is no database's address", f"--influx {plain}", try_))
        found = cls(url.rstrip("/"), "", os.environ.get(TOKEN, ""))
        with found.ask("/ping") as answer:
            version = (answer.headers.get("X-Influxdb-Version") or "").lstrip("v")
        if version[:2] not in {"1.", "2.", "3."}:
            what = f"no InfluxDB: its version is {version!r}"
            raise Unreachable(Problem(what, url, "InfluxDB 1.8, 2 or 3 Core"))
        return found._replace(engine=f"influxdb{version[0]}")

    def ask(self, path: str, **words: str) -> http.client.HTTPResponse:
        """GET, or POST where there are words. Raises Unreachable."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            self.url + path, data=urllib.parse.urlencode(words).encode() if words else None
        )
        if self.token:
            request.add_header("Authorization", f"Token {self.token}")
        try:
            answer = _STRAIGHT.open(request, timeout=ANSWER_S_MAX)
        except urllib.error.HTTPError as error:
            what = f"the database answers {error.code}"
            try_ = f"set {TOKEN}" if error.code in {401, 403} else "read its log"
            raise Unreachable(Problem(what, self.url + path, try_)) from error
        except (OSError, http.client.HTTPException) as error:
            what = f"no answer: {getattr(error, 'reason', error)}"
            raise Unreachable(Problem(what, self.url, "start it, or mend --influx")) from error
        assert isinstance(answer, http.client.HTTPResponse)
        return answer

    def prepare(self) -> None:
        """Make the databases where it lets us; elsewhere the operator has made the buckets."""
        if self.engine == "influxdb1":
            for name in DATABASES:
                self.ask("/query", q=f'CREATE DATABASE "{name}"').close()

    def toml(self) -> str:
        """What of it stands in bridge.toml; the token lies in the file that this names."""
        said = {"series_url": self.url, "series_engine": self.engine}
        if self.engine == "influxdb2":
            said["series_org"] = os.environ.get(ORGANISATION, DATABASES[0])
        if self.token:
            said["series_token_file"] = "keys/series.token"  # noqa: S105 - where it lies
        return "".join(f"{name} = {json.dumps(value)}\n" for name, value in said.items())
