"""Records whose bytes go while their digest stays, so that their chain still holds together.

What stays must say the same as before: the last count before another member's is kept, and so is
every record that tells when a kept one was made.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from gateway.contract import record as records
from gateway.contract.record import ANSWER, CLOCK, KEY, LOST, Record
from ledger_bridge.books.closing.mine import Mine, Place
from ledger_bridge.books.facts.believe import MOVES_ON
from ledger_bridge.books.facts.derive_waste import TABLES
from ledger_bridge.books.facts.times import SURE, Times, may_be_told, rank

# Gateway, chain, number.
RecordKey = tuple[str, str, int]
ChainKey = tuple[str, str]

# Kinds that say nothing of anybody, and without which a chain cannot be followed.
_OF_NOBODY = {KEY, LOST, CLOCK, ANSWER}

_FACTS = ("counter", *TABLES.values())
_OF_RECORD = "community = ? AND gateway = ? AND chain = ? AND seq = ?"


def records_of(db: sqlite3.Connection, community: str, mine: Mine) -> set[RecordKey]:
    """The records that are about this member and nobody else, and can go."""
    found = _measured(db, community, mine) | _brought(db, community, mine)
    for gateway in mine.gateways:
        found |= {
            _key(record)
            for record in linked(db, community, "r.gateway = ?", gateway)
            if record.typ not in _OF_NOBODY
        }
    for gateway in mine.fits:
        found |= _in_their_time(db, community, mine, gateway)
    found -= _before_others(db, community, mine, found)
    for chain in {key[:2] for key in found if key[0] not in mine.gateways}:
        found -= tell_time(linked(db, community, "(r.gateway, r.chain) = (?, ?)", *chain), found)
    return found


def _key(record: Record) -> RecordKey:
    who = record.identity
    return who.gateway, who.chain, who.seq


def linked(db: sqlite3.Connection, community: str, which: str, *values: str) -> Iterator[Record]:
    """The records that heads have passed, chain by chain, but for those that are erased."""
    for (data,) in db.execute(
        "SELECT data FROM record AS r JOIN chain USING (community, gateway, chain)"
        f" WHERE community = ? AND {which} AND seq <= up_to AND data != x''"
        " AND NOT EXISTS (SELECT 1 FROM lost AS l"
        " WHERE (l.community, l.gateway, l.chain) = (r.community, r.gateway, r.chain)"
        " AND seq BETWEEN passed_from AND last) ORDER BY r.gateway, r.chain, seq",
        (community, *values),
    ):
        yield records.parse(data)[1]


def _measured(db: sqlite3.Connection, community: str, mine: Mine) -> set[RecordKey]:
    """Records with counts of theirs, and of no other member."""
    theirs = set(
        db.execute(
            "SELECT DISTINCT gateway, chain, seq FROM counter"
            " WHERE community = ? AND member = ? AND gateway != ''",
            (community, mine.member),
        )
    )
    for gateway in {key[0] for key in theirs}:
        theirs.difference_update(
            db.execute(
                "SELECT DISTINCT gateway, chain, seq FROM counter"
                " WHERE community = ? AND gateway = ? AND member != ?",
                (community, gateway, mine.member),
            )
        )
    return theirs


def _in_their_time(
    db: sqlite3.Connection, community: str, mine: Mine, gateway: str
) -> set[RecordKey]:
    """What else a gateway sent while it served them alone: samples, and counts of no member's."""
    others = set(
        db.execute(
            "SELECT DISTINCT gateway, chain, seq FROM counter"
            " WHERE community = ? AND gateway = ? AND member != ?",
            (community, gateway, mine.member),
        )
    )
    found = set()
    for record in linked(db, community, "r.gateway = ?", gateway):
        made_ms = record.identity.made_ms
        # As for counts: what is made at the end of a fit is about what it covers.
        if record.typ in _OF_NOBODY or made_ms is None:
            continue
        if mine.is_alone_at(gateway, made_ms - 1):
            found.add(_key(record))
    return found - others


def _brought(db: sqlite3.Connection, community: str, mine: Mine) -> set[RecordKey]:
    """Their deposits and what corrects them; not where another's deposit is judged by them."""
    found: set[RecordKey] = set()
    for gateway, chain, seq, id_, record in db.execute(
        "SELECT gateway, chain, seq, id, scale_record FROM deposit"
        " WHERE community = ? AND member = ?",
        (community, mine.member),
    ):
        shared = db.execute(
            "SELECT 1 FROM deposit WHERE community = ? AND member IS NOT ?"
            " AND ((gateway = ? AND id = ?) OR (scale_record = ? AND scale_record != ''))",
            (community, mine.member, gateway, id_, record),
        ).fetchone()
        if shared:
            continue
        found.add((gateway, chain, seq))
        found.update(
            db.execute(
                "SELECT gateway, chain, seq FROM correction"
                " WHERE community = ? AND gateway = ? AND deposit = ?",
                (community, gateway, id_),
            )
        )
    return found


def _before_others(
    db: sqlite3.Connection, community: str, mine: Mine, going: set[RecordKey]
) -> set[RecordKey]:
    """Of those that would go, the ones from whose count another member's quantity is measured."""
    needed: set[RecordKey] = set()
    for gateway in sorted({key[0] for key in going} - mine.gateways):
        for place in db.execute(
            "SELECT DISTINCT gateway, device FROM counter WHERE community = ? AND gateway = ?",
            (community, gateway),
        ).fetchall():
            needed |= before(
                db, community, place, lambda _, __, member: member not in {None, mine.member}
            )
    return needed & going


