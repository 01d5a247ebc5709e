"""The exchange of one asset for another through a pool, at the posted rate. Pure.

Two legs, each of which balances by itself. What the pool has not got it does not give.
"""

from collections.abc import Mapping

from ledger_bridge.books.acts.requests import Exchange
from ledger_bridge.books.acts.standing import (
    Decided,
    Exchanged,
    Move,
    Standing,
    check_amount,
    check_moves,
    in_force,
    limits,
    party,
    pool,
    postings,
    refuse,
)
from ledger_bridge.books.calendar import day_of, days_of, period_of
from ledger_bridge.books.policy import exchange as posted
from ledger_bridge.books.policy.assets import Asset, amount_text


def exchange(act: Exchange, standing: Standing) -> Decided:
    """Raises PeopleError where it cannot be."""
    where = f"exchange {act.exchange} for {act.holder}"
    paper = in_force(standing, where)
    offers = {one.id: one for one in paper.policy.exchanges}
    if act.exchange not in offers:
        known = ", ".join(offers) or "none"
        raise refuse(f"no exchange {act.exchange!r} is posted", where, f"posted: {known}")
    offer, assets = offers[act.exchange], paper.policy.assets
    check_amount(act.amount, where)
    holder, through = party(standing, act.holder, where), pool(standing, offer.pool, where)
    if holder == through:
        raise refuse(f"{holder} is what it goes through", where, "name a member")
    _check_most(offer, act, standing, where, gives=assets[offer.gives])
    got = posted.got(offer, act.amount, assets)
    if got == 0:
        given = amount_text(act.amount, assets[offer.gives].scale)
        raise refuse(
            f"{given} {offer.gives} is too little for any {offer.gets}", where, "give more"
        )
    _check_pool(offer, got, standing, where, assets)
    moves = (
        Move(holder, offer.gets, got),
        Move(through, offer.gets, -got),
        Move(through, offer.gives, act.amount),
        Move(holder, offer.gives, -act.amount),
    )
    check_moves(standing, moves, where)
    day = day_of(standing.now_ms, standing.policies.zone)
    return Decided(
        "exchange",
        postings(standing, moves),
        {"policy": paper.hash, "exchange": offer.id, "rate": str(offer.rate)},
        Exchanged(offer.id, holder, day, act.amount),
    )


def _check_pool(
    offer: posted.Exchange, got: int, standing: Standing, where: str, assets: Mapping[str, Asset]
) -> None:
    """Whether the pool has what is to be got; says how much may be given for what it has."""
    gets, account = assets[offer.gets], standing.registry.account(offer.pool)
    assert account is not None, "it was asked for"
    floor, _ = limits(standing, offer.pool, offer.gets, gets)
    has = standing.balance(account, offer.gets)
    left = max(has - floor, 0)
    if got <= left:
        return
    most = posted.most_for(offer, left, assets)
    try_ = f"fill it: meterkast ledger donate MEMBER AMOUNT {offer.gets} --to {offer.pool}"
    if posted.got(offer, most, assets):
        gives = assets[offer.gives]
        try_ = f"give at most {amount_text(most, gives.scale)} {offer.gives}"
    raise refuse(f"{offer.pool} has {amount_text(has, gets.scale)} {offer.gets}", where, try_)


def _check_most(
    offer: posted.Exchange, act: Exchange, standing: Standing, where: str, *, gives: Asset
) -> None:
    """Whether a holder still may give so much in the day or the weeks that the offer is about."""
    if offer.most is None:
        return
    period = period_of(day_of(standing.now_ms, standing.policies.zone), offer.most.weeks)
    used = standing.exchanged(offer.id, act.holder, *days_of(period))
    left = max(0, posted.most_units(offer.most, gives) - used)
    if act.amount > left:
        gave = f"{act.holder} gave {amount_text(used, gives.scale)} {offer.gives} of it"
        what = f"{offer.most.in_words()[0]}, and {gave}"
        raise refuse(what, where, f"at most {amount_text(left, gives.scale)}")
