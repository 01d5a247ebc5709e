-- What the log need not reckon anew, and where it began again. The log itself is in schema.sql.

-- Roots over each full 256, 65,536, … leaves, so that opening the books and proving a leaf need not
-- hash them all. `verify` hashes all and compares.
CREATE TABLE subtree (
    community TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    level     INTEGER NOT NULL CHECK (level > 0),
    n         INTEGER NOT NULL,
    root      BLOB NOT NULL,
    PRIMARY KEY (community, epoch, level, n)
) STRICT, WITHOUT ROWID;

-- Epochs of the log's origin after the first: each is a tree of its own over the leaves from
-- `first` on. The sizes in `checkpoint` go on counting; the notes count within their epoch.
CREATE TABLE epoch (
    community TEXT NOT NULL,
    number    INTEGER NOT NULL CHECK (number > 1),
    first     INTEGER NOT NULL,
    PRIMARY KEY (community, number)
) STRICT, WITHOUT ROWID;
