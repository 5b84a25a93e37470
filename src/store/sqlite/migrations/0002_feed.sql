-- The feed of versions: where in commit order a time begins, and the versions of one type in commit order.

-- The latest time of this and all earlier units: it never falls, so that one look finds where a time begins.
ALTER TABLE unit ADD COLUMN high INTEGER NOT NULL DEFAULT 0;
UPDATE unit SET high = sofar.high
  FROM (SELECT number, max(at) OVER (ORDER BY number) AS high FROM unit) AS sofar
  WHERE sofar.number = unit.number;
CREATE INDEX unit_high ON unit (high, number);

ALTER TABLE version ADD COLUMN rtype INTEGER NOT NULL DEFAULT 0;
UPDATE version SET rtype = (SELECT rtype FROM resource WHERE resource.rid = version.rid);
CREATE INDEX version_feed ON version (rtype, seq);
