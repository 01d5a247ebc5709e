"""What a claim should have got: a pure function of quantities and the rule, and nothing else."""

from collections.abc import Mapping
from fractions import Fraction

from ledger_bridge.books import rules
from ledger_bridge.books.policy import Policies, Policy, Rule
from ledger_bridge.books.quantity import Amount

# No claim is due more, whatever its rule: sums of many stay far below a signed 64-bit integer.
DUE_MAX = 10**14


def due(policy: Policy, rule: Rule, quantities: Mapping[str, Amount]) -> int:
    """Smallest units of the rule's asset: min(cap, floor of the sum), one floor per period."""
    one = 10 ** policy.assets[rule.asset].scale
    whole = _floor(rules.load(rule.rule).earned(rule, quantities), one)
    cap = DUE_MAX if rule.cap_per_day is None else _floor(rule.cap_per_day, one)
    return min(whole, cap, DUE_MAX)


def _floor(credit: Fraction, one: int) -> int:
    """Whole smallest units in an exact amount of credit, the rest let go."""
    return credit.numerator * one // credit.denominator


def find(policies: Policies, rule_id: str, day: str) -> tuple[str, Policy, Rule] | None:
    """(policy hash, policy, rule) that this rule id means on this day."""
    if (rule_id, day) not in policies.found:
        policies.found[rule_id, day] = _find(policies, rule_id, day)
    return policies.found[rule_id, day]


def _find(policies: Policies, rule_id: str, day: str) -> tuple[str, Policy, Rule] | None:
    in_force = policies.on(day)
    if in_force is None:
        return None
    for rule in in_force.policy.rules:
        if rule.id == rule_id:
            return in_force.hash, in_force.policy, rule
    return None


def concerned(policies: Policies, reads: str, key: str, day: str) -> tuple[str, ...]:
    """The ids of the rules that a register ("counter") or a fraction ("deposit") concerns."""
    known = policies.concerned.get((reads, key, day))
    if known is None:
        known = policies.concerned[reads, key, day] = _concerned(policies, reads, key, day)
    return known


def _concerned(policies: Policies, reads: str, key: str, day: str) -> tuple[str, ...]:
    in_force = policies.on(day)
    if in_force is None:
        return ()
    files = [(rule, rules.load(rule.rule)) for rule in in_force.policy.rules]
    return tuple(rule.id for rule, file in files if reads == file.READS and file.touches(rule, key))
