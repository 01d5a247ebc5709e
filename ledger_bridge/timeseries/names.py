"""How accounts, meter points and meters are called in time series: by no name or number."""

import hashlib

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


def digest(community: str, name: str) -> str:
    """Eight hex digits that stand for the number of a meter or a meter point; NONE for none."""
    return hashlib.sha256(f"{community} {name}".encode()).hexdigest()[:8] if name else NONE
