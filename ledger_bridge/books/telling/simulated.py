"""Who would gain and who would lose by other rules, in sentences: English, and Dutch beside it."""

import sqlite3
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from ledger_bridge.books.policy.assets import Asset, amount_text
from ledger_bridge.books.policy.exchange import got
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.simulate import Change, Simulated
from ledger_bridge.books.quantity import written
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.telling.rules import of_policy

Json = dict[str, Any]


def told(
    simulated: Simulated,
    policy: Policy,
    *,
    policies: Policies,
    registry: Registry,
    db: sqlite3.Connection,
) -> Json:
    """Totals by asset, everybody's change with its reasons, and what pools would need."""
    assets = {code: _declared(code, policy, policies) for code in _assets(simulated)}
    holders = _by_holder(simulated)
    return {
        "from": simulated.first,
        "to": simulated.last,
        "policy": of_policy(policy),
        "totals": [_total(code, asset, holders) for code, asset in assets.items()],
        "holders": sorted(
            (_holder(holder, code, rules, assets[code]) for (holder, code), rules in holders),
            key=lambda one: (one["asset"], -one["units"], one["holder"]),
        ),
        "pools": _pools(holders, policy, registry, db),
        "waiting": simulated.waiting,
    }


# Holder and asset, with the change by each rule.
_Holders = list[tuple[tuple[str, str], dict[str, Change]]]


def _assets(simulated: Simulated) -> list[str]:
    return sorted({key.asset for key in simulated.changes})


def _declared(code: str, policy: Policy, policies: Policies) -> Asset:
    return policy.assets[code] if code in policy.assets else policies.asset(code)


def _by_holder(simulated: Simulated) -> _Holders:
    found: dict[tuple[str, str], dict[str, Change]] = {}
    for key, change in simulated.changes.items():
        found.setdefault((key.holder, key.asset), {})[key.rule] = change
    return list(found.items())


def _sum(changes: Iterable[Change]) -> Change:
    changes = list(changes)
    return Change(sum(one.before for one in changes), sum(one.after for one in changes))


def _total(code: str, asset: Asset, holders: _Holders) -> Json:
    sums = [_sum(rules.values()) for (_, one), rules in holders if one == code]
    all_ = _sum(sums)
    more = sum(one.after > one.before for one in sums)
    less = sum(one.after < one.before for one in sums)
    same = len(sums) - more - less
    minted = sum(one.after for one in sums if one.after > 0)
    en, nl = _compared(code, all_, asset)
    shadow = ("; it counts for nothing yet", "; het telt nog niet") if asset.shadow else ("", "")
    return {
        "asset": code,
        "is_shadow": asset.shadow,
        "before": amount_text(all_.before, asset.scale),
        "after": amount_text(all_.after, asset.scale),
        "minted": amount_text(minted, asset.scale),
        "charged": amount_text(minted - all_.after, asset.scale),
        "more": more,
        "less": less,
        "same": same,
        "sentence": f"In all {en}; {more} get more, {less} less, {same} the same{shadow[0]}.",
        "zin": f"In totaal {nl}; {more} krijgen meer, {less} minder, {same} evenveel{shadow[1]}.",
    }


def _holder(holder: str, code: str, rules: Mapping[str, Change], asset: Asset) -> Json:
    change = _sum(rules.values())
    moved = {name: one for name, one in rules.items() if one.after != one.before}
    why = ", ".join(f"{name} {_signed(one, asset)}" for name, one in moved.items())
    en, nl = _compared(code, change, asset)
    return {
        "holder": holder,
        "asset": code,
        "before": amount_text(change.before, asset.scale),
        "after": amount_text(change.after, asset.scale),
        "change": amount_text(change.after - change.before, asset.scale),
        "units": change.after - change.before,
        "rules": [
            {
                "rule": name,
                "before": amount_text(one.before, asset.scale),
                "after": amount_text(one.after, asset.scale),
            }
            for name, one in rules.items()
        ],
        "sentence": f"{holder}: {en}{f' ({why})' if why else ''}.",
        "zin": f"{holder}: {nl}{f' ({_dutch(why)})' if why else ''}.",
    }


def _compared(code: str, change: Change, asset: Asset) -> tuple[str, str]:
    """ "12 ENERGY instead of 20, 8 less", in English and Dutch."""
    after, before = (_plain(units, asset) for units in (change.after, change.before))
    step = change.after - change.before
    if not step:
        return f"{after} {code}, as before", f"{_dutch(after)} {code}, net als eerst"
    size = _plain(abs(step), asset)
    en, nl = ("more", "meer") if step > 0 else ("less", "minder")
    return (
        f"{after} {code} instead of {before}, {size} {en}",
        f"{_dutch(after)} {code} in plaats van {_dutch(before)}, {_dutch(size)} {nl}",
    )


def _plain(units: int, asset: Asset) -> str:
    """An amount without places that say nothing: 12.5."""
    return written(Fraction(units, 10**asset.scale))


def _signed(change: Change, asset: Asset) -> str:
    step = change.after - change.before
    return f"{'+' if step > 0 else '-'}{_plain(abs(step), asset)}"


def _dutch(text: str) -> str:
    """Decimals with a comma."""
    return text.replace(".", ",")


def _pools(
    holders: _Holders, policy: Policy, registry: Registry, db: sqlite3.Connection
) -> list[Json]:
    """What each exchange would ask of its pool, if everybody gave all that they earned."""
    found = []
    for offer in policy.exchanges:
        asset = policy.assets[offer.gets]
        earned = {
            holder: max(0, _sum(rules.values()).after)
            for (holder, code), rules in holders
            if code == offer.gives and holder in registry.accounts
        }
        needed = sum(got(offer, units, policy.assets) for units in earned.values())
        held = _held(db, registry, offer.pool, offer.gets)
        needs, holds = _plain(needed, asset), _plain(held, asset)
        found.append(
            {
                "exchange": offer.id,
                "pool": offer.pool,
                "asset": offer.gets,
                "needs": amount_text(needed, asset.scale),
                "holds": amount_text(held, asset.scale),
                "sentence": f"{offer.id}: for all {offer.gives} the pool {offer.pool!r} would need"
                f" {needs} {offer.gets}; it holds {holds}.",
                "zin": f"{offer.id}: voor alle {offer.gives} heeft de pot {offer.pool!r}"
                f" {_dutch(needs)} {offer.gets} nodig; er zit {_dutch(holds)} in.",
            }
        )
    return found


def _held(db: sqlite3.Connection, registry: Registry, pool: str, asset: str) -> int:
    row = db.execute(
        "SELECT amount FROM balance WHERE community = ? AND account = ? AND asset = ?",
        (registry.community, registry.account(pool), asset),
    ).fetchone()
    return row[0] if row else 0
