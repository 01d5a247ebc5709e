"""The books for a reader beside the writer: a connection that changes nothing, papers in mind."""

import sqlite3
from pathlib import Path

from ledger_bridge.books import store
from ledger_bridge.books.community import load_policies, load_registry
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.shared_days import Reckoner


class Reader:
    """One connection, for one thread at a time."""

    def __init__(self, books: Path, community: str) -> None:
        """Raises PeopleError where there are no books."""
        self.books = books
        self.community = community
        self.db: sqlite3.Connection = store.open_to_read(books)
        self._stored: tuple[int, int] = (0, 0)
        self._papers: tuple[Registry, Policies] = (Registry(community), Policies([]))
        self._reckoner: Reckoner | None = None

    def papers(self) -> tuple[Registry, Policies]:
        """Registry and policies, read anew only where an edit or a policy has come."""
        stored = (self.number("count(*) FROM registry_edit"), self.number("count(*) FROM policy"))
        if stored != self._stored:
            registry = load_registry(self.db, self.community)
            self._papers = registry, load_policies(self.db, self.community, registry)
            self._stored = stored
            self._reckoner = None
        return self._papers

    def reckoner(self) -> Reckoner:
        """Reckons shared days by the papers, and reads files of coefficients once."""
        registry, policies = self.papers()
        if self._reckoner is None:
            self._reckoner = Reckoner(self.db, self.community, registry, policies)
        return self._reckoner

    def number(self, what: str) -> int:
        """One number of this community: `count(*) FROM TABLE`."""
        (number,) = self.db.execute(
            f"SELECT {what} WHERE community = ?", (self.community,)
        ).fetchone()
        assert isinstance(number, int)
        return number

    def arrived(self) -> int:
        """The number of the record that was stored last; 0 where there is none."""
        # By the order of storing: SQLite would take the index of communities, and sort all of one.
        row = self.db.execute(
            "SELECT arrival FROM record NOT INDEXED WHERE community = ?"
            " ORDER BY arrival DESC LIMIT 1",
            (self.community,),
        ).fetchone()
        return row[0] if row else 0
