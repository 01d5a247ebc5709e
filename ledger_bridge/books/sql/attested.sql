-- What was attested: hours given, and who took part. Taken out of papers, and judged by registry and
-- policy; both can be done anew from what is stored.

CREATE TABLE attestation (
    community TEXT NOT NULL,
    paper     INTEGER NOT NULL,
    n         INTEGER NOT NULL,           -- which one of its paper, from 1 on
    signed_ms INTEGER NOT NULL,           -- when the steward signed the paper
    member    TEXT NOT NULL,
    day       TEXT NOT NULL,
    activity  TEXT NOT NULL,
    minutes   INTEGER NOT NULL,
    by_whom   TEXT NOT NULL,              -- who vouches for it
    verdict   TEXT NOT NULL,              -- '' or why it does not count
    reason    TEXT NOT NULL,              -- why it was taken back; '' where it was not
    PRIMARY KEY (community, paper, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX attestation_of_member ON attestation (community, member, day);

CREATE TABLE taken_back (
    community TEXT NOT NULL,
    paper     INTEGER NOT NULL,
    n         INTEGER NOT NULL,
    of_paper  INTEGER NOT NULL,           -- what does not count
    of_n      INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    PRIMARY KEY (community, paper, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX taken_back_of ON taken_back (community, of_paper, of_n);
