-- Where the text of meta.lastUpdated begins in the body: the instant is decided by the commit, after the body was made.
ALTER TABLE version ADD COLUMN dated_place INTEGER NOT NULL DEFAULT 0;
