"""The community's dated rules, as data: one TOML file, signed, known by its hash, only followed.

Rates are exact fractions. What a rule means is a file in `rules/`, found by its name.
"""

from functools import cached_property
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from gateway.contract import policy as papers
from gateway.contract import settings
from gateway.contract.errors import ConfigError, Problem
from gateway.contract.record import to_json
from gateway.contract.signed import SIGNED_BYTES_MAX, Malformed
from ledger_bridge.books import rules as rules_
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.exchange import Exchange
from ledger_bridge.books.policy.fractions import Club, WasteKind
from ledger_bridge.books.policy.mistakes import mistakes
from ledger_bridge.books.policy.numbers import Day
from ledger_bridge.books.policy.place import NETHERLANDS, Where
from ledger_bridge.books.policy.rule import Rule

# As JSON and with a signature it is one message of the broker.
JSON_BYTES_MAX = SIGNED_BYTES_MAX - 1024


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'{name!r} is no time zone such as "Europe/Amsterdam"') from error
    return name


class Policy(settings.Settings):
    """The rules of a community from one local midnight on."""

    community: settings.Id
    valid_from: Day
    time_zone: Annotated[str, AfterValidator(_zone)]
    tzdata: Annotated[str, Field(pattern=r"^[0-9]{4}[a-z]$")] = ""
    place: Where = NETHERLANDS
    assets: dict[str, Asset]
    fractions: dict[str, WasteKind] = Field(default_factory=dict)
    clubs: dict[settings.Id, Club] = Field(default_factory=dict)
    exchanges: tuple[Exchange, ...] = ()
    rules: tuple[Annotated[Rule, settings.OneOf(rules_.of)], ...]

    @cached_property
    def day(self) -> str:
        return self.valid_from.isoformat()

    @cached_property
    def weeks(self) -> frozenset[int]:
        """The lengths of the periods of weeks that its rules are about."""
        return frozenset(rule.weeks for rule in self.rules if rule.weeks)


def parse(toml: str, *, name: str, is_stored: bool = False) -> Policy:
    """The policy in a TOML text. Raises ConfigError with every mistake in it.

    Of one that is stored already it is not asked again how its parts go together: what later
    programs refuse may be in force.
    """
    if (size := len(to_json(toml))) > JSON_BYTES_MAX:
        what = f"{size} bytes as JSON; a policy has at most {JSON_BYTES_MAX}"
        raise ConfigError(Problem(what, name, "put long comments into a file of their own"))
    check = None if is_stored else mistakes
    return settings.parse(toml, Policy, name=name, check=check, page="docs/policy.md")


def read(
    data: bytes, stewards: tuple[str, ...], *, asked: int = 1, is_stored: bool = False
) -> Policy:
    """The policy in a signed paper. Raises Malformed where fewer of the stewards than `asked` have
    signed it, and ConfigError with what is wrong in it.
    """
    document = papers.check(data, stewards, asked=asked)
    policy = parse(document.toml, name="policy", is_stored=is_stored)
    if policy.community != document.community:
        raise Malformed(f"a policy of {policy.community!r} inside one of {document.community!r}")
    return policy
