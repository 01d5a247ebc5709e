"""The days of rules that share energy: each ripe one is reckoned from what was counted in it.

A day is reckoned as a whole, quarter-hour after quarter-hour, from all counts that lie in one: what
was measured over several takes no part. Order, batching and lateness cannot matter: whatever
changes a day marks it, and it is then reckoned anew.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from math import floor
from typing import NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import period_of
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.policy.coefficients import Coefficients
from ledger_bridge.books.policy.key_files import Files, stored
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.sharing_keys import Sharing, Splits
from ledger_bridge.books.registry.registry import SUPPLIER, Registry
from ledger_bridge.books.settle.ripe import Ripeness
from ledger_bridge.books.settle.sharing import Shared, share
from ledger_bridge.books.settle.unshared import sharing

# Days in one commit: few enough to answer meanwhile.
DAYS_MAX = 40

# The index has all that is read here. `kept` has what is left of members who were erased: their
# neighbours' shares stay what they were.
_OF_DAY = """
    WHERE community = :community AND member IN (SELECT value FROM json_each(:members))
        AND day = :day AND register IN (SELECT value FROM json_each(:registers)) AND delta != 0
"""
_COUNTED = f"""
    SELECT member, register, quarter, per_pulse, delta
    FROM counter INDEXED BY counter_of_member {_OF_DAY} AND quarter IS NOT NULL
    UNION ALL SELECT member, register, quarter, per_pulse, delta FROM kept {_OF_DAY}
"""
_ANY = f"""
    SELECT EXISTS (SELECT 1 FROM counter INDEXED BY counter_of_member {_OF_DAY})
        OR EXISTS (SELECT 1 FROM kept {_OF_DAY})
