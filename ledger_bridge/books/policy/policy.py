"""The community's dated rules, as data: one TOML file, signed, known by its hash, only followed.

Rates are exact fractions. What a rule means is a file in `rules/`, found by its name.
"""

import importlib
import pkgutil
import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from gateway.contract import policy as papers
from gateway.contract import settings
from gateway.contract.errors import ConfigError, PeopleError, Problem
from gateway.contract.signed import Malformed
from ledger_bridge.books.book import AMOUNT_MAX
from ledger_bridge.books.calendar import WEEKS_MAX, next_start
from ledger_bridge.books.quantity import as_written, exact, is_of, quantity, written


def _not_negative(value: Fraction) -> Fraction:
    if value < 0:
        raise ValueError(f"{value} is negative")
    return value


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'{name!r} is no time zone such as "Europe/Amsterdam"') from error
    return name


Exact = Annotated[Fraction, BeforeValidator(exact), AfterValidator(_not_negative)]
Quantity = Annotated[Fraction, BeforeValidator(quantity)]
QuantityText = Annotated[str, AfterValidator(as_written)]


# No account holds more than fits a signed 64-bit integer: 19 digits.
_AMOUNT = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,19})?")

_CAP = re.compile(r"(\S+) per (?:(day)|(week)|([0-9]{1,3}) weeks)")


class Cap(NamedTuple):
    """The most that a claim may come to, and over how many weeks; 0 weeks: a local day."""

    most: Fraction
    weeks: int

    def in_words(self) -> str:
        span = {0: "a day", 1: "a week"}.get(self.weeks, f"in {self.weeks} weeks")
        return f"at most {written(self.most)} {span}"


def _cap(given: Any) -> Cap:
    """ "10 per day", "5 per week" or "7 per 4 weeks"."""
    match = _CAP.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError(f'{given!r} is no cap such as "10 per day" or "7 per 4 weeks"')
    most, day, week, weeks = match.groups()
    over = 0 if day else 1 if week else int(weeks)
    if not (day or 1 <= over <= WEEKS_MAX):
        raise ValueError(f"{given!r}: a cap is per day, or per 1 to {WEEKS_MAX} weeks")
    return Cap(_not_negative(exact(most)), over)


class Rate(settings.Settings):
    """So much credit per so much of a fraction: `per` is such as "1 kg" or "1 piece"."""

    credit: Exact
    per: QuantityText

    @cached_property
    def per_milli(self) -> Fraction:
        """Credit per thousandth of the base unit (per mg, per thousandth of a piece)."""
        return self.credit / quantity(self.per)


class Asset(settings.Settings):
    """Something that is counted in accounts: integers of 10**-scale units.

    What can be redeemed for goods or money is `redeemable`: it is earned on verified scales only.
    No act brings a member below `floor` or above `ceiling`. A `shadow` counts for nothing yet.
    """

    unit: str
    scale: int = 0
    kind: Literal["measured", "credit", "money", "counter"]
    transferable: bool = True
    redeemable: bool = False
    floor: str = "0"
    ceiling: str | None = None
    shadow: bool = False

    @model_validator(mode="after")
    def _fits(self) -> "Asset":
        if not 0 <= self.scale <= 9:
            raise ValueError(f"scale {self.scale}; allowed: 0 to 9 decimal places")
        for bound in (self.floor_units, self.ceiling_units):
            if bound is not None and abs(bound) >= AMOUNT_MAX:
                raise ValueError(f"{bound} is more than an account can hold")
        if self.ceiling_units is not None and self.ceiling_units < self.floor_units:
            raise ValueError(f"the floor {self.floor} is above the ceiling {self.ceiling}")
        return self

    @cached_property
    def floor_units(self) -> int:
        """The floor in smallest units."""
        return units_of(self.floor, self.scale)

    @cached_property
    def ceiling_units(self) -> int | None:
        """The ceiling in smallest units."""
        return None if self.ceiling is None else units_of(self.ceiling, self.scale)


