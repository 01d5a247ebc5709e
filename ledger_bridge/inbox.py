"""The inbox: checks what gateways send and stores each record once, then says so.

One commit stores the records, what they say, and marks the claims they touch. Only after it are
receipts made. Whatever is not stored changes nothing and is counted with its reason.
"""

import gc
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.contract import record as records
from gateway.contract import signed
from gateway.contract.receipt import Receipt
from gateway.contract.record import ANSWER, KEY, LOST, Record, is_id
from gateway.contract.signed import Malformed, Signed, digest
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts.gone import gone
from ledger_bridge.books.store import commit
from ledger_bridge.gaps import Gap
from ledger_bridge.heads import Believed, ChainKey, Head, Heads, RecordKey
from ledger_bridge.orders import Orders

# A record may run ahead of its chain by so many numbers and is kept until the gap fills. One that
# says what is lost may lie further on: it is what fills the gap.
AHEAD_MAX = 1_000

# How many gateway names that nobody admitted are remembered as refused.
STRANGERS_MAX = 1_000

# Reasons for not storing a delivery.
MALFORMED = "malformed"
FOREIGN = "another community"
UNKNOWN = "unknown gateway"
FORGED = "wrong signature"
STRANGE_KEY = "signed by a key that is not known"
WRONG_KEY = "signed by a key of other numbers"
FORKED = "two records under one number"
HELD = "its chain is held"
TOO_FAR = "too far ahead of its chain"
DECLARED_LOST = "its gateway said that it is lost"

# What an earlier record may change.
_OF_KEYS = {STRANGE_KEY, WRONG_KEY}

# So often a batch is gone through for the sake of keys that come in it: two changes of a key in
# one batch are rare, and what is refused is sent again.
ROUNDS_MAX = 4

# Kinds of record that say something to the hub itself.
_SPEAKING = {LOST, ANSWER}


@dataclass(slots=True)
class Delivery:
    """What came of a batch: receipts to send now that the commit stands, and what was refused."""

    receipts: list[Receipt] = field(default_factory=list)
    stored: int = 0
    repeated: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)  # (gateway, reason)
    answered: list[str] = field(default_factory=list)  # ids of commands

    def then(self, more: "Delivery") -> "Delivery":
        """This batch and one after it as one: of each chain the later receipt."""
        receipts = {(one.gateway, one.chain): one for one in [*self.receipts, *more.receipts]}
        return Delivery(
            list(receipts.values()),
            self.stored + more.stored,
            self.repeated + more.repeated,
            self.refused + more.refused,
            self.answered + more.answered,
        )


def spare_the_collector() -> None:
    """Look for garbage cycles once in 100,000 new objects: a batch makes that many and no cycle."""
    gc.set_threshold(100_000)


class Refused(Exception):
    """Why one delivery is not stored; its chain as far as it is known."""

    def __init__(self, gateway: str, reason: str, chain: str = "") -> None:
        super().__init__(f"{gateway}: {reason}")
        self.gateway = gateway
        self.reason = reason
        self.chain = chain


