"""How a deposit stands, and why: the word and the sentences that people read of it. Pure."""

from typing import NamedTuple

from gateway.contract.credit import COUNTED, CREDITED, HELD, WITHDRAWN
from ledger_bridge.books import rules
from ledger_bridge.books.facts.deposits import WAITING
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.telling import sentences

# What a rate is tried on: a kilogram, or a thousand pieces.
_SOME = 1_000_000


class Standing(NamedTuple):
    """`state` is credited, counted, held or withdrawn; the sentences are "" for nothing to say."""

    state: str
    sentence: str
    zin: str


def standing(
    counts_as: str, day: str, verdict: str, *, is_verified: bool, policies: Policies
) -> Standing:
    """How a deposit of this fraction on this local day stands by the rules of the day."""
    if verdict:
        state = HELD if verdict in WAITING else WITHDRAWN
        return Standing(state, *sentences.DEPOSIT[verdict])
    earns, is_charged, is_kept_from = False, False, False
    in_force = policies.on(day)
    for rule in in_force.policy.rules if in_force else ():
        file = rules.load(rule.rule)
        if "deposit" not in file.READS or not file.touches(rule, counts_as):
            continue
        assert in_force
        earned = file.earned(rule, {counts_as: _SOME})
        needs_scale = file.measure(rule, counts_as) == "amount"
        if needs_scale and not is_verified and in_force.policy.assets[rule.asset].redeemable:
            is_kept_from |= earned != 0
        else:
            earns |= earned > 0
            is_charged |= earned < 0
    if is_kept_from:
        state = CREDITED if earns or is_charged else COUNTED
        return Standing(state, *sentences.REMARK[sentences.UNVERIFIED])
    if is_charged:
        return Standing(CREDITED, *sentences.REMARK[sentences.CHARGED])
    if earns:
        return Standing(CREDITED, "", "")
    is_known = in_force is not None and counts_as in in_force.policy.fractions
    word = sentences.EARNS_NOTHING if is_known else sentences.UNKNOWN_KIND
    return Standing(COUNTED, *sentences.REMARK[word])
