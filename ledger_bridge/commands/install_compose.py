"""`meterkast install compose`: a hub in containers, as files and folders for `docker compose`.

What it says is in `deploy/compose`, which is `ledger_bridge/compose` here.
"""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from gateway.contract.errors import Problem, UsageError
from gateway.contract.writing import Planned, offer
from ledger_bridge.grafana.rollups import Database
from ledger_bridge.hub import Hub

SHIPPED = Path(__file__).parents[1] / "compose"
FILES = ("Caddyfile", "compose.yaml", "mosquitto.conf", "nightly", "pin", "settings.toml")
# The name that the shipped files are about.
_EXAMPLE = "hub.example.nl"
_NAME = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?"
)

# What images and passwords are is the steward's once it is there.
IMAGES = ".env"
SECRETS = ("grafana_password", "influxdb_password", "influxdb_token")
FOLDERS = (
    *("backup", "hub/log", "data/caddy", "data/grafana", "data/influxdb", "data/mosquitto"),
    *(f"mosquitto/{name}" for name in ("etc/mosquitto/conf.d", "etc/mosquitto/meterkast")),
    "mosquitto/usr/local/lib/meterkast",
)
# Where Grafana finds the database.
DATABASE = Database(url="http://influxdb:8086")


def compose(
    *,
    out: Path,
    host: str,
    yes: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Write a hub in containers: bridge, Mosquitto, InfluxDB, Grafana, Caddy, and what starts them.

    Once more with a newer version: what has changed is shown and written. Images that were pinned,
    passwords, and all that the hub keeps stay as they are.

    Parameters
    ----------
    out
        The folder it lies in, with all that the hub keeps.
    host
        The name that leads to this server, such as hub.example.nl.
    yes
        Write without asking.
    as_json
        Which files would be written, as one JSON object; nothing is asked.
    """
    if not _NAME.fullmatch(host):
        what = f"{host!r} is no name that a certificate can be had for"
        raise UsageError(Problem(what, "--host", "such as hub.example.nl, in small letters"))
    _must_be_free(out)
    code = offer(planned(out, host), yes=yes, as_json=as_json)
    if code == 0 and (yes or not as_json):
        _make_folders(out)
    return code


def planned(folder: Path, host: str) -> Iterator[Planned]:
    """Every file. Raises UsageError where a package is missing.

    Dashboards show the assets of the hub that is there already, or those that are usual.
    """
    config = folder / "hub" / "bridge.toml"
    hub = Hub.load(config) if config.exists() else None
    for name in FILES:
        yield Planned(folder / name, _shipped(name).replace(_EXAMPLE, host))
    if not (folder / IMAGES).exists():
        yield Planned(folder / IMAGES, _shipped(IMAGES))
    for name in SECRETS:
        path = folder / "secrets" / name
        if not path.exists():
            yield Planned(path, secrets.token_urlsafe(32), 0o600)
    for name, text in sorted(_grafana(hub).items()):
        yield Planned(folder / "grafana" / name, text, 0o755 if name.endswith(".sh") else 0o644)


def _shipped(name: str) -> str:
    return (SHIPPED / name).read_text("utf-8")


def _grafana(hub: Hub | None) -> dict[str, str]:
    try:
        from ledger_bridge.grafana import files  # noqa: PLC0415 - needs an extra package
        from ledger_bridge.grafana.install import LANGUAGES  # noqa: PLC0415
    except ModuleNotFoundError as error:
        what = f"the package {error.name} is not installed"
        try_ = "pip install 'meterkast[grafana]'"
        raise UsageError(Problem(what, "meterkast install compose", try_)) from error
    return files.texts(DATABASE, files.community_of(hub), LANGUAGES)


def _must_be_free(folder: Path) -> None:
    """Raises UsageError where something else lies in a folder's place."""
    for path in (folder / one for name in FOLDERS for one in (Path(name), *Path(name).parents)):
        if os.path.lexists(path) and not path.is_dir():
            what = "this is no folder, and one has to be here"
            raise UsageError(Problem(what, str(path), f"mv {path} elsewhere, or another --out"))


def _make_folders(folder: Path) -> None:
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"no folder can be made: {error.strerror}"
        raise UsageError(Problem(what, str(error.filename), "another folder, or sudo")) from error
