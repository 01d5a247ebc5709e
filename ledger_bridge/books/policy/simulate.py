"""What other rules would have given for what was measured, beside what was really due. Read-only.

Facts are taken as they were judged: what waits for a steward waits here as well. Only attested time
of an activity that no rule knew counts where the other rules know it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from typing import NamedTuple

from gateway.contract.errors import Problem, UsageError
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_of, period_of
from ledger_bridge.books.facts.attested import ACTIVITY
from ledger_bridge.books.policy.key_files import Files
from ledger_bridge.books.policy.policies import InForce, Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.policy.sharing_keys import Sharing
from ledger_bridge.books.quantity import QUANTITIES
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.quantities import Fact, Given, Shared, Tally, of_claims
from ledger_bridge.books.settle.ripe import Ripeness
from ledger_bridge.books.settle.settle import reckon
from ledger_bridge.books.settle.shared_days import Reckoner

# Ten years: what anybody keeps.
DAYS_MAX = 3_660

# How many steps are done, of how many.
Progress = Callable[[int, int], None]


class Change(NamedTuple):
    """Smallest units: what was due, and what would have been."""

    before: int
    after: int


class Key(NamedTuple):
    """Whose change, in which asset, by which rule; a member, or an account by name."""

    holder: str
    asset: str
    rule: str


class Simulated(NamedTuple):
    """The changes over all periods that have a day from `first` to `last`; none is left out that
    is not 0 before and after. `waiting` claims and shared days are still to be settled.
    """

    first: str
    last: str
    changes: dict[Key, Change]
    waiting: int


class _Always(Policies):
    """One policy as if it ruled every day."""

    def __init__(self, policy: Policy) -> None:
        super().__init__([InForce(policy, "")])

    def on(self, day: str) -> InForce:  # noqa: ARG002 - every day is like another
        return self.in_order[0]


def simulate(
    db: sqlite3.Connection,
    community: str,
    policy: Policy,
    *,
    registry: Registry,
    first: str,
    last: str,
    progress: Progress,
    files: Files | None = None,
) -> Simulated:
    """What `policy` would have given on these local days. Raises UsageError for too many days.

    `files` are those of its coefficients that nobody handed in yet.
    """
    days = list(_days(first, last))
    if not 0 < len(days) <= DAYS_MAX:
        where = f"--from {first} --to {last}"
        raise UsageError(Problem(f"{len(days)} days", where, f"1 to {DAYS_MAX} days"))
    found: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for claim, asset, due in _due_before(db, community, first, last):
        found[Key(claim.member, asset, claim.rule)][0] += due
    reckoner = Reckoner(db, community, registry, always := _Always(policy), files=files)
    after = _After(db, community, registry, always, reckoner=reckoner, days=days, progress=progress)
    for claim, asset, due in after.due():
        found[Key(claim.member, asset, claim.rule)][1] += due
    changes = {key: Change(*both) for key, both in sorted(found.items()) if any(both)}
    return Simulated(first, last, changes, _waiting(db, community, first, last))


def _days(first: str, last: str) -> Iterator[str]:
    day, end = date.fromisoformat(first), date.fromisoformat(last)
    while day <= end:
        yield day.isoformat()
        day += timedelta(days=1)


def _due_before(
    db: sqlite3.Connection, community: str, first: str, last: str
) -> Iterator[tuple[Claim, str, int]]:
    """Claims whose period has a day in these, with asset and due."""
    for rule, member, period, asset, due in db.execute(
        "SELECT rule, member, period, asset, due FROM claim"
        " WHERE community = ? AND substr(period, 1, 10) <= ? AND due != 0",
        (community, last),
    ):
        if days_of(period)[1] >= first:
            yield Claim(rule, member, period), asset, due


def _waiting(db: sqlite3.Connection, community: str, first: str, last: str) -> int:
    periods = db.execute("SELECT period FROM dirty WHERE community = ?", (community,))
    claims = [days_of(period) for (period,) in periods]
    days = db.execute(
        "SELECT count(*) FROM unshared WHERE community = ? AND day BETWEEN ? AND ?",
        (community, first, last),
    ).fetchone()[0]
    return sum(begins <= last and ends >= first for begins, ends in claims) + int(days)


class _After:
    """What one policy makes of all that was measured on some days."""

    def __init__(
        self,
        db: sqlite3.Connection,
        community: str,
        registry: Registry,
        always: _Always,
        *,
        reckoner: Reckoner,
        days: list[str],
        progress: Progress,
    ) -> None:
        self._db = db
        self._community = community
        self._registry = registry
        self._always = always
        self._days = days
        self._progress = progress
        self._policy = always.in_order[0].policy
        self._ripeness = Ripeness(db, community, registry, always.zone)
        self._reckoner = reckoner
        self._sharing = [rule for rule in self._policy.rules if isinstance(rule, Sharing)]
        self._others = [rule for rule in self._policy.rules if not isinstance(rule, Sharing)]

    def due(self) -> Iterator[tuple[Claim, str, int]]:
        """Each claim that something would have been due for, with the asset."""
        steps = len(self._registry.accounts) if self._others else 0
        shared = {rule.id: self._whole_days(rule) for rule in self._sharing}
        total = steps + sum(map(len, shared.values()))
        done = 0
        for member in self._registry.accounts if self._others else ():
            yield from self._of_member(member)
            self._progress(done := done + 1, total)
        for rule in self._sharing:
            tallies: dict[Claim, Tally] = {}
            for day in shared[rule.id]:
                self._share(rule, day, tallies)
                self._progress(done := done + 1, total)
            for claim, tally in tallies.items():
                if due := tally.due():
                    yield claim, rule.asset, due

    def _periods(self, rule: Rule) -> list[str]:
        return list(dict.fromkeys(period_of(day, rule.weeks) for day in self._days))

    def _whole_days(self, rule: Rule) -> list[str]:
        """All days of all periods of a rule that have a day among those asked for."""
        return [day for period in self._periods(rule) for day in _days(*days_of(period))]

    def _of_member(self, member: str) -> Iterator[tuple[Claim, str, int]]:
        claims = [
            Claim(rule.id, member, period)
            for rule in self._others
            for period in self._periods(rule)
        ]
        facts = of_claims(self._db, self._community, self._always, claims)
        new = list(self._newly_known(member))
        for claim, measured in facts.items():
            begins, ends = days_of(claim.period)
            more = [fact for fact in new if begins <= fact.day <= ends]
            yield from self._reckoned(claim, [*measured, *more])

    def _reckoned(self, claim: Claim, facts: Iterable[Fact]) -> Iterator[tuple[Claim, str, int]]:
        reckoned = reckon(claim, facts, self._always)
        if reckoned.due:
            yield claim, reckoned.asset, reckoned.due

    def _newly_known(self, member: str) -> Iterator[Given]:
        """What was attested of activities that no rule of its day knew."""
        if not any("attested" in rules.load(rule.rule).READS for rule in self._others):
            return
        for activity, day, minutes, times in self._db.execute(
            "SELECT activity, day, sum(minutes), count(*) FROM attestation WHERE community = ?"
            " AND member = ? AND verdict = ? GROUP BY activity, day",
            (self._community, member, ACTIVITY),
        ):
            yield Given(activity, day, minutes * QUANTITIES["min"], times)

    def _share(self, rule: Sharing, day: str, tallies: dict[Claim, Tally]) -> None:
        """Add what everybody took and gave on a day, where it is ripe."""
        if not self._ripeness.is_ripe(day, rule.registers):
            return
        for member, moved in self._reckoner.day(rule, day).moved.items():
            claim = Claim(rule.id, member, period_of(day, rule.weeks))
            tally = tallies.setdefault(claim, Tally(self._policy, rule))
            tally.add(Shared("taken", moved.taken))
            tally.add(Shared("given", moved.given))
