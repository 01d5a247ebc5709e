-- How far time series are written, and what of them waits. A file of its own beside the books: where
-- it is lost, all is written anew.

-- `of` tells the books and the database apart that the place is between.
CREATE TABLE IF NOT EXISTS place (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    of       TEXT NOT NULL,
    began_ms INTEGER NOT NULL,          -- when it was last begun anew
    is_clear INTEGER NOT NULL,          -- 0: what is in the database must be taken away first
    done     INTEGER NOT NULL,          -- sheets that changed in editions up to this are written
    until    INTEGER NOT NULL,          -- those up to this are being written
    kind     TEXT NOT NULL,             -- the last of them that is
    a        TEXT NOT NULL,
    b        TEXT NOT NULL,
    day      TEXT NOT NULL,
    turned_ms INTEGER NOT NULL,         -- since when they are being written
    arrival  INTEGER NOT NULL,          -- samples of records up to this
    booking  INTEGER NOT NULL,
    leaves   INTEGER NOT NULL,          -- so many leaves the log had
    leaf     TEXT NOT NULL              -- and this was the last
) STRICT;

-- What sheets that were written have made due: the day of a member (a), or a shared day.
CREATE TABLE IF NOT EXISTS due (
    kind    TEXT NOT NULL CHECK (kind IN ('member', 'shared')),
    a       TEXT NOT NULL,
    day     TEXT NOT NULL,
    is_gone INTEGER NOT NULL,
    PRIMARY KEY (kind, a, day)
) STRICT, WITHOUT ROWID;

-- Measurements of which something had to go that the database cannot take away alone.
CREATE TABLE IF NOT EXISTS owed (
    measurement TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Lines that are in no books: what gateways and the bridge said of themselves.
CREATE TABLE IF NOT EXISTS spool (
    n      INTEGER PRIMARY KEY,
    bucket TEXT NOT NULL CHECK (bucket IN ('years', 'months')),
    line   TEXT NOT NULL
) STRICT;

-- Lines that the database refused: `point` is the line without its fields.
CREATE TABLE IF NOT EXISTS quarantine (
    point  TEXT NOT NULL,
    bucket TEXT NOT NULL CHECK (bucket IN ('years', 'months')),
    line   TEXT NOT NULL,
    why    TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (point, bucket)
) STRICT;

-- Sheets and days that could not be told, and what was odd. The books have them.
CREATE TABLE IF NOT EXISTS left_out (
    what TEXT PRIMARY KEY,
    why  TEXT NOT NULL
) STRICT;

-- How many lines there was no room for.
CREATE TABLE IF NOT EXISTS dropped (
    what TEXT PRIMARY KEY CHECK (what IN ('spool', 'quarantine')),
    n    INTEGER NOT NULL
) STRICT;

-- Since when the database does not take anything.
CREATE TABLE IF NOT EXISTS away (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    since_ms INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    why      TEXT NOT NULL
) STRICT;

-- What a steward asked for.
CREATE TABLE IF NOT EXISTS asked (
    what TEXT PRIMARY KEY CHECK (what IN ('again', 'retry'))
) STRICT, WITHOUT ROWID;
