"""Who is examined, and what an examination finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gateway.config import Config
from gateway.contract.clock import Clock
from gateway.contract.errors import Problem
from gateway.contract.mqtt import ANSWER_S_MAX


class Finding(NamedTuple):
    """What one look gave: in order, or wrong with what to try."""

    what: str
    where: str
    try_: str = ""

    @property
    def is_wrong(self) -> bool:
        return bool(self.try_)

    def __str__(self) -> str:
        if not self.is_wrong:
            return f"ok     {self.what} ({self.where})"
        return str(Problem(self.what, self.where, self.try_)).replace("error:", "wrong:", 1)


@dataclass(frozen=True, slots=True)
class Patient:
    """A gateway's settings and the machine under them.

    `running` is what a gateway that runs now says of itself, which may be nothing, None where none
    does: it has the lines and its name at the broker to itself. `root` is where /proc, /sys and
    /boot begin.
    """

    file: Path
    config: Config
    clock: Clock
    running: Mapping[str, Any] | None = None
    root: Path = Path("/")
    listen_s: float = 11.0
    answer_s: float = ANSWER_S_MAX + 2


def text(path: Path) -> str:
    """What a file says; nothing where there is none to read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
