-- What has changed, for whoever keeps a picture of the books elsewhere: sheets that such a reader
-- writes anew as a whole. A reader turns to the next edition, writes the sheets that changed in the
-- editions since its last, and remembers in a place of its own how far it is. Any number may read.

-- The edition in which changes are noted now; 1 where nobody has turned yet.
CREATE TABLE edition (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    n   INTEGER NOT NULL
) STRICT;

-- kind      a          b        day
-- account   account    ''       ''          an account of somebody who was erased
-- erased    gateway    ''       ''          a gateway that served nobody else: nothing of it is left
-- gateway   gateway    ''       ''          samples of it went, or may be another's; with '' for a
--                                           gateway: official figures of who was erased went
-- member    member     ''       local day   counts that are a member's no longer
-- meter     gateway    device   local day   counts of a meter; of an official figure the gateway
--                                           is '' and the device its meter point
-- shared    rule or '' ''       local day   a day that was shared out, or is no longer
-- waste     gateway    ''       UTC day     deposits, refusals, containers, known weights
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

-- What an erased member's neighbours got is reckoned from this for as long as it is kept.
CREATE TRIGGER kept_went AFTER DELETE ON kept BEGIN
    INSERT INTO changed SELECT OLD.community, 'shared', '', '', OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

-- A record that its gateway's key did not sign after all. Who is erased is noted with whose meters
-- are where, and evidence that is pruned with its counts.
CREATE TRIGGER record_went AFTER DELETE ON record BEGIN
    INSERT INTO changed SELECT OLD.community, 'gateway', OLD.gateway, '', '', n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;
