-- The gateway's journal, schema version 3. `community` comes first in every key: a gateway that
-- joins another community starts new chains and keeps the old ones.

CREATE TABLE IF NOT EXISTS chain (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    chain     TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('evidence', 'samples', 'private')),
    shared    INTEGER NOT NULL CHECK (shared IN (0, 1)),
    last      INTEGER NOT NULL CHECK (last >= 0),
    digest    TEXT    NOT NULL,
    receipted INTEGER NOT NULL CHECK (receipted BETWEEN 0 AND last),
    expired   INTEGER NOT NULL CHECK (expired >= 0),
    PRIMARY KEY (community, gateway, chain),
    UNIQUE (community, gateway, kind)
) STRICT;

CREATE TABLE IF NOT EXISTS record (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    chain     TEXT    NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq >= 1),
    typ       TEXT    NOT NULL,
    made_ms   INTEGER,
    data      BLOB    NOT NULL,
    PRIMARY KEY (community, gateway, chain, seq),
    FOREIGN KEY (community, gateway, chain) REFERENCES chain
) STRICT;

CREATE INDEX IF NOT EXISTS record_by_typ ON record (community, gateway, typ, made_ms);

CREATE TABLE IF NOT EXISTS boundary (
    community   TEXT    NOT NULL,
    gateway     TEXT    NOT NULL,
    device      TEXT    NOT NULL,
    boundary_ms INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, device)
) STRICT;

-- How far each pulse contact has been counted: a contact has no memory of its own.
CREATE TABLE IF NOT EXISTS contact (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    pulses    INTEGER NOT NULL CHECK (pulses >= 0),
    PRIMARY KEY (community, gateway, device)
) STRICT;

-- What was put into each container between two emptyings; `emptying` is '' while it fills. `up_to`
-- is the number of the record that says it was emptied. Outlives the records that it sums up.
CREATE TABLE IF NOT EXISTS container (
    community    TEXT    NOT NULL,
    gateway      TEXT    NOT NULL,
    fraction     TEXT    NOT NULL,
    emptying     TEXT    NOT NULL,
    up_to        INTEGER,
    emptied_ms   INTEGER,
    delivered_mg INTEGER NOT NULL,
    pieces       INTEGER NOT NULL,
    hauled_mg    INTEGER CHECK (hauled_mg >= 0),
    PRIMARY KEY (community, gateway, fraction, emptying),
    CHECK ((emptying = '') = (up_to IS NULL))
) STRICT;

-- Each record that is to leave is delivered, pending or expired; the three are counted apart.
CREATE VIEW IF NOT EXISTS tally AS
SELECT
    community,
    gateway,
    SUM(last)      AS accepted,
    SUM(receipted) AS delivered,
    SUM(pending)   AS pending,
    SUM(expired)   AS expired
FROM (
    SELECT
        chain.*,
        (
            SELECT COUNT(*) FROM record
            WHERE record.community = chain.community
                AND record.gateway = chain.gateway
                AND record.chain = chain.chain
                AND record.seq > chain.receipted
        ) AS pending
    FROM chain
    WHERE shared = 1
)
GROUP BY community, gateway;
