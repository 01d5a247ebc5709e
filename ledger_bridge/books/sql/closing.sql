-- What can be erased, and what is left of it.

-- The edits of a registry document, each with the salt of its digest; erased one by one.
CREATE TABLE opening (
    community TEXT NOT NULL,
    seq       INTEGER NOT NULL,           -- of the document
    n         INTEGER NOT NULL,           -- which of its edits, from 0
    data      BLOB NOT NULL,
    PRIMARY KEY (community, seq, n)
) STRICT;

CREATE TRIGGER opening_stays BEFORE UPDATE ON opening
BEGIN SELECT RAISE(ABORT, 'stored evidence never changes'); END;

-- Leaves of which only the commitment is left, so that all other proofs hold.
CREATE TABLE erased_leaf (
    community  TEXT NOT NULL,
    idx        INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    PRIMARY KEY (community, idx)
) STRICT, WITHOUT ROWID;

-- Where a leaf froze what claims are due: all up to the end of a month, or all of a member's.
CREATE TABLE seal (
    community TEXT NOT NULL,
    leaf      INTEGER NOT NULL,
    up_to     TEXT NOT NULL,              -- local day; '' for a member's
    member    TEXT NOT NULL,              -- '' for a month's
    PRIMARY KEY (community, leaf)
) STRICT;

-- What an erased member gave and took per quarter-hour, for as long as what it leaves for their
-- neighbours may still be reckoned anew. The columns are those of `counter`, a row for each count.
CREATE TABLE kept (
    community  TEXT NOT NULL,
    member     TEXT NOT NULL,
    day        TEXT NOT NULL,
    n          INTEGER NOT NULL,
    register   TEXT NOT NULL,
    quarter    INTEGER NOT NULL,
    per_pulse  TEXT NOT NULL,
    unit       TEXT NOT NULL,
    grade      TEXT NOT NULL,
    substitute INTEGER NOT NULL,
    delta      INTEGER NOT NULL,
    PRIMARY KEY (community, member, day, n)
) STRICT, WITHOUT ROWID;

-- Communities in whose file erased bytes still lie where nothing refers to them.
CREATE TABLE unscrubbed (
    community  TEXT PRIMARY KEY,
    is_written INTEGER NOT NULL           -- the file is written anew, but for the log beside it
) STRICT, WITHOUT ROWID;
