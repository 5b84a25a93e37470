-- What codes are shown with stands once for each code, and no longer for each resource. What is there stays in text, where it
-- is found as well, until its resource is written or indexed anew.
CREATE TABLE shown (
  param INTEGER NOT NULL,
  folded TEXT NOT NULL,
  code TEXT NOT NULL,
  system INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (param, folded, code, system, number)
) WITHOUT ROWID;

-- Under which number these resources show that code and others beside it; 0 where it tells nothing.
ALTER TABLE token_run ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
