"""Files that a command would write: what would change is shown, asked about, and then done."""

import contextlib
import difflib
import errno
import json
import os
import pwd
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gateway.contract.errors import Problem, UsageError

# What changes in a file is shown up to here; longer files, such as dashboards, by their length.
LINES_SHOWN_MAX = 80


class Planned(NamedTuple):
    """One file as it is to be, with the bits that say who may read and run it."""

    path: Path
    text: str
    mode: int = 0o644

    @property
    def change(self) -> str:
        """new, changed or same, beside what lies there now. Raises UsageError."""
        try:
            now = self.path.read_bytes()
        except FileNotFoundError:
            return "new"
        except OSError as error:
            raise _not_here(error, self.path) from error
        return "same" if now == self.text.encode() else "changed"


def offer(files: Iterable[Planned], *, yes: bool, as_json: bool = False, then: str = "") -> int:
    """Show what would change, ask unless told `yes`, and write all files or none.

    Gives 0 where all is as planned then, 1 where somebody said no. With `as_json` nobody is asked.
    Raises UsageError where there is nobody to ask, or where something cannot be written.
    `then` says what makes the files count, as commands to copy.
    """
    changes = [(file, file.change) for file in files]
    changing = [file for file, change in changes if change != "same"]
    if as_json:
        if yes:
            _install(changing)
        shown = [{"path": str(file.path), "change": change} for file, change in changes]
        print(json.dumps({"files": shown}, ensure_ascii=False))
        return 0
    if not changing:
        print(f"nothing to write: {len(changes)} files are as they should be")
        return 0
    for file in changing:
        _show(file)
    if not (yes or _is_agreed(len(changing))):
        print("nothing was written", file=sys.stderr)
        return 1
    _install(changing)
    print(f"written: {len(changing)} of {len(changes)} files")
    if then:
        print(f"then: {then}")
    return 0


def _show(file: Planned) -> None:
    if not file.mode & 0o077:
        print(f"{file.change} {file.path} (a secret, which is not shown)")
        return
    is_there = file.path.exists()
    now = file.path.read_text("utf-8", errors="replace").splitlines() if is_there else []
    to_be = file.text.splitlines()
    diff = list(difflib.unified_diff(now, to_be, n=1, lineterm=""))[2:]  # without the names
    diff = [f"    {line}" for line in diff if not line.startswith("@@")]
    print(f"{file.change} {file.path} ({len(to_be)} lines)")
    if len(diff) <= LINES_SHOWN_MAX:
        print("\n".join(diff))


def _is_agreed(files: int) -> bool:
    if not sys.stdin.isatty():
        what = "there is nobody to ask whether to write this"
        raise UsageError(Problem(what, "standard input is no terminal", "the same with --yes"))
    print(f"write {files} files? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "j", "ja"}


def must_be_owner(folder: Path, command: str) -> None:
    """Raises UsageError where root would leave keys in a folder whose owner could not read them."""
    owner = folder.stat().st_uid if folder.exists() else 0
    if os.geteuid() != 0 or owner == 0:
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"#{owner}"
    what = f"this folder is {name}'s, who could not read what root writes there"
    as_owner = f"sudo -u '{name}' meterkast"
    # The packages' commands are called as their users are.
    try_ = f"sudo {name} {command}" if name.startswith("meterkast-") else f"{as_owner} {command}"
    raise UsageError(Problem(what, str(folder), try_))


def _install(files: list[Planned]) -> None:
    """For other programs: the files say who may read them, and no folder that root's umask closed.

    Raises UsageError.
    """
    folders = {folder for file in files for folder in file.path.parents if not folder.exists()}
    write(files)
    for folder in folders:
        folder.chmod(0o755)


def write(files: Iterable[Planned]) -> None:
    """Put files in their places, each whole. Raises UsageError, and then none is in its place.

    Only a failing disk between the first place and the last one leaves some of them.
    """
    beside = secrets.token_hex(4)
    waiting: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for file in files:
            path = file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_name(f".{path.name}.{beside}")
            waiting.append((new, path))
            with os.fdopen(
                os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.mode), "wb"
            ) as out:
                os.fchmod(out.fileno(), file.mode)
                out.write(file.text.encode())
                out.flush()
                os.fsync(out.fileno())  # a power cut must not leave the name without its text
        for new, path in waiting:
            new.replace(path)
    except OSError as error:
        for new, _ in waiting:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
        raise _not_here(error, path) from error


def _not_here(error: OSError, path: Path) -> UsageError:
    what = f"this cannot be written: {error.strerror}"
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    try_ = "make room there" if is_full else "another folder, or as a user who may (sudo)"
    return UsageError(Problem(what, str(path), try_))
