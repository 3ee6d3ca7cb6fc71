-- The head of each key: the lowest id of a lane's key that is not finished. Only ordered deliveries are in it.
CREATE INDEX delivery_order ON delivery (lane, order_key, id) WHERE state = 0 AND order_key <> '';
