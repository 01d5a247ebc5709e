"""What an act did to one account, in a sentence of both languages. Read-only."""

import sqlite3
from collections.abc import Mapping

# By the kind of the booking: what is said where the account received, and where it gave.
_SAID = {
    "transfer": (("From {}.", "Van {}."), ("To {}.", "Aan {}.")),
    "exchange": (("Exchanged through {}.", "Gewisseld via {}."),) * 2,
}


def told(
    db: sqlite3.Connection,
    community: str,
    booking: int,
    kind: str,
    *,
    account: str,
    amount: int,
    whose: Mapping[str, str],
) -> tuple[tuple[str, str], list[str]]:
    """The sentence, and the other accounts of the booking by the names they go by."""
    rows = db.execute(
        "SELECT DISTINCT account FROM posting WHERE community = ? AND booking = ?"
        " AND account != ? ORDER BY line",
        (community, booking, account),
    )
    parties = [whose.get(other, other) for (other,) in rows]
    received, gave = _SAID.get(kind, ((f"{kind}: {{}}.", f"{kind}: {{}}."),) * 2)
    said = received if amount > 0 else gave
    names = ", ".join(parties)
    return (said[0].format(names), said[1].format(names)), parties
