"""What may be exchanged for what, at which rate: posted in the policy for everybody alike.

A rate is exact: so many units of what is got for one unit of what is given, as people write them.
What does not come out even stays with the pool. Nothing is ever exchanged for money.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, floor
from typing import Any

from pydantic import ValidationError

from gateway.contract import settings
from gateway.contract.settings import Mistake
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.numbers import Cap, Exact, Most
from ledger_bridge.books.quantity import written
from ledger_bridge.books.registry.registry import POOL, Registry


class Exchange(settings.Settings):
    """Through the pool of this name. `most` is what one holder may give, such as "10 per week"."""

    id: settings.Id
    gives: str
    gets: str
    rate: Exact
    pool: settings.Id
    most: Cap | None = None


def in_words(offer: Exchange) -> tuple[str, str]:
    """English and Dutch."""
    rate, (most, hoogstens) = written(offer.rate), offer.most.in_words() if offer.most else ("", "")
    en = f"{rate} {offer.gets} for 1 {offer.gives}, through {offer.pool}"
    nl = f"{rate.replace('.', ',')} {offer.gets} voor 1 {offer.gives}, via {offer.pool}"
    if offer.most is None:
        return en, nl
    return f"{en}; everybody gives {most}", f"{nl}; ieder geeft {hoogstens}"


def got(exchange: Exchange, amount: int, assets: Mapping[str, Asset]) -> int:
    """Smallest units got for so many smallest units given; floor, in the community's favour."""
    return floor(
        amount * exchange.rate * _one(assets[exchange.gets]) / _one(assets[exchange.gives])
    )


def most_for(exchange: Exchange, left: int, assets: Mapping[str, Asset]) -> int:
    """The most smallest units that may be given where only so many are left to be got; exact."""
    each = exchange.rate * _one(assets[exchange.gets]) / _one(assets[exchange.gives])
    return ceil((left + 1) / each) - 1


def most_units(most: Most, gives: Asset) -> int:
    """The most that a holder may give, in smallest units; floor."""
    return floor(most.most * _one(gives))


def _one(asset: Asset) -> int:
    """Smallest units in one unit as people write it."""
    return int(10**asset.scale)


def unopened(offers: Iterable[Exchange], registry: Registry) -> list[str]:
    """What nobody can exchange yet: the pool that it goes through is not there."""
    pools = registry.of_role(POOL)
    return [
        f"exchange {one.id!r} goes through {one.pool!r}: meterkast account open pool {one.pool}"
        for one in offers
        if one.pool not in pools
    ]


def mistakes(
    given: Any, declared: Mapping[str, Any], sound: Mapping[str, Asset]
) -> Iterator[Mistake]:
    """What is wrong with exchanges beside the assets: those `declared`, and the `sound` of them."""
    seen: dict[str, Exchange] = {}
    for number, table in enumerate(given if isinstance(given, list) else ()):
        try:
            offer = Exchange.model_validate(table)
        except ValidationError:
            continue  # told where the table is read
        place = ("exchanges", number)
        if offer.id in seen:
            yield Mistake((*place, "id"), f"two exchanges are called {offer.id!r}", "another id")
        for side, asset in (("gives", offer.gives), ("gets", offer.gets)):
            if asset not in declared:
                what = f"exchange {offer.id!r}: asset {asset!r} is not declared in [assets]"
                yield Mistake((*place, side), what, f"known: {', '.join(declared) or 'none'}")
        if complaint := _complaint(offer, sound) or _turns(offer, seen.values()):
            yield Mistake(place, f"exchange {offer.id!r}: {complaint}", "see docs/acts.md")
        seen[offer.id] = offer


def _complaint(offer: Exchange, assets: Mapping[str, Asset]) -> str:
    if offer.gives == offer.gets:
        return "it gives and gets the same asset"
    if offer.rate == 0:
        return "a rate of 0 gives nothing back"
    sides = [assets[code] for code in (offer.gives, offer.gets) if code in assets]
    if any(asset.kind == "counter" for asset in sides):
        return "a counter has no price"
    if any(asset.shadow for asset in sides):
        return "what is on trial counts for nothing yet"
    if offer.gets in assets and assets[offer.gets].kind == "money":
        return "nothing is exchanged for money"
    return ""


def _turns(offer: Exchange, others: Iterable[Exchange]) -> str:
    """Whether somebody could go to and fro, and have more each time."""
    for other in others:
        if (other.gives, other.gets) == (offer.gets, offer.gives) and other.rate * offer.rate > 1:
            return f"through {other.id!r} and back one gets more than one gave"
    return ""
