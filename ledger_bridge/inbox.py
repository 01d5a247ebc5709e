"""The inbox: checks what gateways send and stores each record once, then says so.

One commit stores the records, what they say, and marks the claims they touch. Only after it are
receipts made. Whatever is not stored changes nothing and is counted with its reason.
"""

import gc
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.contract import record as records
from gateway.contract.receipt import Receipt
from gateway.contract.record import GENESIS, Record, is_id
from gateway.contract.signed import Malformed, digest
from ledger_bridge.books.community import Community
from ledger_bridge.books.store import commit

# A record may run ahead of its chain by so many numbers and is kept until the gap fills.
AHEAD_MAX = 1_000

# How many gateway names that nobody admitted are remembered as refused.
STRANGERS_MAX = 1_000

# Reasons for not storing a delivery.
MALFORMED = "malformed"
FOREIGN = "another community"
UNKNOWN = "unknown gateway"
FORGED = "wrong signature"
FORKED = "two records under one number"
HELD = "its chain is held"
TOO_FAR = "too far ahead of its chain"

# One gateway's one chain, and one number in it.
ChainKey = tuple[str, str]
RecordKey = tuple[str, str, int]


class Believed(NamedTuple):
    """A record whose signature is its gateway's, as it came."""

    record: Record
    digest: str
    data: bytes


@dataclass(slots=True)
class _Head:
    """How far a chain is stored without a gap, and the highest number stored beyond gaps."""

    up_to: int = 0
    digest: str = GENESIS
    held: str = ""
    top: int = 0


@dataclass(slots=True)
class Delivery:
    """What came of a batch: receipts to send now that the commit stands, and what was refused."""

    receipts: list[Receipt] = field(default_factory=list)
    stored: int = 0
    repeated: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)  # (gateway, reason)


def spare_the_collector() -> None:
    """Look for garbage cycles once in 100,000 new objects: a batch makes that many and no cycle."""
    gc.set_threshold(100_000)


class Refused(Exception):
    """Why one delivery is not stored."""

    def __init__(self, gateway: str, reason: str) -> None:
        super().__init__(f"{gateway}: {reason}")
        self.gateway = gateway
        self.reason = reason


