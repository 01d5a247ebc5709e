"""How far time series are, for the page, for a command, and for a time series of its own."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from gateway.contract.errors import PeopleError
from ledger_bridge.books.changed import waiting
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.place import Away, Notebook, Place

Json = dict[str, Any]


class Standing(NamedTuple):
    """`behind` is how many sheets, days, records, bookings and lines are not written yet, and
    `since_ms` since when; 0 where none waits. `dropped` of the lines waited for too long.
    `quarantined` points the database refused, kept or not; `left_out` are sheets that are odd.
    """

    behind: int = 0
    since_ms: int = 0
    away: Away | None = None
    quarantined: int = 0
    dropped: int = 0
    left_out: int = 0

    def json(self) -> Json:
        return {
            "behind": self.behind,
            "behind_since": _utc(self.since_ms),
            "away": self.away.why if self.away else "",
            "away_since": _utc(self.away.since_ms) if self.away else None,
            "quarantined": self.quarantined,
            "dropped": self.dropped,
            "left_out": self.left_out,
        }


def standing(reader: Reader, notebook: Notebook) -> Standing:
    place = notebook.place or Place("", 0)
    after, until = place.done, max(place.done, place.until)
    behind = (
        waiting(reader.db, reader.community, after=after, beyond=place.key, until=until)
        + max(reader.arrived() - place.arrival, 0)
        + max(reader.number("coalesce(max(seq), 0) FROM booking") - place.booking, 0)
        + notebook.number("due")
        + notebook.waiting()
    )
    return Standing(
        behind=behind,
        since_ms=place.turned_ms if behind else 0,
        away=notebook.away(),
        quarantined=notebook.number("quarantine") + notebook.dropped("quarantine"),
        dropped=notebook.dropped("spool"),
        left_out=notebook.number("left_out"),
    )


def look(reader: Reader, path: Path) -> Standing:
    """The standing of the place in a file, also where that cannot be used."""
    try:
        notebook = Notebook(path)
        try:
            return standing(reader, notebook)
        finally:
            notebook.close()
    except PeopleError as error:
        return Standing(away=Away(0, "broken", error.problems[0].what))
    except sqlite3.Error as error:
        return Standing(away=Away(0, "broken", str(error)))


def _utc(ms: int) -> str | None:
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if ms else None
