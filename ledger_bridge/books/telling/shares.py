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
from ledger_bridge.books.quantity import Amount
from ledger_bridge.books.settle.due import concerned, due_most, find, shares
from ledger_bridge.books.settle.quantities import Brought, Tally
from ledger_bridge.books.telling.sentences import DAY_COUNTED, TOO_LITTLE, of_cap
from ledger_bridge.books.telling.standing import standing

# A deposit by where it stands: gateway, chain, number.
_Place = tuple[str, str, int]


class Share(NamedTuple):
    """Smallest units of `asset` by one rule. `said` is that the claim has reached its cap with it,
    or that its day is counted already, in English and in Dutch; or it is empty.
    """

    amount: int
    asset: str
    said: tuple[str, ...]


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
            more = said if any(said) else share.said or said
            return Told(CREDITED, share.amount, share.asset, *more)
        reason = next((one.said for one in found if one.said), TOO_LITTLE)
        return Told(COUNTED, 0, "", *reason)

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
        file = rules.load(rule.rule)
        places: list[_Place] = []
        brought: list[tuple[str, Amount]] = []
        again: list[bool] = []  # of a rule that counts days, whether the day was counted before
        days: set[str] = set()
        for gateway, chain, seq, fraction, amount, is_verified, day in self._db.execute(
            "SELECT gateway, chain, seq, counts_as, counted, is_verified, day FROM deposit"
            " WHERE community = ? AND member = ? AND day BETWEEN ? AND ? AND counted != 0"
            " ORDER BY at_ms, gateway, chain, seq",
            (self._community, claim.member, *days_of(claim.period)),
        ):
            tally = Tally(policy, rule)
            tally.add(Brought(fraction, bool(is_verified), day, amount, 1))
            quantity = tally.quantities().get(fraction)
            if quantity is None:
                continue
            again.append(day in days and file.measure(rule, fraction) == "days")
            days.add(day)
            places.append((gateway, chain, seq))
            brought.append((fraction, 0 if again[-1] else quantity))
        added = shares(policy, rule, brought)
        most = due_most(policy, rule)
        found = {}
        for place, is_again, share, so_far in zip(
            places, again, added, accumulate(added), strict=True
        ):
            said: tuple[str, ...] = DAY_COUNTED if is_again else ()
            if abs(so_far) == most:
                said = of_cap(rule.weeks, is_charge=so_far < 0)
            found[place] = Share(share, rule.asset, said)
        return found