class Inbox:
    """Takes batches of deliveries for one community, in any order, any number of times."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._db: sqlite3.Connection = community.db
        self._heads = Heads(community)
        self._orders = Orders(community.db, community.id)

    def take(self, deliveries: Iterable[tuple[str, bytes]], *, now_ms: int) -> Delivery:
        """Check and store a batch of (gateway by the topic, two lines)."""
        delivery, later = self._take(deliveries, now_ms=now_ms, may_wait=True)
        for more in range(1, ROUNDS_MAX):
            if not later:
                break
            after, later = self._take(later, now_ms=now_ms, may_wait=more < ROUNDS_MAX - 1)
            delivery = delivery.then(after)
        return delivery

    def _take(
        self, deliveries: Iterable[tuple[str, bytes]], *, now_ms: int, may_wait: bool
    ) -> tuple[Delivery, list[tuple[str, bytes]]]:
        """One round: what came of it, and what may be believed now that its keys are stored."""
        believed: list[Believed] = []
        refused: list[tuple[Refused, bytes]] = []
        for gateway, data in deliveries:
            try:
                believed.append(self.believe(gateway, data))
            except Refused as refusal:
                # As it was raised it holds on to this call, and so to all that is believed.
                again = Refused(refusal.gateway, refusal.reason, refusal.chain)
                refused.append((again, data))
        turning = {who.record.identity.gateway for who in believed if who.record.typ == KEY}
        rest: list[tuple[Refused, bytes]] = []
        later: list[tuple[str, bytes]] = []
        for one, data in refused:
            if may_wait and one.gateway in turning and one.reason in _OF_KEYS:
                later.append((one.gateway, data))
            else:
                rest.append((one, data))
        return self.store(believed, rest, now_ms=now_ms), later

    def believe(self, gateway: str, data: bytes) -> Believed:
        """The record in a delivery, its signature checked. Raises Refused; changes nothing."""
        if gateway not in self._community.registry.keys:
            raise Refused(gateway, UNKNOWN)
        try:
            document, record = records.parse(data)
        except Malformed as error:
            raise Refused(gateway, MALFORMED) from error
        if record.identity.community != self._community.id:
            raise Refused(gateway, FOREIGN)
        if record.identity.gateway != gateway:
            raise Refused(gateway, UNKNOWN)
        if not document.by(self._heads.key_of(record.identity)):
            raise Refused(gateway, self._why_not(document, record), record.identity.chain)
        return Believed(record, digest(data), data)

    def _why_not(self, document: Signed, record: Record) -> str:
        """What is the matter with a signature that is not by the key of this number."""
        who = record.identity
        if document.kid == self._heads.key_of(who).kid:
            return FORGED
        registry, keys = self._community.registry, self._heads.keys
        return WRONG_KEY if keys.knows(registry, who.gateway, document.kid) else STRANGE_KEY

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
        new = self._heads.begin()
        try:
            with commit(self._db):
                for one in believed:
                    try:
                        self._sort(one, new, asked, delivery, now_ms)
                    except Refused as refusal:
                        self._note(refusal, one.data, now_ms, delivery)
                for before, data in refused:
                    self._note(before, data, now_ms, delivery)
                    # Who signs with a key that is not known here may know more than the hub.
                    chain = (before.gateway, before.chain)
                    if before.reason in _OF_KEYS and not self._heads.at(chain).is_new:
                        asked.add(chain)
                for one in self._heads.expelled:
                    gateway = one.record.identity.gateway
                    self._note(Refused(gateway, WRONG_KEY), one.data, now_ms, delivery)
                self._write(new, now_ms)
        except BaseException:
            self._heads.forget()
            self._community.derivation.forget()
            raise
        finally:
            self._heads.end()
        delivery.stored = len(new)
        delivery.receipts = [self._receipt(key, now_ms) for key in sorted(asked)]
        return delivery

    def forget(self) -> None:
        """The books have changed otherwise than by what came here."""
        self._heads.forget()

    @property
    def gaps(self) -> list[Gap]:
        """What is missing now."""
        return list(self._heads.gaps.open.values())

    def asked(self, chains: Iterable[ChainKey]) -> None:
        """Gateways are asked for what is missing of these chains."""
        if some := list(chains):
            with commit(self._db):
                for chain in some:
                    self._heads.gaps.asked(chain)

    def receipts(self, gateway: str, chains: Iterable[str], *, now_ms: int) -> list[Receipt]:
        """The receipts of these chains, and of all others of an admitted gateway."""
        if gateway not in self._community.registry.keys:
            return []
        stored = self._db.execute(
            "SELECT chain FROM chain WHERE community = ? AND gateway = ?",
            (self._community.id, gateway),
        )
        names = {*chains, *(chain for (chain,) in stored)}
        return [self._receipt((gateway, chain), now_ms) for chain in sorted(names)]

    def _sort(
        self,
        one: Believed,
        new: dict[RecordKey, Believed],
        asked: set[ChainKey],
        delivery: Delivery,
        now_ms: int,
    ) -> None:
        """Decide what a record is: new, a repetition, or refused."""
        who = one.record.identity
        chain: ChainKey = (who.gateway, who.chain)
        key: RecordKey = (who.gateway, who.chain, who.seq)
        head = self._heads.at(chain)
        asked.add(chain)
        if who.gateway in self._heads.turned:
            self._must_be_signed_anew(one)
        known = new[key].digest if key in new else self._heads.digest_of(key, head)
        if known == one.digest:
            delivery.repeated += 1
        elif known:
            self._fork(key, head, one.data)
            raise Refused(who.gateway, FORKED)
        elif head.held:
            raise Refused(who.gateway, HELD)
        elif who.seq <= head.up_to:
            raise Refused(who.gateway, DECLARED_LOST)
        elif who.seq > head.up_to + AHEAD_MAX and one.record.typ != LOST:
            self._heads.too_far(chain, head, who.seq)
            raise Refused(who.gateway, TOO_FAR)
        else:
            new[key] = one
            self._heads.add(chain, head, one)
            if one.record.typ in _SPEAKING:
                self._heed(one.record, asked, delivery, now_ms)

    def _must_be_signed_anew(self, one: Believed) -> None:
        """Its gateway's key is another since the record was believed: by the one of now?"""
        who = one.record.identity
        if not signed.parse(one.data).by(self._heads.key_of(who)):
            raise Refused(who.gateway, WRONG_KEY)

    def _heed(self, record: Record, asked: set[ChainKey], delivery: Delivery, now_ms: int) -> None:
        """Do what a record says to the hub itself."""
        if record.typ == ANSWER:
            delivery.answered.append(self._orders.answer(record, now_ms))
        elif said := gone(record):
            chain = (record.identity.gateway, said.lost.chain)
            self._heads.note_lost(chain, said)
            asked.add(chain)

    def _write(self, new: dict[RecordKey, Believed], now_ms: int) -> None:
        community = self._community.id
        self._db.executemany(
            "INSERT INTO record (community, gateway, chain, seq, digest, data, stored_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (community, who.gateway, who.chain, who.seq, hashed, data, now_ms)
                for (who, *_), hashed, data in new.values()
            ],
        )
        self._heads.write(now_ms)
        self._community.derivation.add(
            self._heads.linked,
            registry=self._community.registry,
            policies=self._community.policies,
        )

    def _fork(self, key: RecordKey, head: Head, data: bytes) -> None:
        """Keep the second record under a number as proof, and hold the chain.

        Not where the chain went on under another key: the records after it say which one is it,
        and whoever found an old key must not stop a gateway.
        """
        if self._heads.is_under_later_key(key):
            raise Refused(key[0], WRONG_KEY)
        head.held = head.held or f"two records under number {key[2]}"
        self._heads.changed.add(key[:2])
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
        head = self._heads.at(key)
        return Receipt(self._community.id, *key, head.up_to, head.digest, now_ms, head.held)
