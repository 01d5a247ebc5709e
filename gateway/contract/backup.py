"""A backup: one tar file whose first member says what is in it, with the SHA-256 of each file.

The database is copied while others write it. A restore looks at everything before anything is in
its place, and settings come into theirs last: without them nothing starts.
"""

import fcntl
import gzip
import hashlib
import io
import os
import re
import shutil
import sqlite3
import tarfile
import tomllib
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import msgspec

from gateway.contract import schema
from gateway.contract.errors import Problem, UsageError
from gateway.contract.record import to_json

FORMAT = 1
MANIFEST = "manifest.json"
# The log of a hundred million leaves has half a million files, each with a line there.
MANIFEST_BYTES_MAX = 100_000_000
CHUNK_BYTES = 1 << 20
# Where a restore lays everything until all of it is there and looked at.
RESTORING = ".restoring"
MOVED = ".moved"
# Where a backup is put together, beside the place where it shall be.
WORKSHOP = ".meterkast-backup"
# A key may change while things are copied; nobody changes keys so often.
TRIES = 3


class Kept(msgspec.Struct, frozen=True):
    """One file of a backup."""

    sha256: str
    size: int
    mode: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is of: `kind` is gateway or hub, `gateway` "" for a hub.

    `without` names what belongs to it and is not in it.
    """

    format: int
    kind: str
    community: str
    gateway: str
    version: str
    schema: int
    made_ms: int
    settings: str
    database: str
    without: tuple[str, ...]
    files: dict[str, Kept]

    @property
    def name(self) -> str:
        return self.gateway or self.community


class Source(NamedTuple):
    """What a backup is made of. All names count from `folder`; what `elsewhere` is stays there."""

    kind: str
    community: str
    gateway: str
    folder: Path
    settings: str
    database: str
    files: tuple[str, ...]
    keys: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()


def inside(folder: Path, paths: Iterable[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of these files and folders, all files that are there in a folder; and what lies elsewhere."""
    files: list[str] = []
    elsewhere: list[str] = []
    for path in paths:
        if not path.is_relative_to(folder):
            elsewhere.append(str(path))
            continue
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        files += [str(one.relative_to(folder)) for one in found if one.is_file()]
    return tuple(dict.fromkeys(files)), tuple(dict.fromkeys(elsewhere))


# Making one


def make(source: Source, to: Path, *, now_ms: int, with_keys: bool) -> Manifest:
    """Write a backup to a file, whole or not at all. Raises UsageError."""
    try:
        with _workshop(to.parent) as folder:
            laid, part = folder / "laid", folder / "part"
            _lay(source, laid, keys=source.keys if with_keys else ())
            manifest = _manifest(source, laid, now_ms=now_ms)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                _pack(manifest, laid, out)
                out.flush()
                os.fsync(out.fileno())
            part.replace(to)
            schema.sync(to.parent)
    except (OSError, sqlite3.Error) as error:
        why = (isinstance(error, OSError) and error.strerror) or error
        what = f"no backup can be written: {why}"
        raise UsageError(Problem(what, str(to), "another folder, with room in it")) from error
    return manifest


@contextmanager
def _workshop(beside: Path) -> Iterator[Path]:
    """A folder for one backup at a time; what one left that was killed is taken away."""
    folder = beside / WORKSHOP
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for left in folder.iterdir():
            _remove(left)
        yield folder
        shutil.rmtree(folder)
    except BlockingIOError as error:
        what = "another backup is being made here"
        raise UsageError(Problem(what, str(folder), "wait for it, or another folder")) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lay(source: Source, laid: Path, *, keys: Iterable[str]) -> None:
    """Copy everything, with the keys that the database knows."""
    for _ in range(TRIES):
        for name in (*source.files, *keys):
            with suppress(FileNotFoundError):  # some come and go, as files of the log do
                (laid / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source.folder / name, laid / name)
        database = source.folder / source.database
        (laid / source.database).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
            schema.copy(db, laid / source.database)
        if all(_same(source.folder / name, laid / name) for name in keys):
            return
    what = "the keys change all the time"
    raise UsageError(Problem(what, str(source.folder), "when nobody changes them"))


def _same(now: Path, copied: Path) -> bool:
    there = now.exists(), copied.exists()
    return there == (False, False) or (all(there) and now.read_bytes() == copied.read_bytes())


def _manifest(source: Source, laid: Path, *, now_ms: int) -> Manifest:
    with closing(sqlite3.connect(laid / source.database)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    names = sorted(str(one.relative_to(laid)) for one in laid.rglob("*") if one.is_file())
    missing = [name for name in source.keys if name not in names]
    return Manifest(
        format=FORMAT,
        kind=source.kind,
        community=source.community,
        gateway=source.gateway,
        version=metadata.version("meterkast"),
        schema=version,
        made_ms=now_ms,
        settings=source.settings,
        database=source.database,
        without=(*missing, *source.elsewhere),
        files={name: _kept(laid / name) for name in names},
    )


def _kept(path: Path) -> Kept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        told = os.fstat(file.fileno())
    return Kept(digest, told.st_size, told.st_mode & 0o777)


def _pack(manifest: Manifest, laid: Path, out: IO[bytes]) -> None:
    with (
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        said = to_json(manifest)
        tar.addfile(_member(MANIFEST, len(said), 0o600), io.BytesIO(said))
        for name, kept in manifest.files.items():
            with (laid / name).open("rb") as file:
                tar.addfile(_member(name, kept.size, kept.mode), file)


def _member(name: str, size: int, mode: int) -> tarfile.TarInfo:
    """Nobody's file: who restores it owns it."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, mode
    return member


# Restoring one


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


def numbers(version: str) -> tuple[int, ...]:
    """What a version is compared by: 0.10.0-2 is after 0.9.1."""
    return tuple(int(one) for one in re.findall(r"\d+", version))


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
    for below in (*(one for one in laid.rglob("*") if one.is_dir()), laid):
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
                _remove(folder / name)
    shutil.rmtree(laid)
