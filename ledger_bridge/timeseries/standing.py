"""How far time series are, for the page, for a command, and for a time series of its own."""

from typing import Any, NamedTuple

from ledger_bridge.books.changed import waiting
from ledger_bridge.reader import Reader
from ledger_bridge.timeseries.place import Away, Notebook, Place

Json = dict[str, Any]


class Standing(NamedTuple):
    """`behind` is how many sheets, days, records, bookings and lines are not written yet, the
    oldest of them since `since_ms`; 0 where none waits. `dropped` of lines that waited too long.
    """

    behind: int
    since_ms: int
    away: Away | None
    quarantined: int
    dropped: int

    def json(self) -> Json:
        told = self.away._asdict() if self.away else None
        return {**self._asdict(), "away": told}


def standing(reader: Reader, notebook: Notebook) -> Standing:
    place = notebook.place or Place("", 0)
    behind = (
        waiting(reader.db, reader.community, after=place.done, beyond=place.key, until=place.until)
        + max(reader.number("coalesce(max(arrival), 0) FROM record") - place.arrival, 0)
        + max(reader.number("coalesce(max(seq), 0) FROM booking") - place.booking, 0)
        + notebook.number("due")
        + notebook.number("spool")
    )
    return Standing(
        behind=behind,
        since_ms=place.turned_ms if behind else 0,
        away=notebook.away(),
        quarantined=notebook.number("quarantine"),
        dropped=notebook.dropped("spool"),
    )
