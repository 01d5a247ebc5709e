"""The half of `verify` that is about the log and the book: leaves, tree heads, bookings, balances.

Whoever has the log's key could sign leaves of their own making. So what a booking does is held
against the claims, the registry and the requests of stewards, not only against its leaf.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from gateway.contract import signed
from gateway.contract.keys import PublicKey
from gateway.contract.policy import hash_of
from gateway.contract.signed import Malformed
from ledger_bridge.books.acts.acts import Close, Request, Transfer
from ledger_bridge.books.acts.acts import read as read_request
from ledger_bridge.books.book import Claim
from ledger_bridge.books.log.note import Checkpoint, origin, read_note
from ledger_bridge.books.log.tree import Tree, commitment
from ledger_bridge.books.registry.registry import Registry

Key = tuple[str, str, int]


class Differs(Exception):
    """The first thing that differs: what, and where it stands."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"{what} ({where})")
        self.what = what
        self.where = where


class ClaimRow(NamedTuple):
    """What the books say of a claim."""

    asset: str
    due: int


class _Leaf(NamedTuple):
    kind: str
    body: dict[str, Any]


class _Booking(NamedTuple):
    seq: int
    kind: str
    booked_ms: int
    rule: str | None
    member: str | None
    period: str | None
    client_key: str | None
    leaf: int


