-- The journal of schema 4, which programs that were published go back to. Never changes.

CREATE TABLE chain (
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

CREATE UNIQUE INDEX chain_current ON chain (community, gateway, kind)
WHERE current = 1;

CREATE TABLE record (
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

CREATE INDEX record_by_typ ON record (community, gateway, typ, made_ms);

CREATE TABLE lost (
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

CREATE TABLE boundary (
    community   TEXT    NOT NULL,
    gateway     TEXT    NOT NULL,
    device      TEXT    NOT NULL,
    boundary_ms INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, device)
) STRICT;

CREATE TABLE contact (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    pulses    INTEGER NOT NULL CHECK (pulses >= 0),
    PRIMARY KEY (community, gateway, device)
) STRICT;

CREATE TABLE container (
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

CREATE TABLE written (
    day   TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL CHECK (bytes >= 0)
) STRICT;

CREATE TABLE day (
    community TEXT    NOT NULL,
    gateway   TEXT    NOT NULL,
    device    TEXT    NOT NULL,
    day       TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    at_ms     INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, device, day, kind)
) STRICT;

CREATE VIEW tally AS
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