"""


class Quarter(NamedTuple):
    """A quarter-hour since 1970: in mWh what each member of the day produced and used, and how it
    was shared.
    """

    quarter: int
    produced: list[int]
    used: list[int]
    shared: Shared


class Moved(NamedTuple):
    """What a member took and gave on a day, in mWh."""

    taken: int
    given: int


class Day(NamedTuple):
    """A day as it is reckoned: who took and gave, what was produced, what of it was shared."""

    moved: dict[str, Moved]
    produced: int
    shared: int


class Reckoner:
    """Reckons days from the counts in the books, which it only reads."""

    def __init__(
        self,
        db: sqlite3.Connection,
        community: str,
        registry: Registry,
        policies: Policies,
        *,
        files: Files | None = None,
    ) -> None:
        """`files` are coefficients that are not among the papers yet."""
        self._db = db
        self._community = community
        self._files = dict(files or {})
        self._registry = registry
        self._zone = policies.zone
        self._policies = policies
        # Ties go by account: these are random, names are not.
        self._members = sorted(registry.accounts, key=registry.accounts.__getitem__)

    def quarters(
        self, rule: Sharing, day: str, *, is_dark_too: bool = False
    ) -> tuple[list[str], Iterator[Quarter]]:
        """The members that had a part in a day, and its quarter-hours in which energy was given
        back, in their order; `is_dark_too`: also those in which it was only used.
        """
        produced, used = self._counted(rule, day)
        there = {name for counts in (produced, used) for names in counts.values() for name in names}
        members = [name for name in self._members if name in there]
        splits = Splits(rule, members, self._zone, self._coefficients(rule, day))
        if is_dark_too:
            produced.update((quarter, {}) for quarter in used.keys() - produced.keys())
        return members, self._quarters(splits, members, produced, used)

    def _quarters(
        self,
        splits: Splits,
        members: list[str],
        produced: dict[int, dict[str, int]],
        used: dict[int, dict[str, int]],
    ) -> Iterator[Quarter]:
        for quarter in sorted(produced):
            gave, took = produced[quarter], used.get(quarter, {})
            produced_ = [gave.get(name, 0) for name in members]
            used_ = [took.get(name, 0) for name in members]
            yield Quarter(quarter, produced_, used_, share(produced_, used_, splits.at(quarter)))

    def _counted(
        self, rule: Sharing, day: str
    ) -> tuple[dict[int, dict[str, int]], dict[int, dict[str, int]]]:
        """mWh by quarter-hour and member: what was given back, and what was used.

        A fraction of an mWh, of a meter that counts in other units or takes part by a share, is
        rounded down: one count of one register in one quarter-hour is a whole number of mWh.
        """
        produced: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        used: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        out = frozenset(rule.registers_out)
        for member, register, quarter, per_pulse, delta in self._db.execute(
            _COUNTED, self._which(rule, day)
        ):
            amount = floor(amount_of(delta, per_pulse)) if per_pulse else delta
            (produced if register in out else used)[quarter][member] += amount
        return produced, used

    def _which(self, rule: Sharing, day: str) -> dict[str, str]:
        return {
            "community": self._community,
            "members": to_json(self._members).decode(),
            "day": day,
            "registers": to_json(rule.registers).decode(),
        }

    def has_counts(self, rule: Sharing, day: str) -> bool:
        """Whether anything was counted on a day, be it over several quarter-hours. Where nothing
        was there is nothing to share, and nothing to wait for.
        """
        (any_,) = self._db.execute(_ANY, self._which(rule, day)).fetchone()
        return bool(any_)

    def _coefficients(self, rule: Sharing, day: str) -> Coefficients | None:
        if rule.coefficients is None:
            return None
        sha256 = rule.coefficients.sha256
        if sha256 not in self._files:
            in_force = self._policies.on(day)
            assert in_force
            policy = in_force.policy
            self._files |= stored(self._db, self._community, policy, self._registry)
        return self._files[sha256]

    def day(self, rule: Sharing, day: str) -> Day:
        """What everybody took and gave on a day.

        Of energy as an asset the supplier takes what is left over.
        """
        members, quarters = self.quarters(rule, day)
        taken, given = [0] * len(members), [0] * len(members)
        produced = left = 0
        for one in quarters:
            produced += sum(one.produced)
            left += one.shared.left
            taken = [a + b for a, b in zip(taken, one.shared.taken, strict=True)]
            given = [a + b for a, b in zip(given, one.shared.given, strict=True)]
        moved = {
            name: Moved(took, gave)
            for name, took, gave in zip(members, taken, given, strict=True)
            if took or gave
        }
        if left and (supplier := self._supplier(rule, day)):
            moved[supplier] = Moved(left, 0)
        return Day(moved, produced, produced - left)

    def _supplier(self, rule: Sharing, day: str) -> str:
        in_force = self._policies.on(day)
        assert in_force
        if in_force.policy.assets[rule.asset].kind != "measured":
            return ""
        return min(self._registry.of_role(SUPPLIER), default="")


def share_days(
    db: sqlite3.Connection,
    community: str,
    registry: Registry,
    policies: Policies,
    *,
    sealed_up_to: str,
) -> int:
    """Reckon the marked days that are ripe, at most DAYS_MAX, inside the caller's commit, and mark
    the claims that change; gives how many days there were. Sealed days are left as they are.

    A day that is not ripe keeps its mark, and nothing is due for it.
    """
    ripeness = Ripeness(db, community, registry, policies.zone)
    reckoner = Reckoner(db, community, registry, policies)
    done = 0
    marked = db.execute(
        "SELECT rule, day, waits_for FROM unshared WHERE community = ? ORDER BY day, rule",
        (community,),
    ).fetchall()
    for rule_id, day, hint in marked:
        if done == DAYS_MAX:
            break
        if day > sealed_up_to:
            rule = sharing(policies, rule_id, day)
            if rule is not None and not reckoner.has_counts(rule, day):
                rule = None
            late = "" if rule is None else ripeness.waits_for(day, rule.registers, hint=hint)
            if late:
                _store(db, (community, rule_id, day), None, policies)
                if late != hint:
                    _wait(db, (community, rule_id, day), late)
                continue
            reckoned = None if rule is None else reckoner.day(rule, day)
            _store(db, (community, rule_id, day), reckoned, policies)
        db.execute(
            "DELETE FROM unshared WHERE community = ? AND rule = ? AND day = ?",
            (community, rule_id, day),
        )
        done += 1
    return done


def _wait(db: sqlite3.Connection, key: tuple[str, str, str], late: str) -> None:
    db.execute(
        "UPDATE unshared SET waits_for = ? WHERE community = ? AND rule = ? AND day = ?",
        (late, *key),
    )


def _store(
    db: sqlite3.Connection, key: tuple[str, str, str], reckoned: Day | None, policies: Policies
) -> None:
    """Put a day in the place of what was reckoned of it before; None: it is not reckoned."""
    community, rule_id, day = key
    before = {
        member: Moved(taken, given)
        for member, taken, given in db.execute(
            "SELECT member, taken, given FROM shared WHERE community = ? AND rule = ? AND day = ?",
            key,
        )
    }
    after = reckoned.moved if reckoned else {}
    changed = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    db.executemany(
        "DELETE FROM shared WHERE community = ? AND rule = ? AND day = ? AND member = ?",
        [(*key, name) for name in changed],
    )
    db.executemany(
        "INSERT INTO shared VALUES (?, ?, ?, ?, ?, ?)",
        [(community, rule_id, name, day, *after[name]) for name in changed if name in after],
    )
    db.execute("DELETE FROM shared_day WHERE community = ? AND rule = ? AND day = ?", key)
    if reckoned:
        row = (*key, reckoned.produced, reckoned.shared)
        db.execute("INSERT INTO shared_day VALUES (?, ?, ?, ?, ?)", row)
    # Where a later policy has no such rule, it marked the claims of the day itself.
    if rule := sharing(policies, rule_id, day):
        period = period_of(day, rule.weeks)
        db.executemany(
            "INSERT OR IGNORE INTO dirty VALUES (?, ?, ?, ?)",
            [(community, *Claim(rule_id, name, period)) for name in changed],
        )
