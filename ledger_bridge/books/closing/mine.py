"""What leads to one member: cards, meters, meter points, gateways, deposits."""

import sqlite3
from collections import defaultdict
from typing import NamedTuple

from ledger_bridge.books.registry.edits import (
    CardGiven,
    CardRevoked,
    CountsDecided,
    DepositDecided,
    Edit,
    LimitSet,
    MeterFitted,
)
from ledger_bridge.books.registry.registry import Fit, Registry

# Gateway and device.
Place = tuple[str, str]


class Mine(NamedTuple):
    """`places` and `points` had meters of this member and of nobody else, `gateways` served them
    alone; `fits` are all of the gateways that served others too. `deposits` are known by gateway
    and id.
    """

    member: str
    cards: frozenset[str]
    places: frozenset[Place]
    points: frozenset[str]
    gateways: frozenset[str]
    fits: dict[str, tuple[Fit, ...]]
    deposits: frozenset[tuple[str, str]]

    @classmethod
    def load(cls, db: sqlite3.Connection, registry: Registry, member: str) -> "Mine":
        who = {place: {fit.member for fit in fits} for place, fits in registry.fits.items()}
        theirs = {place for place, members in who.items() if member in members}
        alone = {place for place in theirs if who[place] == {member}}
        points = {
            fit.point
            for place in theirs
            for fit in registry.fits[place]
            if fit.point and fit.member == member
        }
        others = {
            fit.point for fits in registry.fits.values() for fit in fits if fit.member != member
        }
        deposits = db.execute(
            "SELECT gateway, id FROM deposit WHERE community = ? AND member = ?",
            (registry.community, member),
        )
        of_gateway: dict[str, list[Fit]] = defaultdict(list)
        for (gateway, _), some in registry.fits.items():
            of_gateway[gateway] += some
        fits = {
            gateway: tuple(of_gateway[gateway])
            for gateway in {gateway for gateway, _ in theirs if gateway}
            if not _takes_deposits(db, registry.community, gateway)
        }
        gateways = {name for name, some in fits.items() if {fit.member for fit in some} == {member}}
        return cls(
            member,
            frozenset(card for card, owner in registry.cards.items() if owner == member),
            frozenset(alone),
            frozenset(points - others),
            frozenset(gateways),
            {name: some for name, some in fits.items() if name not in gateways},
            frozenset(deposits),
        )

    def is_alone_at(self, gateway: str, at_ms: int) -> bool:
        """Whether a gateway that served others too served them alone at a time."""
        return {fit.member for fit in self.fits[gateway] if fit.covers(at_ms)} == {self.member}

    def is_about(self, edit: Edit) -> bool:
        """Whether a registry edit says something of this member that is to be erased."""
        match edit:
            case MeterFitted(member=member) | CardGiven(member=member):
                return member == self.member
            case CardRevoked(card):
                return card in self.cards
            case LimitSet(holder):
                return holder == self.member
            case DepositDecided(gateway, deposit):
                return (gateway, deposit) in self.deposits
            case CountsDecided(gateway, device):
                return (gateway, device) in self.places or (not gateway and device in self.points)
            case _:
                return False


def _takes_deposits(db: sqlite3.Connection, community: str, gateway: str) -> bool:
    """Whether this is the gateway of a recycling point, where everybody comes."""
    return any(
        db.execute(
            f"SELECT 1 FROM {table} WHERE community = ? AND gateway = ? LIMIT 1",
            (community, gateway),
        ).fetchone()
        for table in ("deposit", "turned", "container_event", "known_weight")
    )
