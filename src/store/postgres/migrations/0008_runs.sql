-- What one response becomes has numbers that follow each other, and much in common: so codes and references stand in runs, one
-- row for the resources of a block of 64 that have one and were written together. Bit n of bits is the resource block * 64 + n;
-- low and last are the places of the first and of the last one as it was written.
CREATE TABLE place (
  n SMALLINT PRIMARY KEY
);
INSERT INTO place SELECT n FROM generate_series(0, 63) AS n;

-- Codes, identifiers, canonicals and addresses; system is a digest (of the version for canonicals).
CREATE TABLE token_run (
  param BIGINT NOT NULL,
  block BIGINT NOT NULL,
  system BIGINT NOT NULL,
  bits BIGINT NOT NULL,
  low SMALLINT NOT NULL,
  last SMALLINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL
);

-- References: the target leads, so that all that refers to one person or plan stands together, by whatever parameter.
CREATE TABLE link_run (
  param BIGINT NOT NULL,
  block BIGINT NOT NULL,
  bits BIGINT NOT NULL,
  low SMALLINT NOT NULL,
  last SMALLINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL
);

-- What is there, a run for each block; link_param is a temporary table of the numbers of the parameters that are references.
INSERT INTO token_run (param, code, block, low, last, system, bits)
  SELECT param, code, rid >> 6, min(rid & 63), max(rid & 63), system, bit_or(1::bigint << (rid & 63)::int)
  FROM token WHERE param NOT IN (SELECT param FROM link_param)
  GROUP BY param, code, rid >> 6, system ORDER BY param, code, rid >> 6, system;
INSERT INTO link_run (param, code, block, low, last, bits)
  SELECT param, code, rid >> 6, min(rid & 63), max(rid & 63), bit_or(1::bigint << (rid & 63)::int)
  FROM token WHERE param IN (SELECT param FROM link_param)
  GROUP BY param, code, rid >> 6 ORDER BY code, param, rid >> 6;

-- They tell everything, so that a walk need not look at the tables.
ALTER TABLE token_run ADD CONSTRAINT token_run_pkey PRIMARY KEY (param, code, block, system, low) INCLUDE (last, bits);
ALTER TABLE link_run ADD CONSTRAINT link_run_pkey PRIMARY KEY (code, param, block, low) INCLUDE (last, bits);

-- A row for each resource.
DROP TABLE token;
CREATE VIEW token AS
  SELECT t.param, t.code, t.block * 64 + p.n AS rid, t.system
  FROM token_run t CROSS JOIN place p
  WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> p.n) & 1 = 1;
CREATE VIEW link AS
  SELECT t.param, t.code, t.block * 64 + p.n AS rid
  FROM link_run t CROSS JOIN place p
  WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> p.n) & 1 = 1;

-- The worklist of one person: their tasks lie far apart, so that it is told by the index alone, and only the bodies are read.
DROP INDEX resource_owner;
CREATE INDEX resource_owner ON resource (rtype, owner, urgency, dated_at, rid) INCLUDE (id, seq, last_updated)
  WHERE deleted = 0 AND owner IS NOT NULL;
DROP INDEX resource_owned;
CREATE INDEX resource_owned ON resource (rtype, owner, status, urgency, dated_at, rid) INCLUDE (id, seq, last_updated)
  WHERE deleted = 0 AND owner IS NOT NULL AND status IS NOT NULL;

-- Ids are given in the order of time: with the type behind, what one response becomes stands at one end of the index, and not
-- at as many as it has types.
DROP INDEX resource_id;
CREATE UNIQUE INDEX resource_id ON resource (id, rtype);

ANALYZE token_run;
ANALYZE link_run;
