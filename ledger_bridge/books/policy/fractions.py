"""Kinds of waste as a policy declares them, and the clubs that deposits may be given to."""

from fractions import Fraction
from functools import cached_property
from typing import Literal

from pydantic import model_validator

from gateway.contract import settings
from ledger_bridge.books.policy.numbers import QuantityText
from ledger_bridge.books.quantity import is_of, quantity


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
