-- From schema versions 1 to 3, which let a kind of records have one chain only.

DROP VIEW tally;

ALTER TABLE chain RENAME TO chain_before;

-- Here journal.sql makes the tables.

INSERT INTO chain (community, gateway, chain, kind, shared, current, last, digest, receipted)
SELECT community, gateway, chain, kind, shared, 1, last, digest, receipted FROM chain_before;

DROP TABLE chain_before;
