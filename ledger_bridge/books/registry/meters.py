"""Whose meter hangs where, from when on, and what stewards found out about its counts."""

import re
from dataclasses import replace
from fractions import Fraction

from ledger_bridge.books.quantity import exact, worth
from ledger_bridge.books.registry.edits import CountsDecided, MeterEdit, MeterFitted
from ledger_bridge.books.registry.registry import Fit, Registry, refuse

# Far above what a distribution grid connects.
RATED_W_MAX = 1_000_000_000
# More digits than any count has.
DIGITS_MAX = 12
# A connection's name at a grid operator's: EAN, CUPS, PRM, Zaehlpunkt.
_POINT = re.compile(r"[A-Za-z0-9-]{1,64}")

SOLAR, BATTERY = "solar", "battery"
SOURCES = (SOLAR, "wind", "water", "cogeneration", BATTERY, "car")


def after(registry: Registry, edit: MeterEdit) -> Registry:
    if isinstance(edit, CountsDecided):
        return _decided(registry, edit)
    where = f"{edit.gateway}/{edit.device}"
    registry.must_know(edit.member, where)
    _must_have_a_place(registry, edit, where)
    if not 0 < edit.rated_w <= RATED_W_MAX:
        raise refuse(f"a connection of {edit.rated_w} W", where, f"1 to {RATED_W_MAX} W")
    if not 0 <= edit.digits <= DIGITS_MAX:
        raise refuse(f"a count of {edit.digits} digits", where, f"0 to {DIGITS_MAX}")
    if odd := set(edit.sources) - set(SOURCES):
        raise refuse(f"a source {min(odd)!r}", where, f"sources: {', '.join(SOURCES)}")
    if edit.per_pulse:
        try:
            worth(edit.per_pulse)
        except ValueError as error:
            raise refuse(str(error), where, 'such as "1/1000 kWh"') from error
    new = Fit(
        edit.member,
        edit.serial,
        edit.from_ms,
        registry.left.get(edit.member),
        edit.rated_w,
        edit.per_pulse,
        edit.anew,
        edit.point,
        _share(edit, where),
        frozenset(edit.sources),
        edit.production,
        edit.digits,
        edit.behind,
    )
    place = (edit.gateway, edit.device)
    earlier = registry.fits.get(place, ())
    for fit in earlier:
        if fit.serial == new.serial and fit.from_ms >= new.from_ms:
            what = f"a fit of this meter begins at or after that time, for {fit.member}"
            raise refuse(what, where, "--from DATE, where it is to be another's")
    ended = tuple(
        f._replace(until_ms=new.from_ms) if f.serial == new.serial and f.covers(new.from_ms) else f
        for f in earlier
    )
    registry = replace(registry, fits={**registry.fits, place: (*ended, new)})
    if edit.production:
        registry = _produced(registry, edit.production, place)
    return _moved(registry, edit.point, place, new.from_ms) if edit.point else registry


def _produced(registry: Registry, production: str, place: tuple[str, str]) -> Registry:
    """A device measures what is produced behind the meter at a place."""
    gateway, _, device = production.partition("/")
    known = registry.productions.get((gateway, device), ())
    places = (*(one for one in known if one != place), place)
    return replace(registry, productions={**registry.productions, (gateway, device): places})


def _must_have_a_place(registry: Registry, edit: MeterFitted, where: str) -> None:
    """A device of a gateway, or a point that official figures alone are about."""
    if edit.point and not _POINT.fullmatch(edit.point):
        raise refuse(f"{edit.point!r} is no meter point", where, "1 to 64 letters and digits")
    if edit.gateway:
        registry.must_have(edit.gateway, where)
    elif not edit.point or edit.device != edit.point or edit.serial:
        raise refuse("a meter without a gateway", where, "meterkast device fit GATEWAY/DEVICE")
    if edit.production and (edit.production.count("/") != 1 or edit.production == where):
        raise refuse(
            f"{edit.production!r} is no other device", where, "--production GATEWAY/DEVICE"
        )


def _share(edit: MeterFitted, where: str) -> str:
    """How much takes part, "" for all of it. Over all communities no more than what there is."""
    try:
        here, others = exact(edit.share), exact(edit.elsewhere)
    except ValueError as error:
        raise refuse(str(error), where, '--share "1/2"') from error
    if not 0 < here <= 1 or others < 0 or here + others > 1:
        what = f"{edit.share} of it takes part here and {edit.elsewhere} elsewhere"
        raise refuse(what, where, "shares above 0 that add up to 1 at most")
    if max(here.denominator, others.denominator) > 10**6:
        raise refuse(f"a share of {edit.share}", where, 'such as "0.4" or "1/3"')
    return "" if here == 1 else str(Fraction(here))


def _moved(registry: Registry, point: str, place: tuple[str, str], from_ms: int) -> Registry:
    """A meter point is in one place at a time: where it was before, its fits end."""
    fits = dict(registry.fits)
    for other in registry.points.get(point, ()):
        if other == place:
            continue
        if any(f.point == point and f.from_ms >= from_ms for f in fits[other]):
            where = "/".join(other)
            raise refuse(f"point {point} hangs at {where} at or after that time", where, "--from")
        fits[other] = tuple(
            f._replace(until_ms=from_ms) if f.point == point and f.until_ms is None else f
            for f in fits[other]
        )
    known = tuple(one for one in registry.points.get(point, ()) if one != place)
    return replace(registry, fits=fits, points={**registry.points, point: (*known, place)})


def _decided(registry: Registry, edit: CountsDecided) -> Registry:
    where = f"{edit.gateway}/{edit.device}"
    if not edit.reason.strip():
        raise refuse("no reason is given", where, '--reason "what you found out"')
    if not 0 <= edit.from_ms < edit.until_ms:
        raise refuse("counts from no time to any", where, "--from TIME --until TIME")
    if edit.gateway:
        registry.must_have(edit.gateway, where)
    elif edit.device not in registry.points:
        raise refuse(f"no meter point {edit.device!r}", where, "meterkast device fit --point")
    place = (edit.gateway, edit.device)
    decided = (*registry.counts.get(place, ()), edit)
    return replace(registry, counts={**registry.counts, place: decided})
