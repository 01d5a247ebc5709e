-- When records were made whose gateway had no clock to believe, as far as their chains tell by now.
-- All of it follows from the records.

-- When the last record of a chain was made with a synced clock.
CREATE TABLE synced (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    made_ms   INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, chain)
) STRICT, WITHOUT ROWID;

-- Records whose time a later one with a better clock may still tell, or bound.
CREATE TABLE unsure (
    community     TEXT NOT NULL,
    gateway       TEXT NOT NULL,
    chain         TEXT NOT NULL,
    seq           INTEGER NOT NULL,
    by_rank       INTEGER NOT NULL,       -- how good the clock is that tells its time now
    made_ms       INTEGER,                -- when it was made by that clock; NULL: nobody knows
    not_before_ms INTEGER,                -- the row of `synced` when it came
    is_over       INTEGER NOT NULL,       -- its boot is over
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX unsure_by_rank ON unsure (community, gateway, chain, is_over, by_rank);

-- Records of recycling points that say nothing without a time. Once a later one of the same boot
-- tells it they are facts, and no longer here.
CREATE TABLE clockless (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    is_over   INTEGER NOT NULL,           -- that boot is over: nothing will tell it any more
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;
