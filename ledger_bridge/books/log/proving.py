"""Proof files made from the books, and heads that others kept held against the log."""

import sqlite3
from typing import NamedTuple

from gateway.contract import rotation, signed
from gateway.contract.errors import PeopleError, Problem
from gateway.contract.keys import PublicKey
from gateway.contract.signed import Malformed
from ledger_bridge.books.log import proofs
from ledger_bridge.books.log.note import Checkpoint, claimed, epoch_of, is_by, origin
from ledger_bridge.books.log.proof import Grown, Proof
from ledger_bridge.books.log.stored import Log, epochs
from ledger_bridge.books.registry.registry import Registry


class Kept(NamedTuple):
    """A signed head that somebody kept, and the epoch of the log that it is of."""

    head: Checkpoint
    log: Log

    @property
    def is_ahead(self) -> bool:
        """Whether it is over more leaves than these books have signed: they are older."""
        return self.head.size > self.log.signed_size()


def known(db: sqlite3.Connection, registry: Registry, note: str) -> Kept:
    """A head that somebody kept of this log. Raises PeopleError where this log did not sign it, or
    signed another one of that size: then whoever has both can show that the log was changed.
    """
    where = "the checkpoint"
    try:
        head = claimed(note)
        epoch_of(note, registry.community)
        is_ours = any(is_by(note, PublicKey(x)) for x in registry.log_keys)
    except Malformed as error:
        raise PeopleError(Problem(str(error), where, "a file `checkpoint` of the log")) from error
    logs = {origin(registry.community, log.epoch): log for log in epochs(db, registry.community)}
    if not is_ours:
        what = f"no head that the log of {registry.community} signed"
        raise PeopleError(Problem(what, f"{where} of {head.origin}", "another file"))
    if head.origin not in logs:
        what = "the log signed it, and these books have forgotten: they are an older backup"
        raise PeopleError(Problem(what, f"{where} of {head.origin}", "keep it; ask the stewards"))
    kept = Kept(head, logs[head.origin])
    if not kept.is_ahead and head.size and proofs.root(kept.log, 0, head.size) != head.root:
        ours = kept.log.checkpoint(head.size) or "no head of this size was signed here"
        raise PeopleError(
            Problem(
                f"two heads of {head.size} leaves with different roots: the log was changed",
                f"{where} of {head.origin}\nkept:\n{note}\nhere:\n{ours}",
                "keep both, and show them to the stewards and to each other",
            )
        )
    return kept


def prove(db: sqlite3.Connection, registry: Registry, booking: int, *, since: str = "") -> Proof:
    """The proof that a booking is in the log, under the newest head of its epoch.

    `since` is a head that somebody kept: the proof shows that the log has only grown since. Raises
    PeopleError.
    """
    community = registry.community
    row = db.execute(
        "SELECT idx, leaf.kind, salt, body FROM booking JOIN leaf ON leaf.community ="
        " booking.community AND idx = leaf WHERE booking.community = ? AND seq = ?",
        (community, min(booking, 2**63 - 1)),
    ).fetchone()
    where = f"booking {booking}"
    if row is None:
        raise PeopleError(Problem("there is no such booking", where, "meterkast ledger statement"))
    idx, kind, salt, body = row
    if not body:
        what = "what the log said of it is erased, with the member that it was for"
        raise PeopleError(Problem(what, where, "its commitment stays in the log"))
    log = [one for one in epochs(db, community) if one.first <= idx][-1]
    size = log.signed_size()
    note = log.checkpoint(size)
    assert note is not None
    proof = Proof(
        kind=kind,
        salt=salt,
        body=body,
        policy="",
        handovers=_handovers(registry, note),
        since=_grown(db, registry, since, log, size),
        place=idx - log.first,
        path=tuple(proofs.inclusion(log, idx - log.first, size)),
        note=note,
    )
    return proof._replace(policy=_policy(db, community, body))


def _policy(db: sqlite3.Connection, community: str, body: bytes) -> str:
    """The first line of the policy that a leaf names, "" where it names none."""
    row = db.execute(
        "SELECT data FROM policy WHERE community = ? AND hash = json_extract(?, '$.policy')",
        (community, body.decode()),
    ).fetchone()
    return signed.parse_all(row[0])[0].payload.decode() if row else ""


def _grown(
    db: sqlite3.Connection, registry: Registry, since: str, log: Log, size: int
) -> Grown | None:
    if not since:
        return None
    kept = known(db, registry, since)
    where = f"the checkpoint of {kept.head.origin}, {kept.head.size} leaves"
    if kept.log.epoch != log.epoch:
        what = f"the booking is in epoch {log.epoch} of the log"
        raise PeopleError(Problem(what, where, "a checkpoint of that epoch"))
    if kept.is_ahead:
        what = f"these books have {size} leaves: they are older"
        raise PeopleError(Problem(what, where, "meterkast hub restored --checkpoint FILE"))
    path = proofs.consistency(log, kept.head.size, size)
    return Grown(kept.head.size, kept.head.root, tuple(path))


def _handovers(registry: Registry, note: str) -> tuple[str, ...]:
    """What leads to the key that signed a head; nothing where stewards named it."""
    for count, said in enumerate(registry.handovers, 1):
        document = signed.parse(said.encode())
        new = signed.read_as(document, rotation.Rotation, typ=rotation.ROTATION).key
        if is_by(note, PublicKey(new)):
            return registry.handovers[:count]
    return ()
