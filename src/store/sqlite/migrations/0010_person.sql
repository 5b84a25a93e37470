-- What is about one person stands together, whatever its type: what a response becomes is of seven types, and touched a page of
-- this index for nearly each. With the end of the date, a search by code and date reads only the resources of its days.
DROP INDEX resource_subject;
CREATE INDEX resource_subject ON resource (subject, rtype, dated_at, rid, dated_to) WHERE deleted = 0 AND subject IS NOT NULL;
