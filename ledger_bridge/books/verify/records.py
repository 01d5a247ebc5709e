"""The part of `verify` that is about records: signatures, links, keys, and what is declared lost.

Heads and the numbers that they went over are stored; here every chain is walked from its first
record once more, and each jump must be what its gateway said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gateway.contract import record as records
from gateway.contract import rotation, signed
from gateway.contract.keys import PublicKey
from gateway.contract.record import GENESIS, KEY, Record
from gateway.contract.signed import Malformed, Signed
from ledger_bridge.books.facts.gone import gone
from ledger_bridge.books.facts.keyring import ChainKeys, HandedOver, known, rekeyings
from ledger_bridge.books.verify.look import TELL_EVERY, Differs, Look, Step

ChainKey = tuple[str, str]
RecordKey = tuple[str, str, int]


class _Jump(NamedTuple):
    """A head went on to `last`, whose digest is known by the one that said that it is lost."""

    last: int
    digest: str


class _Walk:
    """Where the walk through one chain stands."""

    def __init__(
        self, first_key: PublicKey, rekeyed: list[HandedOver], jumps: dict[int, _Jump]
    ) -> None:
        self.up_to, self.digest = 0, GENESIS
        self.is_held = False
        self.jumps = jumps
        self.first_key = first_key
        self.keys = ChainKeys(first_key, (), rekeyed)
        self._rekeyed = rekeyed
        self._handed_over: list[HandedOver] = []

    def hand_over(self, seq: int, new: PublicKey) -> None:
        """From the number after this one on another key signs."""
        self._handed_over.append((seq, new.x))
        self.keys = ChainKeys(self.first_key, self._handed_over, self._rekeyed)

    def jump(self) -> None:
        """Over what the head went over at this place."""
        while (jump := self.jumps.pop(self.up_to + 1, None)) is not None:
            self.up_to, self.digest = jump


class RecordCheck:
    """One pass over all records of a community."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._registry = look.registry
        self._community = look.community
        self._heads = {
            (gateway, chain): rest
            for gateway, chain, *rest in self._rows(
                "SELECT gateway, chain, up_to, digest, held, key FROM chain WHERE community = ?"
            )
        }
        self._jumps = self._stored_jumps()
        self._walks: dict[ChainKey, _Walk] = {}
        self._lost: set[tuple[Any, ...]] = set()
        self._rotated: set[tuple[Any, ...]] = set()
        self._aside: list[tuple[Signed, RecordKey]] = []
        # Digests of all records, and of the last of the numbers that heads went over.
        self.digests: dict[RecordKey, str] = {}
        self.passed: dict[RecordKey, str] = {}

    def _rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        return self._look.rows(statement)

    def _stored_jumps(self) -> dict[ChainKey, dict[int, _Jump]]:
        found: dict[ChainKey, dict[int, _Jump]] = defaultdict(dict)
        for gateway, chain, last, digest, number in self._rows(
            "SELECT gateway, chain, last, digest, passed_from FROM lost"
            " WHERE community = ? AND passed_from IS NOT NULL"
        ):
            found[gateway, chain][number] = _Jump(last, digest)
        return found

    def check(self, linked: Callable[[Record], None]) -> None:
        """Raises Differs; `linked` is given every record that is evidence, chain by chain."""
        forked = self._forked()
        total = self._look.count("record")
        for jumps in self._jumps.items():
            self._note_passed(*jumps)
        for gateway, chain, seq, digest, data in self._rows(
            "SELECT gateway, chain, seq, digest, data FROM record WHERE community = ?"
            " ORDER BY gateway, chain, seq"
        ):
            self.digests[gateway, chain, seq] = digest
            if len(self.digests) % TELL_EVERY == 0:
                self._look.progress(Step("records", len(self.digests), total))
                self._look.seen.keep()
            if data:
                self._step((gateway, chain, seq), data, digest, linked)
            else:
                self._go_over((gateway, chain, seq), digest)
        self._check_heads(forked)
        self._compare(
            "lost",
            "community, gateway, chain, first, last, digest, why, by_chain, by_seq",
            self._lost,
        )
        self._compare("rotated", "*", self._rotated)
        self._check_keys()

    def _go_over(self, key: RecordKey, digest: str) -> None:
        """A record that is erased: the one after it says by its `prev` what its digest was."""
        walk = self._walk(key[:2])
        if key[2] > walk.up_to + 1:
            walk.jump()
        if key[2] != walk.up_to + 1:
            where = f"record {'/'.join(map(str, key))}"
            raise Differs("it is erased, and no head has passed it", where)
        walk.up_to, walk.digest = key[2], digest
        self._look.erased_records.add(key)

    def _note_passed(self, chain: ChainKey, jumps: dict[int, _Jump]) -> None:
        self.passed.update({(*chain, jump.last): jump.digest for jump in jumps.values()})

    def _walk(self, chain: ChainKey) -> _Walk:
        if chain not in self._walks:
            gateway, _ = chain
            if gateway not in self._registry.keys:
                raise Differs("nobody admitted this gateway", f"chain {'/'.join(chain)}")
            head = self._heads.get(chain)
            first = PublicKey(head[3]) if head and head[3] else self._registry.keys[gateway]
            self._walks[chain] = _Walk(
                first, rekeyings(self._registry, *chain), self._jumps.pop(chain, {})
            )
        return self._walks[chain]

    def _step(
        self, key: RecordKey, data: bytes, digest: str, linked: Callable[[Record], None]
    ) -> None:
        """The next record of a chain: the walk goes on over it, or passes it by."""
        chain, seq = key[:2], key[2]
        where = f"record {'/'.join(map(str, key))}"
        document, record = self._read(data, key, where)
        if said := gone(record):
            self._lost.add((self._community, chain[0], *said.lost, said.by_chain, said.by_seq))
        walk = self._walk(chain)
        if seq > walk.up_to + 1:
            walk.jump()
        if seq != walk.up_to + 1 or record.identity.prev != walk.digest:
            if seq == walk.up_to + 1:
                walk.is_held = True
            if seq > walk.up_to and chain in self._heads and seq <= self._heads[chain][0]:
                raise Differs("it does not follow the record before it", where)
            if signed.digest(data) != digest:
                raise Differs("its digest is not that of its bytes", where)
            self._aside.append((document, key))
            return
        signer = walk.keys.at(seq)
        seen, seen_digest = self._look.seen.of(chain)
        if seq > seen and not document.by(signer):
            raise Differs("its signature is not its gateway's", where)
        if signed.digest(data) != digest:
            raise Differs("its digest is not that of its bytes", where)
        if seq == seen and digest != seen_digest:
            raise Differs("it is another than was seen before", where)
        self._look.seen.note(chain, seq, digest)
        walk.up_to, walk.digest = seq, digest
        linked(record)
        if record.typ == KEY:
            self._hand_over(chain, walk, record, signer)

    def _hand_over(self, chain: ChainKey, walk: _Walk, record: Record, old: PublicKey) -> None:
        try:
            new = rotation.next_key(record, old)
        except Malformed:
            return
        seq = record.identity.seq
        walk.hand_over(seq, new)
        self._rotated.add((self._community, *chain, seq, old.x, new.x))

    def _read(self, data: bytes, key: RecordKey, where: str) -> tuple[Signed, Record]:
        try:
            document, record = records.parse(data)
        except Malformed as error:
            raise Differs(f"it cannot be read any more: {error}", where) from error
        who = record.identity
        if (who.community, who.gateway, who.chain, who.seq) != (self._community, *key):
            raise Differs("it stands under another's number", where)
        return document, record

    def _forked(self) -> set[ChainKey]:
        """Chains of which two records under one number are kept, both signed."""
        forked = set()
        for gateway, chain, seq, data in self._rows(
            "SELECT gateway, chain, seq, data FROM fork WHERE community = ?"
        ):
            key = (gateway, chain, seq)
            if not data:
                self._look.erased_forks.add(gateway)
                forked.add((gateway, chain))
                continue
            where = f"fork {'/'.join(map(str, key))}"
            document, _ = self._read(data, key, where)
            self._aside.append((document, key))
            forked.add((gateway, chain))
        return forked

    def _check_heads(self, forked: set[ChainKey]) -> None:
        """Every head is where the walk ended, and is held where it should be."""
        for chain in sorted({*self._heads, *self._walks, *forked, *self._jumps}):
            where = f"chain {'/'.join(chain)}"
            walk = self._walk(chain)
            walk.jump()
            said, digest, held, _ = self._heads.get(chain, (0, GENESIS, "", ""))
            if (said, digest) != (walk.up_to, walk.digest):
                raise Differs(f"stored up to {walk.up_to}, said {said}", where)
            if walk.jumps:
                raise Differs(f"it went over {min(walk.jumps)} and did not come there", where)
            is_held = walk.is_held or chain in forked
            if bool(held) != is_held:
                what = "it is not held and should be" if is_held else "it is held for nothing"
                raise Differs(what, where)
            if not is_held and self._is_lost(chain, walk.up_to + 1):
                raise Differs(f"it stops before {walk.up_to + 1}, which is said to be lost", where)

    def _is_lost(self, chain: ChainKey, number: int) -> bool:
        return any(row[1:3] == chain and row[3] <= number <= row[4] for row in self._lost)

    def _compare(self, table: str, columns: str, expected: set[tuple[Any, ...]]) -> None:
        stored = set(self._rows(f"SELECT {columns} FROM {table} WHERE community = ?"))
        if odd := stored ^ expected:
            row = min(odd, key=repr)
            what = "the records do not say this" if row in stored else "the records say this"
            raise Differs(what, f"{table} {' '.join(str(column) for column in row[1:])}")

    def _check_keys(self) -> None:
        """Chains began, and what is no evidence was signed, under keys that lead on from the
        admission.
        """
        mine = {
            gateway: {PublicKey(x).kid: PublicKey(x) for x in self._known(gateway)}
            for gateway in self._registry.keys
        }
        for (gateway, chain), walk in self._walks.items():
            if walk.first_key.kid not in mine[gateway]:
                raise Differs("it began under a key of somebody else", f"chain {gateway}/{chain}")
        for document, key in self._aside:
            public = mine.get(key[0], {}).get(document.kid)
            if public is None or not document.by(public):
                where = f"record {'/'.join(map(str, key))}"
                raise Differs("its signature is not its gateway's", where)

    def _known(self, gateway: str) -> set[str]:
        rotations = [(row[4], row[5]) for row in self._rotated if row[1] == gateway]
        return known(self._registry, gateway, rotations)
