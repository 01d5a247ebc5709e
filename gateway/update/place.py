"""Where versions of the program lie, and which of them runs.

    ROOT/versions/0.1.0-1     whole environments, each with bin/meterkast
    ROOT/current              leads to the one that runs
    ROOT/previous             to the last one that was good; gone once it runs again
    ROOT/trial                to the one that runs, until it has shown that it does

Each link changes in one rename, in such an order that a power cut between two of them leaves a
whole version running. Packages do the same in their `postinst`.
"""

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateway.contract.errors import Problem, UsageError
from gateway.contract.record import to_json
from gateway.contract.schema import sync
from gateway.contract.writing import Planned, write

VERSIONS = "versions"


class TakenBack(msgspec.Struct, frozen=True):
    """A version that did not show that it runs, and what it did instead."""

    version: str
    why: str


class Place(NamedTuple):
    """The folder ROOT. Versions are named by where they are in it: versions/0.1.0-1, "" for none.

    What changes it raises OSError, and the links are as before or after one step.
    """

    root: Path

    @classmethod
    def own(cls) -> "Place | None":
        """Where this very program lies, None where versions do not lie beside each other."""
        versions = Path(sys.prefix).parent
        is_place = versions.name == VERSIONS and (versions.parent / "current").is_symlink()
        return cls(versions.parent) if is_place else None

    def _leads(self, link: str) -> str:
        try:
            return str((self.root / link).readlink())
        except FileNotFoundError:
            return ""

    @property
    def current(self) -> str:
        return self._leads("current")

    @property
    def previous(self) -> str:
        """The last good version before the one that runs, if it is still there."""
        # Its Python may be gone with the Debian that it was made for.
        is_there = (self.root / "previous" / "bin" / "python").exists()
        return self._leads("previous") if is_there else ""

    @property
    def on_trial(self) -> str:
        """The version that runs, while it is not known yet whether it is good."""
        trial = self._leads("trial")
        return trial if trial and trial == self.current else ""

    @property
    def taken_back(self) -> TakenBack | None:
        """The last update, where it did not show that it runs."""
        try:
            return msgspec.json.decode((self.root / "taken-back").read_bytes(), type=TakenBack)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _lead(self, link: str, to: str) -> None:
        new = self.root / f".{link}"
        new.unlink(missing_ok=True)
        new.symlink_to(to)
        new.replace(self.root / link)
        sync(self.root)

    def begin(self, version: str) -> None:
        """Have a version run from the next start on, on trial."""
        is_good = not self.on_trial  # else the one before it is still the last good one
        if is_good or not self.previous:
            self._lead("previous", self.current)
        self._lead("trial", version)
        self._lead("current", version)

    def keep(self) -> None:
        """The version on trial is good."""
        (self.root / "taken-back").unlink(missing_ok=True)
        self._end_trial()

    def take_back(self, why: str) -> None:
        """Have the last good version run from the next start on. Needs no room on the disk."""
        if not self.previous:
            raise FileNotFoundError(errno.ENOENT, "nothing to go back to", self.root / "previous")
        told = TakenBack(self.on_trial.removeprefix(f"{VERSIONS}/"), why)
        with suppress(UsageError):  # where there is no room, it is in the log
            write([Planned(self.root / "taken-back", to_json(told).decode())])
        (self.root / "previous").replace(self.root / "current")
        sync(self.root)
        self._end_trial()

    def _end_trial(self) -> None:
        (self.root / "trial").unlink(missing_ok=True)
        sync(self.root)

    @contextmanager
    def watching(self) -> Iterator[bool]:
        """Whether nobody else watches over the trial; held until the block ends."""
        lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield True
                return
            yield False
        finally:
            os.close(lock)


def no_place() -> UsageError:
    what = "this program does not lie beside other versions of itself"
    try_ = "install the package, or an environment in ROOT/versions: see docs/updates.md"
    return UsageError(Problem(what, sys.prefix, try_))
