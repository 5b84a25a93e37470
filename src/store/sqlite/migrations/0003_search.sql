-- Search by every parameter, and indexing anew when they change.

-- Numbers, quantities, and the parts of elements that a composite compares as a whole. Limits are texts that sort as
-- numbers do; base is a digest of the unit that base_low and base_high are in.
CREATE TABLE part (
  rid INTEGER NOT NULL,
  param INTEGER NOT NULL,
  n INTEGER NOT NULL,
  part INTEGER NOT NULL,
  code TEXT NOT NULL,
  system INTEGER NOT NULL,
  unit TEXT NOT NULL,
  low TEXT NOT NULL,
  high TEXT NOT NULL,
  base INTEGER NOT NULL,
  base_low TEXT NOT NULL,
  base_high TEXT NOT NULL,
  PRIMARY KEY (rid, param, n, part, code, system, unit, low, high)
) WITHOUT ROWID;

-- How each parameter was read when everything that is stored was last indexed by it.
CREATE TABLE indexed (
  param INTEGER PRIMARY KEY,
  reading INTEGER NOT NULL
);

-- Indexing anew: towards which readings, and the last resource that was done; no row when nothing is under way.
CREATE TABLE reindex (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  readings INTEGER NOT NULL,
  rid INTEGER NOT NULL
);
