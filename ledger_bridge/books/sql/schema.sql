-- The books of communities. `community` is first in every key: no statement assumes there is one.
-- Amounts are integers in the smallest unit of their asset; times are UTC milliseconds; a day is
-- the community's local day as text, 2026-06-21.

-- Evidence, as it came. Append-only.

CREATE TABLE registry_edit (
    community TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    data      BLOB NOT NULL,              -- two signed lines
    PRIMARY KEY (community, seq)
) STRICT;

CREATE TABLE policy (
    community  TEXT NOT NULL,
    valid_from TEXT NOT NULL,             -- local day
    hash       TEXT NOT NULL,
    data       BLOB NOT NULL,             -- two signed lines
    PRIMARY KEY (community, valid_from)
) STRICT;

CREATE TABLE record (
    arrival   INTEGER PRIMARY KEY,        -- order of storing, for cursors
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    digest    TEXT NOT NULL,
    data      BLOB NOT NULL,              -- two signed lines
    stored_ms INTEGER NOT NULL,
    UNIQUE (community, gateway, chain, seq)
) STRICT;

-- How far each chain is stored without a gap, and why it is held where it is.
CREATE TABLE chain (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    up_to     INTEGER NOT NULL,
    digest    TEXT NOT NULL,
    held      TEXT NOT NULL DEFAULT '',
    logged    INTEGER NOT NULL DEFAULT 0, -- up to which number the log knows this chain
    key       TEXT NOT NULL DEFAULT '',   -- that it began with; '': the one of the admission
    PRIMARY KEY (community, gateway, chain)
) STRICT, WITHOUT ROWID;

-- Two different records under one number: the proof that a chain was forked.
CREATE TABLE fork (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT;

-- Deliveries that were refused, counted; the last one is kept to look at.
CREATE TABLE rejected (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    last_ms   INTEGER NOT NULL,
    sample    BLOB NOT NULL,
    PRIMARY KEY (community, gateway, reason)
) STRICT;

-- What a steward signed that no gateway measured: official figures, sight-readings, attestations.
CREATE TABLE paper (
    community TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    name      TEXT NOT NULL,              -- of whoever handed it in: once is enough
    data      BLOB NOT NULL,              -- two signed lines
    PRIMARY KEY (community, seq),
    UNIQUE (community, name)
) STRICT;

-- Names and the like: the one table that is personal, and can be erased.
CREATE TABLE person (
    community   TEXT NOT NULL,
    member      TEXT NOT NULL,
    name        TEXT NOT NULL,
    external_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (community, member)
) STRICT;

-- Facts, taken out of records and papers, have files of their own: `verify` takes them out again and
-- compares. What the hub knows of its gateways is in gateways.sql.

-- Settlement: what each claim should have got, and has got.

CREATE TABLE claim (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    member    TEXT NOT NULL,
    period    TEXT NOT NULL,
    asset     TEXT NOT NULL,
    due       INTEGER NOT NULL,
    PRIMARY KEY (community, rule, member, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE dirty (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    member    TEXT NOT NULL,
    period    TEXT NOT NULL,
    PRIMARY KEY (community, rule, member, period)
) STRICT, WITHOUT ROWID;

-- The book. Groups and postings never change.

CREATE TABLE booking (
    community  TEXT NOT NULL,
    seq        INTEGER NOT NULL CHECK (seq > 0),
    kind       TEXT NOT NULL,             -- entitlement, or the name of an act
    booked_ms  INTEGER NOT NULL,
    rule       TEXT,                      -- the claim of an entitlement
    member     TEXT,
    period     TEXT,
    client_key TEXT,                      -- makes an act idempotent
    leaf       INTEGER NOT NULL,          -- where the log has it
    PRIMARY KEY (community, seq)
) STRICT;

CREATE INDEX booking_of_claim ON booking (community, member, period, rule);
CREATE INDEX booking_by_time ON booking (community, booked_ms);
CREATE UNIQUE INDEX booking_by_key ON booking (community, client_key)
    WHERE client_key IS NOT NULL;

CREATE TABLE posting (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    line      INTEGER NOT NULL,
    account   TEXT NOT NULL,
    asset     TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount != 0),
    PRIMARY KEY (community, booking, line)
) STRICT, WITHOUT ROWID;

CREATE TABLE balance (
    community TEXT NOT NULL,
    account   TEXT NOT NULL,
    asset     TEXT NOT NULL,
    amount    INTEGER NOT NULL,
    PRIMARY KEY (community, account, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE closed (
    community TEXT NOT NULL,
    period    TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    PRIMARY KEY (community, period)
) STRICT;

-- The log: what was said, in order, as salted commitments under signed tree heads.

CREATE TABLE leaf (
    community TEXT NOT NULL,
    idx       INTEGER NOT NULL,
    kind      TEXT NOT NULL,              -- evidence, registry, policy, entitlement, act, close
    salt      BLOB NOT NULL,
    body      BLOB NOT NULL,
    PRIMARY KEY (community, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
    community TEXT NOT NULL,
    size      INTEGER NOT NULL,
    note      TEXT NOT NULL,              -- C2SP signed note
    PRIMARY KEY (community, size)
) STRICT;

-- Evidence may lose its bytes, and nothing else: the digest stays.
CREATE TRIGGER record_stays BEFORE UPDATE ON record WHEN NEW.data != x''
    OR (NEW.arrival, NEW.community, NEW.gateway, NEW.chain, NEW.seq, NEW.digest, NEW.stored_ms)
    IS NOT (OLD.arrival, OLD.community, OLD.gateway, OLD.chain, OLD.seq, OLD.digest, OLD.stored_ms)
BEGIN SELECT RAISE(ABORT, 'stored evidence never changes'); END;
CREATE TRIGGER registry_stays BEFORE UPDATE ON registry_edit
BEGIN SELECT RAISE(ABORT, 'stored evidence never changes'); END;
CREATE TRIGGER paper_is_kept BEFORE UPDATE ON paper WHEN NEW.data != x''
    OR (NEW.community, NEW.seq) IS NOT (OLD.community, OLD.seq)
BEGIN SELECT RAISE(ABORT, 'stored evidence never changes'); END;
CREATE TRIGGER booking_stays BEFORE UPDATE ON booking
BEGIN SELECT RAISE(ABORT, 'bookings never change'); END;
CREATE TRIGGER booking_remains BEFORE DELETE ON booking
BEGIN SELECT RAISE(ABORT, 'bookings never go'); END;
CREATE TRIGGER posting_stays BEFORE UPDATE ON posting
BEGIN SELECT RAISE(ABORT, 'posted rows never change'); END;
CREATE TRIGGER posting_remains BEFORE DELETE ON posting
BEGIN SELECT RAISE(ABORT, 'posted rows never go'); END;
