-- What the hub knows of its gateways beside their evidence: what they said is lost, which key signs
-- which numbers, what is missing, what they are told to do, and what they last said of themselves.

-- Records that a gateway said it no longer has, by the record that says so.
CREATE TABLE lost (
    community   TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    chain       TEXT NOT NULL,            -- of which records are lost
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    digest      TEXT NOT NULL,            -- of the last of them
    why         TEXT NOT NULL,
    by_chain    TEXT NOT NULL,
    by_seq      INTEGER NOT NULL,
    passed_from INTEGER,                  -- the number from which the head went over them, if it did
    PRIMARY KEY (community, gateway, by_chain, by_seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX lost_of_chain ON lost (community, gateway, chain);

-- Which key signs a chain from the number after `seq` on, by the gateway's own record `seq`.
CREATE TABLE rotated (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    old       TEXT NOT NULL,              -- JWK members x
    new       TEXT NOT NULL,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

-- Of each chain that has one, the first gap: numbers that are missing while later ones came.
CREATE TABLE gap (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    since_ms  INTEGER NOT NULL,
    asked     INTEGER NOT NULL DEFAULT 0, -- how often the gateway was asked for it
    PRIMARY KEY (community, gateway, chain)
) STRICT, WITHOUT ROWID;

-- What stewards told gateways to do, and what came of it.
CREATE TABLE command (
    community   TEXT NOT NULL,
    id          TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    word        TEXT NOT NULL,
    chain       TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    device      TEXT NOT NULL,
    document    BLOB NOT NULL,            -- the steward's order, two signed lines
    made_ms     INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    answered_ms INTEGER,
    outcome     TEXT NOT NULL DEFAULT '',
    why         TEXT NOT NULL DEFAULT '',
    by_chain    TEXT NOT NULL DEFAULT '', -- the record that answers
    by_seq      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (community, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX command_open ON command (community, expires_ms) WHERE answered_ms IS NULL;

-- The newest of what a gateway says of itself: state, birth and health. Nobody signs it.
CREATE TABLE heard (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    leaf      TEXT NOT NULL,
    data      BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, leaf)
) STRICT, WITHOUT ROWID;