class Inbox:
    """Takes batches of deliveries for one community, in any order, any number of times."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._db: sqlite3.Connection = community.db
        self._heads: dict[ChainKey, _Head] = {}
        # Of the batch under way: chains whose row changes, records that became evidence.
        self._changed: set[ChainKey] = set()
        self._linked: list[Record] = []

    def take(self, deliveries: Iterable[tuple[str, bytes]], *, now_ms: int) -> Delivery:
        """Check and store a batch of (gateway by the topic, two lines)."""
        believed: list[Believed] = []
        refused: list[tuple[Refused, bytes]] = []
        for gateway, data in deliveries:
            try:
                believed.append(self.believe(gateway, data))
            except Refused as refusal:
                refused.append((refusal, data))
        return self.store(believed, refused, now_ms=now_ms)

    def believe(self, gateway: str, data: bytes) -> Believed:
        """The record in a delivery, its signature checked. Raises Refused; changes nothing."""
        key = self._community.registry.keys.get(gateway)
        if key is None:
            raise Refused(gateway, UNKNOWN)
        try:
            document, record = records.parse(data)
        except Malformed as error:
            raise Refused(gateway, MALFORMED) from error
        if record.identity.community != self._community.id:
            raise Refused(gateway, FOREIGN)
        if record.identity.gateway != gateway:
            raise Refused(gateway, UNKNOWN)
        if not document.by(key):
            raise Refused(gateway, FORGED)
        return Believed(record, digest(data), data)

    def store(
        self,
        believed: Iterable[Believed],
        refused: Iterable[tuple[Refused, bytes]] = (),
        *,
        now_ms: int,
    ) -> Delivery:
        """Store what is new, with what it says, in one commit; then make the receipts."""
        delivery = Delivery()
        asked: set[ChainKey] = set()
        new: dict[RecordKey, Believed] = {}
        self._changed, self._linked = set(), []
        try:
            with commit(self._db):
                for one in believed:
                    try:
                        self._sort(one, new, asked, delivery)
                    except Refused as refusal:
                        self._note(refusal, one.data, now_ms, delivery)
                for before, data in refused:
                    self._note(before, data, now_ms, delivery)
                self._write(new.values(), now_ms)
        except BaseException:
            self._heads.clear()
            self._community.derivation.forget()
            raise
        delivery.stored = len(new)
        delivery.receipts = [self._receipt(key, now_ms) for key in sorted(asked)]
        return delivery

    def _sort(
        self,
        one: Believed,
        new: dict[RecordKey, Believed],
        asked: set[ChainKey],
        delivery: Delivery,
    ) -> None:
        """Decide what a record is: new, a repetition, or refused."""
        who = one.record.identity
        chain: ChainKey = (who.gateway, who.chain)
        key: RecordKey = (who.gateway, who.chain, who.seq)
        head = self._head(chain)
        asked.add(chain)
        known = new[key].digest if key in new else self._known(key, head)
        if known == one.digest:
            delivery.repeated += 1
        elif known:
            self._fork(key, head, one.data)
            raise Refused(who.gateway, FORKED)
        elif head.held:
            raise Refused(who.gateway, HELD)
        elif who.seq > head.up_to + AHEAD_MAX:
            raise Refused(who.gateway, TOO_FAR)
        else:
            new[key] = one
            head.top = max(head.top, who.seq)
            self._changed.add(chain)
            if who.seq == head.up_to + 1:
                self._link(head, one.record, one.digest)
                self._advance(chain, head, new)

    def _head(self, key: ChainKey) -> _Head:
        if key not in self._heads:
            row = self._db.execute(
                "SELECT up_to, digest, held, (SELECT max(seq) FROM record AS r WHERE"
                " (r.community, r.gateway, r.chain) = (c.community, c.gateway, c.chain))"
                " FROM chain AS c WHERE community = ? AND gateway = ? AND chain = ?",
                (self._community.id, *key),
            ).fetchone()
            self._heads[key] = _Head(*row) if row else _Head()
        return self._heads[key]

    def _known(self, key: RecordKey, head: _Head) -> str:
        """The digest of what is stored under this number, "" for nothing."""
        if key[2] == head.up_to:
            return head.digest
        if key[2] > head.top:
            return ""
        row = self._db.execute(
            "SELECT digest FROM record"
            " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            (self._community.id, *key),
        ).fetchone()
        return row[0] if row else ""

    def _link(self, head: _Head, record: Record, hashed: str) -> None:
        """Move the head over the record after it; a link that does not fit holds the chain.

        Only what the head has passed is evidence: so it is the same whatever came first.
        """
        if record.identity.prev != head.digest:
            head.held = f"record {head.up_to + 1} does not follow record {head.up_to}"
            return
        head.up_to += 1
        head.digest = hashed
        self._linked.append(record)

    def _advance(self, key: ChainKey, head: _Head, new: dict[RecordKey, Believed]) -> None:
        """Move the head over what waited beyond the gap that is filled now."""
        while head.up_to < head.top and not head.held:
            waiting = self._next((*key, head.up_to + 1), new)
            if waiting is None:
                return
            self._link(head, *waiting)

    def _next(self, key: RecordKey, new: dict[RecordKey, Believed]) -> tuple[Record, str] | None:
        """A record and its digest, None where it is not here yet."""
        if (fresh := new.get(key)) is not None:
            return fresh.record, fresh.digest
        row = self._db.execute(
            "SELECT data, digest FROM record"
            " WHERE community = ? AND gateway = ? AND chain = ? AND seq = ?",
            (self._community.id, *key),
        ).fetchone()
        return (records.parse(row[0])[1], row[1]) if row else None

    def _write(self, new: Iterable[Believed], now_ms: int) -> None:
        community = self._community.id
        self._db.executemany(
            "INSERT INTO record (community, gateway, chain, seq, digest, data, stored_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (community, who.gateway, who.chain, who.seq, hashed, data, now_ms)
                for (who, *_), hashed, data in new
            ],
        )
        self._write_heads()
        self._community.derivation.add(
            self._linked,
            registry=self._community.registry,
            policies=self._community.policies,
        )

    def _write_heads(self) -> None:
        rows: list[tuple[Any, ...]] = []
        for key in self._changed:
            head = self._heads[key]
            rows.append((self._community.id, *key, head.up_to, head.digest, head.held))
        self._db.executemany(
            "INSERT INTO chain (community, gateway, chain, up_to, digest, held)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET up_to = excluded.up_to, digest = excluded.digest, held = excluded.held",
            rows,
        )

    def _fork(self, key: RecordKey, head: _Head, data: bytes) -> None:
        """Keep the second record under a number as proof, and hold the chain."""
        head.held = head.held or f"two records under number {key[2]}"
        self._changed.add(key[:2])
        self._db.execute(
            "INSERT OR IGNORE INTO fork VALUES (?, ?, ?, ?, ?)", (self._community.id, *key, data)
        )

    def _note(self, refused: Refused, data: bytes, now_ms: int, delivery: Delivery) -> None:
        """Count a refusal in the table, and tell it."""
        gateway = refused.gateway
        if gateway not in self._community.registry.keys:
            (strangers,) = self._db.execute(
                "SELECT count(*) FROM rejected WHERE community = ? AND reason = ?",
                (self._community.id, UNKNOWN),
            ).fetchone()
            gateway = gateway if strangers < STRANGERS_MAX and is_id(gateway) else "…"
        delivery.refused.append((gateway, refused.reason))
        self._db.execute(
            "INSERT INTO rejected VALUES (?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE"
            " SET count = count + 1, last_ms = excluded.last_ms, sample = excluded.sample",
            (self._community.id, gateway, refused.reason, now_ms, data),
        )

    def _receipt(self, key: ChainKey, now_ms: int) -> Receipt:
        head = self._heads[key]
        return Receipt(self._community.id, *key, head.up_to, head.digest, now_ms)
