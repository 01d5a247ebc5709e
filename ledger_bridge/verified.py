"""What the last `meterkast verify` of a hub's own books found, in a file beside them."""

import os
import stat
from pathlib import Path

import msgspec

from gateway.contract.record import to_json
from gateway.contract.writing import Planned, write


class Outcome(msgspec.Struct, frozen=True):
    """What was found, and when. `what` and `where` are "" for no difference."""

    at_ms: int
    what: str = ""
    where: str = ""


def file_of(books: Path) -> Path:
    return books.with_name("verified.json")


def note(books: Path, outcome: Outcome) -> None:
    """Keep it instead of the one before; whoever may read the books may read it.

    Raises UsageError where nothing can be written there.
    """
    path, of_books = file_of(books), books.stat()
    text = to_json(outcome).decode() + "\n"
    write([Planned(path, text, stat.S_IMODE(of_books.st_mode))])
    if os.geteuid() == 0:
        os.chown(path, of_books.st_uid, of_books.st_gid)


def last(books: Path) -> Outcome | None:
    """None where nobody looked, or what lies there is not this."""
    try:
        return msgspec.json.decode(file_of(books).read_bytes(), type=Outcome)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
