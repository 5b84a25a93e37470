-- An order by a code or a text is told by the resource itself: the least value of each parameter under its number, and its
-- greatest under d and the number, as a JSON object. The index of the codes of one resource, which doubled the rows of each
-- write, goes.
ALTER TABLE resource ADD COLUMN keys TEXT;
CREATE INDEX text_of ON text (rid, param);
UPDATE resource SET keys = (
  SELECT nullif(json_group_object(name, value), '{}') FROM (
    SELECT CAST(param AS TEXT) AS name, substr(min(code), 1, 100) AS value FROM token INDEXED BY token_of
      WHERE rid = resource.rid GROUP BY param
    UNION ALL
    SELECT 'd' || param, substr(max(code), 1, 100) FROM token INDEXED BY token_of
      WHERE rid = resource.rid GROUP BY param HAVING max(code) > min(code)
    UNION ALL
    SELECT CAST(param AS TEXT), substr(min(folded), 1, 100) FROM text INDEXED BY text_of
      WHERE rid = resource.rid AND exact <> '' GROUP BY param
    UNION ALL
    SELECT 'd' || param, substr(max(folded), 1, 100) FROM text INDEXED BY text_of
      WHERE rid = resource.rid AND exact <> '' GROUP BY param HAVING max(folded) > min(folded)
  )
) WHERE deleted = 0;
DROP INDEX text_of;
DROP INDEX token_of;
