"""The journal's one writer: records are signed and chained when they are appended, and written in
groups; a group is one transaction of SQLite, in WAL mode with synchronous FULL.

What the disk does not take stays in memory and is tried again.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import structlog

from gateway.contract import lost, record, rotation, schema
from gateway.contract.keys import SigningKey
from gateway.contract.lost import Lost
from gateway.contract.record import Element
from gateway.journal import chains, expiry, file, gone, salvage
from gateway.journal.disk import Disk
from gateway.journal.group import Group, Made
from gateway.journal.kept import Kept
from gateway.journal.room import Room
from gateway.journal.values import (
    EVIDENCE,
    KINDS,
    NO_COMMUNITY,
    PRIVATE,
    Beside,
    Chain,
    NotKept,
    Owner,
    ReceiptRefused,
    Standing,
)
from gateway.journal.wear import Wear
from gateway.quarter import Moment

log = structlog.get_logger()

# One commit a minute keeps the card alive. Evidence comes once a quarter-hour and waits only for
# the other meters of its boundary; a deposit does not wait at all.
SAMPLES_WAIT_MS = 60_000
EVIDENCE_WAIT_MS = 2_000
# A power cut may take 10 s of a contact's count; a tick and the card's own time come on top.
PULSES_WAIT_MS = 9_000
# A disk that took nothing is tried again after so long.
RETRY_MS = 5_000
# A hub restored from a backup of last week can ask again.
KEPT_MS = 14 * 24 * 3_600_000
PRUNE_EVERY_MS = 3_600_000


class Journal(Kept):
    """Open with `Journal.open`. `on_commit` is called after each commit."""

    def __init__(
        self, disk: Disk, held: int, *, owner: Owner, key: SigningKey, boot: str, shared: bool
    ) -> None:
        super().__init__(disk, owner)
        self.on_commit: Callable[[], None] = lambda: None
        self._lock = held
        self._key = key
        self._boot = boot
        self._group = Group()
        self._pruned_mono_ms: int | None = None
        self._wear = Wear(disk.db)
        restored = disk.path.with_name(file.RESTORED)
        with disk.transaction() as db:
            if restored.exists():
                chains.end_all(db)
            for kind in KINDS:
                chains.begin(db, owner, kind, shared=shared and kind != PRIVATE)
        if restored.exists():
            log.warning("journal_restored", where=str(disk.path), try_="none: new chains begin")
            restored.unlink()
        self._chains = chains.load(disk.db, owner)
        self._is_untold = gone.is_untold(disk.db, owner)
        disk.look()
        if disk.full:
            self._group.due_mono_ms = 0  # nobody appends: room is made without being asked

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        community: str | None,
        gateway: str,
        key: SigningKey,
        boot: str,
        connect: file.Connect = sqlite3.connect,
        room: Room = Room(),  # noqa: B008 - a tuple, which nobody changes
    ) -> "Journal":
        """Open or make the journal in `folder`; of a damaged one, what can be read.

        Raises UsageError, ConfigError, Unreachable.
        """
        owner = Owner(community or NO_COMMUNITY, gateway)
        with ExitStack() as stack:
            held = file.held(folder)
            stack.callback(os.close, held)
            disk = Disk.open(folder / "journal.db", key.public, connect, room)
            stack.callback(disk.db.close)
            shared = community is not None
            journal = cls(disk, held, owner=owner, key=key, boot=boot, shared=shared)
            stack.pop_all()
        return journal

    def close(self) -> None:
        """Let go of the file and the lock; what was not committed is dropped."""
        self._disk.db.close()
        os.close(self._lock)

    # What is written

    @property
    def takes(self) -> bool:
        """Whether there is any use in appending: the disk takes it, and there is room."""
        return not self._disk.stuck and not self._disk.full

    def append(
        self,
        kind: str,
        typ: str,
        elements: list[Element],
        *,
        moment: Moment,
        boundary: tuple[str, int] | None = None,
    ) -> int:
        """Sign and chain a record into the group; `commit` writes it. Gives its number.

        `boundary` (device, boundary in UTC ms) is remembered in the same commit.
        """
        chain = self._current(kind)
        made = Made(self._boot, moment.mono_ms, moment.clock, moment.utc_ms)
        self._group.add(self._owner, chain, made, elements, typ=typ, key=self._key)
        if boundary:
            self._group.boundaries[boundary[0]] = boundary[1]
        wait_ms = EVIDENCE_WAIT_MS if kind == EVIDENCE else SAMPLES_WAIT_MS
        self._group.wait(moment.mono_ms, wait_ms)
        return chain.appended

    def _current(self, kind: str) -> Chain:
        return next(chain for chain in self._chains if chain.kind == kind and chain.current)

    def beside(self, statement: str, **values: Beside) -> None:
        """Change a table beside the records in the same commit as what is appended now.

        `statement` names `:community` and `:gateway`, which are ours, and its own values.
        """
        self._group.beside.append((statement, self._owned(values)))

    def keep_pulses(self, device: str, pulses: int, *, moment: Moment) -> None:
        """How far a contact has been counted; written with the next group, or within 10 s."""
        if self.pulses(device) != pulses:
            self._group.pulses[device] = pulses
            self._group.wait(moment.mono_ms, PULSES_WAIT_MS)

    def is_due(self, mono_ms: int) -> bool:
        """Whether the group has waited long enough, by the domain's monotonic clock."""
        due = self._group.due_mono_ms
        waited = due is not None and not due - SAMPLES_WAIT_MS <= mono_ms < due
        return waited or (self._is_untold and not self._disk.stuck)

    def commit(self, moment: Moment) -> None:
        """Write the group in one transaction; when this returns, a power cut does not matter.

        Raises NotKept where the disk takes nothing: the group is still in memory, and is tried
        again with the next commit. Any other error of the database ends the process.
        """
        try:
            if self._group or self._is_untold or self._disk.stuck:
                self._write_somehow(moment)
        except NotKept:
            self._group.due_mono_ms = moment.mono_ms + RETRY_MS
            raise
        self._group.due_mono_ms = None
        with suppress(NotKept):  # the group is kept; the rest is tried again with the next one
            self._prune(moment)
            self._make_room(moment)
        if not self.takes:
            self._group.wait(moment.mono_ms, RETRY_MS)

    @contextmanager
    def at_once(self, moment: Moment) -> Iterator[None]:
        """What is appended within is committed at its end.

        Raises NotKept, and then nothing of it was ever appended: whoever waits is told so.
        """
        with self._all_or_nothing():
            yield
            self.commit(moment)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Forget what is appended within where it ends in an error; nobody has seen it."""
        group, tips = self._group.copy(), [(c, c.appended, c.digest) for c in self._chains]
        try:
            yield
        except BaseException:
            due = self._group.due_mono_ms
            self._group = group
            self._group.due_mono_ms = due
            for chain, appended, tip in tips:
                chain.appended, chain.digest = appended, tip
            raise

    def _write_somehow(self, moment: Moment) -> None:
        """Write the group; on a disk that is full, in the room of what may go."""
        try:
            self._write(moment)
        except NotKept as refused:
            may_drop = expiry.can_drop(self._disk.db, self._owner, self._chains)
            if not may_drop or not self._disk.was_full(refused):
                raise
            self._disk.release_ballast()
            self._write(moment, to_make_room=True)

    def _write(self, moment: Moment, *, to_make_room: bool = False) -> None:
        """One transaction: the group, and the records of what is lost."""
        self._wear.look(moment.utc_ms)
        with self._all_or_nothing(), self._disk.transaction() as db:
            if to_make_room:
                expiry.drop(db, self._owner, self._chains, self._disk.has_room)
            told = self._tell(db, moment) if to_make_room or self._is_untold else []
            self._group.write(db, self._owner, self._chains)
            if self._disk.stuck or self._wear.is_due(moment.mono_ms):
                self._wear.write(db, moment.mono_ms)
        for chain in self._chains:
            chain.last = chain.appended
        self._group = Group(due_mono_ms=self._group.due_mono_ms)
        self._is_untold = False
        for said in told:
            log.warning("records_lost", **said._asdict())
        if to_make_room:
            self._look_for_firsts()
        self.on_commit()

    def _tell(self, db: sqlite3.Connection, moment: Moment) -> list[Lost]:
        """Append the records of what is lost."""
        evidence = self._current(EVIDENCE).chain
        untold = list(gone.untold(db, self._owner, self._chains))
        for said in untold:
            seq = self.append(EVIDENCE, record.LOST, lost.elements(said), moment=moment)
            gone.told(db, self._owner, said, told_chain=evidence, told_seq=seq)
        return untold

    def _make_room(self, moment: Moment) -> None:
        """Where there is too little of it, as far as anything may go."""
        if self._disk.is_short() and expiry.can_drop(self._disk.db, self._owner, self._chains):
            self._write(moment, to_make_room=True)
        self._disk.look()

    def _prune(self, moment: Moment) -> None:
        """Let go what is older than `KEPT_MS` and receipted, or never to leave: a prefix only."""
        since = self._pruned_mono_ms
        if since is not None and 0 <= moment.mono_ms - since < PRUNE_EVERY_MS:
            return
        self._pruned_mono_ms = moment.mono_ms
        if moment.utc_ms is None:
            return
        with self._disk.transaction() as db:
            expiry.prune(db, self._owner, self._chains, moment.utc_ms - KEPT_MS)
            self._is_untold = gone.is_untold(db, self._owner)
            if since is not None:  # it has run for an hour
                schema.grow_old(db, self._disk.path)
        self._look_for_firsts()

    def _look_for_firsts(self) -> None:
        for chain in self._chains:
            chain.first = chains.first(self._disk.db, self._owner, chain.chain, chain.last)

    # Chains and keys that begin

    def renew(self, new: SigningKey, moment: Moment) -> None:
        """From here on `new` signs: the last record that the old key signs says so in each chain.

        A chain without a record begins with the new key. Raises NotKept, and the old key goes on.
        """
        waits = [chain for chain in self.chains() if chain.shared and chain.appended]
        with self.at_once(moment):
            for chain in [chain for chain in waits if chain.current]:
                others = [other.chain for other in waits if other is not chain]
                said = rotation.elements(*self._owner, old=self._key.public, new=new, chains=others)
                self.append(chain.kind, record.KEY, said, moment=moment)
        self._key = new

    def begin_again(self, kind: str, moment: Moment, *, carry: bool = True) -> Chain:
        """A new chain of this kind. What has no receipt goes into it as it was made, or nowhere.

        For a hub that holds more of the chain than is left here: our file is an old copy, and what
        it appended since has the numbers of other records. Raises NotKept, and nothing changes.
        """
        self.commit(moment)
        old = self._current(kind)
        with self._disk.transaction() as db:
            chains.end(db, self._owner, old)
            chains.begin(db, self._owner, kind, shared=old.shared)
            (new,) = [c for c in chains.load(db, self._owner) if c.kind == kind and c.current]
            if carry:
                self._carry(db, old, new)
            chains.cut(db, self._owner, old)
        self._chains = chains.load(self._disk.db, self._owner)
        log.warning("chain_begun_again", kind=kind, old=old.chain, new=new.chain)
        self.on_commit()
        return self._current(kind)

    def carry(self, old: Chain, moment: Moment) -> None:
        """What has no receipt of a chain that ended goes into the one that goes on. Raises NotKept,
        and nothing changes.
        """
        self.commit(moment)
        with self._disk.transaction() as db:
            (new,) = [c for c in chains.load(db, self._owner) if c.kind == old.kind and c.current]
            self._carry(db, old, new)
            chains.cut(db, self._owner, old)
        self._chains = chains.load(self._disk.db, self._owner)
        self.on_commit()

    def _carry(self, db: sqlite3.Connection, old: Chain, new: Chain) -> None:
        """What has no receipt goes from one chain into another. A key is of its own chain only."""
        after = old.receipted
        while rows := chains.pending(db, self._owner, old, after):
            group = Group()
            for seq, typ, data in rows:
                after = seq
                who, elements, _ = record.parse(data)[1]
                made = Made(who.boot, who.mono_ms, who.clock, who.made_ms)
                if typ != record.KEY:
                    group.add(self._owner, new, made, elements, typ=typ, key=self._key)
            group.write(db, self._owner, [new])

    # What the hub says, and what comes of it

    def receipt(self, chain_name: str, up_to: int, record_digest: str) -> Chain:
        """The hub holds this chain up to `up_to`, which may be less than it once held.

        What it asks for again and is no longer held becomes `lost` with the next commit. Raises
        ReceiptRefused, and nothing changes, where that record is not ours.
        """
        chain = self._shared(chain_name)
        if up_to > chain.last and not chain.current:
            up_to, record_digest = chain.last, ""  # it has more of it than is left here
        if not 0 <= up_to <= chain.last:
            raise ReceiptRefused(f"{chain_name} has no record {up_to}, the last is {chain.last}")
        ours = gone.digest_of(self._disk.db, self._owner, chain, up_to)
        if up_to and ours and record_digest and ours != record_digest:
            raise ReceiptRefused(f"record {up_to} of {chain_name} differs from the hub's")
        if up_to == chain.receipted:
            return chain
        with suppress(NotKept):  # it will be receipted again
            with self._disk.transaction() as db:
                db.execute(
                    f"UPDATE chain SET receipted = ? WHERE {chains.OF_CHAIN}",
                    (up_to, *self._owner, chain_name),
                )
                self._ask_again(db, chain, up_to)
            chain.receipted = up_to
        return chain

    def no_longer_held(self, chain_name: str, first: int, moment: Moment) -> None:
        """Say once what is not held any more of a chain from number `first` on."""
        chain = self._shared(chain_name)
        with self._disk.transaction() as db:
            self._ask_again(db, chain, first - 1)
        self.commit(moment)

    def _shared(self, chain_name: str) -> Chain:
        chain = next((c for c in self._chains if c.chain == chain_name), None)
        if chain is None or not chain.shared:
            raise ReceiptRefused(f"no shared chain is called {chain_name}")
        return chain

    def _ask_again(self, db: sqlite3.Connection, chain: Chain, after: int) -> None:
        if after < chain.receipted:
            gone.ask_again(db, self._owner, chain, after)
            self._is_untold = gone.is_untold(db, self._owner)

    def explaining(self, chain_name: str) -> list[bytes]:
        """The `lost` records of what is gone of a chain above its receipt, in order."""
        chain = self._shared(chain_name)
        return gone.records_about(self._disk.db, self._owner, chain_name, chain.receipted)

    # What is read

    def chains(self) -> list[Chain]:
        """Those that go on, and those that ended with records that wait for a receipt."""
        return [chain for chain in self._chains if chain.current or chain.receipted < chain.last]

    def pulses(self, device: str) -> int | None:
        """The count last kept, None for a contact never counted.

        A house that joins a community has the same contact as before.
        """
        if device in self._group.pulses:
            return self._group.pulses[device]
        rows = self._disk.ask(
            "SELECT pulses FROM contact WHERE gateway = ? AND device = ?"
            " ORDER BY community = ? DESC, pulses DESC LIMIT 1",
            (self._owner.gateway, device, self._owner.community),
        )
        return int(rows[0][0]) if rows else None

    def standing(self) -> Standing:
        """How the journal fares now."""
        space = self._disk.space()
        return Standing(
            tally=self.tally(),
            used_bytes=space.used_bytes,
            max_bytes=self._disk.limits.max_bytes,
            free_bytes=space.free_bytes,
            written_today_bytes=self._wear.today_bytes(),
            written_bytes_per_day=self._wear.whole_day_bytes(),
            oldest_pending_ms=chains.oldest_pending_ms(self._disk.db, self._owner, self._chains),
            stuck=self._disk.stuck,
            full=self._disk.full,
            set_aside=salvage.set_aside(self._disk.path.parent),
            lost=gone.counts(self._disk.db, self._owner),
        )
