-- When each destination last answered an attempt, yes or no, to a minute; and since when it has without a pause of a quarter of an
-- hour. It tells one that is away from one that does not take one delivery.
CREATE TABLE destination (
  name TEXT PRIMARY KEY,
  answered_at INTEGER NOT NULL,
  answering_since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- What has waited longest at each destination.
CREATE INDEX delivery_waiting ON delivery (destination, created_at, seq) WHERE head = 1;
