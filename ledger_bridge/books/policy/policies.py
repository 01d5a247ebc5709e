"""All policies of a community, one after the other: which one rules a day."""

from functools import cached_property

import msgspec

from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.policy.assets import Asset
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule


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

    @property
    def zone(self) -> str:
        """The community's time zone; UTC until a policy says otherwise."""
        return self.in_order[-1].policy.time_zone if self.in_order else "UTC"

    @cached_property
    def shadows(self) -> frozenset[str]:
        """The assets that count for nothing yet, as the newest policy that knows each has it."""
        codes = {code for one in self.in_order for code in one.policy.assets}
        return frozenset(code for code in codes if self.asset(code).shadow)

    def asset(self, code: str) -> Asset:
        """An asset as the newest policy that knows it declares it."""
        for in_force in reversed(self.in_order):
            if code in in_force.policy.assets:
                return in_force.policy.assets[code]
        raise PeopleError(Problem(f"no asset {code!r}", "policy", "meterkast policy check FILE"))