class WasteKind(settings.Settings):
    """A kind of waste: its Euralcode, what it is counted in, and what people call it.

    Of a hazardous one (`operator`) only what an operator accepted counts. `most` is the most that
    one deposit may be, such as "20 kg".
    """

    euralcode: str
    unit: Literal["kg", "piece"]
    nl: str
    en: str
    operator: bool = False
    most: QuantityText | None = None

    @model_validator(mode="after")
    def _is_counted_in_its_unit(self) -> "WasteKind":
        if self.most is not None and not is_of(self.most, self.unit):
            raise ValueError(f"at most {self.most!r} of what is counted per {self.unit}")
        return self

    @cached_property
    def most_milli(self) -> Fraction | None:
        """The most of one deposit in mg, or in thousandths of a piece."""
        return None if self.most is None else quantity(self.most)


class Club(settings.Settings):
    """A club, by the id of a member, that deposits may be given to: what people call it."""

    nl: str
    en: str


class Rule(settings.Settings):
    """One dated rule: which file of `rules/` it is, and that file's own parameters."""

    id: settings.Id
    rule: str
    version: int
    asset: str
    registers: tuple[str, ...] = ()
    credit: Exact | None = None
    per: Quantity | None = None
    rates: dict[str, Rate] = Field(default_factory=dict)
    cap: Annotated[Cap, PlainValidator(_cap)] | None = None

    @property
    def weeks(self) -> int:
        """How many weeks a claim is about; 0: a local day."""
        return self.cap.weeks if self.cap else 0

    def in_words(self) -> str:
        """The rule in one line."""
        cap = f", {self.cap.in_words()}" if self.cap else ""
        if self.credit is not None and self.per is not None:
            rate = f"{written(self.credit)} {self.asset} per {written(self.per, 'kWh')}"
            return f"{rate} on {', '.join(self.registers)}{cap}"
        rates = (
            f"{written(rate.credit)} {self.asset} per {rate.per} of {name}"
            for name, rate in self.rates.items()
        )
        return f"{'; '.join(rates)}{cap}"

    @cached_property
    def rate(self) -> Fraction:
        """Credit per thousandth of the base unit, of a rule with one rate."""
        assert self.credit is not None
        assert self.per is not None
        return self.credit / self.per


def rule_names() -> set[str]:
    """The name of every file in `rules/`."""
    folder = Path(__file__).parents[1] / "rules"
    return {module.name for module in pkgutil.iter_modules([str(folder)])}


def _check_rule(rule: Rule, assets: dict[str, Asset], fractions: dict[str, WasteKind]) -> None:
    if rule.rule not in rule_names():
        known = ", ".join(sorted(rule_names()))
        raise ValueError(f"rule {rule.id!r}: there is no rule {rule.rule!r}; known: {known}")
    if rule.asset not in assets:
        raise ValueError(f"rule {rule.id!r}: asset {rule.asset!r} is not declared in [assets]")
    module = importlib.import_module(f"ledger_bridge.books.rules.{rule.rule}")
    if rule.version != module.VERSION:
        raise ValueError(f"rule {rule.id!r}: version {rule.version}; known: {module.VERSION}")
    for name, rate in rule.rates.items():
        if name in fractions and not is_of(rate.per, fractions[name].unit):
            unit = fractions[name].unit
            raise ValueError(f"rule {rule.id!r}: {name!r} is counted per {unit}, not {rate.per!r}")
    if complaint := module.complaint(rule, frozenset(fractions)):
        raise ValueError(f"rule {rule.id!r}: {complaint}")


class Policy(settings.Settings):
    """The rules of a community from one local midnight on."""

    community: settings.Id
    valid_from: date
    time_zone: Annotated[str, AfterValidator(_zone)]
    assets: dict[str, Asset]
    fractions: dict[str, WasteKind] = Field(default_factory=dict)
    clubs: dict[settings.Id, Club] = Field(default_factory=dict)
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _agrees(self) -> "Policy":
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"two rules are called {rule.id!r}")
            seen.add(rule.id)
            _check_rule(rule, self.assets, self.fractions)
        shared = [r for rule in self.rules for r in rule.registers]
        if twice := {r for r in shared if shared.count(r) > 1}:
            raise ValueError(f"register {min(twice)!r} is rewarded by two rules")
        return self

    @cached_property
    def day(self) -> str:
        return self.valid_from.isoformat()

    @cached_property
    def weeks(self) -> frozenset[int]:
        """The lengths of the periods of weeks that its rules are about."""
        return frozenset(rule.weeks for rule in self.rules if rule.weeks)


