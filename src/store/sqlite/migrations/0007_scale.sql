-- Searches that cost the same however much is stored.

-- The worklist of one person by status: without the status in the index, everything that they ever closed is walked through.
CREATE INDEX resource_owned ON resource (rtype, owner, status, urgency, dated_at, rid)
  WHERE deleted = 0 AND owner IS NOT NULL AND status IS NOT NULL;

-- The codes of one resource, for an order by them.
CREATE INDEX token_of ON token (rid, param);
