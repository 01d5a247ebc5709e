"""Keys of gateways, of the bridge, of the log and of stewards."""

from dataclasses import replace

from gateway.contract import rotation
from gateway.contract.keys import PublicKey
from gateway.contract.record import is_id
from ledger_bridge.books.registry import recovered, restart, stewards
from ledger_bridge.books.registry.edits import (
    BridgeRecovered,
    BridgeRotated,
    GatewayAdmitted,
    GatewayEdit,
    GatewayRekeyed,
    GatewayRevoked,
    KeyEdit,
    LogBegunAgain,
    LogHandedOver,
    StewardsNamed,
)
from ledger_bridge.books.registry.registry import Bar, Registry, refuse


def after(registry: Registry, edit: KeyEdit) -> Registry:
    match edit:
        case GatewayAdmitted() | GatewayRekeyed() | GatewayRevoked():
            return _of_gateway(registry, edit)
        case BridgeRotated(said):
            return _rotated(registry, said)
        case BridgeRecovered(paper):
            return recovered.after(registry, paper)
        case StewardsNamed(paper):
            return stewards.after(registry, paper)
        case LogHandedOver(said):
            return _handed_over(registry, said)
        case LogBegunAgain(paper):
            return restart.after(registry, paper)


def _of_gateway(registry: Registry, edit: GatewayEdit) -> Registry:
    match edit:
        case GatewayAdmitted(gateway, key):
            return _admitted(registry, gateway, key)
        case GatewayRekeyed():
            return _rekeyed(registry, edit)
        case GatewayRevoked():
            return _revoked(registry, edit)


def _admitted(registry: Registry, gateway: str, key: str) -> Registry:
    if not is_id(gateway):
        raise refuse(f"{gateway!r} is no id", "gateway", "use 1 to 40 of a-z, 0-9 and -")
    public = _must_be_key(key, f"gateway {gateway}")
    known = registry.keys.get(gateway)
    if known and known.x != key:
        try_ = f"a new id, or where its key is lost: meterkast hub rekey {gateway}={key}"
        raise refuse("this gateway has another key", f"gateway {gateway}", try_)
    return replace(registry, keys={**registry.keys, gateway: public})


def _must_be_key(key: str, where: str) -> PublicKey:
    try:
        return PublicKey(key)
    except ValueError as error:
        try_ = "take the line that `meterkast enrol` printed on the gateway"
        raise refuse(f"{key!r} is no Ed25519 key", where, try_) from error


def _rekeyed(registry: Registry, edit: GatewayRekeyed) -> Registry:
    where = f"gateway {edit.gateway}"
    registry.must_have(edit.gateway, where)
    _must_be_key(edit.key, where)
    earlier = registry.rekeyed.get(edit.gateway, ())
    if edit.key in {registry.keys[edit.gateway].x, *(one.key for one in earlier)}:
        try_ = "remove gateway.key there, and meterkast enrol makes another"
        raise refuse("it had this key before", where, try_)
    _must_be_numbers(edit.chains, where)
    barred = registry.barred
    if edit.gateway in barred:  # what the new key signs counts again
        ended = tuple(bar.ending(dict(edit.chains)) for bar in barred[edit.gateway])
        barred = {**barred, edit.gateway: ended}
    rekeyed = {**registry.rekeyed, edit.gateway: (*earlier, edit)}
    return replace(registry, rekeyed=rekeyed, barred=barred)


def _must_be_numbers(chains: tuple[tuple[str, int], ...], where: str) -> None:
    if any(not is_id(chain) or first < 1 for chain, first in chains):
        raise refuse("numbers of a chain begin with 1", where, "CHAIN=NUMBER")


def _revoked(registry: Registry, edit: GatewayRevoked) -> Registry:
    where = f"gateway {edit.gateway}"
    registry.must_have(edit.gateway, where)
    _must_be_numbers(edit.chains, where)
    bars = (*registry.barred.get(edit.gateway, ()), Bar(dict(edit.chains), None))
    return replace(registry, barred={**registry.barred, edit.gateway: bars})


def _rotated(registry: Registry, said: str) -> Registry:
    """The bridge's key after a rotation that the key in use signed."""
    try:
        new = rotation.follow(said.encode(), registry.community, PublicKey(registry.bridge))
    except ValueError as error:
        raise refuse(str(error), "the bridge's key", "meterkast hub rotate bridge") from error
    if new.x == registry.bridge:
        what = "a rotation that does not begin with the bridge's key in use"
        raise refuse(what, "the bridge's key", "meterkast hub rotate bridge")
    return replace(registry, bridge=new.x, rotations=(*registry.rotations, said))


def _handed_over(registry: Registry, said: str) -> Registry:
    """The log's key after a rotation that the key in use signed."""
    where, try_ = "the log's key", "meterkast hub rotate log"
    try:
        old = PublicKey(registry.log)
        new = rotation.follow(said.encode(), registry.community, old, who=rotation.LOG)
    except ValueError as error:
        raise refuse(str(error), where, try_) from error
    if new.x in registry.log_keys:
        what = "a rotation that does not lead from the log's key in use to a new one"
        raise refuse(what, where, try_)
    return replace(
        registry,
        log=new.x,
        log_keys=(*registry.log_keys, new.x),
        handovers=(*registry.handovers, said),
    )
