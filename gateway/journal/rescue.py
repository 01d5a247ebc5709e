"""What a damaged journal still says, and what its chains are after that."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gateway.contract import lost, record, signed
from gateway.contract.keys import PublicKey
from gateway.contract.signed import Malformed
from gateway.journal import chains, gone
from gateway.journal.pages import Pages, Value
from gateway.journal.values import EVIDENCE, KINDS, NO_COMMUNITY, PRIVATE, Chain, Owner

# A boundary is in milliseconds since 1970; no contact was ever closed so many times.
BOUNDARY_MS_MIN = 10**11

Values = tuple[Value, ...]


def copy(path: Path, db: sqlite3.Connection) -> int:
    """All rows that can be read, into an empty journal. Gives the number of records."""
    with closing(Pages(path)) as pages:
        for found in pages.rows():
            table, values = _of_ours(found.values)
            if table == "record":
                _copy_record(db, found.rowid, values)
            elif table:
                marks = ", ".join("?" * len(values))
                db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)
    (count,) = db.execute("SELECT COUNT(*) FROM record").fetchone()
    return int(count)


# The tables by the types of their values: text, integer, bytes, NULL.
SHAPES = {
    "sssisib": "record",
    "sssis-b": "record",
    "ssssiiisi": "chain",
    "sssi": "boundary",
    "sssiissi": "lost",
    "sssiis--": "lost",
    "sssssii": "day",
    "si": "written",
}


def _of_ours(row: Values) -> tuple[str, Values]:
    """Which table has rows like this, "" for none of ours, and what of the row is that table's."""
    shape = "".join("-" if one is None else type(one).__name__[0] for one in row)
    table = SHAPES.get(shape, "")
    if table == "boundary" and _int(row[3]) < BOUNDARY_MS_MIN:
        return "contact", row
    if len(shape) == 9 and shape.startswith("ssss") and set(shape[4:]) <= {"i", "-"}:
        return "container", row
    if not table:  # what matters most is known also with the columns of a later version behind it
        for columns in (9, 7):
            if (begins := SHAPES.get(shape[:columns])) in {"chain", "record"}:
                return begins, row[:columns]
    return table, row


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _copy_record(db: sqlite3.Connection, number: int, row: Values) -> None:
    """One that says itself what it is; a number of a row that was given twice is given anew."""
    community, gateway, chain, seq, typ, _, data = row
    assert isinstance(data, bytes)
    try:
        who, _, said = record.parse(data)[1]
    except Malformed:
        return
    if (who.community, who.gateway, who.chain, who.seq, said) != (
        community,
        gateway,
        chain,
        seq,
        typ,
    ):
        return
    place = (
        "INSERT OR IGNORE INTO record (rowid, community, gateway, chain, seq, typ, made_ms, data)"
    )
    for rowid in (number, None):
        db.execute(f"{place} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (rowid, *row))


def settle(db: sqlite3.Connection, key: PublicKey) -> Iterator[int]:
    """Decide where each chain stands; gives how many records of each no hub will have.

    A chain whose end can be read goes on. Any other ends with the last record that is known, and
    another begins: two records of one number would be worse.
    """
    names = db.execute(
        "SELECT community, gateway, chain FROM record"
        " UNION SELECT community, gateway, chain FROM chain"
    ).fetchall()
    for community, gateway, name in names:
        yield _settle(db, Owner(community, gateway), name, key)
    db.execute(
        "DELETE FROM lost WHERE (community, gateway, chain) NOT IN (SELECT"
        " community, gateway, chain FROM chain)"
    )


def _settle(db: sqlite3.Connection, owner: Owner, name: str, key: PublicKey) -> int:
    where = (*owner, name)
    known = next((chain for chain in chains.load(db, owner) if chain.chain == name), None)
    top = _top(db, where)
    is_known = known is not None and top <= known.last
    tip = (known.last, known.digest) if known and is_known else (top, "")
    for seq in list(_unbelieved(db, where, tip, key)):
        db.execute(f"DELETE FROM record WHERE {chains.OF_CHAIN} AND seq = ?", (*where, seq))
    if known is None or not is_known:
        _reckon(db, owner, name, known)
    elif _top(db, where) < known.last:
        chains.end(db, owner, known)
    chain = next(chain for chain in chains.load(db, owner) if chain.chain == name)
    return _explain(db, owner, chain) if chain.shared else 0


def _top(db: sqlite3.Connection, where: tuple[str, ...]) -> int:
    (top,) = db.execute(
        f"SELECT COALESCE(MAX(seq), 0) FROM record WHERE {chains.OF_CHAIN}", where
    ).fetchone()
    return int(top)


def _unbelieved(
    db: sqlite3.Connection, where: tuple[str, ...], tip: tuple[int, str], key: PublicKey
) -> Iterator[int]:
    """The numbers of records that are not what was once written.

    A record is believed by the digest in the one after it, or in the chain's own row; at the lower
    end of a gap by its signature. An older key is not known here: what it signed and can be read
    at all is believed.
    """
    above, expected = tip[0] + 1, tip[1]
    for seq, data in db.execute(
        f"SELECT seq, data FROM record WHERE {chains.OF_CHAIN} ORDER BY seq DESC", where
    ):
        document, said = record.parse(data)
        if expected and seq == above - 1:
            is_believed = signed.digest(data) == expected
        else:
            is_believed = document.kid != key.kid or document.by(key)
        if is_believed:
            above, expected = seq, said.identity.prev
        else:
            yield seq


def _reckon(db: sqlite3.Connection, owner: Owner, name: str, known: Chain | None) -> None:
    """Tell from its records where a chain ended; its own row is gone, or older than they are."""
    where = (*owner, name)
    kind = next((kind for kind in KINDS if name.startswith(f"{kind}-")), EVIDENCE)
    shared = owner.community != NO_COMMUNITY and kind != PRIVATE
    rows = db.execute(
        f"SELECT seq, data FROM record WHERE {chains.OF_CHAIN} ORDER BY seq DESC LIMIT 1", where
    ).fetchall()
    last, tip = (rows[0][0], signed.digest(rows[0][1])) if rows else (0, record.GENESIS)
    first = chains.first(db, owner, name, last)
    receipted = min(known.receipted, last) if known else first - 1 if shared else 0
    db.execute(
        "INSERT OR REPLACE INTO chain VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
        (*where, kind, shared, last, tip, receipted),
    )
    if known is None and shared and first > 1:
        # Nobody knows whether they had been delivered.
        gone.add(db, owner, name, 1, first - 1, why=lost.UNREADABLE)
    if kind == EVIDENCE:
        chains.number_anew(db)


def _explain(db: sqlite3.Connection, owner: Owner, chain: Chain) -> int:
    """What waited for the hub and is gone becomes lost, to be told; gives how much that is."""
    where = (*owner, chain.chain)
    db.execute(
        "DELETE FROM record WHERE EXISTS (SELECT 1 FROM lost"
        " WHERE lost.community = record.community AND lost.gateway = record.gateway"
        " AND lost.chain = record.chain AND record.seq BETWEEN lost.first AND lost.last)"
        f" AND {chains.OF_CHAIN}",
        where,
    )
    gaps = list(gone.unheld(db, owner, chain, 0))
    # Below a gap in what is delivered lie records that were deleted long ago.
    floor = max(
        (min(g.last, chain.receipted) for g in gaps if g.first <= chain.receipted), default=0
    )
    db.execute(f"DELETE FROM record WHERE {chains.OF_CHAIN} AND seq <= ?", (*where, floor))
    for gap in gone.unheld(db, owner, chain, chain.receipted):
        gone.add(db, owner, chain.chain, gap.first, gap.last, why=lost.UNREADABLE)
    gone.ask_again(db, owner, chain, chain.receipted)
    return gone.counts(db, owner).get(chain.chain, 0)
