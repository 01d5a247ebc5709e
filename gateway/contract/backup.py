"""A backup: one tar file whose first member says what is in it, with the SHA-256 of each file.

The database is copied while others write it.
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
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import IO, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from gateway.contract import schema
from gateway.contract.errors import Problem, UsageError
from gateway.contract.record import to_json

FORMAT = 1
MANIFEST = "manifest.json"
SUFFIX = ".meterkast"
CHUNK_BYTES = 1 << 20
# The year 10,000, which no calendar of ours writes.
MADE_MS_MAX = 253_402_300_800_000
# Where a backup is put together, beside the place where it shall be.
WORKSHOP = ".meterkast-backup"
# A key may change while things are copied; nobody changes keys so often.
TRIES = 3


class Kept(msgspec.Struct, frozen=True):
    """One file of a backup."""

    sha256: str
    size: Annotated[int, Meta(ge=0)]
    mode: int


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is of: `kind` is gateway or hub, `gateway` "" for a hub.

    `without` names what belongs to it and is not in it.
    """

    format: int
    kind: str
    community: str
    gateway: str
    version: Annotated[str, Meta(max_length=40)]
    schema: int
    made_ms: Annotated[int, Meta(ge=0, lt=MADE_MS_MAX)]
    settings: str
    database: str
    without: tuple[str, ...]
    files: dict[str, Kept]
    folders: dict[str, int] = {}  # and their modes

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


def numbers(version: str) -> tuple[int, ...]:
    """What a version is compared by: 0.10.0-2 is after 0.9.1."""
    return tuple(int(one) for one in re.findall(r"\d+", version))


def inside(folder: Path, paths: Iterable[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of these files and folders, all files that are there in a folder; and what lies elsewhere.

    Backups are in none.
    """
    files: list[str] = []
    elsewhere: list[str] = []
    for path in paths:
        if not path.is_relative_to(folder):
            elsewhere.append(str(path))
            continue
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        files += [str(one.relative_to(folder)) for one in found if one.is_file() and _is_own(one)]
    return tuple(dict.fromkeys(files)), tuple(dict.fromkeys(elsewhere))


def _is_own(path: Path) -> bool:
    return path.suffix != SUFFIX and WORKSHOP not in path.parts


def make(source: Source, to: Path, *, now_ms: int, with_keys: bool) -> Manifest:
    """Write a backup to a file, whole or not at all. Raises UsageError."""
    try:
        with _workshop(to.parent) as folder:
            laid, part = folder / "laid", folder / "part"
            modes = _lay(source, laid, keys=source.keys if with_keys else ())
            manifest = _manifest(source, laid, modes, now_ms=now_ms)
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
            remove(left)
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


def remove(path: Path) -> None:
    """Take away a file, or a folder with all that is in it."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _lay(source: Source, laid: Path, *, keys: Iterable[str]) -> dict[str, int]:
    """Copy everything, with the keys that the database knows; gives who may read and write what.

    The disk of the copies may keep no such thing, as that of a USB stick.
    """
    modes = {source.database: 0o600}
    for _ in range(TRIES):
        remove(laid)
        for name in (*source.files, *keys):
            (laid / name).parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # some come and go, as files of the log do
                modes[name] = (source.folder / name).stat().st_mode & 0o777
                shutil.copyfile(source.folder / name, laid / name)
        database = source.folder / source.database
        (laid / source.database).parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as db:
            schema.copy(db, laid / source.database)
        if all(_same(source.folder / name, laid / name) for name in keys):
            return modes
    what = "the keys change all the time"
    raise UsageError(Problem(what, str(source.folder), "when nobody changes them"))


def _same(now: Path, copied: Path) -> bool:
    there = now.exists(), copied.exists()
    return there == (False, False) or (all(there) and now.read_bytes() == copied.read_bytes())


def _manifest(source: Source, laid: Path, modes: dict[str, int], *, now_ms: int) -> Manifest:
    with closing(sqlite3.connect(laid / source.database)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    names = sorted(str(one.relative_to(laid)) for one in laid.rglob("*") if one.is_file())
    missing = [name for name in source.keys if name not in names]
    folders = {str(one.relative_to(laid)) for one in laid.rglob("*") if one.is_dir()}
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
        files={name: _kept(laid / name, modes[name]) for name in names},
        folders={name: _mode(source.folder / name) for name in folders},
    )


def _mode(folder: Path) -> int:
    with suppress(FileNotFoundError):  # it has gone meanwhile, as folders of the log do
        return folder.stat().st_mode & 0o777
    return 0o700


def _kept(path: Path, mode: int) -> Kept:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Kept(digest, os.fstat(file.fileno()).st_size, mode)


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
