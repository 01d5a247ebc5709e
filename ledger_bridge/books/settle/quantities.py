"""What was measured for a claim, and how much of it its rule counts. Exact.

The tables are read set-wise, for many claims at once; what a rule makes of what is found there is
the same for settling, for verifying and for telling.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from gateway.contract.record import to_json
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.policy.conditions import Conditions, is_conditional
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import QUANTITIES, Amount
from ledger_bridge.books.settle.due import due

_ONE = QUANTITIES["piece"]  # a time, or a day, in thousandths


class Counted(NamedTuple):
    """What a register counted up, in thousandths of its unit.

    The quarter-hour since 1970, the grade and whether it is a substitute are there for rules that
    ask for them; for others all is one sum.
    """

    register: str
    amount: Amount
    quarter: int | None = None
    grade: str = ""
    is_substitute: int = 0


class Brought(NamedTuple):
    """What was brought of a fraction on a day: mg or thousandths of a piece, in so many deposits.

    Apart by whether a verified scale weighed it.
    """

    fraction: str
    is_verified: bool
    day: str
    amount: int
    times: int


class Given(NamedTuple):
    """What was attested of an activity on a day: thousandths of a minute, in so many times."""

    activity: str
    day: str
    amount: int
    times: int


class Shared(NamedTuple):
    """Shared energy in mWh: "taken" or "given"."""

    key: str
    amount: int


Fact = Counted | Brought | Given | Shared
Facts = dict[Claim, list[Fact]]

# A period is a day, or a day and its weeks: 2026-06-15/4w.
_MARKED = """
    WITH named AS ({named}), marked AS MATERIALIZED (
        SELECT rule, member, period, substr(period, 1, 10) AS first, date(
            substr(period, 1, 10), '+' || max(0, 7 * substr(period, 12) - 1) || ' days'
        ) AS last
        FROM named
    )
"""
DIRTY = "SELECT rule, member, period FROM dirty WHERE community = :community LIMIT :limit"
_GIVEN = (
    "SELECT value ->> 0 AS rule, value ->> 1 AS member, value ->> 2 AS period"
    " FROM json_each(:claims)"
)

# How the days of a claim are found: most are about one, and an index leads to its registers.
_DAYS = (
    "counter.day = marked.period",
    "marked.first != marked.last AND counter.day BETWEEN marked.first AND marked.last",
)


def of_dirty(db: sqlite3.Connection, community: str, policies: Policies, limit: int) -> Facts:
    """What was measured for each of the first so many dirty claims."""
    return _Reading(db, community, policies, DIRTY, {"limit": limit}).facts()


def of_claims(
    db: sqlite3.Connection, community: str, policies: Policies, claims: Iterable[Claim]
) -> Facts:
    """What was measured for each of these claims."""
    named = {"claims": to_json(list(claims)).decode()}
    return _Reading(db, community, policies, _GIVEN, named).facts()


class _Reading:
    """The tables of facts, read for marked claims, for the rules of any policy that have their ids.

    What no policy's rule reads is not looked at.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        community: str,
        policies: Policies,
        named: str,
        which: dict[str, Any],
    ) -> None:
        self._db = db
        self._rules = [rule for one in policies.in_order for rule in one.policy.rules]
        self._marked = _MARKED.format(named=named)
        self._which = {"community": community, **which}

    def facts(self) -> Facts:
        # A claim as the database gives it equals its Claim: both are tuples.
        found: dict[tuple[str, ...], list[Fact]] = {
            row: [] for row in self._rows("SELECT rule, member, period FROM marked")
        }
        for read in (self._counted, self._brought, self._given, self._shared):
            for claim, fact in read():
                found[claim].append(fact)
        return {Claim(*claim): facts for claim, facts in found.items()}

    def _rows(self, statement: str, **more: Any) -> Iterator[tuple[Any, ...]]:
        return iter(self._db.execute(f"{self._marked} {statement}", {**self._which, **more}))

    def _reading(self, word: str) -> list[Rule]:
        return [rule for rule in self._rules if word in rules.load(rule.rule).READS]

    def _counted(self) -> Iterator[tuple[tuple[str, ...], Fact]]:
        some = self._reading("counter")
        # A rule that asks in one policy and not in another is read as finely for both.
        asking = {rule.id for rule in some if is_conditional(rule)}
        plain = [rule for rule in some if rule.id not in asking]
        yield from self._counters(plain, "")
        fine = [rule for rule in some if rule.id in asking]
        yield from self._counters(fine, ", quarter, grade, substitute")

    def _counters(self, some: list[Rule], apart: str) -> Iterator[tuple[tuple[str, ...], Fact]]:
        """The increases of what these rules reward, summed apart by these columns."""
        if not some:
            return
        registers = {key for rule in some for key in rules.load(rule.rule).rewards(rule)}
        for days in _DAYS if any(rule.weeks for rule in some) else _DAYS[:1]:
            for rule, member, period, register, per_pulse, total, *more in self._rows(
                f"""SELECT rule, marked.member, period, register, per_pulse, sum(delta) {apart}
                FROM marked CROSS JOIN counter INDEXED BY counter_of_member
                    ON counter.community = :community
                    AND counter.member = marked.member AND {days}
                    AND counter.register IN (SELECT value FROM json_each(:registers))
                WHERE rule IN (SELECT value FROM json_each(:rules))
                GROUP BY rule, marked.member, period, register, per_pulse {apart}""",
                registers=_json(registers),
                rules=_ids(some),
            ):
                amount = amount_of(total, per_pulse) if per_pulse else total
                yield (rule, member, period), Counted(register, amount, *more)

    def _brought(self) -> Iterator[tuple[tuple[str, ...], Fact]]:
        if some := self._reading("deposit"):
            for *claim, fraction, is_verified, day, amount, times in self._rows(
                """SELECT rule, marked.member, period, counts_as, is_verified, day, sum(counted),
                    count(*)
                FROM marked JOIN deposit ON deposit.community = :community
                    AND deposit.member = marked.member AND deposit.day BETWEEN first AND last
                    AND counted != 0
                WHERE rule IN (SELECT value FROM json_each(:rules))
                GROUP BY rule, marked.member, period, counts_as, is_verified, day""",
                rules=_ids(some),
            ):
                yield tuple(claim), Brought(fraction, bool(is_verified), day, amount, times)

    def _given(self) -> Iterator[tuple[tuple[str, ...], Fact]]:
        if some := self._reading("attested"):
            for *claim, activity, day, minutes, times in self._rows(
                """SELECT rule, marked.member, period, activity, day, sum(minutes), count(*)
                FROM marked JOIN attestation ON attestation.community = :community
                    AND attestation.member = marked.member
                    AND attestation.day BETWEEN first AND last AND verdict = ''
                WHERE rule IN (SELECT value FROM json_each(:rules))
                GROUP BY rule, marked.member, period, activity, day""",
                rules=_ids(some),
            ):
                yield tuple(claim), Given(activity, day, minutes * QUANTITIES["min"], times)

    def _shared(self) -> Iterator[tuple[tuple[str, ...], Fact]]:
        if some := self._reading("shared"):
            for *claim, taken, given in self._rows(
                """SELECT marked.rule, marked.member, period, sum(taken), sum(given)
                FROM marked JOIN shared ON shared.community = :community
                    AND shared.rule = marked.rule AND shared.member = marked.member
                    AND shared.day BETWEEN first AND last
                WHERE marked.rule IN (SELECT value FROM json_each(:rules))
                GROUP BY marked.rule, marked.member, period""",
                rules=_ids(some),
            ):
                yield tuple(claim), Shared("taken", taken)
                yield tuple(claim), Shared("given", given)


