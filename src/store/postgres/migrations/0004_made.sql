-- By which request a version came about, as a history tells it; 0 for those that are here already.
ALTER TABLE version ADD COLUMN made SMALLINT NOT NULL DEFAULT 0;
