-- Everything that Vigie keeps. Times are microseconds since 1970, in UTC.

CREATE TABLE resource_type (
  code INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

-- One row a transaction, in commit order.
CREATE TABLE unit (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  at INTEGER NOT NULL
);

-- Every version of every resource; seq is the commit order that a feed follows.
CREATE TABLE version (
  seq INTEGER PRIMARY KEY,
  unit INTEGER NOT NULL,
  rid INTEGER NOT NULL,
  version INTEGER NOT NULL,
  last_updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  dictionary INTEGER NOT NULL,
  size INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE UNIQUE INDEX version_of ON version (rid, version);

-- The current state of each resource with its single values; rid is the order of creation.
CREATE TABLE resource (
  rid INTEGER PRIMARY KEY,
  rtype INTEGER NOT NULL,
  id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  version INTEGER NOT NULL,
  last_updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  present INTEGER NOT NULL,
  urgency INTEGER NOT NULL,
  dated_at INTEGER NOT NULL,
  dated_to INTEGER NOT NULL,
  subject TEXT,
  owner TEXT,
  status TEXT
);
CREATE UNIQUE INDEX resource_id ON resource (rtype, id);
CREATE INDEX resource_created ON resource (rtype, rid) WHERE deleted = 0;
CREATE INDEX resource_updated ON resource (rtype, last_updated, rid) WHERE deleted = 0;
CREATE INDEX resource_dated ON resource (rtype, dated_at, rid) WHERE deleted = 0;
CREATE INDEX resource_subject ON resource (rtype, subject, dated_at, rid) WHERE deleted = 0 AND subject IS NOT NULL;
CREATE INDEX resource_owner ON resource (rtype, owner, urgency, dated_at, rid) WHERE deleted = 0 AND owner IS NOT NULL;
CREATE INDEX resource_status ON resource (rtype, status, urgency, dated_at, rid)
  WHERE deleted = 0 AND status IS NOT NULL;

-- Codes, identifiers, references, canonicals and addresses; system is a digest (of the version for canonicals).
CREATE TABLE token (
  param INTEGER NOT NULL,
  code TEXT NOT NULL,
  rid INTEGER NOT NULL,
  system INTEGER NOT NULL,
  PRIMARY KEY (param, code, rid, system)
) WITHOUT ROWID;

CREATE TABLE text (
  param INTEGER NOT NULL,
  folded TEXT NOT NULL,
  rid INTEGER NOT NULL,
  exact TEXT NOT NULL,
  PRIMARY KEY (param, folded, rid, exact)
) WITHOUT ROWID;

-- Dates other than the main one.
CREATE TABLE span (
  rid INTEGER NOT NULL,
  param INTEGER NOT NULL,
  low INTEGER NOT NULL,
  high INTEGER NOT NULL,
  PRIMARY KEY (rid, param, low, high)
) WITHOUT ROWID;

CREATE TABLE idempotency (
  space TEXT NOT NULL,
  key TEXT NOT NULL,
  holder TEXT NOT NULL,
  digest BLOB NOT NULL,
  unit INTEGER NOT NULL,
  PRIMARY KEY (space, key)
) WITHOUT ROWID;

CREATE TABLE stream (
  patient TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL
) WITHOUT ROWID;

-- head marks the one delivery of its destination and patient that may be sent now.
CREATE TABLE delivery (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  destination TEXT NOT NULL,
  kind TEXT NOT NULL,
  patient TEXT NOT NULL,
  subject TEXT NOT NULL,
  content_type TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  open INTEGER NOT NULL,
  head INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  lease_owner TEXT,
  leased_at INTEGER,
  stopped_by TEXT,
  stopped_reason TEXT,
  stopped_at INTEGER
);
CREATE INDEX delivery_due ON delivery (due_at) WHERE head = 1;
CREATE INDEX delivery_open ON delivery (destination, patient, seq) WHERE open = 1;
CREATE INDEX delivery_subject ON delivery (subject);

-- Apart from the delivery, so that a change of state does not rewrite it.
CREATE TABLE payload (
  delivery INTEGER PRIMARY KEY,
  dictionary INTEGER NOT NULL,
  size INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE attempt (
  delivery INTEGER NOT NULL,
  number INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT,
  receipt_status TEXT,
  receipt_reference TEXT,
  PRIMARY KEY (delivery, number)
) WITHOUT ROWID;
