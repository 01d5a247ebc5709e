"""Blocks of gateway.toml for devices that were found, put into the file beside what is there."""

import os
import re
import socket
import stat
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
    return _parsed(_text(config), config)


def _text(config: Path) -> str:
    try:
        return config.read_bytes().decode()  # as it is, also where its lines end in two characters
    except FileNotFoundError:
        return ""
    except OSError as error:
        what = f"the file cannot be read: {error.strerror}"
        raise ConfigError(Problem(what, str(config), "another one, with --config FILE")) from error
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        raise ConfigError(Problem(what, str(config), "save the file as UTF-8")) from error


def _parsed(text: str, config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(Problem(f"not TOML: {error}", str(config), "mend that line")) from error


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
    document.add("device", tomlkit.table(is_super_table=True))
    for block in blocks:
        document["device"].append(block.name, _table(block))
    return tomlkit.dumps(document)


def write(config: Path, blocks: list[Block]) -> None:
    """Put the blocks at the end of the file, made where there is none; the rest of it stays as it
    is to the byte.

    The file is replaced at once, and only by one that can be used. Raises ConfigError, Unreachable.
    """
    before = _text(config)
    tables = _parsed(before, config)
    if "device" in tables and not _takes_more(before, tables["device"]):
        what = "no block can be added to 'device' as it stands there"
        try_ = "write each device as a block of its own: [device.NAME]"
        raise ConfigError(Problem(what, str(config), try_))
    start = before if tables else before + _head()
    gap = "" if not start else "\n" if start.endswith("\n") else "\n\n"
    try:
        replace(config, start + gap + text(blocks))
    except OSError as error:
        what = f"the file cannot be written: {error.strerror}"
        raise Unreachable(Problem(what, str(config), "another folder, or --config FILE")) from error


def _takes_more(before: str, there: object) -> bool:
    """Whether a block may follow: not where all devices stand between two braces."""
    if not isinstance(there, dict):
        return False
    try:
        tomllib.loads(f"{before}\n[device.{free_name('more', there)}]\n")
    except tomllib.TOMLDecodeError:
        return False
    return True


def replace(config: Path, after: str) -> None:
    """Put another text in the place of the settings: at once, once it was tried, with the rights of
    the one before. Raises ConfigError, OSError.
    """
    real = config.resolve()
    beside = real.with_name(f".{real.name}.new")
    try:
        with beside.open("wb") as file:
            if real.exists():
                owner = real.stat()
                os.fchmod(file.fileno(), stat.S_IMODE(owner.st_mode))
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(after.encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            settings.load(beside)
        except ConfigError as error:
            told = [
                problem._replace(where=problem.where.replace(str(beside), str(config)))
                for problem in error.problems
            ]
            raise ConfigError(*told) from error
        beside.replace(real)
    finally:
        beside.unlink(missing_ok=True)


def _head() -> str:
    """The beginning of a new file."""
    document = tomlkit.document()
    document.add(tomlkit.comment(HEAD))
    document.add("gateway", _own_id())
    document.add("page", PAGE)
    return tomlkit.dumps(document)


def _own_id() -> str:
    """This machine's name as an id."""
    name = re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower())[:ID_CHARS_MAX].strip("-")
    return name or "gateway"


def _table(block: Block) -> Table:
    table = tomlkit.table()
    table.add("driver", block.driver)
    table.add("port", block.port)
    for name, value in block.settings.items():
        table.add(name, value)
    for driver in block.others:
        table.add(tomlkit.comment(f'or driver = "{driver}", as its type plate says'))
    if block.needs_key:
        table.add(tomlkit.comment(KEY_WANTED))
    return table
