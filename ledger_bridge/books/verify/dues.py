"""The part of `verify` that reckons what is due, from tables that were compared by now."""

from collections.abc import Iterator

from gateway.contract.record import to_json
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import period_of
from ledger_bridge.books.closing.sealed import Sealed
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.policy.conditions import is_conditional
from ledger_bridge.books.policy.rule import Rule
from ledger_bridge.books.quantity import QUANTITIES
from ledger_bridge.books.rules import Reads
from ledger_bridge.books.settle.due import concerned, find
from ledger_bridge.books.settle.quantities import Brought, Counted, Fact, Given, Shared, Tally
from ledger_bridge.books.settle.unshared import sharing
from ledger_bridge.books.verify.look import ClaimRow, Differs, Look


def dues(look: Look) -> None:
    """What every claim should have got, and whether the books say so."""
    look.waiting = {
        Claim(*row)
        for row in look.rows("SELECT rule, member, period FROM dirty WHERE community = ?")
    }
    for claim, tally in _tallies(look).items():
        rule = _rule(look, claim)
        look.dues[claim] = ClaimRow(rule.asset, tally.due())
    look.claims = {
        Claim(rule, member, period): ClaimRow(asset, due)
        for rule, member, period, asset, due in look.rows(
            "SELECT rule, member, period, asset, due FROM claim WHERE community = ?"
        )
    }
    sealed = Sealed.load(look.db, look.community)
    for claim in sorted({*look.claims, *look.dues}):
        if not sealed.holds(claim):
            _check(look, claim)


def _tallies(look: Look) -> dict[Claim, Tally]:
    """What was measured on all days of each claim's period, as far as its rule counts it."""
    found: dict[Claim, Tally] = {}
    for claim, fact in _facts(look):
        tally = found.get(claim)
        if tally is None:
            ruling = find(look.policies, claim.rule, claim.period)
            assert ruling, f"no policy knows the rule of {claim}"
            tally = found[claim] = Tally(*ruling[1:])
        tally.add(fact)
    return found


def _facts(look: Look) -> Iterator[tuple[Claim, Fact]]:
    """Every fact with each claim that it may count for."""
    for register, member, day, per_pulse, total in look.rows(
        "SELECT register, member, day, per_pulse, sum(delta) FROM counter WHERE community = ?"
        " AND member IS NOT NULL AND delta != 0 GROUP BY register, member, day, per_pulse"
    ):
        counted = Counted(register, amount_of(total, per_pulse))
        for claim in _claims(look, "counter", register, member, day):
            if not is_conditional(_rule(look, claim)):
                yield claim, counted
    yield from _conditional(look)
    for fraction, is_verified, member, day, total, times in look.rows(
        "SELECT counts_as, is_verified, member, day, sum(counted), count(*) FROM deposit"
        " WHERE community = ? AND member IS NOT NULL AND counted != 0"
        " GROUP BY counts_as, is_verified, member, day"
    ):
        brought = Brought(fraction, bool(is_verified), day, total, times)
        for claim in _claims(look, "deposit", fraction, member, day):
            yield claim, brought
    for activity, member, day, minutes, times in look.rows(
        "SELECT activity, member, day, sum(minutes), count(*) FROM attestation"
        " WHERE community = ? AND verdict = '' GROUP BY activity, member, day"
    ):
        given = Given(activity, day, minutes * QUANTITIES["min"], times)
        for claim in _claims(look, "attested", activity, member, day):
            yield claim, given
    for rule_id, member, day, taken, total in look.rows(
        "SELECT rule, member, day, taken, given FROM shared WHERE community = ?"
    ):
        # A day that a later policy shares no longer is marked, and its claims are.
        if rule := sharing(look.policies, rule_id, day):
            claim = Claim(rule_id, member, period_of(day, rule.weeks))
            if (rule_id, day) in look.unshared:
                look.waiting.add(claim)
            else:
                yield claim, Shared("taken", taken)
                yield claim, Shared("given", total)
    yield from _unshared(look)


def _unshared(look: Look) -> Iterator[tuple[Claim, Fact]]:
    """Shared energy of the days that are to be reckoned anew: their claims are being settled."""
    for (rule_id, day), moved in look.unshared.items():
        if rule := sharing(look.policies, rule_id, day):
            for member, (taken, given) in moved.items():
                claim = Claim(rule_id, member, period_of(day, rule.weeks))
                look.waiting.add(claim)
                yield claim, Shared("taken", taken)
                yield claim, Shared("given", given)


def _conditional(look: Look) -> Iterator[tuple[Claim, Fact]]:
    """The counters of rules that ask for more than the sum of a day."""
    registers = {
        key
        for one in look.policies.in_order
        for rule in one.policy.rules
        if is_conditional(rule)
        for key in rules.load(rule.rule).rewards(rule)
    }
    if not registers:
        return
    for register, member, day, per_pulse, quarter, grade, is_substitute, total in look.rows(
        "SELECT register, member, day, per_pulse, quarter, grade, substitute, sum(delta)"
        " FROM counter WHERE community = ? AND member IS NOT NULL AND delta != 0"
        " AND register IN (SELECT value FROM json_each(?))"
        " GROUP BY register, member, day, per_pulse, quarter, grade, substitute",
        to_json(sorted(registers)).decode(),
    ):
        amount = amount_of(total, per_pulse)
        for claim in _claims(look, "counter", register, member, day):
            if is_conditional(_rule(look, claim)):
                yield claim, Counted(register, amount, quarter, grade, is_substitute)


def _claims(look: Look, word: Reads, key: str, member: str, day: str) -> list[Claim]:
    return [
        Claim(rule, member, period) for rule, period in concerned(look.policies, word, key, day)
    ]


def _rule(look: Look, claim: Claim) -> Rule:
    ruling = find(look.policies, claim.rule, claim.period)
    assert ruling, f"no policy knows the rule of {claim}"
    return ruling[2]


def _check(look: Look, claim: Claim) -> None:
    where = f"claim {claim.rule} {claim.member} {claim.period}"
    due, has = look.dues.get(claim), look.claims.get(claim)
    due_, has_ = due.due if due else 0, has.due if has else 0
    is_other = bool(due and has and due.asset != has.asset)
    if claim in look.waiting:
        look.unsettled += is_other or due_ != has_
    elif due and has and is_other:
        raise Differs(f"{due.asset} is due, the books have {has.asset}", where)
    elif due_ != has_:
        raise Differs(f"{due_} is due by the evidence, the books have {has_}", where)
