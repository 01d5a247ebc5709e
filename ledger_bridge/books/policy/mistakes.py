"""What is wrong with a policy as a whole: what its tables say of each other.

Looks at the tables as they were read, whatever else is wrong with them, so that one run of
`policy check` names everything.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.contract.settings import Mistake
from ledger_bridge.books import rules as rules_
from ledger_bridge.books.calendar import next_start
from ledger_bridge.books.policy import exchange
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.exclusive import conflicts
from ledger_bridge.books.policy.fractions import WasteKind
from ledger_bridge.books.policy.numbers import day
from ledger_bridge.books.policy.rule import Declared, Rule

Model = TypeVar("Model", bound=BaseModel)


def mistakes(tables: dict[str, Any]) -> Iterator[Mistake]:
    """Every mistake that no table by itself can tell."""
    assets, fractions = _tables(tables.get("assets")), _tables(tables.get("fractions"))
    declared = Declared(_sound(assets, Asset), _sound(fractions, WasteKind))
    broken = (assets.keys() | fractions.keys()) - declared.assets.keys() - declared.fractions.keys()
    yield from exchange.mistakes(tables.get("exchanges"), assets, declared.assets)
    seen: set[str] = set()
    sound: list[tuple[Rule, int]] = []
    given = tables.get("rules")
    for number, one in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(one, dict):
            continue
        name, place = one.get("id"), ("rules", number)
        if isinstance(name, str):
            if name in seen:
                yield Mistake((*place, "id"), f"two rules are called {name!r}", "another id")
            seen.add(name)
        asset = one.get("asset")
        if isinstance(asset, str) and asset not in assets:
            what = f"rule {name!r}: asset {asset!r} is not declared in [assets]"
            yield Mistake((*place, "asset"), what, f"known: {', '.join(assets) or 'none'}")
        if (file := one.get("rule")) in rules_.names():
            known, version = rules_.load(file).VERSION, one.get("version", 0)
            if version != known:
                what = f"rule {name!r}: version {version!r}; known: {known}"
                yield Mistake((*place, "version"), what, f"version = {known}")
        if (rule := _rule(one)) is None or asset not in assets or _words(one) & broken:
            continue
        if complaint := rules_.load(rule.rule).complaint(rule, declared):
            yield Mistake(place, f"rule {name!r}: {complaint}", "see docs/rules.md")
        sound.append((rule, number))
    with suppress(ValueError):  # told where the key is read
        start = day(tables.get("valid_from")).isoformat()
        if odd := boundary(start, frozenset(rule.weeks for rule, _ in sound if rule.weeks)):
            yield Mistake(("valid_from",), *odd)
    for at, what, try_ in conflicts([rule for rule, _ in sound]):
        rule, number = sound[at]
        yield Mistake(("rules", number), f"rule {rule.id!r}: {what}", try_)


def boundary(begins: str, weeks: frozenset[int]) -> tuple[str, str] | None:
    """What is wrong with a policy that begins on this day, and what to try; None where nothing is.

    One policy governs a period from its first day to its last, so it begins where periods do.
    `weeks` are the lengths of all periods that it begins or ends.
    """
    start = next_start(begins, weeks)
    if start == begins:
        return None
    lengths = " and ".join(str(n) for n in sorted(weeks))
    what = f"{begins} is in the middle of a period of {lengths} week{'s' * (weeks != {1})}"
    return what, f"valid_from = {start}" if start else "rules over weeks that end together"


def _rule(given: dict[str, Any]) -> Rule | None:
    """The rule, where its own keys are all right."""
    try:
        return rules_.of(given).model_validate(given)
    except ValueError:
        return None


def _tables(given: Any) -> dict[str, Any]:
    return given if isinstance(given, dict) else {}


def _sound(given: dict[str, Any], model: type[Model]) -> dict[str, Model]:
    """The tables among these that are right by themselves."""
    found = {}
    for name, one in given.items():
        try:
            found[name] = model.model_validate(one)
        except ValidationError:
            continue
    return found


def _words(given: Any) -> set[str]:
    """Every word in a table, as key or value."""
    if isinstance(given, dict):
        return set(given) | set(chain.from_iterable(map(_words, given.values())))
    if isinstance(given, list):
        return set(chain.from_iterable(map(_words, given)))
    return {given} if isinstance(given, str) else set()
