-- Deliveries are leased destination by destination: one that is slow or away never takes the place of the others.
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (destination, due_at) WHERE head = 1;
