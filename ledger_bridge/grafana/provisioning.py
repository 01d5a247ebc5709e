"""What a Grafana reads when it starts: where the series are, where the dashboards lie, the alerts.

Secrets stand in none of these files: Grafana reads them from SECRET itself.

Spec: Grafana 11.6, <https://grafana.com/docs/grafana/v11.6/administration/provisioning/>;
<https://grafana.com/docs/grafana/v11.6/datasources/influxdb/configure-influxdb-data-source/>
"""

import json
from collections.abc import Iterable, Mapping

from ledger_bridge.grafana.query import SOURCES
from ledger_bridge.grafana.rollups import Database
from ledger_bridge.grafana.words import Language

# Where a stock Grafana, from a package or in a container, has its configuration.
HOME = "/etc/grafana"
SECRET = f"{HOME}/meterkast/reader.secret"
# Folders are found by their titles, by dashboards and alerts alike.
FOLDERS: Mapping[Language, str] = {"nl": "Meterkast", "en": "Meterkast (English)"}

# How each engine is told who asks; {} is the secret.
_SCHEMES = {"influxdb2": "Token {}", "influxdb3": "Bearer {}"}
# The account that reads an InfluxDB 1.
_READER = "grafana"


def data_sources(database: Database) -> str:
    """The two sources that all queries name."""
    sources = ((SOURCES["years"], database.years), (SOURCES["months"], database.months))
    return yaml(
        "Where Grafana finds the series.",
        {
            "apiVersion": 1,
            "datasources": [_source(uid, name, database) for uid, name in sources],
        },
    )


def _source(uid: str, name: str, database: Database) -> dict[str, object]:
    options: dict[str, object] = {"version": "InfluxQL", "dbName": _plain(name), "httpMode": "POST"}
    source: dict[str, object] = {
        "name": uid,
        "uid": uid,
        "orgId": 1,
        "type": "influxdb",
        "access": "proxy",
        "url": _plain(database.url),
        "editable": False,
        "jsonData": options,
    }
    if not database.is_guarded:
        return source
    secret = f"$__file{{{SECRET}}}"
    if scheme := _SCHEMES.get(database.engine):
        options["httpHeaderName1"] = "Authorization"
        return source | {"secureJsonData": {"httpHeaderValue1": scheme.format(secret)}}
    return source | {"user": _READER, "secureJsonData": {"password": secret}}


def _plain(text: str) -> str:
    """A text that Grafana takes by the letter: a dollar would begin a name to fill in."""
    return text.replace("$", "$$")


def dashboard_folders(languages: Iterable[Language]) -> str:
    """A folder of dashboards for each language."""
    return yaml(
        "Where Grafana finds the dashboards; what is changed there is taken over in a minute.",
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": f"meterkast-{language}",
                    "orgId": 1,
                    "folder": FOLDERS[language],
                    "type": "file",
                    "disableDeletion": False,
                    "allowUiUpdates": False,
                    "updateIntervalSeconds": 60,
                    "options": {"path": f"{HOME}/meterkast/{language}"},
                }
                for language in languages
            ],
        },
    )


def yaml(says: str, value: Mapping[str, object]) -> str:
    r"""This as YAML, with a line above that says what it is. Strings are quoted as in JSON.

    >>> yaml("Two.", {"a": [{"b": 1, "c": []}, "d"]})
    '# Two. Written by: meterkast install grafana\na:\n  - b: 1\n    c: []\n  - "d"\n'
    """
    return f"# {says} Written by: meterkast install grafana\n" + "".join(
        f"{line}\n" for line in _lines(value)
    )


def _lines(value: object) -> Iterable[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _under(f"{key}:", inner)
    elif isinstance(value, (list, tuple)) and value:
        for inner in value:
            first, *more = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in more)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _under(key: str, value: object) -> Iterable[str]:
    lines = list(_lines(value))
    if isinstance(value, (Mapping, list, tuple)) and value:
        yield key
        yield from (f"  {line}" for line in lines)
    else:
        yield f"{key} {lines[0]}"
