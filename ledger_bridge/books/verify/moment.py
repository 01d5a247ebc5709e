"""The community at one leaf of its log: what was said and booked up to there."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from ledger_bridge.books.book import Claim
from ledger_bridge.books.closing.sealed import NOTHING
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.registry.registry import Registry
from ledger_bridge.books.verify.look import Differs, Look

# Account, asset, amount.
Line = tuple[str, str, int]


class Booking(NamedTuple):
    """A row of the book with its lines, as stored."""

    seq: int
    kind: str
    booked_ms: int
    claim: tuple[str | None, ...]
    client_key: str | None
    lines: tuple[Line, ...]


class Gone:
    """What the log says is erased, and what is found to be."""

    def __init__(self) -> None:
        self.said: dict[str, set[Any]] = defaultdict(set)
        self.found: dict[str, set[Any]] = defaultdict(set)


class Moment:
    """Registry and policies as they were, and what every account held by then."""

    def __init__(self, look: Look, registry: Registry, policies: Policies) -> None:
        self.look = look
        self.registry = registry
        self.policies = policies
        self.balances: dict[tuple[str, str], int] = defaultdict(int)
        # Asset and amount.
        self.posted: dict[Claim, tuple[str, int]] = {}
        self.epoch = 1  # of the log
        self.paper = 0  # the last one
        self.closed: set[tuple[str, int]] = set()  # period, booking
        self.closed_until = ""
        self.sealed = NOTHING
        self.seals: set[tuple[int, str, str]] = set()  # leaf, up to which day, member
        self.sealing: list[dict[str, Any]] = []  # what the next leaves must say is sealed
        self.gone = Gone()

    @property
    def issuance(self) -> str:
        """The account that every entitlement comes from."""
        founded = self.registry.founded
        return founded.issuance if founded else ""

    def check_heads(self, heads: Iterable[tuple[str, str, int, str]], where: str) -> None:
        """Every chain's head that the log names is a stored record."""
        for gateway, chain, up_to, digest in heads:
            key = (gateway, chain, up_to)
            known = self.look.digests.get(key) or self.look.passed.get(key)
            if up_to and known != digest:
                what = "the log names another record than is stored"
                raise Differs(what, f"{where}, record {gateway}/{chain}/{up_to}")
