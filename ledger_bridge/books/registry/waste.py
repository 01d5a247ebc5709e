"""Verified scales, and what stewards found out about deposits and emptyings."""

from dataclasses import replace

from ledger_bridge.books.registry.edits import (
    DepositDecided,
    EmptyingExplained,
    ScaleVerified,
    WasteEdit,
)
from ledger_bridge.books.registry.registry import Registry, refuse

# Classes of scales for trade, with the least load of each in divisions: OIML R 76-1:2006, table 3.
# Below it a weighing is not verified. Class I weighs jewels.
LEAST_DIVISIONS = {"II": 50, "III": 20, "IIII": 10}
# What the largest scale of a recycling point carries: 3 t.
SCALE_MG_MAX = 3_000_000_000


def after(registry: Registry, edit: WasteEdit) -> Registry:
    match edit:
        case ScaleVerified():
            return _verified(registry, edit)
        case DepositDecided(gateway, deposit):
            _must_give_a_reason(edit.reason, f"deposit {deposit}")
            return replace(registry, decisions={**registry.decisions, (gateway, deposit): edit})
        case EmptyingExplained(gateway, emptying, reason):
            _must_give_a_reason(reason, f"emptying {emptying}")
            return replace(registry, explained={**registry.explained, (gateway, emptying): reason})


def _must_give_a_reason(reason: str, where: str) -> None:
    if not reason.strip():
        raise refuse("no reason is given", where, '--reason "what you found out"')


def _verified(registry: Registry, edit: ScaleVerified) -> Registry:
    where = f"{edit.gateway}/{edit.device}"
    registry.must_have(edit.gateway, where)
    if edit.accuracy not in LEAST_DIVISIONS:
        classes = ", ".join(LEAST_DIVISIONS)
        raise refuse(f"{edit.accuracy!r} is no class of scale", where, f"classes: {classes}")
    if not 0 < edit.division_mg < edit.max_mg <= SCALE_MG_MAX:
        what = f"a scale of {edit.max_mg} mg in steps of {edit.division_mg} mg"
        raise refuse(what, where, '--max "60 kg" --division "20 g", as on its plate')
    if not 0 <= edit.from_ms < edit.until_ms:
        raise refuse("a mark that ends before it begins", where, "--from DATE --until DATE")
    if not edit.serial:
        raise refuse("a scale without its number", where, "--serial, as on its plate")
    key = (edit.gateway, edit.device)
    return replace(registry, scales={**registry.scales, key: (*registry.scales.get(key, ()), edit)})
