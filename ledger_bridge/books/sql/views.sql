-- Views for whoever reads the books with a program of their own. Each begins with its version:
-- within a version columns are only added. Nothing in them is a name, a card or a meter's number.
-- Amounts are integers in the smallest unit of their asset; times are UTC.

-- Whose each account is. It follows from the registry, which tables cannot read.
CREATE TABLE holder (
    community TEXT NOT NULL,
    account   TEXT NOT NULL,
    holder    TEXT NOT NULL,              -- a member's id, or what an account is called
    role      TEXT NOT NULL,              -- member, issuance, pool, retired, …
    PRIMARY KEY (community, account)
) STRICT, WITHOUT ROWID;

-- Acts are few among the bookings; a statement finds those of one account among them.
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

-- What each claim has got; is_settled is 0 while evidence waits to be reckoned.
CREATE VIEW v1_claim AS
SELECT community, rule, member, period, asset, due AS credited,
    NOT EXISTS (
        SELECT 1 FROM dirty WHERE dirty.community = claim.community
            AND dirty.rule = claim.rule AND dirty.member = claim.member
            AND dirty.period = claim.period
    ) AS is_settled
FROM claim;

-- What each register counted up on a local day and is believed: thousandths of its unit, or pulses
-- that are worth per_pulse each.
CREATE VIEW v1_counter_day AS
SELECT community, member, day, gateway, device, register, unit, per_pulse, sum(delta) AS increase
FROM counter WHERE member IS NOT NULL
GROUP BY community, member, day, gateway, device, register, unit, per_pulse;

-- Masses in mg, pieces in thousandths; counted is what of it counts, verdict why it does not.
CREATE VIEW v1_deposit AS
SELECT community, gateway, id AS deposit, at_ms,
    strftime('%Y-%m-%dT%H:%M:%SZ', at_ms / 1000, 'unixepoch') AS at,
    day, member, club, counts_as AS fraction, fraction AS chosen, unit, amount, counted,
    is_verified, verdict
FROM deposit;

CREATE VIEW v1_closed AS
SELECT community, period, booking FROM closed;

-- Energy that was shared out on a local day, in mWh: what each used of others' and gave to others.
CREATE VIEW v1_shared AS
SELECT community, rule, member, day, taken, given FROM shared;

-- Time that was given, in minutes; verdict is why it does not count. Who vouches for it, and words
-- that people wrote, stay out.
CREATE VIEW v1_attestation AS
SELECT community, paper, n, member, day, activity, minutes, verdict FROM attestation;
