"""What is counted in accounts: integers of an asset's smallest unit, and how people write them."""

import re
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Literal

from pydantic import model_validator

from gateway.contract import settings
from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.book import AMOUNT_MAX

# No account holds more than fits a signed 64-bit integer: 19 digits.
_AMOUNT = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,19})?")


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
