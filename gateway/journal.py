"""The journal: the only queue of the gateway. What it has committed survives a power cut.

SQLite in WAL mode with synchronous FULL. One process writes. Records are signed and chained when
they are appended, and written in groups; a group is one transaction.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from gateway.contract import record
from gateway.contract.errors import ConfigError, Problem, Unreachable, UsageError
from gateway.contract.keys import SigningKey
from gateway.contract.record import Element, Identity
from gateway.contract.signed import digest
from gateway.quarter import Moment

SCHEMA_VERSION = 3
SCHEMA = Path(__file__).with_name("journal.sql")

EVIDENCE = "evidence"
SAMPLES = "samples"
PRIVATE = "private"  # samples that stay in the house

# One commit a minute keeps the card alive. Evidence comes once a quarter-hour and waits only for
# the other meters of its boundary; a deposit does not wait at all.
SAMPLES_WAIT_MS = 60_000
EVIDENCE_WAIT_MS = 2_000
# A power cut may take 10 s of a contact's count; a tick and the card's own time come on top.
PULSES_WAIT_MS = 9_000
# A hub restored from a backup of last week can ask again.
KEPT_MS = 14 * 24 * 3_600_000
PRUNE_EVERY_MS = 3_600_000
# What a table beside the records holds.
Beside = str | int | None
# The name of the community in the records of a house that has none; they never leave.
NO_COMMUNITY = "house"


@dataclass(slots=True)
class Chain:
    """Where a chain stands. `first` is the lowest number still held, `last` the last committed."""

    chain: str
    kind: str
    shared: bool
    first: int
    last: int
    receipted: int
    digest: str
    appended: int


class Tally(NamedTuple):
    """accepted = delivered + pending + expired, over the records that are to leave."""

    accepted: int
    delivered: int
    pending: int
    expired: int


class ReceiptRefused(Exception):
    """A receipt that does not fit our records; the message says why."""


class _Row(NamedTuple):
    chain: str
    seq: int
    typ: str
    made_ms: int | None
    data: bytes


class Journal:
    """Open with `Journal.open`. `on_commit` is called after each commit."""

    def __init__(
        self,
        db: sqlite3.Connection,
        lock: int,
        *,
        owner: tuple[str, str],
        key: SigningKey,
        boot: str,
    ) -> None:
        self.on_commit: Callable[[], None] = lambda: None
        self._db = db
        self._lock = lock
        self._owner = owner
        self._key = key
        self._boot = boot
        self._group: list[_Row] = []
        self._group_boundaries: dict[str, int] = {}
        self._group_pulses: dict[str, int] = {}
        self._group_beside: list[tuple[str, dict[str, Beside]]] = []
        self._due_mono_ms: int | None = None
        self._pruned_mono_ms: int | None = None
        self._chains: dict[str, Chain] = {}

    @classmethod
    def open(
        cls, folder: Path, *, community: str | None, gateway: str, key: SigningKey, boot: str
    ) -> "Journal":
        """Open or make the journal in `folder`. Raises UsageError, ConfigError, Unreachable."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _lock(folder / "journal.lock")
        except OSError as error:
            raise _unwritable(folder, error.strerror or str(error)) from error
        path = folder / "journal.db"
        try:
            db = sqlite3.connect(path, isolation_level=None)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA foreign_keys = ON")
            _upgrade(db, path)
            journal = cls(db, lock, owner=(community or NO_COMMUNITY, gateway), key=key, boot=boot)
            journal._load(shared=community is not None)
        except sqlite3.OperationalError as error:
            os.close(lock)
            raise _unwritable(folder, str(error)) from error
        except sqlite3.DatabaseError as error:
            os.close(lock)
            what = f"the journal cannot be read: {error}"
            try_ = "move it aside and start again; what was pending in it is then lost"
            raise ConfigError(Problem(what, str(path), try_)) from error
        return journal

    def close(self) -> None:
        """Let go of the file and the lock; what was not committed is dropped."""
        self._db.close()
        os.close(self._lock)

    def _load(self, *, shared: bool) -> None:
        """The chains of this gateway in this community, made at the first start."""
        for kind in (EVIDENCE, SAMPLES, PRIVATE):
            self._db.execute(
                "INSERT INTO chain VALUES (?, ?, ?, ?, ?, 0, ?, 0, 0)"
                " ON CONFLICT (community, gateway, kind) DO NOTHING",
                (
                    *self._owner,
                    f"{kind}-{os.urandom(6).hex()}",
                    kind,
                    shared and kind != PRIVATE,
                    record.GENESIS,
                ),
            )
        rows = self._db.execute(
            "SELECT chain, kind, shared, last, receipted, digest FROM chain"
            " WHERE community = ? AND gateway = ?",
            self._owner,
        ).fetchall()
        for chain, kind, is_shared, last, receipted, tip in rows:
            self._chains[kind] = Chain(
                chain=chain,
                kind=kind,
                shared=bool(is_shared),
                first=self._first(chain, last),
                last=last,
                receipted=receipted,
                digest=tip,
                appended=last,
            )

    def _first(self, chain: str, last: int) -> int:
        (first,) = self._db.execute(
            "SELECT MIN(seq) FROM record WHERE community = ? AND gateway = ? AND chain = ?",
            (*self._owner, chain),
        ).fetchone()
        return int(first) if first is not None else last + 1

    # What is written

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
        chain = self._chains[kind]
        identity = Identity(
            community=self._owner[0],
            gateway=self._owner[1],
            chain=chain.chain,
            seq=chain.appended + 1,
            prev=chain.digest,
            boot=self._boot,
            mono_ms=moment.mono_ms,
            clock=moment.clock,
            made_ms=moment.utc_ms,
        )
        data = record.make(identity, elements, typ=typ, key=self._key)
        self._group.append(_Row(chain.chain, identity.seq, typ, moment.utc_ms, data))
        chain.appended = identity.seq
        chain.digest = digest(data)
        if boundary:
            self._group_boundaries[boundary[0]] = boundary[1]
        self._wait(moment, EVIDENCE_WAIT_MS if kind == EVIDENCE else SAMPLES_WAIT_MS)
        return identity.seq

    def beside(self, statement: str, **values: Beside) -> None:
        """Change a table beside the records in the same commit as what is appended now.

        `statement` names `:community` and `:gateway`, which are ours, and its own values.
        """
        self._group_beside.append((statement, self._owned(values)))

    def _owned(self, values: dict[str, Beside]) -> dict[str, Beside]:
        return {"community": self._owner[0], "gateway": self._owner[1], **values}

    def _wait(self, moment: Moment, at_most_ms: int) -> None:
        due = moment.mono_ms + at_most_ms
        self._due_mono_ms = due if self._due_mono_ms is None else min(self._due_mono_ms, due)

    def keep_pulses(self, device: str, pulses: int, *, moment: Moment) -> None:
        """How far a contact has been counted; written with the next group, or within 10 s."""
        if self.pulses(device) != pulses:
            self._group_pulses[device] = pulses
            self._wait(moment, PULSES_WAIT_MS)

    def pulses(self, device: str) -> int | None:
        """The count last kept, None for a contact never counted.

        A house that joins a community has the same contact as before.
        """
        if device in self._group_pulses:
            return self._group_pulses[device]
        community, gateway = self._owner
        row = self._db.execute(
            "SELECT pulses FROM contact WHERE gateway = ? AND device = ?"
            " ORDER BY community = ? DESC, pulses DESC LIMIT 1",
            (gateway, device, community),
        ).fetchone()
        return int(row[0]) if row else None

    def is_due(self, mono_ms: int) -> bool:
        """Whether the group has waited long enough, by the domain's monotonic clock."""
        due = self._due_mono_ms
        return due is not None and not due - SAMPLES_WAIT_MS <= mono_ms < due

    def commit(self, moment: Moment) -> None:
        """Write the group in one transaction; when this returns, a power cut does not matter.

        Any error of the database ends the process: what is in memory no longer fits the disk.
        """
        if self._group or self._group_pulses or self._group_beside:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(*self._owner, *row) for row in self._group],
            )
            self._db.executemany(
                "INSERT INTO boundary VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET boundary_ms = excluded.boundary_ms",
                [(*self._owner, *done) for done in self._group_boundaries.items()],
            )
            self._db.executemany(
                "UPDATE chain SET last = ?, digest = ?"
                " WHERE community = ? AND gateway = ? AND chain = ?",
                [(c.appended, c.digest, *self._owner, c.chain) for c in self._chains.values()],
            )
            self._db.executemany(
                "INSERT INTO contact VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET pulses = excluded.pulses",
                [(*self._owner, *kept) for kept in self._group_pulses.items()],
            )
            for statement, values in self._group_beside:
                self._db.execute(statement, values)
            self._db.execute("COMMIT")
            for chain in self._chains.values():
                chain.last = chain.appended
            self._group.clear()
            self._group_pulses.clear()
            self._group_boundaries.clear()
            self._group_beside.clear()
            self.on_commit()
        self._due_mono_ms = None
        self._prune(moment)

    def _prune(self, moment: Moment) -> None:
        """Let go what is older than `KEPT_MS` and receipted, or never to leave: a prefix only."""
        since = self._pruned_mono_ms
        if since is not None and 0 <= moment.mono_ms - since < PRUNE_EVERY_MS:
            return
        self._pruned_mono_ms = moment.mono_ms
        if moment.utc_ms is None:
            return
        for chain in self._chains.values():
            may_go = chain.receipted if chain.shared else chain.last
            where = (*self._owner, chain.chain)
            self._db.execute(
                "DELETE FROM record WHERE community = ? AND gateway = ? AND chain = ? AND seq <"
                " (SELECT COALESCE(MIN(seq), ?) FROM record"
                "  WHERE community = ? AND gateway = ? AND chain = ?"
                "  AND (seq > ? OR made_ms IS NULL OR made_ms >= ?))",
                (*where, chain.last + 1, *where, may_go, moment.utc_ms - KEPT_MS),
            )
            chain.first = self._first(chain.chain, chain.last)

    def receipt(self, chain_name: str, up_to: int, record_digest: str) -> Chain:
        """The hub holds this chain up to `up_to`, which may be less than it once held.

        Raises ReceiptRefused, and nothing changes, where that record is not ours.
        """
        chain = next((c for c in self._chains.values() if c.chain == chain_name), None)
        if chain is None or not chain.shared:
            raise ReceiptRefused(f"no shared chain is called {chain_name}")
        if not 0 <= up_to <= chain.last:
            raise ReceiptRefused(f"{chain_name} has no record {up_to}, the last is {chain.last}")
        if up_to + 1 < chain.first:
            raise ReceiptRefused(
                f"record {up_to + 1} of {chain_name} is no longer held, the first is {chain.first}"
            )
        held = self.records(chain_name, start=up_to, limit=1) if up_to >= chain.first else []
        if held and digest(held[0]) != record_digest:
            raise ReceiptRefused(f"record {up_to} of {chain_name} differs from the hub's")
        if up_to != chain.receipted:
            self._db.execute(
                "UPDATE chain SET receipted = ? WHERE community = ? AND gateway = ? AND chain = ?",
                (up_to, *self._owner, chain_name),
            )
            chain.receipted = up_to
        return chain

    # What is read

    def chains(self) -> list[Chain]:
        return list(self._chains.values())

    def records(self, chain: str, *, start: int, limit: int) -> list[bytes]:
        """Committed records of a chain in order, from number `start`."""
        rows = self._db.execute(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND chain = ?"
            " AND seq >= ? ORDER BY seq LIMIT ?",
            (*self._owner, chain, start, limit),
        )
        return [data for (data,) in rows]

    def since(self, typ: str, made_ms: int) -> list[bytes]:
        """Committed records of a kind made at or after `made_ms`, in order of time."""
        rows = self._db.execute(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND typ = ?"
            " AND made_ms >= ? ORDER BY made_ms, seq",
            (*self._owner, typ, made_ms),
        )
        return [data for (data,) in rows]

    def newest(self, typ: str, limit: int) -> list[bytes]:
        """The last committed records of a kind, in the order in which they were written."""
        rows = self._db.execute(
            "SELECT data FROM record WHERE community = ? AND gateway = ? AND typ = ?"
            " ORDER BY rowid DESC LIMIT ?",
            (*self._owner, typ, limit),
        ).fetchall()
        return [data for (data,) in reversed(rows)]

    def ask(self, question: str, **values: Beside) -> list[tuple[Any, ...]]:
        """What a table beside the records holds; values as in `beside`."""
        return self._db.execute(question, self._owned(values)).fetchall()

    def boundaries(self) -> dict[str, int]:
        """The last boundary recorded per device, UTC ms."""
        rows = self._db.execute(
            "SELECT device, boundary_ms FROM boundary WHERE community = ? AND gateway = ?",
            self._owner,
        )
        return dict(rows.fetchall())

    def tally(self) -> Tally:
        row = self._db.execute(
            "SELECT accepted, delivered, pending, expired FROM tally"
            " WHERE community = ? AND gateway = ?",
            self._owner,
        ).fetchone()
        tally = Tally(*row) if row else Tally(0, 0, 0, 0)
        assert tally.accepted == tally.delivered + tally.pending + tally.expired, tally
        return tally


def _unwritable(folder: Path, why: str) -> Unreachable:
    """The disk is full, or not ours to write: what is in the journal is still good."""
    try_ = "make room on the disk and let this user write there, then start again"
    return Unreachable(Problem(f"the journal cannot be written: {why}", str(folder), try_))


def _lock(path: Path) -> int:
    """Hold the writer's lock until the process ends.

    Raises OSError, and UsageError naming who holds it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = os.read(lock, 20).decode().strip() or "unknown"
        os.close(lock)
        problem = Problem(
            f"another gateway writes this journal: process {pid}",
            str(path.parent),
            "stop it first (systemctl stop meterkast-gateway), or give another data folder",
        )
        raise UsageError(problem) from error
    try:
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError:
        os.close(lock)
        raise
    return lock


def _upgrade(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        what = f"the journal has schema {version}, this program knows {SCHEMA_VERSION}"
        raise ConfigError(Problem(what, str(path), "install the newer meterkast again"))
    if version < SCHEMA_VERSION:  # so far a version only adds tables
        step = f"BEGIN; {SCHEMA.read_text()} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        db.executescript(step)
