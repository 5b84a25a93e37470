-- What a delivery does with its document at the destination; those that are here already provide or replace one.
ALTER TABLE delivery ADD COLUMN act TEXT NOT NULL DEFAULT 'provide';
