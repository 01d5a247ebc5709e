-- Energy shared per quarter-hour: what each member gave and took, reckoned from counters. Days are
-- reckoned anew where an older program made them, but for sealed ones, whose evidence may be gone.

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

-- A day is only shared out, or no longer, where it was marked.
CREATE TRIGGER unshared_came AFTER INSERT ON unshared BEGIN
    INSERT INTO changed SELECT NEW.community, 'shared', NEW.rule, '', NEW.day, n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER unshared_went AFTER DELETE ON unshared BEGIN
    INSERT INTO changed SELECT OLD.community, 'shared', OLD.rule, '', OLD.day, n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;
