"""The part of `verify` that reckons what is due, from tables that were compared by now."""

from collections import defaultdict
from collections.abc import Iterator

from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.believe import amount_of
from ledger_bridge.books.facts.deposits import Brought
from ledger_bridge.books.quantity import Amount
from ledger_bridge.books.settle.due import concerned
from ledger_bridge.books.settle.settle import reckon
from ledger_bridge.books.verify.look import ClaimRow, Differs, Look

Measured = dict[str | Brought, Amount]


def dues(look: Look) -> None:
    """What every claim should have got, and whether the books say so."""
    look.waiting = {
        Claim(*row)
        for row in look.rows("SELECT rule, member, period FROM dirty WHERE community = ?")
    }
    for claim, quantities in _by_claim(look).items():
        reckoned = reckon(claim, quantities, look.policies)
        look.dues[claim] = ClaimRow(reckoned.asset, reckoned.due)
    look.claims = {
        Claim(rule, member, period): ClaimRow(asset, due)
        for rule, member, period, asset, due in look.rows(
            "SELECT rule, member, period, asset, due FROM claim WHERE community = ?"
        )
    }
    for claim in sorted({*look.claims, *look.dues}):
        _check(look, claim)


def _by_claim(look: Look) -> dict[Claim, Measured]:
    """What was measured on all days of each claim's period."""
    found: dict[Claim, Measured] = defaultdict(dict)
    for reads, name, key, member, day, amount in _measured(look):
        for rule, period in concerned(look.policies, reads, name, day):
            measured = found[Claim(rule, member, period)]
            measured[key] = measured.get(key, 0) + amount
    return found


def _measured(look: Look) -> Iterator[tuple[str, str, str | Brought, str, str, Amount]]:
    for register, member, day, per_pulse, total in look.rows(
        "SELECT register, member, day, per_pulse, sum(delta) FROM counter WHERE community = ?"
        " AND member IS NOT NULL AND delta != 0 GROUP BY register, member, day, per_pulse"
    ):
        yield "counter", register, register, member, day, amount_of(total, per_pulse)
    for fraction, is_verified, member, day, total in look.rows(
        "SELECT counts_as, is_verified, member, day, sum(counted) FROM deposit"
        " WHERE community = ? AND member IS NOT NULL AND counted != 0"
        " GROUP BY counts_as, is_verified, member, day"
    ):
        yield "deposit", fraction, Brought(fraction, bool(is_verified)), member, day, total


def _check(look: Look, claim: Claim) -> None:
    where = f"claim {claim.rule} {claim.member} {claim.period}"
    due, has = look.dues.get(claim), look.claims.get(claim)
    if due and has and due.asset != has.asset:
        raise Differs(f"{due.asset} is due, the books have {has.asset}", where)
    due_, has_ = due.due if due else 0, has.due if has else 0
    if due_ != has_ and claim not in look.waiting:
        raise Differs(f"{due_} is due by the evidence, the books have {has_}", where)
