-- What one response becomes has numbers that follow each other, and much in common: so codes and references stand in runs, one
-- row for the resources of a block of 64 that have one and were written together. Bit n of bits, counted from low, is the
-- resource block * 64 + low + n; last is the place of the last one.
CREATE TABLE place (
  n INTEGER PRIMARY KEY
);
WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 63)
  INSERT INTO place SELECT n FROM n;

-- Codes, identifiers, canonicals and addresses; system is a digest (of the version for canonicals).
CREATE TABLE token_run (
  param INTEGER NOT NULL,
  code TEXT NOT NULL,
  block INTEGER NOT NULL,
  low INTEGER NOT NULL,
  system INTEGER NOT NULL,
  last INTEGER NOT NULL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (param, code, block, low, system)
) WITHOUT ROWID;

-- References: the target leads, so that all that refers to one person or plan stands together, by whatever parameter.
CREATE TABLE link_run (
  code TEXT NOT NULL,
  param INTEGER NOT NULL,
  block INTEGER NOT NULL,
  low INTEGER NOT NULL,
  last INTEGER NOT NULL,
  bits INTEGER NOT NULL,
  PRIMARY KEY (code, param, block, low)
) WITHOUT ROWID;

-- What is there, a run for each block; temp.link_param has the numbers of the parameters that are references. A shift to the right
-- keeps the sign, which is the bit of place 63.
INSERT INTO token_run (param, code, block, low, system, last, bits)
  SELECT param, code, block, low, system, last,
    CASE low WHEN 0 THEN bits ELSE (bits >> low) & ~(-1 << (64 - low)) END
  FROM (
    SELECT param, code, rid >> 6 AS block, min(rid & 63) AS low, system, max(rid & 63) AS last,
      sum(1 << (rid & 63)) AS bits
    FROM token WHERE param NOT IN (SELECT param FROM temp.link_param)
    GROUP BY param, code, rid >> 6, system
  );
INSERT INTO link_run (code, param, block, low, last, bits)
  SELECT code, param, block, low, last,
    CASE low WHEN 0 THEN bits ELSE (bits >> low) & ~(-1 << (64 - low)) END
  FROM (
    SELECT code, param, rid >> 6 AS block, min(rid & 63) AS low, max(rid & 63) AS last, sum(1 << (rid & 63)) AS bits
    FROM token WHERE param IN (SELECT param FROM temp.link_param)
    GROUP BY code, param, rid >> 6
  );

-- A row for each resource.
DROP TABLE token;
CREATE VIEW token AS
  SELECT t.param, t.code, t.block * 64 + p.n AS rid, t.system
  FROM token_run t CROSS JOIN place p
  WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> (p.n - t.low)) & 1;
CREATE VIEW link AS
  SELECT t.param, t.code, t.block * 64 + p.n AS rid
  FROM link_run t CROSS JOIN place p
  WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> (p.n - t.low)) & 1;

-- The worklist of one person by status: their open tasks lie far apart, so that it is told by the index alone, and only the
-- bodies are read. SQLite looks for a fixed column in the last term of the condition only, or it would read each task after all.
DROP INDEX resource_owned;
CREATE INDEX resource_owned ON resource (rtype, owner, status, urgency, dated_at, rid, id, seq, last_updated)
  WHERE owner IS NOT NULL AND status IS NOT NULL AND deleted = 0;

-- Ids are given in the order of time: with the type behind, what one response becomes stands at one end of the index, and not
-- at as many as it has types.
DROP INDEX resource_id;
CREATE UNIQUE INDEX resource_id ON resource (id, rtype);
