"""`meterkast install grafana`: all that a stock Grafana and its database need, as files."""

import re
import sys
from pathlib import Path
from typing import Annotated

import cyclopts

from gateway.contract.errors import ConfigError, Problem, UsageError
from gateway.contract.writing import Planned, offer
from ledger_bridge.commands.common import Json
from ledger_bridge.grafana.rollups import Database
from ledger_bridge.grafana.words import Language
from ledger_bridge.hub import Hub
from ledger_bridge.timeseries.target import Engine

LANGUAGES: tuple[Language, ...] = ("nl", "en")

# What every engine takes as a name, and no file of theirs needs to quote.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]_~/-]+")


def grafana(
    *,
    out: Path,
    language: Language | None = None,
    engine: Engine | None = None,
    url: str | None = None,
    config: Annotated[Path | None, cyclopts.Parameter(name="--config")] = None,
    yes: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    json: Json = False,
) -> int:
    """Write what a stock Grafana and its database need: dashboards, alerts, where the series are.

    What would be written is shown first. Other files there are left alone.

    Parameters
    ----------
    out
        Grafana's own folder, /etc/grafana, or any other to copy from.
    language
        Of dashboards and alerts; both where none is named.
    engine
        Which database it is, where no bridge.toml says.
    url
        Where Grafana finds the database, if not at the hub's address of it.
    config
        The hub's bridge.toml: where the series go, and the assets of its policy.
    yes
        Do not ask.
    """
    hub = Hub.load(config) if config else None
    database = _database(hub, engine, url)
    try:
        from ledger_bridge.grafana import files  # noqa: PLC0415 - needs an extra package
    except ModuleNotFoundError as error:
        what = f"the package {error.name} is not installed"
        try_ = "pip install 'meterkast[grafana]'"
        raise UsageError(Problem(what, "meterkast install grafana", try_)) from error
    texts = files.texts(database, files.community_of(hub), (language,) if language else LANGUAGES)
    if database.engine == "victoriametrics":
        print("VictoriaMetrics knows no InfluxQL: no dashboards, no alerts", file=sys.stderr)
    planned = [
        Planned(out / name, text, 0o755 if name.endswith(".sh") else 0o644)
        for name, text in sorted(texts.items())
    ]
    return offer(planned, yes=yes, as_json=json)


def _database(hub: Hub | None, engine: Engine | None, url: str | None) -> Database:
    """Where Grafana finds the series. Raises ConfigError or UsageError."""
    found = Database(engine or "influxdb2")
    if hub:
        told = hub.settings
        if told.series_url is None:
            what = "bridge.toml names no database for time series"
            try_ = 'series_url = "http://127.0.0.1:8086" (docs/grafana.md)'
            raise ConfigError(Problem(what, str(hub.config), try_))
        if engine not in {None, told.series_engine}:
            what = f"bridge.toml says that it is {told.series_engine}"
            raise UsageError(Problem(what, f"--engine {engine}", "leave out one of them"))
        found = Database(
            told.series_engine,
            told.series_url,
            told.series_org,
            told.series_bucket,
            told.series_bucket_months,
            is_guarded=told.series_token_file is not None,
        )
    found = found._replace(url=url or found.url)
    for name in (found.org, found.years, found.months):
        if name and not _NAME.fullmatch(name):
            what = f"{name!r} is no name that all files can carry"
            where = str(hub.config if hub else "")
            raise ConfigError(Problem(what, where, "A-Z, a-z, 0-9, _ and -, at most 64"))
    if not _URL.fullmatch(found.url):
        what = f"{found.url!r} is not an address"
        raise UsageError(Problem(what, "--url", "such as http://127.0.0.1:8086"))
    return found
