"""How accounts, meter points and meters are called in time series: by no name or number."""

import hashlib
import traceback
from pathlib import Path

from ledger_bridge.books.changed import Sheet
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.timeseries.schema import NONE, OFFICIAL


def account_of(registry: Registry, member: str | None) -> str:
    """The account of a member; NONE of nobody, and of whoever is erased."""
    if member is None or member in registry.erased:
        return NONE
    return registry.accounts.get(member, NONE)


def place_of(community: str, gateway: str, device: str) -> tuple[str, str]:
    """Gateway and device as tags. Official figures have no gateway; their device is a meter point,
    of which a digest is told.
    """
    return (gateway, device) if gateway else (OFFICIAL, digest(community, device))


def sheet_of(registry: Registry, sheet: Sheet) -> str:
    """What a sheet is called in a log.

    >>> sheet_of(Registry("straat"), Sheet("meter", "", "871688540000000000", "2026-06-21", False))
    'meter official e579a07a 2026-06-21'
    """
    where: tuple[str, ...] = (sheet.a,)
    if sheet.kind == "meter":
        where = place_of(registry.community, sheet.a, sheet.b)
    elif sheet.kind == "member":
        where = (account_of(registry, sheet.a),)
    return " ".join(filter(None, (sheet.kind, *where, sheet.day)))


def fault_of(error: Exception) -> str:
    """Where the program went wrong, without what it was about."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(where.filename).name} line {where.lineno}"


def digest(community: str, name: str) -> str:
    """Eight hex digits that stand for the number of a meter or a meter point; NONE for none."""
    return hashlib.sha256(f"{community} {name}".encode()).hexdigest()[:8] if name else NONE