def check_start(policy: Policy, weeks: frozenset[int], *, where: str) -> None:
    """One policy governs a period from its first day to its last: it begins where periods do.

    `weeks` are the lengths of all periods that it begins or ends. Raises ConfigError.
    """
    start = next_start(policy.day, weeks)
    if start == policy.day:
        return
    lengths = " and ".join(str(n) for n in sorted(weeks))
    what = f"{policy.day} is in the middle of a period of {lengths} weeks"
    try_ = f"valid_from = {start}" if start else "rules over weeks that end together"
    raise ConfigError(Problem(what, f"{where}: valid_from", try_))


def parse(toml: str, *, name: str) -> Policy:
    """The policy in a TOML text. Raises ConfigError with every mistake in it."""
    policy = settings.parse(toml, Policy, name=name)
    check_start(policy, policy.weeks, where=name)
    return policy


def read(data: bytes, stewards: tuple[str, ...]) -> Policy:
    """The policy in two lines. Raises Malformed where no steward signed it."""
    document = papers.check(data, stewards)
    policy = parse(document.toml, name="policy")
    if policy.community != document.community:
        raise Malformed(f"a policy of {policy.community!r} inside one of {document.community!r}")
    return policy


class InForce(msgspec.Struct, frozen=True):
    """A policy with its hash."""

    policy: Policy
    hash: str


class Policies:
    """All policies of a community; which one rules a day is decided by that day alone."""

    def __init__(self, in_order: list[InForce]) -> None:
        assert in_order == sorted(in_order, key=lambda p: p.policy.day)
        self.in_order = in_order
        # Answers that `due` keeps here; they never change, for policies are only followed.
        self.concerned: dict[tuple[str, str, str], tuple[tuple[str, str], ...]] = {}
        self.found: dict[tuple[str, str], tuple[str, Policy, Rule] | None] = {}

    def on(self, day: str) -> InForce | None:
        """The policy in force on this local day, None before the first."""
        # Newest first: nearly every question is about a day under the newest.
        for in_force in reversed(self.in_order):
            if in_force.policy.day <= day:
                return in_force
        return None

    @cached_property
    def registers(self) -> set[str]:
        """All registers that any rule of any policy rewards."""
        return {
            register
            for in_force in self.in_order
            for rule in in_force.policy.rules
            for register in rule.registers
        }

    @property
    def zone(self) -> str:
        """The community's time zone; UTC until a policy says otherwise."""
        return self.in_order[-1].policy.time_zone if self.in_order else "UTC"

    def asset(self, code: str) -> Asset:
        """An asset as the newest policy that knows it declares it."""
        for in_force in reversed(self.in_order):
            if code in in_force.policy.assets:
                return in_force.policy.assets[code]
        raise PeopleError(Problem(f"no asset {code!r}", "policy", "meterkast policy check FILE"))


def amount_text(amount: int, scale: int) -> str:
    """An amount as people write it, all its places: 12345000 at scale 6 gives 12.345000."""
    return f"{Decimal(amount).scaleb(-scale):.{scale}f}"


def amount_of(text: str, scale: int) -> int:
    """The integer of an amount people wrote. Raises PeopleError where it has too many places."""
    try:
        return units_of(text, scale)
    except ValueError as error:
        raise PeopleError(Problem(str(error), "amount", "write it as 12.5")) from error


def units_of(text: str, scale: int) -> int:
    """As `amount_of`. Raises ValueError, also where it is more than any account can hold."""
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"{text!r} is not an amount with at most {scale} decimal places")
    scaled: Fraction = Fraction(text) * 10**scale
    if scaled.denominator != 1:
        raise ValueError(f"{text!r} is not an amount with at most {scale} decimal places")
    return scaled.numerator
