"""Records that are gone: which numbers of a chain are not held, and the records that say so.

A hub that holds a chain up to the first number that is gone goes on after the last one, once it has
the `lost` record. Those are records like any other, in the evidence chain, and go with time too:
when a hub asks again for what only they explain, they are made anew.
"""

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from gateway.contract import lost, record, signed
from gateway.contract.lost import Lost
from gateway.journal.values import Chain, Owner

_OF_CHAIN = "community = ? AND gateway = ? AND chain = ?"


class Range(NamedTuple):
    first: int
    last: int


def unheld(db: sqlite3.Connection, owner: Owner, chain: Chain, after: int) -> Iterator[Range]:
    """The numbers above `after` that are not held, up to the last one committed."""
    where = (*owner, chain.chain)
    (held,) = db.execute(
        f"SELECT COUNT(*) FROM record WHERE {_OF_CHAIN} AND seq > ?", (*where, after)
    ).fetchone()
    if held == chain.last - after:
        return
    expected = after + 1
    for (seq,) in db.execute(
        f"SELECT seq FROM record WHERE {_OF_CHAIN} AND seq > ? ORDER BY seq", (*where, after)
    ):
        if seq > expected:
            yield Range(expected, seq - 1)
        expected = seq + 1
    if expected <= chain.last:
        yield Range(expected, chain.last)


def add(
    db: sqlite3.Connection, owner: Owner, chain: str, first: int, last: int, *, why: str
) -> None:
    """The numbers `first` to `last` are gone; those already said to be so stay what they are."""
    rows = db.execute(
        f"SELECT first, last FROM lost WHERE {_OF_CHAIN} AND first <= ? AND last >= ?"
        " ORDER BY first",
        (*owner, chain, last, first),
    ).fetchall()
    for known_first, known_last in [*rows, (last + 1, last + 1)]:
        if first < known_first:
            db.execute(
                "INSERT INTO lost VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
                (*owner, chain, first, known_first - 1, why),
            )
        first = known_last + 1


def ask_again(db: sqlite3.Connection, owner: Owner, chain: Chain, after: int) -> None:
    """A hub holds the chain up to `after` only, and asks for what comes next."""
    for gap in unheld(db, owner, chain, after):
        add(db, owner, chain.chain, gap.first, gap.last, why=lost.NO_LONGER_HELD)
    untell(db, owner, chain, after)


def untell(db: sqlite3.Connection, owner: Owner, chain: Chain, after: int) -> None:
    """Have said again what is gone above `after`, where the record that says so is gone itself."""
    db.execute(
        f"UPDATE lost SET told_chain = NULL, told_seq = NULL WHERE {_OF_CHAIN} AND last > ?"
        " AND NOT EXISTS ("
        "  SELECT 1 FROM record WHERE record.community = lost.community"
        "  AND record.gateway = lost.gateway AND record.chain = told_chain AND seq = told_seq)",
        (*owner, chain.chain, after),
    )


def is_untold(db: sqlite3.Connection, owner: Owner) -> bool:
    """Whether a `lost` record is still to be made."""
    row = db.execute(
        "SELECT 1 FROM lost WHERE community = ? AND gateway = ? AND told_seq IS NULL LIMIT 1", owner
    ).fetchone()
    return row is not None


def untold(db: sqlite3.Connection, owner: Owner, chains: list[Chain]) -> Iterator[Lost]:
    """The `lost` records to be made, in order; neighbours of one chain are one record.

    Nobody knows the digest of a record that is gone but the one after it: where that is gone too,
    the range goes on to the next one that is held.
    """
    for chain in chains:
        rows = db.execute(
            f"SELECT first, last, why, told_seq IS NULL FROM lost WHERE {_OF_CHAIN} ORDER BY first",
            (*owner, chain.chain),
        ).fetchall()
        run: list[tuple[int, int, str]] = []
        for first, last, why, is_new in rows:
            if run and run[-1][1] + 1 != first:
                yield _lost(db, owner, chain, run)
                run = []
            if run or is_new:
                run.append((first, last, why))
        if run:
            yield _lost(db, owner, chain, run)


def _lost(
    db: sqlite3.Connection, owner: Owner, chain: Chain, run: list[tuple[int, int, str]]
) -> Lost:
    last = run[-1][1]
    digest = digest_of(db, owner, chain, last)
    assert digest, f"{chain.chain} holds neither {last} nor the one after it"
    return Lost(chain.chain, run[0][0], last, digest, run[0][2])


def told(
    db: sqlite3.Connection, owner: Owner, said: Lost, *, told_chain: str, told_seq: int
) -> None:
    """Record `told_seq` of `told_chain` says it now."""
    db.execute(
        f"UPDATE lost SET told_chain = ?, told_seq = ? WHERE {_OF_CHAIN}"
        " AND first >= ? AND last <= ?",
        (told_chain, told_seq, *owner, said.chain, said.first, said.last),
    )


def digest_of(db: sqlite3.Connection, owner: Owner, chain: Chain, seq: int) -> str:
    """The digest of a committed record, by itself or by the one after it, "" where none is held."""
    if seq == 0:
        return record.GENESIS
    rows = dict(
        db.execute(
            f"SELECT seq, data FROM record WHERE {_OF_CHAIN} AND seq BETWEEN ? AND ?",
            (*owner, chain.chain, seq, seq + 1),
        ).fetchall()
    )
    if seq in rows:
        return signed.digest(rows[seq])
    if seq + 1 in rows:
        return record.parse(rows[seq + 1])[1].identity.prev
    if seq != chain.last:
        return ""
    (digest,) = db.execute(
        f"SELECT digest FROM chain WHERE {_OF_CHAIN}", (*owner, chain.chain)
    ).fetchone()
    return str(digest)


def records_about(db: sqlite3.Connection, owner: Owner, chain: str, after: int) -> list[bytes]:
    """The `lost` records that explain what is gone of a chain above a number."""
    rows = db.execute(
        "SELECT DISTINCT record.seq, record.data FROM lost JOIN record"
        " ON record.community = lost.community AND record.gateway = lost.gateway"
        " AND record.chain = told_chain AND record.seq = told_seq"
        " WHERE lost.community = ? AND lost.gateway = ? AND lost.chain = ? AND lost.last > ?"
        " ORDER BY record.seq",
        (*owner, chain, after),
    )
    return [data for _, data in rows.fetchall()]


def counts(db: sqlite3.Connection, owner: Owner) -> dict[str, int]:
    """How many records by chain are gone that no hub has had."""
    rows = db.execute(
        "SELECT chain, SUM(last - first + 1) FROM lost"
        " WHERE community = ? AND gateway = ? AND why <> ? GROUP BY chain",
        (*owner, lost.NO_LONGER_HELD),
    )
    return dict(rows.fetchall())
