-- Everything that Vigie keeps, as in SQLite. Times are microseconds since 1970, in UTC. Texts are compared byte for byte.

-- One row: whoever writes locks it first and holds it until the end of the transaction. It hands out the numbers of
-- everything, so that their order is the order of the commits, and the instants of the feed.
CREATE TABLE feed (
  one SMALLINT PRIMARY KEY CHECK (one = 1),
  seq BIGINT NOT NULL,
  rid BIGINT NOT NULL,
  unit BIGINT NOT NULL,
  delivery BIGINT NOT NULL,
  latest BIGINT
);
INSERT INTO feed (one, seq, rid, unit, delivery) VALUES (1, 0, 0, 0, 0);

-- One row a writing connection; turn counts its transactions. Tells, after a lost answer, whether one was committed.
CREATE TABLE writer (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  turn BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE resource_type (
  code BIGINT PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE
);

-- One row a unit, in commit order. high is its instant in the feed, or the latest before it, and never falls; seq is
-- the place of its first version, if it wrote one.
CREATE TABLE unit (
  number BIGINT PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  high BIGINT NOT NULL,
  seq BIGINT NOT NULL
);
CREATE INDEX unit_high ON unit (high, number);

-- Every version of every resource; seq is the commit order that a feed follows.
CREATE TABLE version (
  seq BIGINT PRIMARY KEY,
  unit BIGINT NOT NULL,
  rtype BIGINT NOT NULL,
  rid BIGINT NOT NULL,
  version BIGINT NOT NULL,
  last_updated BIGINT NOT NULL,
  deleted SMALLINT NOT NULL,
  dictionary BIGINT NOT NULL,
  size BIGINT NOT NULL,
  dated_place BIGINT NOT NULL,
  body BYTEA NOT NULL
);
ALTER TABLE version ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX version_of ON version (rid, version);
CREATE INDEX version_feed ON version (rtype, seq);

-- The current state of each resource with its single values; rid is the order of creation.
CREATE TABLE resource (
  rid BIGINT PRIMARY KEY,
  rtype BIGINT NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  version BIGINT NOT NULL,
  last_updated BIGINT NOT NULL,
  deleted SMALLINT NOT NULL,
  present BIGINT NOT NULL,
  urgency BIGINT NOT NULL,
  dated_at BIGINT NOT NULL,
  dated_to BIGINT NOT NULL,
  subject TEXT COLLATE "C",
  owner TEXT COLLATE "C",
  status TEXT COLLATE "C"
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
  param BIGINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  rid BIGINT NOT NULL,
  system BIGINT NOT NULL,
  PRIMARY KEY (param, code, rid, system)
);

CREATE TABLE text (
  param BIGINT NOT NULL,
  folded TEXT COLLATE "C" NOT NULL,
  rid BIGINT NOT NULL,
  exact TEXT COLLATE "C" NOT NULL
);
CREATE INDEX text_folded ON text (param, folded, rid);

-- Dates other than the main one.
CREATE TABLE span (
  rid BIGINT NOT NULL,
  param BIGINT NOT NULL,
  low BIGINT NOT NULL,
  high BIGINT NOT NULL,
  PRIMARY KEY (rid, param, low, high)
);

-- Numbers, quantities, and the parts of elements that a composite compares as a whole. Limits are texts that sort as
-- numbers do; base is a digest of the unit that base_low and base_high are in.
CREATE TABLE part (
  rid BIGINT NOT NULL,
  param BIGINT NOT NULL,
  n BIGINT NOT NULL,
  part BIGINT NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  system BIGINT NOT NULL,
  unit TEXT COLLATE "C" NOT NULL,
  low TEXT COLLATE "C" NOT NULL,
  high TEXT COLLATE "C" NOT NULL,
  base BIGINT NOT NULL,
  base_low TEXT COLLATE "C" NOT NULL,
  base_high TEXT COLLATE "C" NOT NULL
);
CREATE INDEX part_of ON part (rid, param);

-- How each parameter was read when everything that is stored was last indexed by it.
CREATE TABLE indexed (
  param BIGINT PRIMARY KEY,
  reading BIGINT NOT NULL
);

CREATE TABLE idempotency (
  space TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  holder TEXT COLLATE "C" NOT NULL,
  digest BYTEA NOT NULL,
  unit BIGINT NOT NULL,
  PRIMARY KEY (space, key)
);

CREATE TABLE stream (
  patient TEXT COLLATE "C" PRIMARY KEY,
  sequence BIGINT NOT NULL
);

-- head marks the one delivery of its destination and patient that may be sent now.
CREATE TABLE delivery (
  seq BIGINT PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL UNIQUE,
  destination TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  patient TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  content_type TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  open BOOLEAN NOT NULL,
  head BOOLEAN NOT NULL,
  attempts BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  accepted BOOLEAN NOT NULL,
  lease_owner TEXT COLLATE "C",
  leased_at BIGINT,
  stopped_by TEXT COLLATE "C",
  stopped_reason TEXT COLLATE "C",
  stopped_at BIGINT
);
CREATE INDEX delivery_due ON delivery (due_at) WHERE head;
CREATE UNIQUE INDEX delivery_head ON delivery (destination, patient) WHERE head;
CREATE INDEX delivery_open ON delivery (destination, patient, seq) WHERE open;
CREATE INDEX delivery_subject ON delivery (subject);

-- Apart from the delivery, so that a change of state does not rewrite it.
CREATE TABLE payload (
  delivery BIGINT PRIMARY KEY,
  dictionary BIGINT NOT NULL,
  size BIGINT NOT NULL,
  body BYTEA NOT NULL
);
ALTER TABLE payload ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE attempt (
  delivery BIGINT NOT NULL,
  number BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  reason TEXT,
  receipt_status TEXT,
  receipt_reference TEXT,
  PRIMARY KEY (delivery, number)
);
