"""Marks of days whose energy is to be shared, or shared anew: whatever may change a day leaves one.

A mark stays until its day is ripe and reckoned, see `shared_days`.
"""

import sqlite3

from ledger_bridge.books import rules
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.sharing_keys import Sharing
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.due import concerned
from ledger_bridge.books.settle.ripe import Ripeness


def sharing(policies: Policies, rule_id: str, day: str) -> Sharing | None:
    """The rule that shares energy under this id on a day, None where there is none."""
    in_force = policies.on(day)
    for rule in in_force.policy.rules if in_force else ():
        if rule.id == rule_id and "shared" in rules.load(rule.rule).READS:
            assert isinstance(rule, Sharing)
            return rule
    return None


class Unshared:
    """Collects the days that one commit touches, and marks them at its end."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._days: set[tuple[str, str]] = set()
        self._is_shaken = False

    def touch(self, register: str, day: str, policies: Policies) -> None:
        """A count of some member's changed that counts in this day."""
        for rule, _ in concerned(policies, "shared", register, day):
            self._days.add((rule, day))

    def shake(self) -> None:
        """A meter was heard of for the first time, or counts were taken out: days that were ripe
        may no longer be.
        """
        self._is_shaken = True

    def mark_all(self) -> None:
        """Anything may have changed: every day that was reckoned is reckoned anew."""
        self._db.execute(
            "INSERT OR IGNORE INTO unshared (community, rule, day)"
            " SELECT community, rule, day FROM shared_day"
            " WHERE community = ?",
            (self._community,),
        )

    def mark(self, registry: Registry, policies: Policies) -> None:
        """Mark the days, inside the caller's commit."""
        if self._is_shaken:
            self._days |= self._unripe(registry, policies)
        self._db.executemany(
            "INSERT OR IGNORE INTO unshared (community, rule, day) VALUES (?, ?, ?)",
            [(self._community, *day) for day in self._days],
        )
        self.forget()

    def _unripe(self, registry: Registry, policies: Policies) -> set[tuple[str, str]]:
        """The days that were reckoned and are not ripe."""
        ripeness = Ripeness(self._db, self._community, registry, policies.zone)
        return {
            (rule_id, day)
            for rule_id, day in self._db.execute(
                "SELECT rule, day FROM shared_day WHERE community = ?", (self._community,)
            )
            if (rule := sharing(policies, rule_id, day)) is None
            or not ripeness.is_ripe(day, rule.registers)
        }

    def forget(self) -> None:
        """After a rollback: what was touched was not."""
        self._days.clear()
        self._is_shaken = False
