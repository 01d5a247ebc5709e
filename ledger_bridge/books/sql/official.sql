-- Sight-readings, taken out of papers. Official figures are rows of the table counter.

CREATE TABLE sight (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    device    TEXT NOT NULL,
    register  TEXT NOT NULL,
    serial    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    paper     INTEGER NOT NULL,
    value     INTEGER NOT NULL,           -- thousandths of unit
    step      INTEGER NOT NULL,           -- what its last digit stands for
    unit      TEXT NOT NULL,
    by        TEXT NOT NULL,              -- who read it
    PRIMARY KEY (community, gateway, device, register, serial, at_ms, paper)
) STRICT, WITHOUT ROWID;
