-- What has changed, for whoever keeps a picture of the books elsewhere: sheets that such a reader
-- writes anew as a whole. A reader turns to the next edition, writes the sheets that changed in the
-- editions since its last, and remembers in a place of its own how far it is. Any number may read.

-- The edition in which changes are noted now; 1 where nobody has turned yet.
CREATE TABLE edition (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    n   INTEGER NOT NULL
) STRICT;

-- kind      a          b        day
-- meter     gateway    device   local day   counts of a meter; of an official figure the gateway
--                                           is '' and the device its meter point
-- member    member     ''       local day   counts that are a member's no longer
-- shared    rule       ''       local day   a day that was shared out, or is no longer
-- waste     gateway    ''       UTC day     deposits, refusals, containers, known weights
-- gateway   gateway    ''       ''          whose meters they are: what has no count goes with it
-- account   account    ''       ''          an account that was erased
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
