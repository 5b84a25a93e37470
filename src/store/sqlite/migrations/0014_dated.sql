-- By person and date, and by date alone: what one response becomes is of one person and one day, so that it stands in runs (as in
-- 0012), a row for the resources of a block of 64 that have the same type and dates. Under '' are those of everybody, whomever
-- they are about.
CREATE TABLE dated_run (
  subject TEXT NOT NULL,
  rtype INTEGER NOT NULL,
  dated_at INTEGER NOT NULL,
  block INTEGER NOT NULL,
  low INTEGER NOT NULL,
  dated_to INTEGER NOT NULL,
  last INTEGER NOT NULL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (subject, rtype, dated_at, block, low)
) WITHOUT ROWID;

INSERT INTO dated_run (subject, rtype, dated_at, block, low, dated_to, last, bits)
  SELECT subject, rtype, dated_at, block, low, dated_to, last,
    CASE low WHEN 0 THEN bits ELSE (bits >> low) & ~(-1 << (64 - low)) END
  FROM (
    SELECT '' AS subject, rtype, dated_at, rid >> 6 AS block, min(rid & 63) AS low, dated_to, max(rid & 63) AS last,
      sum(1 << (rid & 63)) AS bits
    FROM resource WHERE deleted = 0
    GROUP BY rtype, dated_at, rid >> 6, dated_to
    UNION ALL
    SELECT subject, rtype, dated_at, rid >> 6, min(rid & 63), dated_to, max(rid & 63), sum(1 << (rid & 63))
    FROM resource WHERE deleted = 0 AND subject IS NOT NULL
    GROUP BY subject, rtype, dated_at, rid >> 6, dated_to
  );

DROP INDEX resource_subject;
DROP INDEX resource_dated;

-- The resources of one person, and what is known of them without reading them.
CREATE VIEW person_number AS
  SELECT s.subject, s.rtype, s.dated_at, s.dated_to, s.block, s.block * 64 + p.n AS rid
  FROM dated_run s CROSS JOIN place p
  WHERE s.subject <> '' AND p.n BETWEEN s.low AND s.last AND (s.bits >> (p.n - s.low)) & 1;
CREATE VIEW person_resource AS
  SELECT s.subject, s.rtype, s.dated_at, s.dated_to, s.block, r.rid, r.id, r.seq, r.version, r.last_updated, 0 AS deleted,
    r.present, r.urgency, r.owner, r.status, r.keys
  FROM dated_run s CROSS JOIN place p CROSS JOIN resource r NOT INDEXED
  WHERE s.subject <> '' AND p.n BETWEEN s.low AND s.last AND (s.bits >> (p.n - s.low)) & 1 AND r.rid = s.block * 64 + p.n;

-- The same for everybody.
CREATE VIEW dated_number AS
  SELECT s.rtype, s.dated_at, s.dated_to, s.block, s.block * 64 + p.n AS rid
  FROM dated_run s CROSS JOIN place p
  WHERE s.subject = '' AND p.n BETWEEN s.low AND s.last AND (s.bits >> (p.n - s.low)) & 1;
CREATE VIEW dated_resource AS
  SELECT r.subject, s.rtype, s.dated_at, s.dated_to, s.block, r.rid, r.id, r.seq, r.version, r.last_updated, 0 AS deleted,
    r.present, r.urgency, r.owner, r.status, r.keys
  FROM dated_run s CROSS JOIN place p CROSS JOIN resource r NOT INDEXED
  WHERE s.subject = '' AND p.n BETWEEN s.low AND s.last AND (s.bits >> (p.n - s.low)) & 1 AND r.rid = s.block * 64 + p.n;

-- Those that have a code, in the order of dates: both runs are looked at, block by block, and only what is in both is read. One
-- that has the code in several systems is there again.
CREATE VIEW coded_resource AS
  SELECT t.param, t.code, t.system, r.subject, s.rtype, s.dated_at, s.dated_to, s.block, r.rid, r.id, r.seq, r.version,
    r.last_updated, 0 AS deleted, r.present, r.urgency, r.owner, r.status, r.keys,
    (SELECT TRUE FROM token_run u WHERE u.param = t.param AND u.code = t.code AND u.block = t.block
       AND u.low <= p.n AND (u.bits >> (p.n - u.low)) & 1 AND u.system < t.system LIMIT 1) AS again
  FROM dated_run s CROSS JOIN token_run t CROSS JOIN place p CROSS JOIN resource r NOT INDEXED
  WHERE s.subject = '' AND t.block = s.block AND p.n BETWEEN max(s.low, t.low) AND min(s.last, t.last)
    AND (s.bits >> (p.n - s.low)) & 1 AND (t.bits >> (p.n - t.low)) & 1 AND r.rid = s.block * 64 + p.n;
