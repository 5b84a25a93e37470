-- What codes are shown with stands once for each code, and no longer for each resource. What is there stays in text, where it
-- is found as well, until its resource is written or indexed anew.
CREATE TABLE shown (
  param BIGINT NOT NULL,
  number BIGINT NOT NULL,
  system BIGINT NOT NULL,
  folded TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (param, folded, code, system, number)
);

-- Under which number these resources show that code and others beside it; 0 where it tells nothing.
ALTER TABLE token_run ADD COLUMN shown BIGINT NOT NULL DEFAULT 0;
ALTER TABLE token_run DROP CONSTRAINT token_run_pkey;
ALTER TABLE token_run ADD CONSTRAINT token_run_pkey PRIMARY KEY (param, code, block, system, shown, low) INCLUDE (last, bits);
CREATE OR REPLACE VIEW token AS
  SELECT t.param, t.code, t.block * 64 + p.n AS rid, t.system, t.shown
  FROM token_run t CROSS JOIN place p
  WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> p.n) & 1 = 1;
