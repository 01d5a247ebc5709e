"""From papers to facts, and from facts to marks, inside the caller's commit."""

import sqlite3

from ledger_bridge.books.book import Claim
from ledger_bridge.books.facts.derive_attested import AttestedDerivation
from ledger_bridge.books.facts.papers import Paper
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry


class PaperDerivation:
    """Writes what papers say into the tables and tells which claims it touches."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._attested = AttestedDerivation(db, community)

    def add(
        self,
        seq: int,
        paper: Paper,
        touched: set[Claim],
        *,
        registry: Registry,
        policies: Policies,
    ) -> None:
        """Store the facts of paper number `seq`."""
        self._attested.add(seq, paper, touched, registry=registry, policies=policies)

    def again(self, touched: set[Claim], *, registry: Registry, policies: Policies) -> None:
        """Derive everything anew: the registry or the policies have changed."""
        self._attested.again(touched, registry=registry, policies=policies)