class BookCheck:
    """One pass over log and book, after evidence and dues are known to be right."""

    def __init__(self, db: sqlite3.Connection, registry: Registry, log_key: PublicKey) -> None:
        self.db = db
        self.registry = registry
        self.community = registry.community
        self.log_key = log_key
        self.leaves: list[_Leaf] = []
        self.root = b""
        self.bookings = 0
        self.posted: dict[Claim, int] = defaultdict(int)
        self._balances: dict[tuple[str, str], int] = defaultdict(int)
        self._closed: set[tuple[str, int]] = set()
        self._keys: set[str] = set()

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Rows of a statement whose one parameter is the community."""
        return iter(self.db.execute(statement, (self.community,)))

    # The log.

    def check_leaves(self) -> None:
        """Rebuild the tree; every checkpoint must be a head that it had, the last one its own."""
        notes = dict(self.rows("SELECT size, note FROM checkpoint WHERE community = ?"))
        tree, signed_size = Tree(), 0
        for idx, kind, salt, body in self.rows(
            "SELECT idx, kind, salt, body FROM leaf WHERE community = ? ORDER BY idx"
        ):
            if idx != tree.size:
                raise Differs(f"leaf {tree.size} is missing", "leaf")
            try:
                self.leaves.append(_Leaf(kind, msgspec.json.decode(body, type=dict[str, Any])))
            except (msgspec.MsgspecError, ValueError) as error:
                raise Differs("it cannot be read any more", f"leaf {idx}") from error
            tree.append(commitment(salt, kind, body))
            if (note := notes.pop(tree.size, None)) is not None:
                self._check_note(note, tree)
                signed_size = tree.size
        if notes:
            what = f"a checkpoint of {min(notes)} leaves, there are {tree.size}"
            raise Differs(what, "checkpoint")
        if signed_size != tree.size:
            what = f"{tree.size} leaves, the last checkpoint signs {signed_size}"
            raise Differs(what, "checkpoint")
        self.root = tree.root()

    def _check_note(self, note: str, tree: Tree) -> None:
        where = f"checkpoint {tree.size}"
        try:
            head = read_note(note, key=self.log_key)
        except Malformed as error:
            raise Differs(str(error), where) from error
        if head != Checkpoint(origin(self.community), tree.size, tree.root()):
            raise Differs("the leaves before it are not those that were signed", where)

    def check_papers(self) -> None:
        """The log names every registry edit and every policy, and no others."""
        edits = [
            (seq, signed.digest(data))
            for seq, data in self.rows(
                "SELECT seq, data FROM registry_edit WHERE community = ? ORDER BY seq"
            )
        ]
        logged = [(b["seq"], b["digest"]) for kind, b in self.leaves if kind == "registry"]
        if edits != logged:
            raise Differs("the log names other registry edits than are stored", "registry_edit")
        policies = [
            (day, hashed, hash_of(data))
            for day, hashed, data in self.rows(
                "SELECT valid_from, hash, data FROM policy WHERE community = ? ORDER BY valid_from"
            )
        ]
        named = [
            (b["valid_from"], b["hash"], b["hash"]) for kind, b in self.leaves if kind == "policy"
        ]
        if policies != named:
            raise Differs("the log names other policies than are stored", "policy")

    def check_heads(self, digests: dict[Key, str]) -> None:
        """Every chain's head that the log names is a stored record."""
        logged: dict[tuple[str, str], int] = {}
        for index, (kind, body) in enumerate(self.leaves):
            for gateway, chain, up_to, digest in body.get("heads", ()):
                if up_to and digests.get((gateway, chain, up_to)) != digest:
                    where = f"leaf {index}, record {gateway}/{chain}/{up_to}"
                    raise Differs("the log names another record than is stored", where)
                if kind == "evidence":
                    logged[gateway, chain] = up_to
        for gateway, chain, said in self.rows(
            "SELECT gateway, chain, logged FROM chain WHERE community = ?"
        ):
            named = logged.get((gateway, chain), 0)
            if said != named:
                where = f"chain {gateway}/{chain}"
                raise Differs(f"logged up to {said}, the log names {named}", where)

    # The book.

    def check_bookings(self) -> None:
        """Every booking balances, says what its leaf says, and had a reason."""
        lines: dict[int, list[list[Any]]] = defaultdict(list)
        for booking, line, account, asset, amount in self.rows(
            "SELECT booking, line, account, asset, amount FROM posting WHERE community = ?"
            " ORDER BY booking, line"
        ):
            if line != len(lines[booking]):
                raise Differs(f"posting {len(lines[booking])} is missing", f"booking {booking}")
            lines[booking].append([account, asset, amount])
        for row in self.rows(
            "SELECT seq, kind, booked_ms, rule, member, period, client_key, leaf FROM booking"
            " WHERE community = ? ORDER BY seq"
        ):
            self.bookings += 1
            booking = _Booking(*row)
            if booking.seq != self.bookings:
                raise Differs(f"booking {self.bookings} is missing", "booking")
            self._check_booking(booking, lines.pop(booking.seq, []))
        if lines:
            raise Differs("postings without a booking", f"posting {min(lines)}")
        logged = sum(leaf.kind in {"entitlement", "act"} for leaf in self.leaves)
        if logged != self.bookings:
            raise Differs(f"the log has {logged} bookings, the books {self.bookings}", "booking")
        self._check_closed()
        self._check_balances()

    def _check_booking(self, booking: _Booking, postings: list[list[Any]]) -> None:
        where = f"booking {booking.seq}"
        known = 0 <= booking.leaf < len(self.leaves)
        kind, said = self.leaves[booking.leaf] if known else _Leaf("", {})
        head = {
            "kind": booking.kind,
            "booking": booking.seq,
            "booked_ms": booking.booked_ms,
            "postings": postings,
        }
        _check_said(said, head, where)
        for account, asset, amount in postings:
            self._balances[account, asset] += amount
        if kind == "entitlement":
            self._check_entitlement(booking, said, postings, where)
        else:
            self._check_act(booking, said, postings, where)

    def _check_entitlement(
        self, booking: _Booking, said: dict[str, Any], postings: list[list[Any]], where: str
    ) -> None:
        """It is a claim's, and goes to the member of that claim."""
        rule, member, period = booking.rule, booking.member, booking.period
        if said.get("claim") != [rule, member, period] or booking.client_key is not None:
            mine = [rule, member, period]
            raise Differs(f"its claim is {mine}, the log says {said.get('claim')}", where)
        assert rule is not None
        assert member is not None
        assert period is not None
        assert self.registry.founded
        parties = [self.registry.accounts.get(member), self.registry.founded.issuance]
        if [account for account, _, _ in postings] != parties:
            raise Differs(f"it is not between the issuance and {member}", where)
        self.posted[Claim(rule, member, period)] += postings[0][2]

    def _check_act(
        self, booking: _Booking, said: dict[str, Any], postings: list[list[Any]], where: str
    ) -> None:
        """A steward asked for just this, once."""
        try:
            request = read_request(said["request"].encode(), self.registry)
        except (KeyError, AttributeError, Malformed) as error:
            raise Differs(f"its request is not signed by a steward: {error}", where) from error
        if booking.client_key != request.key or request.key in self._keys:
            raise Differs(f"its key is {booking.client_key}, asked was {request.key}", where)
        self._keys.add(request.key)
        if (booking.rule, booking.member, booking.period) != (None, None, None):
            raise Differs("it is an act and names a claim", where)
        match request.act:
            case Close(period) if booking.kind == "close" and not postings:
                self._closed.add((period, booking.seq))
            case Transfer() if booking.kind == "transfer":
                self._check_transfer(request, postings, where)
            case _:
                raise Differs("its request asks for another act", where)

    def _check_transfer(self, request: Request, postings: list[list[Any]], where: str) -> None:
        """The act as it was asked for, and nobody below zero by it."""
        act = request.act
        assert isinstance(act, Transfer)
        giver, receiver = (self.registry.accounts.get(m) for m in (act.giver, act.receiver))
        asked = [[receiver, act.asset, act.amount], [giver, act.asset, -act.amount]]
        if postings != asked:
            raise Differs(f"it posts {postings}, asked was {asked}", where)
        if self._balances[postings[1][0], act.asset] < 0:
            raise Differs(f"{act.giver} gave more than they had", where)

    def _check_closed(self) -> None:
        stored = set(self.rows("SELECT period, booking FROM closed WHERE community = ?"))
        for period, booking in sorted(stored ^ self._closed):
            what = "it is not closed" if (period, booking) in stored else "it is closed"
            raise Differs(f"{what} by booking {booking}", f"closed {period}")

    def check_claims(self, stored: dict[Claim, ClaimRow]) -> None:
        """What the books say a claim has got is what was posted for it, settled or not."""
        for claim in sorted({*stored, *self.posted}):
            says, has = stored.get(claim, ClaimRow("", 0)).due, self.posted.get(claim, 0)
            if says != has:
                where = f"claim {claim.rule} {claim.member} {claim.period}"
                raise Differs(f"{has} was posted, the books have {says}", where)

    def _check_balances(self) -> None:
        stored = {
            (account, asset): amount
            for account, asset, amount in self.rows(
                "SELECT account, asset, amount FROM balance WHERE community = ?"
            )
        }
        for key in sorted({*stored, *self._balances}):
            if stored.get(key, 0) != self._balances.get(key, 0):
                added = self._balances.get(key, 0)
                what = f"it holds {stored.get(key, 0)}, its postings add up to {added}"
                raise Differs(what, f"balance {' '.join(key)}")


def _check_said(said: dict[str, Any], head: dict[str, Any], where: str) -> None:
    """Whether a booking's rows are what its leaf says, and balance."""
    postings = head["postings"]
    for line, (row, logged) in enumerate(zip(postings, said.get("postings", ()), strict=False)):
        if row != logged:
            raise Differs(f"posting {line} is {row}, the log says {logged}", where)
    if head != {key: said.get(key) for key in head}:
        raise Differs("it is not what the log says of it", where)
    sums: dict[str, int] = defaultdict(int)
    for _, asset, amount in postings:
        sums[asset] += amount
    if any(sums.values()):
        raise Differs(f"it does not balance: {dict(sums)}", where)
