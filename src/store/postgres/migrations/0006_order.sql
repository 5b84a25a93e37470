-- An order by a code or a text is told by the resource itself: the least value of each parameter under its number, and its
-- greatest under d and the number, as a JSON object.
ALTER TABLE resource ADD COLUMN keys TEXT COLLATE "C";
UPDATE resource r SET keys = made.keys FROM (
  SELECT rid, json_object_agg(name, value)::text AS keys FROM (
    SELECT rid, param::text AS name, substr(min(code), 1, 100) AS value FROM token GROUP BY rid, param
    UNION ALL
    SELECT rid, 'd' || param, substr(max(code), 1, 100) FROM token GROUP BY rid, param HAVING max(code) > min(code)
    UNION ALL
    SELECT rid, param::text, substr(min(folded), 1, 100) FROM text WHERE exact <> '' GROUP BY rid, param
    UNION ALL
    SELECT rid, 'd' || param, substr(max(folded), 1, 100) FROM text WHERE exact <> '' GROUP BY rid, param HAVING max(folded) > min(folded)
  ) AS one GROUP BY rid
) AS made WHERE made.rid = r.rid AND r.deleted = 0;

-- The worklist of one person by status: without the status in the index, everything that they ever closed is walked through.
CREATE INDEX resource_owned ON resource (rtype, owner, status, urgency, dated_at, rid)
  WHERE deleted = 0 AND owner IS NOT NULL AND status IS NOT NULL;
