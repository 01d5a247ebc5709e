"""What an erased member's neighbours still need: quantities per quarter-hour, of nobody's meter."""

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from gateway.contract.record import to_json
from ledger_bridge.books.policy.policies import Policies
from ledger_bridge.books.settle.due import concerned

_COLUMNS = "register, day, quarter, per_pulse, unit, grade, substitute"


def keep(
    db: sqlite3.Connection, community: str, member: str, *, after: str, policies: Policies
) -> dict[str, str]:
    """Keep what sharing rules look at of a member's days after this one; gives its digests."""
    rows = [
        row
        for row in db.execute(
            f"SELECT {_COLUMNS}, sum(delta) FROM counter WHERE community = ? AND member = ?"
            f" AND quarter IS NOT NULL AND delta != 0 AND day > ? GROUP BY {_COLUMNS}",
            (community, member, after),
        )
        if concerned(policies, "shared", row[0], row[1])
    ]
    db.executemany(
        "INSERT INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(community, member, *row) for row in rows],
    )
    return _digests(rows)


def digests(db: sqlite3.Connection, community: str, member: str) -> dict[str, str]:
    """What is kept of a member, by month: of each the digest of its rows."""
    return _digests(
        db.execute(
            f"SELECT {_COLUMNS}, delta FROM kept WHERE community = ? AND member = ?",
            (community, member),
        )
    )


def _digests(rows: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    months: dict[str, list[bytes]] = defaultdict(list)
    for row in rows:
        months[row[1][:7]].append(to_json(row))
    return {
        month: hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()
        for month, lines in sorted(months.items())
    }


def forget(db: sqlite3.Connection, community: str, up_to: str) -> None:
    """Days up to this one are sealed: nobody's share of them is reckoned any more."""
    db.execute("DELETE FROM kept WHERE community = ? AND day <= ?", (community, up_to))
