"""A damaged journal is set aside, and what can still be read of it goes on in a new one."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from gateway.contract.keys import PublicKey


def suspect(path: Path) -> None:
    """Have the file looked through at the next start, however large it is."""
    with suppress(OSError):
        path.with_name("journal.suspect").touch()


def set_aside(folder: Path) -> str:
    """A damaged journal that was moved away and that nobody took yet, "" where there is none."""
    return next((str(path) for path in sorted(folder.glob("journal-damaged-*.db"))), "")


def make_good(path: Path, key: PublicKey, connect: Callable[..., Any]) -> None:
    pass
