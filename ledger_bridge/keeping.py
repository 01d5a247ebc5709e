"""What a backup of a hub has in it, and what a restored one has to know.

Restored books are older than what others saw of the log: they publish nothing until stewards have
begun the log again.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.contract.backup import Manifest, Source, inside
from gateway.contract.errors import Problem, UsageError
from gateway.contract.restore import Unpacked, damaged, looked_at, tables
from gateway.contract.writing import Planned, write
from ledger_bridge.books.store import SCHEMA_VERSION
from ledger_bridge.hub import Hub, restored

SCHEMA = SCHEMA_VERSION


def source(path: Path) -> Source:
    """What belongs to the hub of these settings. Raises PeopleError."""
    hub = Hub.load(path.resolve())
    folder = hub.config.parent
    if not hub.books.is_relative_to(folder):
        what = "the books lie outside the folder of the settings"
        try_ = f"books = … below {folder}, so that one folder is the hub"
        raise UsageError(Problem(what, str(hub.books), try_))
    if not hub.books.exists():
        raise UsageError(Problem("there are no books", str(hub.books), "meterkast hub init DIR"))
    keys = list(dict.fromkeys(_keys(hub)))
    found, elsewhere = inside(folder, [*_others(hub), *keys])
    own = tuple(str(one.relative_to(folder)) for one in keys if one.is_relative_to(folder))
    return Source(
        kind="hub",
        community=hub.community,
        gateway="",
        folder=folder,
        settings=hub.config.name,
        database=str(hub.books.relative_to(folder)),
        files=tuple(name for name in found if name not in own),
        keys=own,
        elsewhere=elsewhere,
    )


def _keys(hub: Hub) -> Iterator[Path]:
    """Of the bridge, the log and the steward, those before and after them; of cards, CA and TLS."""
    here = hub.settings
    for key in (here.bridge_key, here.log_key, here.steward_key):
        path = hub.path(key)
        yield path
        yield from sorted(path.parent.glob(f"{path.stem}.*"))
    yield hub.path(here.card_key)
    yield from sorted(hub.tls_folder.glob("*.key"))
    if here.broker_tls and here.broker_tls.key:
        yield hub.path(str(here.broker_tls.key))
    if here.series_token_file:
        yield hub.path(here.series_token_file)


def _others(hub: Hub) -> Iterator[Path]:
    """Settings and policies, who was given certificates, who asks for one, and the log's files."""
    yield from sorted(hub.config.parent.glob("*.toml"))
    yield hub.tls_folder
    yield hub.path("enrolment")
    yield hub.log_folder
    if files := hub.settings.broker_tls:
        yield from (hub.path(str(one)) for one in (files.ca, files.certificate) if one)


def look(unpacked: Unpacked, backup: Path) -> None:
    """Raises UsageError where this is not the hub that it says; else has it publish nothing."""
    manifest, laid = unpacked
    settings = tables(unpacked, backup)
    with looked_at(unpacked, backup) as db:
        founded = [name for (name,) in db.execute("SELECT DISTINCT community FROM registry_edit")]
        (epoch,) = db.execute(
            "SELECT coalesce(max(number), 1) FROM epoch WHERE community = ?", (manifest.community,)
        ).fetchone()
    if settings.get("community") != manifest.community or manifest.community not in founded:
        raise damaged(backup, f"its settings or its books are not those of {manifest.community}")
    write([Planned(restored(laid / manifest.database), f"{epoch}\n", 0o600)])


def then(folder: Path, manifest: Manifest) -> str:
    """What is to be done now."""
    return (
        f"meterkast hub restored --config {folder / manifest.settings}\n"
        "      what stewards decided since is not in it: a gateway revoked since counts until it is"
        " revoked again\n"
        "      start the bridge, and make a backup"
    )
