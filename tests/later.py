"""A later program, as far as its schemas go: they have more, and the older ones' all."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from unittest.mock import patch

from gateway.journal import file
from ledger_bridge.books import store

# What a later version may do to a journal, so that its largest table has to be written anew.
JOURNAL = """
ALTER TABLE record ADD COLUMN sent INTEGER GENERATED ALWAYS AS (seq + 1) VIRTUAL;
ALTER TABLE chain ADD COLUMN colour TEXT GENERATED ALWAYS AS (kind) VIRTUAL;
CREATE TABLE forecast (n INTEGER PRIMARY KEY AUTOINCREMENT, kwh INTEGER) STRICT;
INSERT INTO forecast (kwh) VALUES (3);
CREATE INDEX record_by_sent ON record (sent);
CREATE TRIGGER record_sent AFTER INSERT ON record BEGIN INSERT INTO forecast (kwh) VALUES (4); END;
ANALYZE;
"""
# One that leaves the records as they are.
LIGHT = "CREATE TABLE forecast (kwh INTEGER) STRICT; CREATE INDEX said ON record (typ);"

BOOKS = """
ALTER TABLE booking ADD COLUMN colour TEXT GENERATED ALWAYS AS (kind) VIRTUAL;
ALTER TABLE balance ADD COLUMN colour TEXT GENERATED ALWAYS AS (asset) VIRTUAL;
CREATE TABLE mood (x TEXT) STRICT;
CREATE INDEX booked ON booking (colour);
"""


class Text(str):
    """As much of a path as is asked for a script."""

    __slots__ = ()

    def read_text(self) -> str:
        return self


def grown(script: str, step: str) -> str:
    """The script of a later program, which makes at once what the step makes of an older schema."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(script + step)
        rows = db.execute("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
    made = "".join(f"{sql};\n" for (sql,) in rows)
    for kind in ("TABLE", "INDEX", "UNIQUE INDEX", "VIEW", "TRIGGER"):
        made = made.replace(f"CREATE {kind} ", f"CREATE {kind} IF NOT EXISTS ")
    return made


@contextmanager
def later_gateway(step: str = JOURNAL) -> Iterator[None]:
    """Within, gateways are of a version whose journal has schema 5."""
    journal = Text(grown(file.SCHEMA.read_text(), step))
    upgrade = Text(f"{step}\n{file.TABLES_ARE_MADE}\n")
    with patch.multiple(file, SCHEMA_VERSION=5, SCHEMA=journal, UPGRADE=upgrade):
        yield


@contextmanager
def later_hub(step: str = BOOKS) -> Iterator[None]:
    """Within, hubs are of a version whose books have schema 7."""
    said = grown("".join(map(store._sql, store.SAID)), step)
    sql = store._sql
    added = {**store._ADDED, 7: step}
    with (
        patch.multiple(store, SCHEMA_VERSION=7, _ADDED=added, SAID=("later.sql",)),
        patch.object(store, "_sql", lambda name: said if name == "later.sql" else sql(name)),
    ):
        yield
