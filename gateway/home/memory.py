"""What the home link must know again after a restart: a small file beside the journal.

Without it the first thing said after a power cut could be a meter's passing zero, and a device that
was taken out of the settings would stay in Home Assistant for ever.
"""

import os
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gateway.home.counters import Count

log = structlog.get_logger()

NAME = "home.json"


class Memory(msgspec.Struct):
    """`counts` and `shown` are by device; `topics` are all that something is retained on.

    `counts` says where each register's counter stood, `shown` what Home Assistant was told of it,
    `titles` what kind of thing each device is.
    """

    counts: dict[str, dict[str, Count]] = {}
    shown: dict[str, dict[str, dict[str, Any]]] = {}
    titles: dict[str, str] = {}
    topics: list[str] = []


def load(folder: Path) -> Memory:
    """The memory in `folder`; a new one where there is none, or where it cannot be read."""
    path = folder / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (OSError, msgspec.DecodeError) as error:
        log.warning("home_memory_lost", file=str(path), reason=str(error))
        return Memory()


def save(folder: Path, memory: Memory) -> None:
    """Write it so that a power cut leaves either the old one or the new one. Raises OSError."""
    path = folder / NAME
    draft = path.with_suffix(".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(memory))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
