"""What an erased member's neighbours still need: quantities per quarter-hour, of nobody's meter."""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from gateway.contract.record import to_json
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.settle.due import concerned

_COLUMNS = "day, register, quarter, per_pulse, unit, grade, substitute, delta"


def keep(
    db: sqlite3.Connection, community: str, member: str, *, after: str, policies: Policies
) -> dict[str, str]:
    """Keep what sharing rules look at of a member's days after this one; gives its digests."""
    rows = [
        row
        for row in db.execute(
            f"SELECT {_COLUMNS} FROM counter WHERE community = ? AND member = ?"
            f" AND quarter IS NOT NULL AND delta != 0 AND day > ? ORDER BY {_COLUMNS}",
            (community, member, after),
        )
        if concerned(policies, "shared", row[1], row[0])
    ]
    db.executemany(
        "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(community, member, row[0], n, *row[1:]) for n, row in enumerate(rows)],
    )
    return _digests(rows)


def digests(db: sqlite3.Connection, community: str, member: str) -> dict[str, str]:
    """What is kept of a member, by month: of each the digest of its rows."""
    return _digests(
        db.execute(
            f"SELECT {_COLUMNS} FROM kept WHERE community = ? AND member = ?",
            (community, member),
        )
    )


def _digests(rows: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    months: dict[str, list[bytes]] = defaultdict(list)
    for row in rows:
        months[row[0][:7]].append(to_json(row))
    return {
        month: hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()
        for month, lines in sorted(months.items())
    }


def forget(db: sqlite3.Connection, community: str, up_to: str) -> None:
    """Days up to this one are sealed: nobody's share of them is reckoned any more."""
    db.execute("DELETE FROM kept WHERE community = ? AND day <= ?", (community, up_to))
