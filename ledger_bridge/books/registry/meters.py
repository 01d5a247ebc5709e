"""Whose meter hangs where, and from when on."""

from dataclasses import replace

from ledger_bridge.books.quantity import worth
from ledger_bridge.books.registry.edits import MeterEdit
from ledger_bridge.books.registry.registry import Fit, Registry, refuse

# Far above what a distribution grid connects.
RATED_W_MAX = 1_000_000_000


def after(registry: Registry, edit: MeterEdit) -> Registry:
    where = f"{edit.gateway}/{edit.device}"
    registry.must_know(edit.member, where)
    registry.must_have(edit.gateway, where)
    if not 0 < edit.rated_w <= RATED_W_MAX:
        raise refuse(f"a connection of {edit.rated_w} W", where, f"1 to {RATED_W_MAX} W")
    if edit.per_pulse:
        try:
            worth(edit.per_pulse)
        except ValueError as error:
            raise refuse(str(error), where, 'such as "1/1000 kWh"') from error
    new = Fit(
        edit.member,
        edit.serial,
        edit.from_ms,
        None,
        edit.rated_w,
        edit.per_pulse,
        edit.anew,
    )
    earlier = registry.fits.get((edit.gateway, edit.device), ())
    if any(f.serial == new.serial and f.from_ms >= new.from_ms for f in earlier):
        raise refuse("a fit of this meter begins at or after that time", where, "--from DATE")
    ended = tuple(
        f._replace(until_ms=new.from_ms) if f.serial == new.serial and f.until_ms is None else f
        for f in earlier
    )
    return replace(registry, fits={**registry.fits, (edit.gateway, edit.device): (*ended, new)})
