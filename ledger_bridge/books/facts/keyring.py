"""Which key of a gateway signs which numbers of its chains.

A chain begins under one key. A `KEY` record hands over to another after its own number, and a
steward may say from which number on a new one counts, where the old one is lost. So a key ends at
a number, and whoever finds it later can put nothing under a later one.
"""

import sqlite3
from bisect import bisect_right
from collections.abc import Iterable

from gateway.contract.keys import PublicKey
from gateway.contract.record import GENESIS
from ledger_bridge.books.registry.registry import Registry

# From the number after `seq` on, `new` signs: (seq, new).
HandedOver = tuple[int, str]


class ChainKeys:
    """The keys of one chain in the order of their numbers."""

    __slots__ = ("_from", "_keys", "key", "since")

    def __init__(
        self, first: PublicKey, handed_over: Iterable[HandedOver], rekeyed: Iterable[HandedOver]
    ) -> None:
        """Where both name a number, the steward's word goes before the record's."""
        self._from, self._keys = [0], [first]
        # Sorting keeps the order of equals.
        for seq, x in sorted([*handed_over, *rekeyed], key=lambda one: one[0]):
            self._from.append(seq + 1)
            self._keys.append(PublicKey(x))
        self.since = self._from[-1]
        self.key = self._keys[-1]

    def at(self, seq: int) -> PublicKey:
        """The key that signs record `seq`."""
        if seq >= self.since:
            return self.key
        return self._keys[bisect_right(self._from, seq) - 1]


def rekeyings(registry: Registry, gateway: str, chain: str) -> list[HandedOver]:
    """What stewards said of a chain's keys."""
    return [
        (first - 1, edit.key)
        for edit in registry.rekeyed.get(gateway, ())
        for name, first in edit.chains
        if name == chain
    ]


def newest(registry: Registry, gateway: str, rotations: Iterable[tuple[str, str]]) -> str:
    """The key that signs what the gateway begins now; `rotations` are (old, new)."""
    key = registry.first_key(gateway)
    follows: dict[str, str] = {}
    for old, new in rotations:
        follows.setdefault(old, new)
    while (new := follows.pop(key, "")) != "":
        key = new
    return key


def known(registry: Registry, gateway: str, rotations: Iterable[tuple[str, str]]) -> set[str]:
    """Every key that is or was the gateway's, as far as stewards or its own keys say so."""
    found = {registry.keys[gateway].x, *(edit.key for edit in registry.rekeyed.get(gateway, ()))}
    rest = set(rotations)
    while led_to := {(old, new) for old, new in rest if old in found}:
        found.update(new for _, new in led_to)
        rest -= led_to
    return found


def chains_begun(db: sqlite3.Connection, community: str, gateway: str) -> dict[str, int]:
    """Of each chain that is known of a gateway, the first number after all that are stored."""
    rows = db.execute(
        "SELECT chain, 1 + max(up_to, coalesce((SELECT max(seq) FROM record AS r WHERE"
        " (r.community, r.gateway, r.chain) = (c.community, c.gateway, c.chain)), 0))"
        " FROM chain AS c WHERE community = ? AND gateway = ?",
        (community, gateway),
    )
    return dict(rows.fetchall())


class Keyring:
    """The keys of all gateways, as the books have them; inside the caller's commit."""

    def __init__(self, db: sqlite3.Connection, community: str) -> None:
        self._db = db
        self._community = community
        self._registry: Registry | None = None
        self._chains: dict[tuple[str, str], ChainKeys] = {}
        self._newest: dict[str, PublicKey] = {}

    def forget(self) -> None:
        """After a rollback, or a key that was handed over: what is kept in mind is not so."""
        self._chains.clear()
        self._newest.clear()

    def of(self, registry: Registry, gateway: str, chain: str) -> ChainKeys | None:
        """The keys of a chain of an admitted gateway; None where it is not in the books yet."""
        if registry is not self._registry:
            self.forget()
            self._registry = registry
        keys = self._chains.get((gateway, chain))
        return keys if keys is not None else self._load(registry, gateway, chain)

    def _load(self, registry: Registry, gateway: str, chain: str) -> ChainKeys | None:
        where = (self._community, gateway, chain)
        row = self._db.execute(
            "SELECT key FROM chain WHERE community = ? AND gateway = ? AND chain = ?", where
        ).fetchone()
        if row is None:
            return None
        handed_over = self._db.execute(
            "SELECT seq, new FROM rotated WHERE community = ? AND gateway = ? AND chain = ?", where
        )
        first = PublicKey(row[0]) if row[0] else registry.keys[gateway]
        keys = ChainKeys(first, handed_over, rekeyings(registry, gateway, chain))
        self._chains[gateway, chain] = keys
        return keys

    def newest(self, registry: Registry, gateway: str) -> PublicKey:
        """The key that signs what this gateway begins now."""
        if registry is not self._registry:
            self.forget()
            self._registry = registry
        if gateway not in self._newest:
            key = newest(registry, gateway, self._rotations(gateway))
            self._newest[gateway] = PublicKey(key)
        return self._newest[gateway]

    def knows(self, registry: Registry, gateway: str, kid: str) -> bool:
        """Whether this is the thumbprint of a key that is or was the gateway's."""
        keys = known(registry, gateway, self._rotations(gateway))
        return any(PublicKey(x).kid == kid for x in keys)

    def begin(self, registry: Registry, gateway: str, chain: str) -> None:
        """A chain has its first record: it begins under the gateway's newest key."""
        key = self.newest(registry, gateway).x
        self._start(gateway, [chain], "" if key == registry.keys[gateway].x else key)

    def _start(self, gateway: str, chains: Iterable[str], key: str) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO chain (community, gateway, chain, up_to, digest, key)"
            " VALUES (?, ?, ?, 0, ?, ?)",
            [(self._community, gateway, chain, GENESIS, key) for chain in chains],
        )

    def hand_over(
        self, gateway: str, chain: str, seq: int, *, old: str, new: str, also: Iterable[str]
    ) -> None:
        """From the number after `seq` on `new` signs; the chains `also` began under `old`."""
        self._db.execute(
            "INSERT INTO rotated VALUES (?, ?, ?, ?, ?, ?)",
            (self._community, gateway, chain, seq, old, new),
        )
        self._start(gateway, also, old)
        self.forget()

    def _rotations(self, gateway: str) -> list[tuple[str, str]]:
        return self._db.execute(
            "SELECT old, new FROM rotated WHERE community = ? AND gateway = ? ORDER BY chain, seq",
            (self._community, gateway),
        ).fetchall()
