"""What a backup of a gateway has in it, and what a restored one has to know.

A restored journal is older than what its gateway has sent since: its chains end where they are, and
the gateway goes on in new ones. So no number is ever given to two records.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from drivers import sdk
from gateway import config as files
from gateway.config import Config
from gateway.contract.backup import Manifest, Source, inside
from gateway.contract.errors import Problem, UsageError
from gateway.contract.restore import Unpacked, damaged, looked_at, tables
from gateway.journal import RESTORED, SCHEMA_VERSION
from gateway.journal.values import NO_COMMUNITY

SCHEMA = SCHEMA_VERSION
JOURNAL = "journal.db"


def source(path: Path) -> Source:
    """What belongs to the gateway of these settings. Raises PeopleError."""
    config = files.load(path)
    folder = path.resolve().parent
    journal = config.data / JOURNAL
    if not journal.is_relative_to(folder):
        what = "the journal lies outside the folder of the settings"
        try_ = f"data = … below {folder}, so that one folder is the gateway"
        raise UsageError(Problem(what, str(config.data), try_))
    if not journal.exists():
        what = "there is no journal yet"
        raise UsageError(Problem(what, str(journal), "meterkast gateway makes one"))
    beside = [one for one in config.data.iterdir() if not one.name.startswith("journal")]
    keys = list(dict.fromkeys(_keys(config)))
    found, elsewhere = inside(folder, [path.resolve(), *beside, *_named(config, path), *keys])
    own = tuple(str(one.relative_to(folder)) for one in keys if one.is_relative_to(folder))
    return Source(
        kind="gateway",
        community=config.community or "",
        gateway=config.gateway,
        folder=folder,
        settings=path.name,
        database=str(journal.relative_to(folder)),
        files=tuple(name for name in found if name not in own),
        keys=own,
        elsewhere=elsewhere,
    )


def _keys(config: Config) -> Iterator[Path]:
    """What signs, also a key that is about to be changed; of TLS; and what opens the kiosk."""
    yield config.key
    yield from sorted(config.key.parent.glob(f"{config.key.name}.*"))
    for link in (config.broker_tls, config.home_broker_tls):
        if link and link.key:
            yield link.key
    if config.kiosk:
        yield config.kiosk.card_key
        if config.kiosk.pin:
            yield config.kiosk.pin


def _named(config: Config, path: Path) -> Iterator[Path]:
    """Other files that the settings name."""
    for link in (config.broker_tls, config.home_broker_tls):
        yield from (one for one in (link and link.ca, link and link.certificate) if one)
    base = path.resolve().parent
    for device in tomllib.loads(path.read_text("utf-8"))["device"].values():
        for setting in sdk.load(device["driver"]).settings:
            if setting.is_file and setting.name in device:
                yield base / device[setting.name]


def look(unpacked: Unpacked, backup: Path) -> None:
    """Raises UsageError where this is not the gateway that it says; else has its chains end."""
    manifest, laid = unpacked
    settings = tables(unpacked, backup)
    with looked_at(unpacked, backup) as db:
        owners = db.execute("SELECT DISTINCT community, gateway FROM chain").fetchall()
    said = manifest.community, manifest.gateway
    configured = settings.get("community", ""), settings.get("gateway")
    kept = manifest.community or NO_COMMUNITY, manifest.gateway
    if configured != said or (owners and kept not in owners):
        what = f"its settings or its journal are not those of {' of '.join(said[::-1])}"
        raise damaged(backup, what)
    (laid / manifest.database).with_name(RESTORED).touch(0o600)


def then(folder: Path, manifest: Manifest) -> str:
    """What is to be done now."""
    return f"meterkast doctor --config {folder / manifest.settings}"
