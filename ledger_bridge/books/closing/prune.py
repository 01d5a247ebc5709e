"""Letting go of evidence whose months are sealed: bytes go, digests stay.

A steward's edit asks for it; the log lists what went. What is not sealed says the same as before.
"""

import sqlite3
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec

from gateway.contract import signed
from gateway.contract.errors import PeopleError, Problem
from ledger_bridge.books.book import Batch
from ledger_bridge.books.calendar import days_of, period_of
from ledger_bridge.books.closing.papers import erase_papers
from ledger_bridge.books.closing.records import (
    RecordKey,
    before,
    erase_records,
    linked,
    ranges,
    tell_time,
)
from ledger_bridge.books.closing.sealed import Sealed, frozen
from ledger_bridge.books.facts.attested import Attestation, TakenBack
from ledger_bridge.books.facts.papers import Paper, Said
from ledger_bridge.books.policy.policies import Policies

_paper = msgspec.json.Decoder(Paper)

# Days in a row of which a claim over the most weeks may be about.
_WEEKS_DAYS = 7 * 26

# What claims of days after the pruned ones are reckoned from.
_LEFT = (
    "SELECT * FROM counter WHERE community = ? AND day > ?",
    "SELECT * FROM deposit WHERE community = ? AND day > ?",
    "SELECT * FROM attestation WHERE community = ? AND day > ?",
)


def check(db: sqlite3.Connection, community: str, up_to: str) -> None:
    """Whether evidence of days up to this one may go. Raises PeopleError."""
    sealed = Sealed.load(db, community).up_to
    if not up_to or up_to > sealed:
        what = f"what is due on {up_to} may still be corrected"
        try_ = f"at most --until {sealed}" if sealed else "months are sealed 36 months later"
        raise PeopleError(Problem(what, f"prune up to {up_to}", try_))


def last_day(up_to: str, policies: Policies) -> str:
    """The last day up to this one of which no claim over weeks, sealed later, has a part."""
    weeks = {n for one in policies.in_order for n in one.policy.weeks}
    day = date.fromisoformat(up_to)
    for _ in range(_WEEKS_DAYS):
        if all(days_of(period_of(day.isoformat(), n))[1] <= up_to for n in weeks):
            break
        day -= timedelta(days=1)
    return day.isoformat()


class Pruning:
    """The letting go of evidence, inside the caller's commit."""

    def __init__(
        self, db: sqlite3.Connection, community: str, up_to: str, policies: Policies
    ) -> None:
        self._db = db
        self._community = community
        self._last = last_day(up_to, policies)
        self._records = self._prunable()
        self._left = self._of_days_left()

    def run(self, batch: Batch) -> None:
        """Say and let go. What the registry makes of the rest is for the caller to derive."""
        db, community = self._db, self._community
        papers = self._papers()
        erase_records(db, community, self._records)
        erase_papers(db, community, papers)
        batch.leaf("seal", {**frozen(()), "records": ranges(self._records), "papers": papers})
        db.execute("INSERT OR REPLACE INTO unscrubbed VALUES (?, 0)", (community,))

    def check_others(self) -> None:
        """What is left is what it was. Raises PeopleError where it is not."""
        if self._of_days_left() != self._left:
            what = f"what was measured after {self._last} depends on what would go"
            raise PeopleError(Problem(what, "prune", "report it: this ought not to be"))

    def _of_days_left(self) -> tuple[int, int]:
        """How many facts there are, and a sum that changes with any of them."""
        number = total = 0
        for statement in _LEFT:
            for row in self._db.execute(statement, (self._community, self._last)):
                number += 1
                total ^= hash(row)
        return number, total

    def _prunable(self) -> set[RecordKey]:
        """Records all of whose facts are of days that go, and from which no other is judged."""
        db, where = self._db, (self._community, self._last)
        going = set(self._of("SELECT DISTINCT gateway, chain, seq FROM counter WHERE {} day <= ?"))
        going -= set(self._of("SELECT DISTINCT gateway, chain, seq FROM counter WHERE {} day > ?"))
        going |= set(
            db.execute(
                "SELECT gateway, chain, seq FROM deposit AS d WHERE community = ? AND day <= ?"
                " AND NOT EXISTS (SELECT 1 FROM deposit AS o WHERE o.community = d.community"
                " AND o.day > d.day AND ((o.gateway = d.gateway AND o.id = d.id)"
                " OR (o.scale_record = d.scale_record AND o.scale_record != '')))",
                where,
            )
        )
        going |= set(
            db.execute(
                "SELECT c.gateway, c.chain, c.seq FROM deposit AS d JOIN correction AS c"
                " ON c.community = d.community AND c.gateway = d.gateway AND c.deposit = d.id"
                " WHERE d.community = ? AND day <= ?",
                where,
            )
        )
        places = self._of("SELECT DISTINCT gateway, device FROM counter WHERE {} day <= ?")
        for place in sorted(places):
            going -= before(db, self._community, place, partial(_stays, going))
        for chain in {key[:2] for key in going}:
            of_chain = linked(db, self._community, "(r.gateway, r.chain) = (?, ?)", *chain)
            going -= tell_time(of_chain, going)
        return going

    def _of(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows about what gateways counted."""
        of_gateways = "community = ? AND gateway != '' AND"
        return self._db.execute(
            statement.format(of_gateways), (self._community, self._last)
        ).fetchall()

    def _papers(self) -> list[int]:
        """Attestations of days that go. Official figures and sight-readings stay: counts that came
        later are held against them.
        """
        return [
            seq
            for seq, data in self._db.execute(
                "SELECT seq, data FROM paper WHERE community = ? AND data != x'' ORDER BY seq",
                (self._community,),
            )
            if self._is_over(
                _paper.decode(signed.parse(data, bytes_max=signed.PAPER_BYTES_MAX).payload).said
            )
        ]

    def _is_over(self, said: tuple[Said, ...]) -> bool:
        return all(
            isinstance(one, Attestation) and one.day <= self._last for one in said
        ) and not any(isinstance(one, TakenBack) for one in said)


def _stays(going: set[RecordKey], key: RecordKey, _day: str, _member: str | None) -> bool:
    return key not in going