def _ids(some: list[Rule]) -> str:
    return _json({rule.id for rule in some})


def _json(words: set[str]) -> str:
    return to_json(sorted(words)).decode()


class Tally:
    """How much of each register, fraction or activity a rule counts, fact by fact."""

    def __init__(self, policy: Policy, rule: Rule) -> None:
        self._policy = policy
        self._rule = rule
        self._file = rules.load(rule.rule)
        # Nearly all facts are counts for a rule that asks nothing of them.
        self._is_plain = not is_conditional(rule) and "counter" in self._file.READS
        self._sums: dict[str, Amount] = {}
        self._days: dict[str, str] = {}

    def add(self, fact: Fact) -> None:
        """Count a fact, where the rule does."""
        key, file = fact[0], self._file
        if type(fact) is Counted and self._is_plain:
            if file.touches(self._rule, key):
                self._sums[key] = self._sums.get(key, 0) + fact.amount
        elif _READ_AS[type(fact)] in file.READS and file.touches(self._rule, key):
            measure = file.measure(self._rule, key)
            if measure == "amount" or isinstance(fact, Counted | Shared):
                if _holds(self._policy, self._rule, fact):
                    self._sums[key] = self._sums.get(key, 0) + fact.amount
            elif measure == "times":
                self._sums[key] = self._sums.get(key, 0) + _ONE * fact.times
            else:  # a day counts once, whatever was brought on it
                self._days[fact.day] = min(key, self._days.get(fact.day, key))

    def quantities(self) -> dict[str, Amount]:
        """By register, fraction or activity; days by the first fraction of each, in their order."""
        found = dict(self._sums)
        for key in sorted(self._days.values()):
            found[key] = found.get(key, 0) + _ONE
        return found

    def due(self) -> int:
        """Smallest units of the rule's asset."""
        return due(self._policy, self._rule, self.quantities())


_READ_AS: dict[type[Fact], rules.Reads] = {
    Counted: "counter",
    Brought: "deposit",
    Given: "attested",
    Shared: "shared",
}


def _holds(policy: Policy, rule: Rule, fact: Fact) -> bool:
    """Whether an amount counts by the rule's conditions, and by what its asset asks."""
    if isinstance(fact, Counted) and isinstance(rule, Conditions) and is_conditional(rule):
        return not rule.refusal(
            fact.quarter, fact.grade, policy.time_zone, is_substitute=bool(fact.is_substitute)
        )
    if isinstance(fact, Brought):
        # What can be redeemed is earned on verified scales only.
        return fact.is_verified or not policy.assets[rule.asset].redeemable
    return True
