"""What one pass of `verify` looks at, and what its steps have found so far."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.contract.keys import PublicKey
from ledger_bridge.books.book import Claim
from ledger_bridge.books.closing.sealed import NOTHING, Sealed
from ledger_bridge.books.facts.waste import Fact
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.settle.shared_days import Moved
from ledger_bridge.books.verify.seen import Seen

# gateway, chain, number.
RecordKey = tuple[str, str, int]


# So often, in rows, somebody is told how far it is.
TELL_EVERY = 5_000


class Differs(Exception):
    """The first thing that differs: what, and where it stands."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} ({where})")
        self.what = what
        self.where = where


class Step(NamedTuple):
    """Where a look is: in which step, and how many of how many rows it has behind it."""

    name: str
    done: int = 0
    total: int = 0


class ClaimRow(NamedTuple):
    """What the books say of a claim."""

    asset: str
    due: int


@dataclass(slots=True)
class Look:
    """One moment of a community's books. A table that a step has compared may be read by the next.

    `digests` and `passed` are those of all records, and of the last of the numbers that heads went
    over; `erased_records` have no bytes any more, nor have forks of the gateways `erased_forks`;
    `waste` is what recycling points said; `unshared` what members take and give on days that are to
    be shared anew, by rule and day; `dues` what claims should have got by the evidence, `claims`
    what the books say of them, `waiting` those that are being settled, `unsettled` those of them
    that have got something else by now; `held` deposits, corrections and emptyings wait for people.
    """

    db: sqlite3.Connection
    community: str
    log_key: PublicKey
    seen: Seen
    progress: Callable[[Step], None]
    registry: Registry = field(init=False)
    policies: Policies = field(init=False)
    digests: dict[RecordKey, str] = field(default_factory=dict)
    passed: dict[RecordKey, str] = field(default_factory=dict)
    erased_records: set[RecordKey] = field(default_factory=set)
    erased_forks: set[str] = field(default_factory=set)
    waste: list[Fact] = field(default_factory=list)
    unshared: dict[tuple[str, str], dict[str, Moved]] = field(default_factory=dict)
    dues: dict[Claim, ClaimRow] = field(default_factory=dict)
    claims: dict[Claim, ClaimRow] = field(default_factory=dict)
    waiting: set[Claim] = field(default_factory=set)
    unsettled: int = 0
    held: int = 0
    bookings: int = 0
    leaves: int = 0
    root: bytes = b""
    sealed: Sealed = NOTHING

    def count(self, table: str) -> int:
        (count,) = next(self.rows(f"SELECT count(*) FROM {table} WHERE community = ?"))
        assert isinstance(count, int)
        return count

    def rows(self, statement: str, *more: Any) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement whose first parameter is the community."""
        return iter(self.db.execute(statement, (self.community, *more)))

    def compare(self, table: str, expected: Iterable[tuple[Any, ...]]) -> None:
        """Whether a table holds exactly these rows."""
        self.compare_rows(table, self.rows(f"SELECT * FROM {table} WHERE community = ?"), expected)

    def compare_rows(
        self, table: str, stored: Iterable[tuple[Any, ...]], expected: Iterable[tuple[Any, ...]]
    ) -> None:
        """Whether these rows of a table are the ones expected, in whatever order."""
        rows, wanted = set(stored), set(expected)
        for what, odd in (
            ("a row that the evidence does not give", rows - wanted),
            ("a row that the evidence gives is missing", wanted - rows),
        ):
            if odd:
                row = min(odd, key=repr)
                raise Differs(what, f"{table} {' '.join(str(column) for column in row[1:])}")
