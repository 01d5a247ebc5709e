-- The gateway's journal, schema version 4. `community` comes first in every key: a gateway that
-- joins another community starts new chains and keeps the old ones.

-- `current` chains go on; the others are delivered as far as they go.
CREATE TABLE IF NOT EXISTS chain (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    chain     TEXT    NOT NULL,
    kind      TEXT    NOT NULL CHECK (kind IN ('evidence', 'samples', 'private')),
    shared    INTEGER NOT NULL CHECK (shared IN (0, 1)),
    current   INTEGER NOT NULL CHECK (current IN (0, 1)),
    last      INTEGER NOT NULL CHECK (last >= 0),
    digest    TEXT    NOT NULL,
    receipted INTEGER NOT NULL CHECK (receipted BETWEEN 0 AND last),
    PRIMARY KEY (community, gateway, chain)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS chain_current ON chain (community, gateway, kind)
WHERE current = 1;

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

-- Ranges of a chain that a hub may never have: dropped, or damaged, or asked for again too late. They
-- do not overlap. `told_seq` of chain `told_chain` is the record that says so, NULL until it is made.
CREATE TABLE IF NOT EXISTS lost (
    community  TEXT    NOT NULL,
    gateway    TEXT    NOT NULL,
    chain      TEXT    NOT NULL,
    first      INTEGER NOT NULL CHECK (first >= 1),
    last       INTEGER NOT NULL CHECK (last >= first),
    why        TEXT    NOT NULL,
    told_chain TEXT,
    told_seq   INTEGER,
    PRIMARY KEY (community, gateway, chain, first),
    FOREIGN KEY (community, gateway, chain) REFERENCES chain
) STRICT;

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

-- Bytes that the gateway wrote to its disk, by the day of UTC.
CREATE TABLE IF NOT EXISTS written (
    day   TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

-- The first count of each local day, for the page: outlives the record that it is from.
CREATE TABLE IF NOT EXISTS day (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    day       TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, device, day, kind)
) STRICT;

-- Each record that is to leave is delivered, pending or expired; the three are counted apart. What
-- is lost is expired, also where a receipt covers it.
CREATE VIEW IF NOT EXISTS tally AS
SELECT
    community,
    gateway,
    SUM(last)      AS accepted,
    SUM(delivered) AS delivered,
    SUM(pending)   AS pending,
    SUM(expired)   AS expired
FROM (
    SELECT
        community,
        gateway,
        last,
        receipted - (
            SELECT COALESCE(SUM(MIN(lost.last, chain.receipted) - lost.first + 1), 0) FROM lost
            WHERE lost.community = chain.community
                AND lost.gateway = chain.gateway
                AND lost.chain = chain.chain
                AND lost.first <= chain.receipted
        ) AS delivered,
        (
            SELECT COUNT(*) FROM record
            WHERE record.community = chain.community
                AND record.gateway = chain.gateway
                AND record.chain = chain.chain
                AND record.seq > chain.receipted
        ) AS pending,
        (
            SELECT COALESCE(SUM(lost.last - lost.first + 1), 0) FROM lost
            WHERE lost.community = chain.community
                AND lost.gateway = chain.gateway
                AND lost.chain = chain.chain
        ) AS expired
    FROM chain
    WHERE shared = 1
)
GROUP BY community, gateway;
