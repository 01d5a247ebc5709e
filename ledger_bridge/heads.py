"""The heads of all chains: how far each is stored without a gap, and how a head goes on.

A head goes over the record after it; over numbers that its gateway said are lost, where it can go
no other way; and never over a record that does not follow, which holds the chain.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from gateway.contract import record as records
from gateway.contract import rotation, signed
from gateway.contract.keys import PublicKey
from gateway.contract.record import GENESIS, KEY, Identity, Record
from gateway.contract.signed import Malformed
from ledger_bridge.books.community import Community
from ledger_bridge.books.facts.gone import Gone, GoneRecords
from ledger_bridge.books.facts.keyring import Keyring
from ledger_bridge.gaps import Gaps

# One gateway's one chain, and one number in it.
ChainKey = tuple[str, str]
RecordKey = tuple[str, str, int]

_OF_CHAIN = "community = ? AND gateway = ? AND chain = ?"


class Believed(NamedTuple):
    """A record whose signature is its gateway's, as it came."""

    record: Record
    digest: str
    data: bytes


@dataclass(slots=True)
class Head:
    """How far a chain is stored without a gap, and the highest number stored beyond gaps.

    `far` is a number that came and was too far ahead to be stored.
    """

    up_to: int = 0
    digest: str = GENESIS
    held: str = ""
    top: int = 0
    is_new: bool = True
    far: int = 0

    def is_behind(self) -> bool:
        """Whether later records came than those that it has passed."""
        return self.up_to < self.top or self.up_to < self.far


