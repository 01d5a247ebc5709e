"""A restore: a backup is unpacked beside its place and looked through before anything is in it.

Settings come into theirs last: without them nothing starts.
"""

import gzip
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tomllib
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import msgspec

from gateway.contract import schema
from gateway.contract.backup import CHUNK_BYTES, FORMAT, MANIFEST, Manifest, numbers, remove
from gateway.contract.errors import Problem, UsageError

# The log of a hundred million leaves has half a million files, each with a line there.
MANIFEST_BYTES_MAX = 100_000_000
# Where everything is laid until all of it is there and looked at.
RESTORING = ".restoring"
MOVED = ".moved"


class Unpacked(NamedTuple):
    """A backup laid beside its place: whole, and still to be looked at by who knows its kind."""

    manifest: Manifest
    laid: Path


@contextmanager
def restoring(backup: Path, folder: Path, schemas: dict[str, int]) -> Iterator[Unpacked]:
    """A backup unpacked and compared; where the block ends well, put into its folder.

    The folder must be empty, or not there yet. `schemas` are those that we know, by kind. Raises
    UsageError, and then there is nothing in the folder.
    """
    with _told(backup), backup.open("rb") as file:
        manifest = _first(file, backup)
        _must_be_known(manifest, schemas, backup)
    with _here(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        if any(folder.iterdir()):
            what = "there is something here already, and a restore overwrites nothing"
            raise UsageError(Problem(what, str(folder), "an empty or a new folder"))
        _must_fit(manifest, folder)
        laid = folder / RESTORING
        laid.mkdir(mode=0o700)
    try:
        with _told(backup), backup.open("rb") as file:
            _unpack(file, manifest, laid, backup)
        yield Unpacked(manifest, laid)
        with _here(folder):
            _settle(manifest, laid, folder)
    finally:
        with suppress(OSError):
            _clear(folder)


def tables(unpacked: Unpacked, backup: Path) -> dict[str, Any]:
    """The settings, as they were written. Raises UsageError."""
    try:
        text = (unpacked.laid / unpacked.manifest.settings).read_text("utf-8")
        return tomllib.loads(text)
    except ValueError as error:
        raise damaged(backup, f"{unpacked.manifest.settings} is no TOML: {error}") from error


@contextmanager
def looked_at(unpacked: Unpacked, backup: Path) -> Iterator[sqlite3.Connection]:
    """The database, once SQLite has looked through it. Raises UsageError."""
    path = unpacked.laid / unpacked.manifest.database
    try:
        with closing(sqlite3.connect(path)) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise sqlite3.DatabaseError(found)
            yield db
    except sqlite3.DatabaseError as error:
        raise damaged(backup, f"of {unpacked.manifest.database} SQLite says: {error}") from error


@contextmanager
def _told(backup: Path) -> Iterator[None]:
    """What a damaged or a missing file does."""
    try:
        yield
    except FileNotFoundError as error:
        raise UsageError(
            Problem("there is no such backup", str(backup), "meterkast backup FOLDER makes one")
        ) from error
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise damaged(backup, f"it ends early, or is no backup ({error})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise damaged(backup, f"{MANIFEST} is not what a backup begins with") from error
    except OSError as error:
        what = f"the backup cannot be read: {error.strerror}"
        try_ = "a file that this user may read: a service's user reads nothing in /root"
        raise UsageError(Problem(what, str(backup), try_)) from error


@contextmanager
def _here(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"nothing can be restored here: {error.strerror}"
        try_ = "a folder with room, as a user who may write there"
        raise UsageError(Problem(what, str(error.filename or folder), try_)) from error


def damaged(backup: Path, why: str) -> UsageError:
    return UsageError(Problem(f"a damaged backup: {why}", str(backup), "another backup"))


def _members(file: IO[bytes]) -> Generator[tuple[tarfile.TarInfo, IO[bytes]]]:
    with gzip.GzipFile(fileobj=file) as packed, tarfile.open(fileobj=packed, mode="r|") as tar:
        for member in tar:
            data = tar.extractfile(member) if member.isreg() else None
            if data is None:
                raise tarfile.TarError(f"{member.name} is no file")
            yield member, data
        # What follows the last member has to be what a file ends with, checksum and all.
        while packed.read(CHUNK_BYTES):
            pass


def _first(file: IO[bytes], backup: Path) -> Manifest:
    with closing(_members(file)) as members:
        member, data = next(members, (None, None))
        if member is None or data is None or member.name != MANIFEST:
            raise damaged(backup, f"{MANIFEST} is not what it begins with")
        if member.size > MANIFEST_BYTES_MAX:
            raise damaged(backup, f"{MANIFEST} is far too long")
        return msgspec.json.decode(data.read(), type=Manifest)


def _must_be_known(manifest: Manifest, schemas: dict[str, int], backup: Path) -> None:
    ours = metadata.version("meterkast")
    known = schemas.get(manifest.kind)
    if manifest.format != FORMAT or known is None:
        what = f"a backup of another kind: {manifest.kind!r}, format {manifest.format}"
        raise UsageError(Problem(what, str(backup), f"meterkast {manifest.version} made it"))
    if numbers(manifest.version) > numbers(ours) or manifest.schema > known:
        what = f"a backup by meterkast {manifest.version}, and this is {ours}"
        try_ = f"install meterkast {manifest.version} or a newer one first"
        raise UsageError(Problem(what, str(backup), try_))
    named = {manifest.settings, manifest.database}
    wrong = [name for name in manifest.files if not _is_below(name)]
    if wrong:
        raise damaged(backup, f"no file may be called {wrong[0]!r}")
    if not named <= manifest.files.keys() or "/" in manifest.settings:
        raise damaged(backup, "it has no settings, or no database")


def _must_fit(manifest: Manifest, folder: Path) -> None:
    wanted = sum(kept.size for kept in manifest.files.values())
    free = shutil.disk_usage(folder).free
    if wanted > free:
        what = f"{wanted:,} bytes are to be restored, and there is room for {free:,}"
        raise UsageError(Problem(what, str(folder), "a disk with more room"))


_OURS = {(), (RESTORING,), (MOVED,)}


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    is_plain = str(path) == name and not path.is_absolute() and name.isprintable()
    return is_plain and ".." not in path.parts and path.parts[:1] not in _OURS


def _unpack(file: IO[bytes], manifest: Manifest, laid: Path, backup: Path) -> None:
    left = dict(manifest.files)
    with closing(_members(file)) as members:
        next(members)
        for member, data in members:
            kept = left.pop(member.name, None)
            if kept is None or kept.size != member.size:
                raise damaged(backup, f"{member.name} is not as {MANIFEST} says")
            if _written(data, laid / member.name, kept.mode) != kept.sha256:
                raise damaged(backup, f"{member.name} has changed")
    if left:
        raise damaged(backup, f"{min(left)} is missing")


def _written(data: IO[bytes], to: Path, mode: int) -> str:
    """Write a file through to the disk; gives its SHA-256."""
    digest = hashlib.sha256()
    with _here(to):
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    with out:
        while chunk := data.read(CHUNK_BYTES):
            digest.update(chunk)
            with _here(to):
                out.write(chunk)
        with _here(to):
            os.fchmod(out.fileno(), mode & 0o777)
            out.flush()
            os.fsync(out.fileno())
    return digest.hexdigest()


def _settle(manifest: Manifest, laid: Path, folder: Path) -> None:
    """Everything into its place, what makes it start last."""
    tops = sorted({one.name for one in laid.iterdir()} - {manifest.settings})
    for below in [one for one in laid.rglob("*") if one.is_dir()]:
        below.chmod(0o700 | manifest.folders.get(str(below.relative_to(laid)), 0) & 0o777)
        schema.sync(below)
    # What is moved is named first, so that a restore that is cut off can be cleared away.
    with (laid / MOVED).open("w", encoding="utf-8") as told:
        told.write("\n".join((manifest.settings, *tops)))
        told.flush()
        os.fsync(told.fileno())
    schema.sync(laid)
    schema.sync(folder)
    for name in (*tops, manifest.settings):
        (laid / name).rename(folder / name)
        schema.sync(folder)


def _clear(folder: Path) -> None:
    """Take away what a restore left that was cut off, also what was in its place already."""
    laid = folder / RESTORING
    if not laid.is_dir():
        return
    with suppress(FileNotFoundError):
        settings, *tops = (laid / MOVED).read_text("utf-8").splitlines()
        for name in () if (folder / settings).exists() else tops:
            if _is_below(name) and "/" not in name:  # whoever wrote that file leads us nowhere
                remove(folder / name)
    shutil.rmtree(laid)
