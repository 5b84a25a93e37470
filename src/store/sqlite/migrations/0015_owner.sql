-- The worklist of one person, whatever its status: told by the index alone, as that by status is since 0012. The fixed column stands
-- last in the condition for the same reason.
DROP INDEX resource_owner;
CREATE INDEX resource_owner ON resource (rtype, owner, urgency, dated_at, rid, id, seq, last_updated)
  WHERE owner IS NOT NULL AND deleted = 0;
