-- From schema versions 1 to 3, which let a kind of records have one chain only; what they lack
-- besides is made by journal.sql.

DROP VIEW tally;

CREATE TABLE chain_new (
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

INSERT INTO chain_new (community, gateway, chain, kind, shared, current, last, digest, receipted)
SELECT community, gateway, chain, kind, shared, 1, last, digest, receipted FROM chain;

DROP TABLE chain;

ALTER TABLE chain_new RENAME TO chain;
