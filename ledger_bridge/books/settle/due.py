"""What a claim should have got: a pure function of quantities and the rule, and nothing else."""

from collections.abc import Iterable, Mapping

from ledger_bridge.books import rules
from ledger_bridge.books.calendar import days_of, period_of
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.policy.policy import Policy
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import Amount

# No claim is due more, whatever its rule: sums of many stay far below a signed 64-bit integer.
DUE_MAX = 10**14


def due(policy: Policy, rule: Rule, quantities: Mapping[str, Amount]) -> int:
    """Smallest units of the rule's asset: min(cap, floor of the sum), one floor per period.

    `quantities` are those of all days of the period. Of a charge it is the floor of the amount,
    below zero: what is left over is in the member's favour.
    """
    one: int = 10 ** policy.assets[rule.asset].scale
    earned = rules.load(rule.rule).earned(rule, quantities)
    whole = min(abs(earned.numerator) * one // earned.denominator, due_most(policy, rule))
    return whole if earned.numerator >= 0 else -whole


def due_most(policy: Policy, rule: Rule) -> int:
    """The most that a claim may be due by this rule, or be charged."""
    if rule.cap is None:
        return DUE_MAX
    one: int = 10 ** policy.assets[rule.asset].scale
    return min(rule.cap.most.numerator * one // rule.cap.most.denominator, DUE_MAX)


def shares(policy: Policy, rule: Rule, brought: Iterable[tuple[str, Amount]]) -> list[int]:
    """What each deposit of a claim, as (fraction, quantity), added to what is due for it.

    They come in the order of time, gateway, chain and number. For looking at only: the books know
    the claim as a whole. Together the shares are its due, exactly.
    """
    sums: dict[str, Amount] = {}
    found, before = [], 0
    for fraction, amount in brought:
        sums[fraction] = sums.get(fraction, 0) + amount
        after = due(policy, rule, sums)
        found.append(after - before)
        before = after
    return found


def find(policies: Policies, rule_id: str, period: str) -> tuple[str, Policy, Rule] | None:
    """(policy hash, policy, rule) that this rule id means in this period.

    The policy of its first day is that of its last: policies begin where periods do. None where no
    rule has the id, or its periods are others.
    """
    if (rule_id, period) not in policies.found:
        policies.found[rule_id, period] = _find(policies, rule_id, period)
    return policies.found[rule_id, period]


def _find(policies: Policies, rule_id: str, period: str) -> tuple[str, Policy, Rule] | None:
    in_force = policies.on(days_of(period)[0])
    if in_force is None:
        return None
    for rule in in_force.policy.rules:
        if rule.id == rule_id and period_of(days_of(period)[0], rule.weeks) == period:
            return in_force.hash, in_force.policy, rule
    return None


def concerned(policies: Policies, reads: str, key: str, day: str) -> tuple[tuple[str, str], ...]:
    """(rule id, period) of the rules that read this and that a register, a fraction or an activity
    concerns.
    """
    known = policies.concerned.get((reads, key, day))
    if known is None:
        known = policies.concerned[reads, key, day] = _concerned(policies, reads, key, day)
    return known


def _concerned(policies: Policies, reads: str, key: str, day: str) -> tuple[tuple[str, str], ...]:
    in_force = policies.on(day)
    if in_force is None:
        return ()
    files = [(rule, rules.load(rule.rule)) for rule in in_force.policy.rules]
    return tuple(
        (rule.id, period_of(day, rule.weeks))
        for rule, file in files
        if reads in file.READS and file.touches(rule, key)
    )
