-- What acts leave behind for later ones, beside their postings. `booking` is the act's number.

-- Credit set apart: it lies in the clearing account until it is posted, voided or expires.
CREATE TABLE reservation (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    giver     TEXT NOT NULL,              -- a member, or an account by name
    receiver  TEXT NOT NULL,
    asset     TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount > 0),
    until_ms  INTEGER NOT NULL,
    ended     INTEGER,                    -- the booking that ended it
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_open ON reservation (community, until_ms) WHERE ended IS NULL;

-- What was given in exchanges, for their limits.
CREATE TABLE exchanged (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    exchange  TEXT NOT NULL,
    holder    TEXT NOT NULL,
    day       TEXT NOT NULL,              -- local
    amount    INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;

CREATE INDEX exchanged_by ON exchanged (community, exchange, holder, day);

-- Acts that were reversed.
CREATE TABLE undone (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,           -- the act
    by        INTEGER NOT NULL,           -- the booking that reversed it
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;
