"""What a deposit added to what is due, and how it stands therefore. For looking at only.

The books know a claim as a whole: a share is what a deposit added to it in the order of time,
gateway, chain and number. Together the shares of a claim are its due.
"""

import sqlite3
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from gateway.contract.credit import COUNTED, CREDITED
from ledger_bridge.books import rules
from ledger_bridge.books.book import Claim
from ledger_bridge.books.calendar import days_of
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.settle.due import concerned, due_most, find, shares
from ledger_bridge.books.telling.sentences import TOO_LITTLE, of_cap
from ledger_bridge.books.telling.standing import standing

# A deposit by where it stands: gateway, chain, number.
_Place = tuple[str, str, int]


class Share(NamedTuple):
    """Smallest units of `asset` by one rule; `is_last`: with it the claim has reached its cap."""

    amount: int
    asset: str
    is_last: bool
    weeks: int


class Told(NamedTuple):
    """How a deposit stands; `amount` in smallest units of `asset`, 0 and "" for nothing.

    `state` is credited, counted, held or withdrawn; the sentences are "" for nothing to say.
    """

    state: str
    amount: int
    asset: str
    sentence: str
    zin: str


class Shares:
    """Shares of deposits, each claim reckoned once."""

    def __init__(self, db: sqlite3.Connection, community: str, policies: Policies) -> None:
        self._db = db
        self._community = community
        self._policies = policies
        self._claims: dict[Claim, dict[_Place, Share]] = {}

    def told(self, deposit: Mapping[str, Any]) -> Told:
        """How a deposit stands: a row of the table by its columns."""
        state, *said = standing(
            deposit["counts_as"],
            deposit["day"],
            deposit["verdict"],
            is_verified=bool(deposit["is_verified"]),
            policies=self._policies,
        )
        if state != CREDITED:
            return Told(state, 0, "", *said)
        found = self._of(deposit)
        if share := next((one for one in found if one.amount), None):
            more = of_cap(share.weeks) if share.is_last and not any(said) else said
            return Told(CREDITED, share.amount, share.asset, *more)
        capped = next((one for one in found if one.is_last), None)
        return Told(COUNTED, 0, "", *(of_cap(capped.weeks) if capped else TOO_LITTLE))

    def _of(self, deposit: Mapping[str, Any]) -> list[Share]:
        """What a deposit added by each rule that rewards it."""
        place = deposit["gateway"], deposit["chain"], deposit["seq"]
        found = []
        for rule, period in concerned(
            self._policies, "deposit", deposit["counts_as"], deposit["day"]
        ):
            claim = Claim(rule, deposit["member"], period)
            if claim not in self._claims:
                self._claims[claim] = self._claim(claim)
            if place in self._claims[claim]:
                found.append(self._claims[claim][place])
        return found

    def _claim(self, claim: Claim) -> dict[_Place, Share]:
        ruling = find(self._policies, claim.rule, claim.period)
        assert ruling, f"no policy knows the rule of {claim}"
        _, policy, rule = ruling
        touches = rules.load(rule.rule).touches
        rows = [
            ((gateway, chain, seq), fraction, amount)
            for gateway, chain, seq, fraction, amount in self._db.execute(
                "SELECT gateway, chain, seq, counts_as, counted FROM deposit WHERE community = ?"
                " AND member = ? AND day BETWEEN ? AND ? AND counted != 0 AND (is_verified OR ?)"
                " ORDER BY at_ms, gateway, chain, seq",
                (
                    self._community,
                    claim.member,
                    *days_of(claim.period),
                    not policy.assets[rule.asset].redeemable,
                ),
            )
            if touches(rule, fraction)
        ]
        added = shares(policy, rule, ((fraction, amount) for _, fraction, amount in rows))
        most = due_most(policy, rule)
        return {
            place: Share(share, rule.asset, so_far == most, rule.weeks)
            for (place, _, _), share, so_far in zip(rows, added, accumulate(added), strict=True)
        }
