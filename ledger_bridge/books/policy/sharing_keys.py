"""The key by which a rule shares energy: its parameters, and what they mean in a quarter-hour."""

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import partial
from math import lcm
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.contract import settings
from ledger_bridge.books.policy.coefficients import WHOLE, Coefficients
from ledger_bridge.books.policy.numbers import Exact
from ledger_bridge.books.policy.rule import Declared, Rule
from ledger_bridge.books.settle.sharing import Split, fixed, hybrid, pro_rata, rounds

# Keys that say so much for each member, and keys that everybody has the same.
BY_SHARES = ("static", "hybrid", "rounds")

_SHA256 = re.compile(r"[0-9a-f]{64}")
# Shares are parts of one whole number in all reckoning; it stays small enough to be fast.
_WHOLE_MAX = 10**12


def _shares(given: dict[str, Fraction]) -> dict[str, Fraction]:
    if (total := sum(given.values(), Fraction(0))) > 1:
        raise ValueError(f"the shares add up to {total}, which is more than 1")
    if not total:
        raise ValueError("nobody has a share above 0")
    if whole_of(given) > _WHOLE_MAX:
        raise ValueError(f"shares in parts of {whole_of(given)}; at most {_WHOLE_MAX}")
    return given


def whole_of(shares: dict[str, Fraction]) -> int:
    """The least number of parts that all shares are whole parts of."""
    return lcm(*(share.denominator for share in shares.values()))


def _digest(given: str) -> str:
    if not _SHA256.fullmatch(given):
        raise ValueError(f"{given!r} is no SHA-256 in 64 letters and digits")
    return given


def _name(given: str) -> str:
    if "/" in given or not given.strip("."):
        raise ValueError(f"{given!r} is not the name of a file that lies beside the policy")
    return given


class CoefficientFile(settings.Settings):
    """A file of coefficients, see `coefficients`, by its name and its content."""

    file: Annotated[str, AfterValidator(_name)]
    sha256: Annotated[str, AfterValidator(_digest)]


class Sharing(Rule):
    """What a rule that shares energy says: who produces, who uses, and by which key."""

    key: Literal["static", "equal", "pro-rata", "hybrid", "rounds", "coefficients"]
    shares: Annotated[dict[settings.Id, Exact], AfterValidator(_shares)] = Field(
        default_factory=dict
    )
    coefficients: CoefficientFile | None = None
    registers_out: tuple[str, ...] = ("1-0:2.8.1", "1-0:2.8.2")
    registers_in: tuple[str, ...] = ("1-0:1.8.1", "1-0:1.8.2")

    @property
    def registers(self) -> tuple[str, ...]:
        """All registers that it reads."""
        return (*self.registers_out, *self.registers_in)


def complaint(rule: Sharing, declared: Declared) -> str:
    """What is wrong with a key's parameters, or ""."""
    if rule.cap and declared.assets[rule.asset].kind == "measured":
        return f"{rule.asset} is energy itself: what is beyond a cap would be nobody's"
    key = f'key = "{rule.key}"'
    wants_shares, wants_file = rule.key in BY_SHARES, rule.key == "coefficients"
    if wants_shares and not rule.shares:
        return f'{key} needs shares.noor = "1/3" for each member'
    if rule.shares and not wants_shares:
        return f"{key} takes no shares; they belong to {', '.join(BY_SHARES)}"
    if wants_file and rule.coefficients is None:
        return f'{key} needs coefficients = {{file = "…", sha256 = "…"}}'
    if rule.coefficients and not wants_file:
        return f"{key} takes no coefficients"
    return _about_registers(rule)


def _about_registers(rule: Sharing) -> str:
    if not rule.registers_out or not rule.registers_in:
        return "needs registers_out and registers_in: what is given back, and what is used"
    if both := set(rule.registers_out) & set(rule.registers_in):
        return f"register {min(both)!r} counts what is given back or what is used, not both"
    if odd := [register for register in rule.registers if not register.startswith("1-")]:
        return f"register {min(odd)!r} does not count electricity"
    return ""


class Splits:
    """A rule's key for the members of a day, in the order in which they are given."""

    def __init__(
        self, rule: Sharing, members: Sequence[str], zone: str, coefficients: Coefficients | None
    ) -> None:
        self._members = members
        self._zone = zone
        self._coefficients = coefficients
        self._split = None if rule.key == "coefficients" else _split(rule, members)

    def at(self, quarter: int) -> Split:
        """How a quarter-hour since 1970 is shared."""
        if self._split:
            return self._split
        assert self._coefficients, "the file of a policy in force was handed in before"
        of = self._coefficients.at(quarter, self._zone)
        return partial(fixed, weights=[of.get(name, 0) for name in self._members], whole=WHOLE)


def _split(rule: Sharing, members: Sequence[str]) -> Split:
    if rule.key == "pro-rata":
        return pro_rata
    if rule.key == "equal":
        return partial(rounds, weights=[1] * len(members))
    whole = whole_of(rule.shares)
    weights = [int(rule.shares.get(name, Fraction(0)) * whole) for name in members]
    if rule.key == "rounds":
        return partial(rounds, weights=weights)
    return partial(fixed if rule.key == "static" else hybrid, weights=weights, whole=whole)
