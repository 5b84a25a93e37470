-- Indexing anew: towards which readings, and the last resource that was done; no row when nothing is under way. Whoever
-- does a piece of it holds the row, in any replica.
CREATE TABLE reindex (
  one SMALLINT PRIMARY KEY CHECK (one = 1),
  readings BIGINT NOT NULL,
  rid BIGINT NOT NULL
);
