"""What the gateway writes to its card, by the day: a card is worn out by writing.

The kernel counts what this process has caused to be written, in whole pages (`/proc/self/io`,
`write_bytes`); what the file system adds of its own is nobody's. Where the kernel does not count,
nothing is told.
Spec: Linux, `Documentation/filesystems/proc.rst`, section 3.3.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

IO = Path("/proc/self/io")
# Written down with a commit once in so long: a power cut takes that much of the count.
EVERY_MS = 600_000
DAYS_KEPT = 40


def written_bytes() -> int | None:
    """What this process has written since it began."""
    try:
        lines = IO.read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def day_of(utc_ms: int) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).date().isoformat()


def day_before(day: str) -> str:
    return (datetime.fromisoformat(day) - timedelta(days=1)).date().isoformat()


class Wear:
    """Counts by the day of UTC; what nobody knew the day of counts as of the next."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._days: dict[str, int] = dict(db.execute("SELECT day, bytes FROM written").fetchall())
        self._seen = written_bytes()
        self._today = ""
        self._kept_mono_ms: int | None = None

    def look(self, utc_ms: int | None) -> None:
        """Count what was written since the last look."""
        now = written_bytes()
        if utc_ms is None or now is None or self._seen is None:
            return
        self._today = day_of(utc_ms)
        self._days[self._today] = self._days.get(self._today, 0) + max(0, now - self._seen)
        self._seen = now

    def is_due(self, mono_ms: int) -> bool:
        since = self._kept_mono_ms
        return since is None or not 0 <= mono_ms - since < EVERY_MS

    def write(self, db: sqlite3.Connection, mono_ms: int) -> None:
        """Into the transaction that is open."""
        for old in sorted(self._days)[:-DAYS_KEPT]:
            del self._days[old]
        db.executemany(
            "INSERT INTO written VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
            sorted(self._days.items())[-2:],
        )
        if self._days:
            db.execute("DELETE FROM written WHERE day < ?", (min(self._days),))
        self._kept_mono_ms = mono_ms

    def today_bytes(self) -> int | None:
        return self._days.get(self._today)

    def whole_day_bytes(self) -> int | None:
        """Of the last day before today that was counted from its beginning."""
        whole = (
            day
            for day in sorted(self._days, reverse=True)
            if day < self._today and day_before(day) in self._days
        )
        return self._days.get(next(whole, ""))
