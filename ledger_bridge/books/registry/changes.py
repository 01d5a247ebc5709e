"""What an edit changes of what the evidence says: whose meters, and whether deposits or hours."""

from collections.abc import Iterable
from typing import NamedTuple

from ledger_bridge.books.registry.registry import SUPPLIER, Fit, Registry

Place = tuple[str, str]  # gateway, device


class Changes(NamedTuple):
    """Meters of these gateways and figures of these meter points may count otherwise than before.

    `people`: deposits and attestations may; `shared`: energy of any day, because somebody else
    takes what is left over, or nothing is left of who was erased.
    """

    gateways: frozenset[str]
    points: frozenset[str]
    people: bool
    shared: bool


def changes(before: Registry, after: Registry) -> Changes:
    """What may differ between two registries. A meter may be reckoned by others of its gateway and
    of its meter point, and by what measures its production: these come along.
    """
    places = _places(before, after)
    gateways = {gateway for gateway, _ in places if gateway}
    points = {point for gateway, point in places if not gateway}
    while True:
        points |= {
            fit.point
            for registry in (before, after)
            for place, fits in registry.fits.items()
            if place[0] in gateways
            for fit in fits
            if fit.point
        }
        more = {
            gateway
            for registry in (before, after)
            for point in points
            for gateway, _ in registry.points.get(point, ())
            if gateway
        }
        for registry in (before, after):
            for production, behind in registry.productions.items():
                together = {gateway for gateway, _ in (production, *behind)}
                more |= together if together & gateways else set()
        if more <= gateways:
            break
        gateways |= more
    people = ("accounts", "left", "erased", "cards", "revoked", "scales", "decisions", "barred")
    return Changes(
        frozenset(gateways),
        frozenset(points),
        any(getattr(before, name) != getattr(after, name) for name in people),
        before.of_role(SUPPLIER) != after.of_role(SUPPLIER) or before.erased != after.erased,
    )


def _places(before: Registry, after: Registry) -> set[Place]:
    """Where another meter hangs, or counts otherwise, or whose member has left meanwhile, or of a
    gateway that was revoked.
    """
    found = {
        place
        for old, new in ((before.fits, after.fits), (before.counts, after.counts))
        for place in {*old, *new}
        if old.get(place) != new.get(place)
    }
    found |= {
        place
        for place in {*before.fits, *after.fits}
        if before.barred.get(place[0]) != after.barred.get(place[0])
    }
    moved = {
        member
        for member in {*before.left, *after.left, *(before.erased ^ after.erased)}
        if before.left.get(member) != after.left.get(member)
        or (member in before.erased) != (member in after.erased)
    }
    return found | {
        place
        for registry in (before, after)
        for place, fits in registry.fits.items()
        if _is_of(fits, moved)
    }


def _is_of(fits: Iterable[Fit], members: set[str]) -> bool:
    return any(fit.member in members for fit in fits)
