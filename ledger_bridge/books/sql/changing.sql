-- Notes in `changed` what happens to the tables of facts. These triggers go with the tables, and
-- come again with them. A sheet from which nothing goes can be written over; what was another
-- member's, or of another day, has to be taken away first.

-- An official figure has no day before it is judged, in the same commit.
CREATE TRIGGER counter_came AFTER INSERT ON counter WHEN NEW.day != '' BEGIN
    INSERT INTO changed SELECT NEW.community, 'meter', NEW.gateway, NEW.device, NEW.day, n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER counter_changed AFTER UPDATE ON counter BEGIN
    INSERT INTO changed SELECT NEW.community, 'meter', NEW.gateway, NEW.device, NEW.day, n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

-- Something that was told of the count may be told of it no longer.
CREATE TRIGGER counter_moved AFTER UPDATE ON counter
    WHEN OLD.day != '' AND (OLD.member, OLD.day, OLD.verdict, OLD.per_pulse,
            coalesce(OLD.quarter, NEW.quarter), OLD.delta != 0 AND NEW.delta = 0)
        IS NOT (NEW.member, NEW.day, NEW.verdict, NEW.per_pulse, NEW.quarter, 0)
BEGIN
    INSERT INTO changed SELECT OLD.community, 'meter', OLD.gateway, OLD.device, OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
    INSERT INTO changed SELECT OLD.community, 'member', OLD.member, '', OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE OLD.member IS NOT NULL
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER counter_went AFTER DELETE ON counter BEGIN
    INSERT INTO changed SELECT OLD.community, 'meter', OLD.gateway, OLD.device, OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
    INSERT INTO changed SELECT OLD.community, 'member', OLD.member, '', OLD.day, n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE OLD.member IS NOT NULL
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER deposit_came AFTER INSERT ON deposit BEGIN
    INSERT INTO changed SELECT NEW.community, 'waste', NEW.gateway, '',
        date(NEW.at_ms / 1000, 'unixepoch'), n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER deposit_went AFTER DELETE ON deposit BEGIN
    INSERT INTO changed SELECT OLD.community, 'waste', OLD.gateway, '',
        date(OLD.at_ms / 1000, 'unixepoch'), n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER turned_came AFTER INSERT ON turned BEGIN
    INSERT INTO changed SELECT NEW.community, 'waste', NEW.gateway, '',
        date(NEW.at_ms / 1000, 'unixepoch'), n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER turned_went AFTER DELETE ON turned BEGIN
    INSERT INTO changed SELECT OLD.community, 'waste', OLD.gateway, '',
        date(OLD.at_ms / 1000, 'unixepoch'), n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER container_event_came AFTER INSERT ON container_event BEGIN
    INSERT INTO changed SELECT NEW.community, 'waste', NEW.gateway, '',
        date(NEW.at_ms / 1000, 'unixepoch'), n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER container_event_went AFTER DELETE ON container_event BEGIN
    INSERT INTO changed SELECT OLD.community, 'waste', OLD.gateway, '',
        date(OLD.at_ms / 1000, 'unixepoch'), n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER known_weight_came AFTER INSERT ON known_weight BEGIN
    INSERT INTO changed SELECT NEW.community, 'waste', NEW.gateway, '',
        date(NEW.at_ms / 1000, 'unixepoch'), n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

CREATE TRIGGER known_weight_went AFTER DELETE ON known_weight BEGIN
    INSERT INTO changed SELECT OLD.community, 'waste', OLD.gateway, '',
        date(OLD.at_ms / 1000, 'unixepoch'), n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;

CREATE TRIGGER deposit_changed AFTER UPDATE ON deposit BEGIN
    INSERT INTO changed SELECT NEW.community, 'waste', NEW.gateway, '',
        date(NEW.at_ms / 1000, 'unixepoch'), n, 0
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n WHERE changed.n != excluded.n;
END;

-- A deposit has no day before it is judged, in the same commit.
CREATE TRIGGER deposit_moved AFTER UPDATE ON deposit
    WHEN OLD.day != '' AND (OLD.member, OLD.counts_as, OLD.verdict)
        IS NOT (NEW.member, NEW.counts_as, NEW.verdict)
BEGIN
    INSERT INTO changed SELECT OLD.community, 'waste', OLD.gateway, '',
        date(OLD.at_ms / 1000, 'unixepoch'), n, n
        FROM (SELECT coalesce(max(n), 1) AS n FROM edition) WHERE true
        ON CONFLICT DO UPDATE SET n = excluded.n, gone_n = excluded.n
            WHERE gone_n != excluded.n;
END;
