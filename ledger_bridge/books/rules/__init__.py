"""One file per crediting rule. A rule is a pure function from quantities to credit.

A rule file has the class `Rule` with its parameters, `VERSION`, `READS` (which facts it is about),
`EXAMPLES`, and the functions of `RuleFile`. Nothing is registered by hand.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

from ledger_bridge.books.policy.rule import Declared, Rule
from ledger_bridge.books.quantity import Amount

# Counters of meters, deposits at recycling points, what people attest, energy that was shared.
Reads = Literal["counter", "deposit", "attested", "shared"]
# What of the facts is summed: their amount in thousandths (mWh, mg, of a piece, of a minute), or
# 1000 for each time or for each day on which there was one.
Measure = Literal["amount", "times", "days"]


class Example(NamedTuple):
    """A rule as people write it, what was measured, and what is due for that: smallest units.

    `sentence` is what `policy check` says of the rule, in English.
    """

    toml: str
    quantities: dict[str, Amount]
    due: int
    sentence: str


class RuleFile(Protocol):
    """What settlement knows of a rule file.

    complaint: what is wrong with the parameters, or "".
    touches: whether a register, a fraction or an activity concerns the rule.
    rewards: all that the rule shares out: no other rule of its exclusive set may have the same.
    measure: what of the facts of a key is summed.
    earned: credit as an exact fraction, linear in each quantity; negative for a charge. The floor
    and the cap are taken once, by settlement.
    in_words: the rule in one sentence, in English and in Dutch, without a full stop.
    """

    VERSION: int
    READS: tuple[Reads, ...]
    EXAMPLES: tuple[Example, ...]
    Rule: type[Rule]

    def complaint(self, rule: Any, declared: Declared) -> str: ...

    def touches(self, rule: Any, key: str) -> bool: ...

    def rewards(self, rule: Any) -> frozenset[str]: ...

    def measure(self, rule: Any, key: str) -> Measure: ...

    def earned(self, rule: Any, quantities: Mapping[str, Amount]) -> Fraction: ...

    def in_words(self, rule: Any) -> tuple[str, str]: ...


@runtime_checkable
class OfActivities(Protocol):
    """A rule that names what people may attest."""

    @property
    def activities(self) -> tuple[str, ...]: ...


def names() -> tuple[str, ...]:
    """The name of every rule file."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def of(given: dict[str, Any]) -> type[Rule]:
    """The class of a rule as it stands in a policy. Raises ValueError where no file is its."""
    name = given.get("rule")
    if name is None:
        raise ValueError("the key 'rule' is missing")
    if name not in names():
        raise ValueError(f"there is no rule {name!r}; known: {', '.join(names())}")
    return load(name).Rule


@cache
def load(name: str) -> RuleFile:
    """The rule file of this name, one of `names`."""
    return cast("RuleFile", importlib.import_module(f"{__name__}.{name}"))
