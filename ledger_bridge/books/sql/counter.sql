-- Counters, taken out of records and derived by registry and policy. Both can be done anew from what
-- is stored, so that a newer program may change these tables.

CREATE TABLE counter (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    device    TEXT NOT NULL,
    register  TEXT NOT NULL,
    serial    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    value     INTEGER NOT NULL,           -- milli-units
    unit      TEXT NOT NULL,
    made_ms   INTEGER NOT NULL,           -- the gateway's clock when it made the record
    doubt     TEXT NOT NULL,              -- of the gateway, about this count or its time
    day       TEXT NOT NULL,              -- in which the interval that ends here counts
    quarter   INTEGER,                    -- since 1970, in which all of it lies; NULL: in several
    member    TEXT,                       -- by the meter fit; NULL: nobody's
    delta     INTEGER NOT NULL,           -- believed increase since the reading before
    verdict   TEXT NOT NULL,              -- '' or why the increase is not believed
    per_pulse TEXT NOT NULL,              -- by the meter fit, what one count is; '': a thousandth
    grade     TEXT NOT NULL,              -- how far somebody vouches for it
    substitute INTEGER NOT NULL,          -- nobody measured it: somebody reckoned what it was
    PRIMARY KEY (community, gateway, device, register, serial, at_ms, chain, seq)
) STRICT, WITHOUT ROWID;

-- All that claims and sharing need of a count, so that the counts themselves need not be looked up.
CREATE INDEX counter_of_member ON counter
    (community, member, day, register, per_pulse, delta, quarter, grade, substitute);
CREATE INDEX counter_waiting ON counter (community, gateway, device, serial, verdict) WHERE verdict
    IN ('nobody', 'lower', 'rating', 'ahead', 'pulses', 'night', 'battery', 'sight');

-- Communities whose facts are still to be taken out of their records.
CREATE TABLE unread (
    community TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
