"""What was attested of members, and what of it waits. Read-only."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from ledger_bridge.books.facts import attested
from ledger_bridge.books.facts.attested import WAITING
from ledger_bridge.books.telling import sentences
from ledger_bridge.books.telling.recycling import Json

_ROWS = (
    "SELECT paper, n, member, day, activity, minutes, by_whom, verdict, reason FROM attestation"
    " WHERE community = ?"
)


def attestations(
    db: sqlite3.Connection, community: str, member: str, days: tuple[str, str]
) -> list[Json]:
    """What was attested of a member from a day to a day, in the order of days and papers."""
    return list(
        _told(
            db.execute(
                f"{_ROWS} AND member = ? AND day BETWEEN ? AND ? ORDER BY day, paper, n",
                (community, member, *days),
            )
        )
    )


def attestation(db: sqlite3.Connection, community: str, paper: int, n: int) -> Json | None:
    """One attestation by its number; None where there is none."""
    rows = db.execute(f"{_ROWS} AND paper = ? AND n = ?", (community, paper, n))
    return next(_told(rows), None)


def held_attestations(db: sqlite3.Connection, community: str) -> list[Json]:
    """What waits for a steward, with what to type."""
    waiting = ", ".join("?" * len(WAITING))
    rows = db.execute(
        f"{_ROWS} AND verdict IN ({waiting}) ORDER BY day, paper, n", (community, *WAITING)
    )
    return [{**one, "try": _what_to_type(one)} for one in _told(rows)]


def _told(rows: Iterator[Any]) -> Iterator[Json]:
    for paper, n, member, day, activity, minutes, by, verdict, reason in rows:
        sentence, zin = sentences.ATTESTED[verdict] if verdict else ("", "")
        yield {
            "attestation": f"{paper}/{n}",
            "member": member,
            "day": day,
            "activity": activity,
            "minutes": minutes,
            "time": f"{minutes // 60}:{minutes % 60:02}" if minutes else "",
            "by": by,
            "verdict": verdict,
            "state": "held" if verdict in WAITING else "refused" if verdict else "counted",
            "reason": reason,
            "sentence": sentence,
            "zin": zin,
        }


def _what_to_type(one: Json) -> str:
    """The command that ends the waiting."""
    if one["verdict"] == attested.NOBODY:
        return f"meterkast member add {one['member']}"
    return f'meterkast ledger attest --void {one["attestation"]} --reason "…"'
