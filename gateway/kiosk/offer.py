"""What a recycling point takes in and what it may come to, by the text of a policy.

It is for looking at: mass is fact, and the hub's own reckoning is what counts.
"""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction as Exact
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from drivers.wire.mass import UNITS
from gateway.kiosk.events import Club, Crate, Fraction, Terms
from gateway.kiosk.settings import KioskSettings, mass_mg

WASTE_RULE = "waste_deposited"
# "About" needs no more places than a member reads in the rain.
PLACES_SHOWN = 3


class Worth(NamedTuple):
    """What a fraction earns: `asset` per milligram or per piece; `scale` is the asset's places."""

    asset: str
    scale: int
    credit: Exact


class Rules(NamedTuple):
    """What a policy says to a recycling point. `worth` has no fraction that earns nothing."""

    community: str
    valid_from: date
    zone: ZoneInfo
    fractions: Mapping[str, Fraction]
    clubs: Mapping[str, Club]
    worth: Mapping[str, Worth]

    def about(self, fraction: str, *, net_mg: int | None, pieces: int | None) -> tuple[str, str]:
        """The credit that a deposit may come to, and its asset; "" and "" where there is none.

        Rounded down to the asset's scale, then down to the places shown. Caps are not looked at.
        """
        worth = self.worth.get(fraction)
        amount = net_mg if net_mg is not None else pieces
        if worth is None or amount is None:
            return "", ""
        # Of two floors the coarser one decides: these places are all that either leaves.
        places = min(worth.scale, PLACES_SHOWN)
        shown = worth.credit * max(amount, 0) * 10**places // 1
        return f"{Decimal(shown).scaleb(-places):.{places}f}", worth.asset


class Offered(NamedTuple):
    """A fraction on the screen. `rate` is what it earns, "0.05 WASTE / kg", "" for nothing.

    `is_full`: by what was put in since it was emptied, its container is full.
    """

    id: str
    unit: str
    nl: str
    en: str
    by_operator: bool
    rate: str
    is_full: bool = False


class Offer(NamedTuple):
    """All that can be chosen here; `closed` is "" or the word of why nothing can: "no_rules"."""

    fractions: tuple[Offered, ...]
    crates: tuple[Crate, ...]
    clubs: tuple[Club, ...]
    language: str
    closed: str


class _Kind(msgspec.Struct):
    unit: Literal["kg", "piece"]
    nl: str
    en: str
    operator: bool = False
    most: str = ""


class _Names(msgspec.Struct):
    nl: str
    en: str


class _Asset(msgspec.Struct):
    scale: int = 0


class _Rate(msgspec.Struct):
    credit: str | int
    per: str


class _Rule(msgspec.Struct):
    rule: str
    asset: str
    rates: dict[str, _Rate] = {}


class _Policy(msgspec.Struct):
    """The parts of a policy that matter here; whatever else it says is the hub's business."""

    community: str
    valid_from: date
    time_zone: str
    assets: dict[str, _Asset]
    fractions: dict[str, _Kind] = {}
    clubs: dict[str, _Names] = {}
    rules: list[_Rule] = []


def read(toml: str) -> Rules:
    """The rules in the text of a policy. Raises ValueError with what is wrong in it."""
    try:
        policy = msgspec.convert(tomllib.loads(toml), _Policy)
        zone = ZoneInfo(policy.time_zone)
        fractions = {id_: _fraction(id_, kind) for id_, kind in policy.fractions.items()}
        worth = _worth(policy)
    except (msgspec.MsgspecError, ArithmeticError, KeyError, OSError, RecursionError) as error:
        raise ValueError(str(error)) from error
    clubs = {id_: Club(id_, names.nl, names.en) for id_, names in policy.clubs.items()}
    return Rules(policy.community, policy.valid_from, zone, fractions, clubs, worth)


def _fraction(id_: str, kind: _Kind) -> Fraction:
    """The most of it is rounded down."""
    most = _amount(kind.most) // 1 if kind.most else None
    return Fraction(id_, kind.unit, kind.nl, kind.en, kind.operator, most)


def _worth(policy: _Policy) -> dict[str, Worth]:
    """What each fraction earns by the first rule that names it with more than nothing."""
    found: dict[str, Worth] = {}
    for rule in policy.rules:
        for id_, rate in rule.rates.items() if rule.rule == WASTE_RULE else ():
            credit = Exact(rate.credit) / _amount(rate.per)
            if credit > 0 and id_ in policy.fractions:
                scale = policy.assets[rule.asset].scale
                found.setdefault(id_, Worth(rule.asset, scale, credit))
    return found


def _amount(per: str) -> Exact:
    """`1 kg` in milligrams, `1 piece` in pieces. Raises ValueError, ZeroDivisionError."""
    number, _, unit = per.partition(" ")
    if unit != "piece" and unit.encode() not in UNITS:
        raise ValueError(f'{per!r} is no quantity such as "1 kg" or "1 piece"')
    return Exact(number) * UNITS.get(unit.encode(), 1)


def offer(rules: Rules | None, settings: KioskSettings, *, full: frozenset[str]) -> Offer:
    """What the screen shows to choose from; `full` are the fractions whose container is full."""
    fractions = tuple(
        Offered(
            one.id, one.unit, one.nl, one.en, one.by_operator, _rate(rules, one), one.id in full
        )
        for one in (rules.fractions.values() if rules else ())
    )
    return Offer(
        fractions,
        tuple(crates(settings).values()),
        tuple(rules.clubs.values()) if rules else (),
        settings.language,
        "" if fractions else "no_rules",
    )


def _rate(rules: Rules | None, fraction: Fraction) -> str:
    """What people are told it earns, an exact number where a decimal is one."""
    worth = rules and rules.worth.get(fraction.id)
    if not worth:
        return ""
    per = worth.credit * (UNITS[b"kg"] if fraction.unit == "kg" else 1)
    return f"{_written(per)} {worth.asset} / {fraction.unit}"


def _written(number: Exact) -> str:
    decimal = Decimal(number.numerator) / Decimal(number.denominator)
    return f"{decimal.normalize():f}" if Exact(decimal) == number else str(number)


def crates(settings: KioskSettings) -> dict[str, Crate]:
    return {
        id_: Crate(id_, mass_mg(crate.tare), crate.nl, crate.en)
        for id_, crate in settings.crates.items()
    }


def terms(rules: Rules | None, settings: KioskSettings) -> Terms:
    """What the session goes by."""
    return Terms(
        fractions=rules.fractions if rules else {},
        crates=crates(settings),
        clubs=rules.clubs if rules else {},
        division_mg=mass_mg(settings.division),
        steady_by_clock=settings.steady == "clock",
    )


def in_json(value: Any) -> Any:
    """An offer or a view as JSON: an object for each named tuple."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: in_json(one) for name, one in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [in_json(one) for one in value]
    return value