def before(
    db: sqlite3.Connection,
    community: str,
    place: Place,
    is_kept: Callable[[RecordKey, str, str | None], bool],
) -> set[RecordKey]:
    """The records from whose counts the kept ones of a place are measured: those are known by their
    record, their day and whose they are.
    """
    found: set[RecordKey] = set()
    last: dict[tuple[str, str], RecordKey] = {}
    for register, serial, chain, seq, day, member, verdict in db.execute(
        "SELECT register, serial, chain, seq, day, member, verdict FROM counter"
        " WHERE community = ? AND gateway = ? AND device = ? ORDER BY at_ms, chain, seq",
        (community, *place),
    ):
        key, meter = (place[0], chain, seq), (register, serial)
        if meter in last and is_kept(key, day, member):
            found.add(last[meter])
        if verdict in MOVES_ON:
            last[meter] = key
    return found


def tell_time(chain: Iterable[Record], going: set[RecordKey]) -> set[RecordKey]:
    """Of those that would go, the ones that tell when one that stays was made, or bound it."""
    needed: set[RecordKey] = set()
    last_sure: RecordKey | None = None
    is_asked = False
    for record in chain:
        key, is_sure = _key(record), rank(record) == SURE
        if is_asked:
            needed.add(key)
        if is_sure:
            last_sure, is_asked = key, False
        elif key not in going and may_be_told(record):
            is_asked = True
            if last_sure:
                needed.add(last_sure)
    return needed & going


def erase_records(db: sqlite3.Connection, community: str, keys: set[RecordKey]) -> None:
    """Take the bytes of these records away, and what was taken out of them."""
    rows = [(community, *key) for key in sorted(keys)]
    db.executemany(f"UPDATE record SET data = x'' WHERE {_OF_RECORD}", rows)
    for table in _FACTS:
        db.executemany(f"DELETE FROM {table} WHERE {_OF_RECORD}", rows)
    for chain in sorted({key[:2] for key in keys}):
        _times_again(db, community, chain)


def _times_again(db: sqlite3.Connection, community: str, chain: ChainKey) -> None:
    """What the chain tells of unsure times, by the records that are left."""
    times = Times()
    for record in linked(db, community, "(r.gateway, r.chain) = (?, ?)", *chain):
        for _ in times.read(record):
            pass
    key = (community, *chain)
    for table in ("synced", "unsure", "clockless"):
        db.execute(f"DELETE FROM {table} WHERE community = ? AND gateway = ? AND chain = ?", key)
    if times.synced_ms is not None:
        db.execute("INSERT INTO synced VALUES (?, ?, ?, ?)", (*key, times.synced_ms))
    db.executemany(
        "INSERT INTO unsure VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(*key, record.identity.seq, *known) for record, *known in times.open],
    )
    waited = [(one, 0) for one in times.open if one.is_waited_for()]
    waited += [(one, 1) for one in times.timeless]
    db.executemany(
        "INSERT INTO clockless VALUES (?, ?, ?, ?, ?)",
        [(*key, one.record.identity.seq, is_over) for one, is_over in waited],
    )


def forget_gateway(db: sqlite3.Connection, community: str, gateway: str) -> None:
    """Of a gateway that served nobody else: what it sent beside its evidence and said of itself."""
    where = (community, gateway)
    beyond = [
        (community, gateway, chain, seq)
        for chain, seq, data in db.execute(
            "SELECT chain, seq, data FROM record JOIN chain USING (community, gateway, chain)"
            " WHERE community = ? AND gateway = ? AND seq > up_to",
            where,
        )
        if records.parse(data)[1].typ not in _OF_NOBODY
    ]
    db.executemany(f"DELETE FROM record WHERE {_OF_RECORD}", beyond)
    db.execute("UPDATE fork SET data = x'' WHERE community = ? AND gateway = ?", where)
    db.execute(
        "UPDATE chain AS c SET held = '' WHERE community = ? AND gateway = ? AND NOT EXISTS"
        " (SELECT 1 FROM record AS r WHERE (r.community, r.gateway, r.chain) ="
        " (c.community, c.gateway, c.chain) AND seq = up_to + 1) AND NOT EXISTS"
        " (SELECT 1 FROM fork AS f WHERE (f.community, f.gateway, f.chain) ="
        " (c.community, c.gateway, c.chain))",
        where,
    )
    db.execute("UPDATE rejected SET sample = x'' WHERE community = ? AND gateway = ?", where)
    for table in ("heard", "command", "gap"):
        db.execute(f"DELETE FROM {table} WHERE community = ? AND gateway = ?", where)


def ranges(keys: Iterable[RecordKey]) -> list[tuple[str, str, int, int]]:
    """Chain by chain the numbers in a row: (gateway, chain, first, last)."""
    of_chain: dict[ChainKey, list[int]] = defaultdict(list)
    for gateway, chain, seq in sorted(keys):
        of_chain[gateway, chain].append(seq)
    found: list[tuple[str, str, int, int]] = []
    for chain_key, numbers in of_chain.items():
        first = last = numbers[0]
        for number in numbers[1:]:
            if number != last + 1:
                found.append((*chain_key, first, last))
                first = number
            last = number
        found.append((*chain_key, first, last))
    return found
