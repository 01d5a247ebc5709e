-- What is said and shared in books of schema 6, which programs that were published go back to. Never changes.

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

CREATE TABLE fork (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    data      BLOB NOT NULL,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT;

CREATE TABLE rejected (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    reason    TEXT NOT NULL,
    count     INTEGER NOT NULL,
    last_ms   INTEGER NOT NULL,
    sample    BLOB NOT NULL,
    PRIMARY KEY (community, gateway, reason)
) STRICT;

CREATE TABLE paper (
    community TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    name      TEXT NOT NULL,              -- of whoever handed it in: once is enough
    data      BLOB NOT NULL,              -- two signed lines
    PRIMARY KEY (community, seq),
    UNIQUE (community, name)
) STRICT;

CREATE TABLE person (
    community   TEXT NOT NULL,
    member      TEXT NOT NULL,
    name        TEXT NOT NULL,
    external_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (community, member)
) STRICT;

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

CREATE TABLE lost (
    community   TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    chain       TEXT NOT NULL,            -- of which records are lost
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    digest      TEXT NOT NULL,            -- of the last of them
    why         TEXT NOT NULL,
    by_chain    TEXT NOT NULL,
    by_seq      INTEGER NOT NULL,
    passed_from INTEGER,                  -- the number from which the head went over them, if it did
    PRIMARY KEY (community, gateway, by_chain, by_seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX lost_of_chain ON lost (community, gateway, chain);

CREATE TABLE rotated (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    old       TEXT NOT NULL,              -- JWK members x
    new       TEXT NOT NULL,
    PRIMARY KEY (community, gateway, chain, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    chain     TEXT NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    since_ms  INTEGER NOT NULL,
    asked     INTEGER NOT NULL DEFAULT 0, -- how often the gateway was asked for it
    PRIMARY KEY (community, gateway, chain)
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
    community   TEXT NOT NULL,
    id          TEXT NOT NULL,
    gateway     TEXT NOT NULL,
    word        TEXT NOT NULL,
    chain       TEXT NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    device      TEXT NOT NULL,
    document    BLOB NOT NULL,            -- the steward's order, two signed lines
    made_ms     INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    answered_ms INTEGER,
    outcome     TEXT NOT NULL DEFAULT '',
    why         TEXT NOT NULL DEFAULT '',
    by_chain    TEXT NOT NULL DEFAULT '', -- the record that answers
    by_seq      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (community, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX command_open ON command (community, expires_ms) WHERE answered_ms IS NULL;

CREATE TABLE heard (
    community TEXT NOT NULL,
    gateway   TEXT NOT NULL,
    leaf      TEXT NOT NULL,
    data      BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (community, gateway, leaf)
) STRICT, WITHOUT ROWID;

CREATE TABLE reservation (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    giver     TEXT NOT NULL,              -- a member, or an account by name
    receiver  TEXT NOT NULL,
    asset     TEXT NOT NULL,
    amount    INTEGER NOT NULL CHECK (amount > 0),
    until_ms  INTEGER NOT NULL,
    ended     INTEGER,                    -- the booking that ended it
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservation_open ON reservation (community, until_ms) WHERE ended IS NULL;

CREATE TABLE exchanged (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,
    exchange  TEXT NOT NULL,
    holder    TEXT NOT NULL,
    day       TEXT NOT NULL,              -- local
    amount    INTEGER NOT NULL CHECK (amount > 0),
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;

CREATE INDEX exchanged_by ON exchanged (community, exchange, holder, day);

CREATE TABLE undone (
    community TEXT NOT NULL,
    booking   INTEGER NOT NULL,           -- the act
    by        INTEGER NOT NULL,           -- the booking that reversed it
    PRIMARY KEY (community, booking)
) STRICT, WITHOUT ROWID;

CREATE TABLE opening (
    community TEXT NOT NULL,
    seq       INTEGER NOT NULL,           -- of the document
    n         INTEGER NOT NULL,           -- which of its edits, from 0
    data      BLOB NOT NULL,
    PRIMARY KEY (community, seq, n)
) STRICT;

CREATE TRIGGER opening_stays BEFORE UPDATE ON opening
BEGIN SELECT RAISE(ABORT, 'stored evidence never changes'); END;

CREATE TABLE erased_leaf (
    community  TEXT NOT NULL,
    idx        INTEGER NOT NULL,
    commitment BLOB NOT NULL,
    PRIMARY KEY (community, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE seal (
    community TEXT NOT NULL,
    leaf      INTEGER NOT NULL,
    up_to     TEXT NOT NULL,              -- local day; '' for a member's
    member    TEXT NOT NULL,              -- '' for a month's
    PRIMARY KEY (community, leaf)
) STRICT;

CREATE TABLE kept (
    community  TEXT NOT NULL,
    member     TEXT NOT NULL,
    day        TEXT NOT NULL,
    n          INTEGER NOT NULL,
    register   TEXT NOT NULL,
    quarter    INTEGER NOT NULL,
    per_pulse  TEXT NOT NULL,
    unit       TEXT NOT NULL,
    grade      TEXT NOT NULL,
    substitute INTEGER NOT NULL,
    delta      INTEGER NOT NULL,
    PRIMARY KEY (community, member, day, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE unscrubbed (
    community  TEXT PRIMARY KEY,
    is_written INTEGER NOT NULL           -- the file is written anew, but for the log beside it
) STRICT, WITHOUT ROWID;

CREATE TABLE subtree (
    community TEXT NOT NULL,
    epoch     INTEGER NOT NULL,
    level     INTEGER NOT NULL CHECK (level > 0),
    n         INTEGER NOT NULL,
    root      BLOB NOT NULL,
    PRIMARY KEY (community, epoch, level, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE epoch (
    community TEXT NOT NULL,
    number    INTEGER NOT NULL CHECK (number > 1),
    first     INTEGER NOT NULL,
    PRIMARY KEY (community, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE holder (
    community TEXT NOT NULL,
    account   TEXT NOT NULL,
    holder    TEXT NOT NULL,              -- a member's id, or what an account is called
    role      TEXT NOT NULL,              -- member, issuance, pool, retired, …
    PRIMARY KEY (community, account)
) STRICT, WITHOUT ROWID;

CREATE INDEX booking_of_acts ON booking (community, seq) WHERE rule IS NULL;

CREATE VIEW v1_holder AS
SELECT community, account, holder, role FROM holder;

CREATE VIEW v1_member AS
SELECT h.community, h.holder AS member, h.account, coalesce(p.external_id, '') AS external_id
FROM holder AS h LEFT JOIN person AS p ON p.community = h.community AND p.member = h.holder
WHERE h.role = 'member';

CREATE VIEW v1_balance AS
SELECT community, holder, role, account, asset, amount
FROM balance JOIN holder USING (community, account);

CREATE VIEW v1_booking AS
SELECT community, seq AS booking, kind, booked_ms,
    strftime('%Y-%m-%dT%H:%M:%SZ', booked_ms / 1000, 'unixepoch') AS booked,
    rule, member, period, leaf
FROM booking;

CREATE VIEW v1_posting AS
SELECT community, booking, line, holder, role, account, asset, amount,
    kind, booked_ms, rule, period
FROM posting JOIN holder USING (community, account) JOIN booking AS b USING (community)
WHERE b.seq = posting.booking;

CREATE VIEW v1_claim AS
SELECT community, rule, member, period, asset, due AS credited,
    NOT EXISTS (
        SELECT 1 FROM dirty WHERE dirty.community = claim.community
            AND dirty.rule = claim.rule AND dirty.member = claim.member
            AND dirty.period = claim.period
    ) AS is_settled
FROM claim;

CREATE VIEW v1_counter_day AS
SELECT community, member, day, gateway, device, register, unit, per_pulse, sum(delta) AS increase
FROM counter WHERE member IS NOT NULL
GROUP BY community, member, day, gateway, device, register, unit, per_pulse;

CREATE VIEW v1_deposit AS
SELECT community, gateway, id AS deposit, at_ms,
    strftime('%Y-%m-%dT%H:%M:%SZ', at_ms / 1000, 'unixepoch') AS at,
    day, member, club, counts_as AS fraction, fraction AS chosen, unit, amount, counted,
    is_verified, verdict
FROM deposit;

CREATE VIEW v1_closed AS
SELECT community, period, booking FROM closed;

CREATE VIEW v1_shared AS
SELECT community, rule, member, day, taken, given FROM shared;

CREATE VIEW v1_attestation AS
SELECT community, paper, n, member, day, activity, minutes, verdict FROM attestation;

CREATE TABLE edition (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    n   INTEGER NOT NULL
) STRICT;

CREATE TABLE changed (
    community TEXT NOT NULL,
    kind      TEXT NOT NULL,
    a         TEXT NOT NULL,
    b         TEXT NOT NULL,
    day       TEXT NOT NULL,
    n         INTEGER NOT NULL,           -- the edition in which it changed last
    gone_n    INTEGER NOT NULL,           -- in which something last went from it, or was another's
    PRIMARY KEY (community, kind, a, b, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX changed_since ON changed (community, n);

CREATE TRIGGER kept_went AFTER DELETE ON kept BEGIN
    INSERT INTO changed SELECT OLD.community, 'shared', '', '', OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER record_went AFTER DELETE ON record BEGIN
    INSERT INTO changed SELECT OLD.community, 'gateway', OLD.gateway, '', '', n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

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

CREATE TABLE shared_day (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    day       TEXT NOT NULL,
    produced  INTEGER NOT NULL,
    shared    INTEGER NOT NULL,
    PRIMARY KEY (community, rule, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE unshared (
    community TEXT NOT NULL,
    rule      TEXT NOT NULL,
    day       TEXT NOT NULL,
    waits_for TEXT NOT NULL DEFAULT '',   -- a meter, GATEWAY/DEVICE, that was not heard of since
    PRIMARY KEY (community, rule, day)
) STRICT, WITHOUT ROWID;

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
