"""One file per crediting rule. A rule is a pure function from quantities to due.

A rule file has `VERSION`, `READS` ("counter" or "deposit": which facts it is about),
`complaint(rule, fractions)` (what is wrong with its parameters, or ""), `touches(rule, key)`
(whether a register or fraction concerns it), and `earned(rule, quantities)` (credit as an exact
fraction; the floor and the cap are taken once, by settlement). Nothing is registered by hand.
"""

import importlib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Literal, Protocol, cast

from ledger_bridge.books.policy.policy import Rule
from ledger_bridge.books.quantity import Amount


class RuleFile(Protocol):
    """What settlement knows of a rule file."""

    VERSION: int
    READS: Literal["counter", "deposit"]

    def complaint(self, rule: Rule, fractions: frozenset[str]) -> str: ...

    def touches(self, rule: Rule, key: str) -> bool: ...

    def earned(self, rule: Rule, quantities: Mapping[str, Amount]) -> Fraction: ...


@cache
def load(name: str) -> RuleFile:
    """The rule file of this name."""
    return cast("RuleFile", importlib.import_module(f"ledger_bridge.books.rules.{name}"))
