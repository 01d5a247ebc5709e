"""What leads to one member: cards, meters, meter points, gateways, deposits."""

import sqlite3
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
from ledger_bridge.books.registry.registry import Registry

# Gateway and device.
Place = tuple[str, str]


class Mine(NamedTuple):
    """`places` and `points` had meters of this member and of nobody else, `gateways` served them
    alone; `shared` are places where somebody else's meter hung too. `deposits` are known by gateway
    and id.
    """

    member: str
    cards: frozenset[str]
    places: frozenset[Place]
    shared: frozenset[Place]
    points: frozenset[str]
    gateways: frozenset[str]
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
        return cls(
            member,
            frozenset(card for card, owner in registry.cards.items() if owner == member),
            frozenset(alone),
            frozenset(theirs - alone),
            frozenset(points - others),
            frozenset(
                gateway
                for gateway, _ in alone
                if gateway
                and all(
                    members == {member} for place, members in who.items() if place[0] == gateway
                )
                and not _takes_deposits(db, registry.community, gateway)
            ),
            frozenset(deposits),
        )

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
