"""`meterkast backup` and `meterkast restore`: all of a gateway, or of a hub, in one file."""

import tomllib
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Protocol, cast

from cyclopts import Parameter

from gateway.contract.backup import SUFFIX, Manifest, Source, make
from gateway.contract.clock import domain_clock
from gateway.contract.errors import Problem, UsageError
from gateway.contract.record import to_json
from gateway.contract.restore import Unpacked, restoring

# Who knows what belongs to it, by what it is and what its settings are usually called. Loaded when
# it is wanted: a gateway need not have what a hub has.
KINDS = {"gateway": "gateway.keeping", "hub": "ledger_bridge.keeping"}
USUAL = {"gateway": Path("gateway.toml"), "hub": Path("bridge.toml")}

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


class Keeping(Protocol):
    """What a module of `KINDS` has."""

    SCHEMA: int

    def source(self, path: Path) -> Source: ...
    def look(self, unpacked: Unpacked, backup: Path) -> None: ...
    def then(self, folder: Path, manifest: Manifest) -> str: ...


def backup(
    to: Path,
    /,
    *,
    config: Path | None = None,
    without_keys: Annotated[bool, Parameter(negative="")] = False,
    as_json: AsJson = False,
) -> int:
    """Copy all of a gateway or a hub into one file while it runs: records, settings and keys.

    Whoever has the file can speak as this gateway or hub: keep it as you keep the keys.

    Parameters
    ----------
    to
        a folder, where the file gets a name of its own; or a new file, called ….meterkast
    config
        its settings; without, gateway.toml or bridge.toml in this folder
    without_keys
        leave the keys out, because they are kept elsewhere
    as_json
        JSON on stdout
    """
    path = config or _here()
    source = _keeping(_kind(path)).source(path)
    now_ms = domain_clock().utc_ms()
    file = _new(to, _name(source, now_ms))
    made = make(source, file, now_ms=now_ms, with_keys=not without_keys)
    if as_json:
        told = {"file": str(file), "files": len(made.files), "without": made.without}
        print(to_json(told).decode())
        return 0
    print(f"{file}: {_of(made)}, {len(made.files)} files, {file.stat().st_size:,} bytes")
    for name in made.without:
        print(f"not in it: {name}")
    if file.stat().st_mode & 0o077:
        print("this disk knows no owners: whoever sees it can read what is in there")
    return 0


def restore(file: Path, folder: Path = Path(), /, *, as_json: AsJson = False) -> int:
    """Make a gateway or a hub again out of a backup, in a folder that has nothing in it.

    The file is looked through first; what is wrong with it is told, and nothing is done.

    Parameters
    ----------
    file
        what `meterkast backup` made
    folder
        where it shall be; without, this folder
    as_json
        JSON on stdout
    """
    schemas = {kind: _keeping(kind).SCHEMA for kind in KINDS}
    with restoring(file, folder, schemas) as unpacked:
        manifest = unpacked.manifest
        keeping = _keeping(manifest.kind)
        keeping.look(unpacked, file)
    then = keeping.then(folder, manifest)
    if as_json:
        told = {"kind": manifest.kind, "name": manifest.name, "then": then}
        print(to_json(told | {"without": manifest.without}).decode())
        return 0
    print(f"{folder}: {_of(manifest)}, as it was {_at(manifest.made_ms)}")
    for name in manifest.without:
        print(f"not in the backup: {name}")
    print(f"then: {then}")
    return 0


def _new(to: Path, name: str) -> Path:
    """Where a backup goes: of this name into a folder, or as the file that is named itself. Raises
    UsageError.
    """
    try:
        if to.is_dir():
            to /= name
        elif to.suffix != SUFFIX:
            try_ = f"mkdir -m 700 {to}; or a file called ….meterkast"
            raise UsageError(Problem("there is no such folder", str(to), try_))
        if to.exists():
            what = "there is a file of this name already"
            raise UsageError(Problem(what, str(to), "another name, or a folder"))
    except OSError as error:
        what = f"this place cannot be looked at: {error.strerror}"
        raise UsageError(
            Problem(what, str(to), "a folder of the user who makes the backup")
        ) from error
    return to


def _here() -> Path:
    """The settings in this folder. Raises UsageError."""
    found = [path for path in USUAL.values() if path.exists()]
    if len(found) != 1:
        what = "both a gateway and a hub are here" if found else "neither gateway nor hub is here"
        try_ = f"--config FILE; usually {' or '.join(map(str, USUAL.values()))}"
        raise UsageError(Problem(what, str(Path.cwd()), try_))
    return found[0]


def _kind(path: Path) -> str:
    """Whose settings these are; what cannot be read is told by whoever reads all of it."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        tables = {}
    return "gateway" if "gateway" in tables or path.name == USUAL["gateway"].name else "hub"


def _keeping(kind: str) -> Keeping:
    return cast("Keeping", import_module(KINDS[kind]))


def _name(source: Source, now_ms: int) -> str:
    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{source.gateway or source.community}-{at:%Y%m%dT%H%M%SZ}{SUFFIX}"


def _of(manifest: Manifest) -> str:
    of = f" of {manifest.community}" if manifest.gateway and manifest.community else ""
    return f"{manifest.kind} {manifest.name}{of}"


def _at(made_ms: int) -> str:
    return f"{datetime.fromtimestamp(made_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
