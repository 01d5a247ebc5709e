-- Energy shared per quarter-hour: what each member gave and took, reckoned from counters.

-- In mWh, by local day. What is left over is the supplier's to take, where the asset is energy.
CREATE TABLE shared (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    member    TEXT NOT NULL,              -- or the account of the supplier
    day       TEXT NOT NULL,
    taken     INTEGER NOT NULL,
    given     INTEGER NOT NULL,
    PRIMARY KEY (community, rule, member, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX shared_of_day ON shared (community, rule, day);

-- The days that are reckoned: how much was given back, and how much of it others could use.
CREATE TABLE shared_day (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    day       TEXT NOT NULL,
    produced  INTEGER NOT NULL,
    shared    INTEGER NOT NULL,
    PRIMARY KEY (community, rule, day)
) STRICT, WITHOUT ROWID;

-- Days that are to be reckoned, or wait for counts that are still to come.
CREATE TABLE unshared (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    day       TEXT NOT NULL,
    waits_for TEXT NOT NULL DEFAULT '',   -- a meter, GATEWAY/DEVICE, that was not heard of since
    PRIMARY KEY (community, rule, day)
) STRICT, WITHOUT ROWID;