class Heads:
    """Moves heads over what a batch brings; inside the caller's commit."""

    def __init__(self, community: Community) -> None:
        self._community = community
        self._db = community.db
        self._heads: dict[ChainKey, Head] = {}
        self.gaps = Gaps(community.db, community.id)
        self._gone = GoneRecords(community.db, community.id)
        self.keys = Keyring(community.db, community.id)
        # Of the batch under way: what is new, chains whose row changes, records that became
        # evidence, gateways whose key is another since it began, and what is stored no more.
        self._new: dict[RecordKey, Believed] = {}
        self.changed: set[ChainKey] = set()
        self.linked: list[Record] = []
        self.turned: set[str] = set()
        self.expelled: list[Believed] = []

    def begin(self) -> dict[RecordKey, Believed]:
        """A new batch; what is stored in it goes into the dictionary that this gives."""
        self._new, self.changed, self.linked = {}, set(), []
        self.turned, self.expelled = set(), []
        return self._new

    def end(self) -> None:
        """The batch is over: its records are not kept in memory until the next one."""
        self.begin()

    def forget(self) -> None:
        """After a rollback: what was kept in mind did not happen."""
        self._heads.clear()
        self.gaps.forget()
        self._gone.forget()
        self.keys.forget()

    # Keys.

    def key_of(self, who: Identity) -> PublicKey:
        """The key that signs this number of this chain."""
        registry = self._community.registry
        keys = self.keys.of(registry, who.gateway, who.chain)
        return keys.at(who.seq) if keys else self.keys.newest(registry, who.gateway)

    def is_under_later_key(self, key: RecordKey) -> bool:
        """Whether a chain went on under another key after this number."""
        keys = self.keys.of(self._community.registry, *key[:2])
        return keys is not None and key[2] < keys.since

    def _hand_over(self, chain: ChainKey, head: Head, record: Record) -> None:
        """A `KEY` record is linked: from here on another key signs, and signed all that waits."""
        who = record.identity
        old = self.key_of(who)
        try:
            new = rotation.next_key(record, old)
        except Malformed:
            return
        also = rotation.chains_of(record)
        self.keys.hand_over(*chain, who.seq, old=old.x, new=new.x, also=also)
        self.turned.add(chain[0])
        self._expel(chain, head, new)

    def _expel(self, chain: ChainKey, head: Head, key: PublicKey) -> None:
        """Nothing beyond the head stays that another key signed, but for why the head went on."""
        for one in self._beyond(chain, head):
            where = (*chain, one.record.identity.seq)
            if signed.parse(one.data).by(key) or self._gone.is_passed_by(where):
                continue
            self._new.pop(where, None)
            self._gone.take_back(where)
            self._db.execute(
                f"DELETE FROM record WHERE {_OF_CHAIN} AND seq = ?", (self._community.id, *where)
            )
            self.expelled.append(one)
        left = [one.record.identity.seq for one in self._beyond(chain, head)]
        head.top = max(left, default=head.up_to)

    def _beyond(self, chain: ChainKey, head: Head) -> list[Believed]:
        """What is stored of a chain beyond its head."""
        fresh = [one for key, one in self._new.items() if key[:2] == chain and key[2] > head.up_to]
        rows = self._db.execute(
            f"SELECT digest, data FROM record WHERE {_OF_CHAIN} AND seq > ?",
            (self._community.id, *chain, head.up_to),
        )
        return fresh + [Believed(records.parse(data)[1], hashed, data) for hashed, data in rows]

    # Heads.

    def at(self, key: ChainKey) -> Head:
        """Where a chain stands; what nothing is stored of is not kept in mind."""
        if (head := self._heads.get(key)) is not None:
            return head
        row = self._db.execute(
            "SELECT up_to, digest, held, (SELECT max(seq) FROM record AS r WHERE"
            " (r.community, r.gateway, r.chain) = (c.community, c.gateway, c.chain))"
            f" FROM chain AS c WHERE {_OF_CHAIN}",
            (self._community.id, *key),
        ).fetchone()
        if row is None:
            return Head()
        up_to, digest, held, top = row
        head = Head(up_to, digest, held, top or 0, is_new=False)
        self._heads[key] = head
        return head

    def digest_of(self, key: RecordKey, head: Head) -> str:
        """The digest of what is stored under this number, "" for nothing."""
        if key[2] == head.up_to:
            return head.digest
        if key[2] > head.top:
            return ""
        row = self._db.execute(
            f"SELECT digest FROM record WHERE {_OF_CHAIN} AND seq = ?", (self._community.id, *key)
        ).fetchone()
        return row[0] if row else ""

    def add(self, chain: ChainKey, head: Head, one: Believed) -> None:
        """A record of the batch is stored; the head moves where it can."""
        seq = one.record.identity.seq
        self._change(chain, head)
        head.top = max(head.top, seq)
        if seq == head.up_to + 1:
            self._link(chain, head, one.record, one.digest)
            self._advance(chain, head)

    def too_far(self, chain: ChainKey, head: Head, seq: int) -> None:
        """What is between the head and this number is missing."""
        head.far = max(head.far, seq)
        self._change(chain, head)

    def note_lost(self, chain: ChainKey, said: Gone) -> None:
        """Records of this chain are lost, by a record that is stored."""
        head = self.at(chain)
        self._gone.note(chain[0], said)
        if self._gone.over(chain, head.up_to + 1):
            self._change(chain, head)
            self._advance(chain, head)

    def _change(self, chain: ChainKey, head: Head) -> None:
        if head.is_new:
            head.is_new = False
            self._heads[chain] = head
            self.keys.begin(self._community.registry, *chain)
        self.changed.add(chain)

    def _link(self, chain: ChainKey, head: Head, record: Record, hashed: str) -> None:
        """Move the head over the record after it; a link that does not fit holds the chain.

        Only what the head has passed is evidence: so it is the same whatever came first.
        """
        if record.identity.prev != head.digest:
            head.held = f"record {head.up_to + 1} does not follow record {head.up_to}"
            return
        head.up_to += 1
        head.digest = hashed
        self.linked.append(record)
        if record.typ == KEY:
            self._hand_over(chain, head, record)

    def _advance(self, chain: ChainKey, head: Head) -> None:
        """Move the head over what waited beyond the gap that is filled now, and what is lost."""
        while not head.held:
            number = head.up_to + 1
            if number <= head.top and (waiting := self._next((*chain, number))):
                self._link(chain, head, *waiting)
            elif said := self._gone.over(chain, number):
                head.up_to, head.digest = said.lost.last, said.lost.digest
                self._gone.passed(chain, said, number)
            else:
                return

    def _next(self, key: RecordKey) -> tuple[Record, str] | None:
        """A record and its digest, None where it is not here yet."""
        if (fresh := self._new.get(key)) is not None:
            return fresh.record, fresh.digest
        row = self._db.execute(
            f"SELECT data, digest FROM record WHERE {_OF_CHAIN} AND seq = ?",
            (self._community.id, *key),
        ).fetchone()
        return (records.parse(row[0])[1], row[1]) if row else None

    def write(self, now_ms: int) -> None:
        """Bring the tables up to date, once the batch's records are in theirs."""
        rows: list[tuple[Any, ...]] = []
        for key in self.changed:
            head = self._heads[key]
            rows.append((self._community.id, *key, head.up_to, head.digest, head.held))
            if head.is_behind() or key in self.gaps.open:
                self.gaps.note(key, *self._first_gap(key, head), now_ms=now_ms)
        self._db.executemany(
            "INSERT INTO chain (community, gateway, chain, up_to, digest, held)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET up_to = excluded.up_to, digest = excluded.digest, held = excluded.held",
            rows,
        )

    def _first_gap(self, key: ChainKey, head: Head) -> tuple[int, int]:
        """The numbers that are missing first; (1, 0) for none. A chain that is held wants none."""
        if head.held:
            return 1, 0
        if head.up_to < head.top:
            (beyond,) = self._db.execute(
                f"SELECT min(seq) FROM record WHERE {_OF_CHAIN} AND seq > ?",
                (self._community.id, *key, head.up_to),
            ).fetchone()
            return head.up_to + 1, beyond - 1
        return (head.up_to + 1, head.far - 1) if head.up_to < head.far else (1, 0)
