-- What recycling points said, taken out of records, and what registry and policy make of it. All of
-- it can be done anew from what is stored, so that a newer program may change these tables.
-- Masses are in mg, pieces in thousandths of a piece.

CREATE TABLE deposit (
    community    TEXT NOT NULL,
    gateway      TEXT NOT NULL,
    chain        TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,
    boot         TEXT NOT NULL,
    mono_ms      INTEGER NOT NULL,
    card         TEXT NOT NULL,           -- keyed hash; '' for none
    claim        TEXT NOT NULL,           -- keyed hash of the code on the slip; '' for none
    club         TEXT NOT NULL,
    fraction     TEXT NOT NULL,
    unit         TEXT NOT NULL,           -- kg or piece
    amount       INTEGER NOT NULL,
    by_operator  INTEGER NOT NULL,
    crate        TEXT NOT NULL,
    crate_mg     INTEGER NOT NULL,
    device       TEXT NOT NULL,
    serial       TEXT NOT NULL,
    scale_record TEXT NOT NULL,           -- the scale and the number it keeps this under; '' for none
    gross_mg     INTEGER,
    division_mg  INTEGER,
    day          TEXT NOT NULL,
    member       TEXT,                    -- NULL: nobody's yet
    counts_as    TEXT NOT NULL,           -- the fraction after corrections
    counted      INTEGER NOT NULL,        -- the amount, or 0
    is_verified  INTEGER NOT NULL,        -- by a verified scale in its range, or an operator's count
    verdict      TEXT NOT NULL,           -- '' or why it does not count
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT;

CREATE INDEX deposit_of_member ON deposit (community, member, day);
CREATE INDEX deposit_by_name ON deposit (community, gateway, id);
CREATE INDEX deposit_by_scale_record ON deposit (community, scale_record)
    WHERE scale_record != '';
CREATE INDEX deposit_waiting ON deposit (community, verdict) WHERE verdict != '';

CREATE TABLE correction (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    deposit   TEXT NOT NULL,
    at_ms     INTEGER,                    -- NULL: the gateway had no clock
    boot      TEXT NOT NULL,
    mono_ms   INTEGER NOT NULL,
    fraction  TEXT NOT NULL,              -- '': taken back
    by        TEXT NOT NULL,
    reason    TEXT NOT NULL,
    verdict   TEXT NOT NULL,              -- '' or why it does nothing
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX correction_of_deposit ON correction (community, gateway, deposit);

CREATE TABLE container_event (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    fraction  TEXT NOT NULL,
    event     TEXT NOT NULL,              -- emptied, hauled
    emptying  TEXT NOT NULL,
    hauled_mg INTEGER,                    -- NULL: not known yet
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE known_weight (
    community   TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    chain       TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    device      TEXT NOT NULL,
    serial      TEXT NOT NULL,
    nominal_mg  INTEGER NOT NULL,
    shown_mg    INTEGER NOT NULL,
    division_mg INTEGER,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE turned (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    fraction  TEXT NOT NULL,
    gross_mg  INTEGER,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;
