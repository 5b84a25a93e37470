-- A person's resources since a day: when each ends is told by the index, so that those that ended before are not read.
DROP INDEX resource_subject;
CREATE INDEX resource_subject ON resource (rtype, subject, dated_at, rid, dated_to) WHERE deleted = 0 AND subject IS NOT NULL;
