"""Blocks of gateway.toml for devices that were found, put into the file beside what is there."""

import os
import re
import socket
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from tomlkit.items import Table

from gateway import config as settings
from gateway.contract.errors import ConfigError, Problem, Unreachable
from gateway.contract.record import ID_CHARS_MAX

PAGE = "127.0.0.1:7081"
HEAD = "One gateway. What may stand here: docs/configuration.md; what it comes to: meterkast check"
KEY_WANTED = 'key = "…" with the 32 hex digits that the grid operator gives'


class Block(NamedTuple):
    """One device's block; `settings` are the keys beside driver and port, `others` drivers that
    may be meant instead.
    """

    name: str
    driver: str
    port: str
    settings: Mapping[str, str]
    others: Collection[str]
    needs_key: bool


def _tables(config: Path) -> dict[str, Any]:
    """What stands in the file, nothing where there is none. Raises ConfigError."""
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        what = f"the file cannot be read: {error}"
        raise ConfigError(Problem(what, str(config), "mend it, or another --config")) from error


def devices(config: Path) -> dict[str, dict[str, Any]]:
    """The blocks of devices in the file by their names. Raises ConfigError."""
    found = _tables(config).get("device")
    found = found if isinstance(found, dict) else {}
    return {name: device for name, device in found.items() if isinstance(device, dict)}


def taken(config: Path) -> dict[str, str]:
    """Whose port each is that has a device in the file, by its real name. Raises ConfigError."""
    return {
        os.path.realpath(str(device.get("port"))): name for name, device in devices(config).items()
    }


def free_name(wanted: str, names: Collection[str]) -> str:
    """A name that nobody has: `hall`, else `hall-2` and so on."""
    if wanted not in names:
        return wanted
    return next(f"{wanted}-{n}" for n in range(2, len(names) + 3) if f"{wanted}-{n}" not in names)


def text(blocks: list[Block]) -> str:
    """The blocks as they may be copied into the file."""
    document = tomlkit.document()
    _add(document, blocks)
    return tomlkit.dumps(document)


def write(config: Path, blocks: list[Block]) -> None:
    """Put the blocks into the file, made where there is none; the rest of it stays as it is.

    The file is replaced at once, and only by one that can be used. Raises ConfigError, Unreachable.
    """
    if config.exists():
        document = tomlkit.parse(config.read_text("utf-8"))
    else:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEAD))
        document.add("gateway", _own_id())
        document.add("page", PAGE)
    _add(document, blocks)
    beside = config.with_name(f".{config.name}.new")
    try:
        beside.write_text(tomlkit.dumps(document), "utf-8")
        try:
            settings.load(beside)
        except ConfigError as error:
            told = [
                p._replace(where=p.where.replace(str(beside), str(config))) for p in error.problems
            ]
            raise ConfigError(*told) from error
        beside.replace(config)
    except OSError as error:
        what = f"the file cannot be written: {error.strerror}"
        raise Unreachable(Problem(what, str(config), "another folder, or --config FILE")) from error
    finally:
        beside.unlink(missing_ok=True)


def _own_id() -> str:
    """This machine's name as an id."""
    name = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")
    return name[:ID_CHARS_MAX] or "gateway"


def _add(document: tomlkit.TOMLDocument, blocks: list[Block]) -> None:
    if "device" not in document:
        document.add("device", tomlkit.table(is_super_table=True))
    for block in blocks:
        table: Table = tomlkit.table()
        table.add("driver", block.driver)
        table.add("port", block.port)
        for name, value in block.settings.items():
            table.add(name, value)
        for driver in block.others:
            table.add(tomlkit.comment(f'or driver = "{driver}", as its type plate says'))
        if block.needs_key:
            table.add(tomlkit.comment(KEY_WANTED))
        document["device"].append(block.name, table)
