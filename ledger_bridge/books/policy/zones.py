"""The time zone database that runs here, by the name that policies give it: 2026a.

Local days are reckoned with it. Where a policy was written with another one, somebody should know.
"""

import string
import zoneinfo
from importlib import metadata
from pathlib import Path


def running() -> str:
    """The version of the database in use; "" where nobody tells it.

    What the machine has goes before the package `tzdata`, as `zoneinfo` has it.
    """
    for folder in map(Path, zoneinfo.TZPATH):
        try:
            with (folder / "tzdata.zi").open(encoding="ascii") as file:
                return file.readline().removeprefix("# version").strip()
        except (OSError, UnicodeDecodeError):
            continue
    try:
        return _letter(metadata.version("tzdata"))
    except metadata.PackageNotFoundError:
        return ""


def _letter(version: str) -> str:
    """The package counts within a year where the database has letters: 2026.1 is 2026a.

    >>> _letter("2026.2")
    '2026b'
    """
    year, _, number = version.partition(".")
    return f"{year}{string.ascii_lowercase[int(number) - 1]}" if number.isdigit() else version


def warning(tzdata: str) -> str:
    """What to say of a policy written with this version; "" where there is nothing to say."""
    here = running()
    if not tzdata or not here or tzdata == here:
        return ""
    return (
        f"it was written with time zones of {tzdata}, and {here} is what runs here:"
        " where they differ, days begin at another moment"
    )
