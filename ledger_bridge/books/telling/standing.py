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
    earns, is_kept_from = False, False
    in_force = policies.on(day)
    for rule in in_force.policy.rules if in_force else ():
        file = rules.load(rule.rule)
        if file.READS != "deposit" or not file.touches(rule, counts_as):
            continue
        if file.earned(rule, {counts_as: _SOME}) == 0:
            continue
        assert in_force
        if is_verified or not in_force.policy.assets[rule.asset].redeemable:
            earns = True
        else:
            is_kept_from = True
    if is_kept_from:
        return Standing(CREDITED if earns else COUNTED, *sentences.REMARK[sentences.UNVERIFIED])
    if earns:
        return Standing(CREDITED, "", "")
    is_known = in_force is not None and counts_as in in_force.policy.fractions
    word = sentences.EARNS_NOTHING if is_known else sentences.UNKNOWN_KIND
    return Standing(COUNTED, *sentences.REMARK[word])
