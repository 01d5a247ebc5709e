"""Members who leave, cards that are no longer theirs, and members of whom nothing is kept."""

from dataclasses import replace

from ledger_bridge.books.registry.edits import (
    CardRevoked,
    EvidencePruned,
    LeavingEdit,
    MemberErased,
    MemberLeft,
)
from ledger_bridge.books.registry.registry import Fit, Registry, refuse


def after(registry: Registry, edit: LeavingEdit) -> Registry:
    match edit:
        case MemberLeft(member, from_ms):
            return _left(registry, member, from_ms)
        case MemberErased(member):
            return _erased(registry, member)
        case EvidencePruned():
            return registry  # who is who does not change by it
        case CardRevoked(card, from_ms):
            if card not in registry.cards:
                raise refuse("nobody has this card", f"card {card[:8]}…", "meterkast member card")
            revoked = {**registry.revoked, card: from_ms}
            return replace(registry, revoked=revoked)


def _left(registry: Registry, member: str, from_ms: int) -> Registry:
    """Nothing counts for them from this time on; what came before it still does."""
    where = f"member {member}"
    registry.must_know(member, where)
    if member in registry.left:
        raise refuse(f"{member} has left already", where, "meterkast ledger balance")
    fits = {
        place: tuple(_ended(fit, from_ms) if fit.member == member else fit for fit in some)
        for place, some in registry.fits.items()
    }
    return replace(registry, fits=fits, left={**registry.left, member: from_ms})


def _ended(fit: Fit, from_ms: int) -> Fit:
    if fit.until_ms is not None and fit.until_ms <= from_ms:
        return fit
    return fit._replace(until_ms=from_ms)


def _erased(registry: Registry, member: str) -> Registry:
    where = f"member {member}"
    registry.must_know(member, where)
    if member not in registry.left:
        raise refuse(f"{member} has not left", where, f"meterkast member leave {member}")
    return replace(registry, erased=registry.erased | {member})
