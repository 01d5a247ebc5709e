"""The journal: is it whole, do its records follow each other, how long has something waited."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gateway.contract import record, signed
from gateway.contract.signed import Malformed
from gateway.doctor.machine import alarm
from gateway.doctor.patient import Finding, Patient
from gateway.journal import SCHEMA_VERSION, salvage

# Of each chain; a look at all of two weeks would keep people waiting.
LINKS_MAX = 500
DAY_MS = 24 * 3_600_000
# A hub may be away for a holiday; after that somebody should ask.
WAITING_DAYS_MAX = 3


def examine(patient: Patient) -> Iterator[Finding]:
    folder = patient.config.data
    path = folder / "journal.db"
    if aside := salvage.set_aside(folder):
        yield alarm("journal-aside", str(folder), facts=aside)
    if not path.exists():
        yield Finding("nothing was recorded yet", str(path))
        return
    db: sqlite3.Connection | None = None
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        yield from _look(db, path, patient)
    except sqlite3.OperationalError as error:
        try_ = f"sudo --user={_owner(path)} meterkast doctor"
        yield Finding(f"the journal cannot be opened: {error}", str(path), try_)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        try_ = "meterkast gateway: it moves the file aside and reads what can be read of it"
        yield Finding(f"the journal is damaged: {error}", str(path), try_)
    finally:
        if db:
            db.close()


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (OSError, KeyError):
        return "root"


def _look(db: sqlite3.Connection, path: Path, patient: Patient) -> Iterator[Finding]:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        what = f"the journal has schema {version}, this program knows {SCHEMA_VERSION}"
        yield Finding(what, str(path), "install the newer meterkast again")
        return
    (whole,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if whole != "ok":
        raise sqlite3.DatabaseError(whole)
    if broken := _broken_link(db):
        yield Finding(broken, str(path), "keep the file, and call the co-op's steward")
        return
    yield Finding("the journal is whole, and its records follow each other", str(path))
    if patient.config.community:
        yield from _waiting(db, path, patient)


def _broken_link(db: sqlite3.Connection) -> str:
    """The first record that does not follow the one before it, "" where all do."""
    for key in db.execute("SELECT community, gateway, chain FROM chain").fetchall():
        before: tuple[int, str] | None = None
        rows = db.execute(
            "SELECT seq, data FROM record WHERE (community, gateway, chain) = (?, ?, ?)"
            " ORDER BY seq DESC LIMIT ?",
            (*key, LINKS_MAX),
        ).fetchall()
        for seq, data in reversed(rows):
            try:
                _, read = record.parse(data)
            except Malformed as error:
                return f"record {seq} of {key[2]} cannot be read: {error}"
            if before and before[0] == seq - 1 and read.identity.prev != before[1]:
                return f"record {seq} of {key[2]} does not follow record {seq - 1}"
            before = seq, signed.digest(data)
    return ""


def _waiting(db: sqlite3.Connection, path: Path, patient: Patient) -> Iterator[Finding]:
    row = db.execute(
        "SELECT accepted, delivered, pending, expired FROM tally"
        " WHERE community = ? AND gateway = ?",
        (patient.config.community, patient.config.gateway),
    ).fetchone()
    accepted, delivered, pending, expired = row or (0, 0, 0, 0)
    sum_ = f"accepted {accepted} = delivered {delivered} + pending {pending} + expired {expired}"
    if accepted != delivered + pending + expired:
        yield Finding(f"the sum does not hold: {sum_}", str(path), "call the co-op's steward")
        return
    (oldest_ms,) = db.execute(
        "SELECT MIN(made_ms) FROM record JOIN chain USING (community, gateway, chain)"
        " WHERE community = ? AND gateway = ? AND shared = 1 AND seq > receipted",
        (patient.config.community, patient.config.gateway),
    ).fetchone()
    days = (patient.clock.utc_ms() - oldest_ms) // DAY_MS if oldest_ms else 0
    if pending and days >= WAITING_DAYS_MAX:
        what = f"records have waited for the hub for {days} days: {sum_}"
        yield Finding(what, str(path), "the connection to the hub, below; else ask the co-op")
    else:
        yield Finding(sum_, str(path))
